"""``servegen-fw fit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from servegen_fw_pools.durations import Seconds
from servegen_fw_pools.logs.cli_options import log_options, source_of

if TYPE_CHECKING:
    from servegen_fw.plugin import ClientPool, NoOptions
    from servegen_fw_pools.logs.log import Log

EPILOG = "Example: servegen-fw fit access.csv --column client=user --hold-out 0.5 --out mine.pool"


class HoldOut(click.ParamType):  # type: ignore[type-arg]
    """A share of the log's time, or ``every-other``."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """Return the share, or the word."""
        if value == "every-other":
            return "every-other"
        try:
            share = float(value)
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            self.fail(
                f"{value!r} is no share to hold out; give one between 0 and 1, e.g. 0.5, or every-other",
                param,
                ctx,
            )
        return share


@click.command("fit", short_help="Fit a client pool from a log or from published client data.", epilog=EPILOG)
@log_options
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Pool file to write."
)
@click.option("--name", default="", help="Name of the pool; default: the log's or the folder's.")
@click.option("--window", "window_s", type=Seconds(), help="Rate window of a log.  [default: 10min]")
@click.option(
    "--table-window",
    "table_window_s",
    type=Seconds(),
    help="Window of the length tables of a log.  [default: 6h, or a quarter of a shorter log]",
)
@click.option(
    "--min-requests",
    type=click.IntRange(min=1),
    help="Floor: clients of a log with fewer requests are pooled into classes of similar ones.  [default: 100]",
)
@click.option(
    "--keep-ids", is_flag=True, help="Keep the log's client ids (for your own use); else c-0001, c-0002 ..."
)
@click.option(
    "--hold-out",
    type=HoldOut(),
    help="Measure the error: fit without the last share of the time (0.5), or every-other window, and predict it.",
)
@click.option(
    "--first-day", type=click.IntRange(min=0), help="First day of an excerpt of client data, from 0."
)
@click.option("--days", type=click.IntRange(min=1), help="Days of the excerpt; default: all that follow.")
def command(
    *,
    logs: tuple[str, ...],
    form: str,
    column: tuple[str, ...],
    time_unit: str,
    on_bad_rows: str,
    out: Path,
    **options: Any,
) -> None:
    """Fit a pool of clients from LOG: a request log, a characterization.json, or published client data.

    Each client keeps its rate over time, its gaps and its lengths. Client ids are replaced, and small clients are
    pooled into classes.
    """
    from servegen_fw.plugin import ClientPool, open_pool, save_pool
    from servegen_fw_pools.history import with_step

    lines: list[str] = []
    pool = _from_summary(logs, form, options)
    if pool is not None:
        lines = [f"  note: {note}" for note in pool.meta["notes"]]
    else:
        source = source_of(logs, form, column, time_unit, on_bad_rows)
        if isinstance(source, ClientPool):
            pool = _from_pool(source, options)
        else:
            pool, lines = _from_log(source, options)
    said = [Path(log).name for log in logs]
    pool = with_step(
        pool, "fit", {"from": said, **{k: v for k, v in options.items() if v not in (None, False, "")}}
    )
    save_pool(pool, out, compress=True)
    for line in [*_told(out, open_pool(out)), *lines]:
        click.echo(line)


def make(config: NoOptions) -> click.Command:
    """Make the command."""
    del config
    return command


def _from_summary(logs: tuple[str, ...], form: str, options: dict[str, Any]) -> ClientPool | None:
    """The pool that a characterization tells; None if the source is something else."""
    import attrs

    from servegen_fw_pools.fit.classes import MIN_REQUESTS
    from servegen_fw_pools.fit.from_summary import is_summary, summary_pool

    if len(logs) != 1 or form != "auto" or not is_summary(Path(logs[0])):
        return None
    _refuse(options, _OF_LOGS - {"keep_ids", "min_requests"} | _OF_DATA, Path(logs[0]).name)
    floor = options["min_requests"] or MIN_REQUESTS
    pool = summary_pool(Path(logs[0]), min_requests=floor, keep_ids=options["keep_ids"])
    return attrs.evolve(pool, name=options["name"]) if options["name"] else pool


_OF_LOGS = {"window_s", "table_window_s", "min_requests", "keep_ids", "hold_out"}
_OF_DATA = {"first_day", "days"}


def _refuse(options: dict[str, Any], foreign: set[str], who: str) -> None:
    """Stop at options that mean nothing for this source."""
    from servegen_fw.plugin import InputError, Problem

    given = [name for name in options if name in foreign and options[name] not in (None, False)]
    if given:
        words = ", ".join(f"--{name.removesuffix('_s').replace('_', '-')}" for name in given)
        needs = "a log" if given[0] in _OF_LOGS else "published client data"
        cure = "leave it out; `servegen-fw pool filter --from --to` cuts a pool"
        raise InputError(Problem(f"{words} is for {needs}", who=who, cure=cure))


def _from_pool(source: ClientPool, options: dict[str, Any]) -> ClientPool:
    """Fit recorded clients: their length tables are made compact."""
    import attrs

    from servegen_fw.plugin import InputError, Problem
    from servegen_fw_pools.fit.compact import fit_pool

    _refuse(options, _OF_LOGS, source.name)
    if source.tables.linear:
        cure = "use `servegen-fw pool filter`, `scale`, `merge` or `sample`"
        raise InputError(Problem("is a fitted pool already", who=source.name, cure=cure))
    if options["name"]:
        source = attrs.evolve(source, name=options["name"])
    return fit_pool(source, first_day=options["first_day"] or 0, days=options["days"])


def _from_log(log: Log, options: dict[str, Any]) -> tuple[ClientPool, list[str]]:
    """Fit a log; with a part held out, its error is measured by a second fit, of the rest."""
    import attrs

    from servegen_fw_pools.fit.classes import MIN_REQUESTS
    from servegen_fw_pools.fit.from_log import WINDOW_S, fit_log
    from servegen_fw_pools.fit.held_out import held_out, told

    _refuse(options, _OF_DATA, log.name)
    window_s = WINDOW_S if options["window_s"] is None else options["window_s"]

    def fit(part: Log, duration_s: float | None = None, floor: int | None = None) -> ClientPool:
        return fit_log(
            part,
            name=options["name"],
            window_s=window_s,
            table_window_s=options["table_window_s"],
            min_requests=floor or options["min_requests"] or MIN_REQUESTS,
            keep_ids=options["keep_ids"],
            duration_s=duration_s,
        )

    pool = fit(log)
    lines = [f"  note: {note}" for note in pool.meta["notes"]]
    lines += [f"  notice: {notice.what} ({notice.count:,} x {notice.code})" for notice in log.notices]
    if options["hold_out"] is not None:
        facts = held_out(log, options["hold_out"], fit, window_s)
        pool = attrs.evolve(pool, meta={**pool.meta, "held_out": facts})
        lines.append(told(facts))
    return pool, lines


def _told(path: Path, pool: ClientPool) -> list[str]:
    """What was written, and the error of its tables."""
    facts = pool.meta.get("fit", {})
    knots, points = len(pool.tables.value), facts.get("recorded_points")
    of = f" of {points:,} points" if points else ""
    head = (
        f"{path}: {len(pool.clients):,} clients, {pool.rate:.4g} requests/s, "
        f"{path.stat().st_size / 1000:.0f} kB, {knots:,} knots{of}"
    )
    errors = facts.get("error", {})
    return [
        head,
        *(
            f"  {field}: " + ", ".join(f"{k} {v}" for k, v in found.items())
            for field, found in errors.items()
        ),
    ]
