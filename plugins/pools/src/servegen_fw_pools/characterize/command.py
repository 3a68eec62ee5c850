"""``servegen-fw characterize``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from servegen_fw_pools.durations import Seconds
from servegen_fw_pools.logs.cli_options import log_options, source_of

if TYPE_CHECKING:
    from servegen_fw_pools.characterize.characterization import Characterization


@click.command("characterize", short_help="Describe a log or a pool: arrivals, lengths, clients and more.")
@log_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Folder for characterization.json, characterization.md and plots/.",
)
@click.option(
    "--window",
    "window_s",
    type=Seconds(),
    help="Length of the windows that rates and CVs of a log are taken in.  [default: 5min]",
)
@click.option("--png", is_flag=True, help="Plots as PNG instead of SVG.")
@click.option("--no-plots", is_flag=True, help="Draw no plots.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print characterization.json on standard output instead of text."
)
def characterize_command(
    *,
    logs: tuple[str, ...],
    form: str,
    column: tuple[str, ...],
    time_unit: str,
    on_bad_rows: str,
    out: Path,
    window_s: float | None,
    png: bool,
    no_plots: bool,
    as_json: bool,
) -> None:
    """Describe the workload in LOG: how requests arrive, how long they are, who sends them, and what LOG cannot tell.

    LOG is a request log (CSV, JSONL, Parquet or one of the formats of --format), a result folder of servegen-fw, a folder
    of the published client data, a pool file, or the name of a shipped pool. Several logs are read as one.
    """
    from servegen_fw.plugin import ClientPool, InputError, Problem
    from servegen_fw_pools.characterize import codec
    from servegen_fw_pools.characterize.arrivals import WINDOW_S
    from servegen_fw_pools.characterize.characterization import characterize
    from servegen_fw_pools.characterize.page import page
    from servegen_fw_pools.characterize.plots import draw

    source = source_of(logs, form, column, time_unit, on_bad_rows)
    if window_s is not None and isinstance(source, ClientPool):
        what = f"a pool has windows of its own, of {source.window_s:g} s"
        raise InputError(Problem(what, who="--window", cure="leave it out"))
    found = characterize(source, window_s=WINDOW_S if window_s is None else window_s)
    try:
        out.mkdir(parents=True, exist_ok=True)
        written = [out / "characterization.json", out / "characterization.md"]
        codec.write(found, written[0])
        plots = [] if no_plots else [plot for section in found.sections for plot in section.plots]
        pictures = {path.stem: path.relative_to(out) for path in draw(plots, out / "plots", png=png)}
        written[1].write_text(page(found, pictures, plots_wanted=not no_plots), encoding="utf-8")
    except OSError as error:
        what = f"cannot write: {error.strerror or error}"
        raise InputError(Problem(what, who=str(error.filename or out), cure="choose another --out")) from None
    if as_json:
        click.echo(codec.dumped(codec.to_json(found)))
        return
    for line in _told(found):
        click.echo(line)
    click.echo(
        f"written    {written[1]}, {written[0].name}" + (f", {len(pictures)} plots" if pictures else "")
    )


def make(_config: object) -> click.Command:
    """Return the command, for its entry."""
    return characterize_command


def _told(found: Characterization) -> list[str]:
    """What a terminal shows: the summary, the notices, and how many things cannot be said."""
    from servegen_fw_pools.characterize.summary import summary
    from servegen_fw_pools.characterize.words import many

    source = found.source
    rows = summary(found)
    width = max((len(name) for name, _, _ in rows), default=0)
    timeless = source["kind"] == "log" and "time_s" not in source["columns"]
    lasting = "without times" if timeless else f"over {source['duration_s']:,.0f} s"
    lines = [f"{found.name} · {source['kind']} of {many(round(source['requests']), 'request')} {lasting}"]
    lines += [f"  {name:<{width}}  {value}" for name, value, _ in rows]
    lines += [f"notice     {one.code}, {one.count:,}: {one.what}" for one in found.notices]
    lines += [f"absent     {key}: {' '.join(why)}" for key, why in found.absent.items()]
    hidden = sum(len(section.cannot) for section in found.sections)
    if hidden:
        lines.append(
            f"cannot     {hidden} things that this source cannot tell, each with its reason on the page"
        )
    return lines
