"""``servegen-fw check``."""

from __future__ import annotations

from pathlib import Path

import click

from servegen_fw.cli import options


@click.command("check", short_help="Check suites and show every problem with its place.")
@click.argument("suite_paths", metavar="SUITE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.suite_options
@click.pass_context
def check_command(
    ctx: click.Context,
    suite_paths: tuple[Path, ...],
    overrides: tuple[str, ...],
    block: tuple[str, ...],
    strict: bool,
) -> None:
    """Check every SUITE without composing or running it; the problems of all of them are shown."""
    from servegen_fw.cli.main import EXIT_BAD_INPUT, tell
    from servegen_fw.errors import ServegenError
    from servegen_fw.judge.words import counted

    bad = 0
    for path in suite_paths:
        try:
            suite, _ = options.load(path, overrides, block, strict)
        except ServegenError as error:
            bad += 1
            click.echo(tell(error), err=True)
        else:
            targets = counted(len(suite.targets), "target")
            cases = counted(len(suite.cases), "case")
            click.echo(f"{path}: ok · {suite.name} · {targets} · {cases}")
    ctx.exit(EXIT_BAD_INPUT if bad else 0)
