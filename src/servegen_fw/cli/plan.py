"""``servegen-fw plan``."""

from __future__ import annotations

from pathlib import Path

import click

from servegen_fw.cli import options


@click.command("plan", short_help="Compose a suite's workload and describe it, without sending load.")
@options.suite_argument
@options.suite_options
@options.case_option
@options.json_option
def plan_command(
    *,
    suite_path: Path,
    overrides: tuple[str, ...],
    block: tuple[str, ...],
    strict: bool,
    cases: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compose every case of SUITE and print counts, rates, token totals and the digest; no server is contacted."""
    from servegen_fw.prepare import plan
    from servegen_fw.workload.summary import summarise

    suite, registry = options.load(suite_path, overrides, block, strict)
    described = []
    for planned in plan(suite, registry=registry, cases=cases):
        summary = summarise(planned.workload)
        described.append({"case": planned.case.name, "repeat": planned.repeat, **summary.to_json()})
        if not as_json:
            repeat = f" · repeat {planned.repeat + 1} of {suite.repeats}" if suite.repeats > 1 else ""
            click.echo(f"{suite.name} · seed {suite.seed} · case {planned.case.name}{repeat}")
            click.echo(summary.text())
    if as_json:
        options.echo_json(described)
