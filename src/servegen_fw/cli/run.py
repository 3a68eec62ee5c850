"""``servegen-fw run``."""

from __future__ import annotations

from pathlib import Path

import click

from servegen_fw.cli import options
from servegen_fw.cli.main import EXIT_INTERRUPTED, EXIT_INVALID, EXIT_MISSED, EXIT_PASS

STATUS = {"PASS": EXIT_PASS, "FAIL": EXIT_MISSED, "INVALID": EXIT_INVALID}


@click.command("run", short_help="Run a suite against its targets, judge it, and store the result.")
@options.suite_argument
@options.suite_options
@options.case_option
@options.target_option
@options.workload_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Result folder; default results/NAME-TIME.",
)
@click.option(
    "--require-certificate",
    is_flag=True,
    help="Without a passing certificate of its workload a cell is INVALID.",
)
@options.json_option
@click.pass_context
def run_command(
    ctx: click.Context,
    *,
    suite_path: Path,
    overrides: tuple[str, ...],
    block: tuple[str, ...],
    strict: bool,
    cases: tuple[str, ...],
    targets: tuple[str, ...],
    workload: Path | None,
    out: Path | None,
    require_certificate: bool,
    as_json: bool,
) -> None:
    """Run SUITE: compose its workload, drive every target, judge, and store the result.

    Exit status: 0 pass, 1 an objective was missed, 2 bad input, 3 the run is invalid, 130 interrupted.
    """
    from servegen_fw.flow import run
    from servegen_fw.results.codec import report_to_json
    from servegen_fw.results.store import read_workload

    suite, registry = options.load(suite_path, overrides, block, strict)
    given = read_workload(workload) if workload else None
    result = run(
        suite,
        registry=registry,
        out=out,
        cases=cases,
        targets=targets,
        workload=given,
        show=not as_json,
        require_certificate=require_certificate,
    )
    formats = [name for name in suite.report.formats if not (as_json and name == "console")]
    result.publish(formats)
    if as_json:
        options.echo_json(
            {
                "folder": str(result.folder.path),
                "verdict": result.verdict,
                "report": report_to_json(result.report),
            }
        )
    else:
        click.echo(f"results   {result.folder.path}   (servegen-fw show {result.folder.path})")
    ctx.exit(EXIT_INTERRUPTED if result.report.partial else STATUS[result.verdict])
