"""``servegen-fw generate``."""

from __future__ import annotations

from pathlib import Path

import click

from servegen_fw.cli import options

FORMATS = ("parquet", "jsonl", "csv", "mooncake")


@click.command("generate", short_help="Write a suite's workload to a file.")
@options.suite_argument
@options.suite_options
@options.case_option
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Default: by suffix (.parquet, .csv, .jsonl; .mooncake.jsonl).",
)
@click.option(
    "--repeat", type=click.IntRange(min=0), default=0, show_default=True, help="Which repeat, from 0."
)
def generate_command(
    *,
    suite_path: Path,
    overrides: tuple[str, ...],
    block: tuple[str, ...],
    strict: bool,
    cases: tuple[str, ...],
    out: Path,
    form: str | None,
    repeat: int,
) -> None:
    """Compose one case of SUITE and write its workload. A Parquet file holds everything and replays with run --workload."""
    from servegen_fw.errors import InputError, Problem
    from servegen_fw.prepare import chosen, plan, sliced
    from servegen_fw.results.export import form_of, write_slices, write_workload

    suite, registry = options.load(suite_path, overrides, block, strict)
    wanted = chosen("case", {case.name: case for case in suite.cases}, cases)
    if len(wanted) > 1:
        what = "several cases are chosen" if cases else "the suite has several cases"
        raise InputError(
            Problem(f"{what} and a file holds one", who="--case", cure=f"choose one of {', '.join(wanted)}")
        )
    if repeat >= suite.repeats:
        raise InputError(Problem(f"the suite has {suite.repeats} repeats, numbered from 0", who="--repeat"))
    if (form or form_of(out)) == "parquet":
        n, digest = write_slices(sliced(suite, next(iter(wanted)), repeat, registry=registry), out)
    else:
        workload = next(
            planned.workload
            for planned in plan(suite, registry=registry, cases=cases)
            if planned.repeat == repeat
        )
        n, digest = len(workload), workload.digest
        write_workload(workload, out, form)
    click.echo(f"{out}: {n:,} requests · digest {digest[:8]}")
