"""``servegen-fw show``."""

from __future__ import annotations

from pathlib import Path

import click

from servegen_fw.cli import options
from servegen_fw.cli.run import STATUS


@click.command("show", short_help="Show a stored result, complete or partial.")
@click.argument("folder", metavar="RESULT", type=click.Path(path_type=Path))
@options.json_option
@click.pass_context
def show_command(ctx: click.Context, folder: Path, as_json: bool) -> None:
    """Show RESULT, a folder that `run` made. What an interrupted or killed run had measured is judged and marked partial.

    The exit status is that of the run's verdict.
    """
    from servegen_fw.results.codec import report_to_json
    from servegen_fw.results.console import print_report
    from servegen_fw.results.result import Result

    result = Result.open(folder)
    if as_json:
        options.echo_json(
            {"state": result.state, "verdict": result.verdict, "report": report_to_json(result.report)}
        )
    else:
        click.echo(
            f"{result.report.name} · seed {result.report.seed} · {result.report.created} · {result.state}"
        )
        print_report(result.report)
    ctx.exit(STATUS[result.verdict])
