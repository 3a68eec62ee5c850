"""Fit a pool of clients from a request log."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import attrs
import numpy as np

from servegen_fw.plugin import ClientPool, InputError, Problem
from servegen_fw_pools.fit.chains import chains_of
from servegen_fw_pools.fit.classes import MIN_REQUESTS, roster_of
from servegen_fw_pools.fit.facts import Measured, facts_of
from servegen_fw_pools.fit.gaps import FAMILIES, arrivals_of
from servegen_fw_pools.fit.prefixes import own_prefix
from servegen_fw_pools.fit.ranks import PAIRS, Dependence, dependence
from servegen_fw_pools.fit.resolution import spread
from servegen_fw_pools.fit.samples import Samples, samples_of
from servegen_fw_pools.fit.tables import fit_tables

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.logs.log import Log

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

WINDOW_S: Final = 600.0
TABLE_WINDOW_S: Final = 21_600.0

_UNEVEN = 0.05
_MOST_CELLS = 20_000_000


@attrs.frozen
class Grid:
    """Windows of a fit.

    Attributes
    ----------
        window_s: length of a rate window.
        windows: how many.
        table_window_s: length of a table window, a whole number of rate windows.
        table_windows: how many.
    """

    window_s: float
    windows: int
    table_window_s: float
    table_windows: int

    def tables_at(self, time_s: F8) -> I8:
        """Table window of each time, int64[n]."""
        return np.minimum((time_s / self.table_window_s).astype(np.int64), self.table_windows - 1)


def fit_log(
    log: Log,
    *,
    name: str = "",
    window_s: float = WINDOW_S,
    table_window_s: float | None = None,
    min_requests: int = MIN_REQUESTS,
    keep_ids: bool = False,
    duration_s: float | None = None,
) -> ClientPool:
    """Fit a pool whose clients do what those of `log` did.

    Counts and gaps are those of requests, or of first turns where the log tells conversations; see `arrivals_of`,
    `fit_tables`, `dependence`, `chains_of` and `roster_of` for how each part is measured and what is done where a
    client has too few requests.

    Parameters
    ----------
        log: requests with times.
        name: of the pool; default the log's.
        window_s: length of a rate window. If whole windows do not cover the log to within 5 % of one window, all are
            shrunk or stretched alike until they do, so that the rate of the last one is right; the meta says so.
        table_window_s: length of a table window, made a whole number of rate windows; default six hours, or a quarter of
            a log shorter than a day.
        min_requests: floor below which clients are pooled into classes.
        keep_ids: whether clients keep the log's ids instead of c-0001 ... in the order of volume.
        duration_s: length of the log if it is known; default: to the last request and one mean gap more.

    Raises
    ------
        InputError: the log has no times or no requests, or fewer than `min_requests`, or a window is no length,
            or so short that all clients together would have more than 20,000,000 of them.
    """
    _check(log, window_s, table_window_s, min_requests)
    assert log.time_s is not None  # noqa: S101 - `_check` has refused it
    roster = roster_of(log, min_requests, keep_ids=keep_ids)
    owners = len(roster.names)
    chains = chains_of(log)
    begin = np.flatnonzero(chains.first)
    covered_s = duration_s or covered(log) or window_s
    _bearable(log.name, owners, covered_s, window_s)
    grid = grid_of(covered_s, float(log.time_s[begin[-1]]), window_s, table_window_s)
    count, cv, family = arrivals_of(
        np.minimum(spread(log.time_s[begin]), grid.windows * grid.window_s),
        roster.owner[begin],
        owners,
        grid.window_s,
        grid.windows,
    )
    prefix = None
    if log.blocks is not None:
        prefix = own_prefix(log.blocks, begin, roster.owner, log.input_tokens)
    samples = list(samples_of(log, chains, prefix if prefix is not None and prefix.any() else None))
    at = grid.tables_at(log.time_s)
    fitted = fit_tables(samples, roster.owner, at, owners, grid.table_windows)
    pairs = _pairs(samples, roster.owner.astype(np.int64) * grid.table_windows + at, grid, owners)
    return ClientPool(
        name=name or log.name,
        clients=roster.names,
        start_s=time_of_day(log.start),
        window_s=grid.window_s,
        count=count,
        cv=cv,
        family=family,
        families=FAMILIES,
        fields=fitted.fields,
        tables=fitted.tables,
        table=fitted.table,
        table_window_s=grid.table_window_s,
        carries_context=chains.sessions and chains.carries_context,
        pairs=tuple(pairs),
        rank=np.stack([found.rank for found in pairs.values()]) if pairs else np.empty((0, owners)),
        meta=facts_of(
            Measured(log, chains, roster, fitted, pairs, covered_s, grid.window_s, grid.windows, prefix),
            asked_s=window_s,
            min_requests=min_requests,
            keep_ids=keep_ids,
        ),
    )


def covered(log: Log) -> float:
    """Length of a log in seconds: to its last request and one mean gap more; 0 where that cannot be told."""
    n = len(log)
    return 0.0 if log.time_s is None or n < 2 else float(log.time_s[-1]) * n / (n - 1)


def grid_of(covered_s: float, last_s: float, window_s: float, table_window_s: float | None) -> Grid:
    """Windows for a log of `covered_s` seconds whose last session began at `last_s`."""
    if table_window_s is None:
        table_window_s = min(TABLE_WINDOW_S, covered_s / 4)
    windows = max(1, round(covered_s / window_s))
    if abs(covered_s - windows * window_s) > _UNEVEN * window_s or last_s > windows * window_s:
        window_s = max(covered_s, last_s) / windows
    each = max(1, round(table_window_s / window_s))
    return Grid(window_s, windows, each * window_s, -(-windows // each))


def _check(log: Log, window_s: float, table_window_s: float | None, min_requests: int) -> None:
    problems = []
    if not len(log):
        problems.append(Problem("holds no requests", who=log.name, cure="check the file and its columns"))
    elif log.time_s is None:
        cure = "a pool is made of rates; fit a log that has times"
        problems.append(Problem("tells no times of its requests", who=log.name, cure=cure))
    for option, value in (("--window", window_s), ("--table-window", table_window_s)):
        if value is not None and not (np.isfinite(value) and value > 0):
            problems.append(Problem(f"{value} s is no length of a window", who=option, cure="give seconds"))
    if min_requests < 1:
        cure = "give 1 to let every client stand for itself"
        problems.append(Problem(f"{min_requests} is no floor", who="--min-requests", cure=cure))
    if problems:
        raise InputError(*problems)


def _bearable(name: str, owners: int, covered_s: float, window_s: float) -> None:
    if owners * covered_s > _MOST_CELLS * window_s:
        what = (
            f"the log lasts {covered_s / 86_400:,.1f} days: windows of {window_s:g} s of {owners:,} clients would be more than "
            f"{_MOST_CELLS:,}"
        )
        cure = "choose longer windows (--window), or look for wrong timestamps in the log"
        raise InputError(Problem(what, who=name, cure=cure))


def time_of_day(start: str) -> float:
    """Seconds since midnight UTC of an instant, 0 if it is not known."""
    if not start:
        return 0.0
    at = dt.datetime.fromisoformat(start)
    at = at if at.tzinfo is None else at.astimezone(dt.UTC)
    return (at - at.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()


def _pairs(samples: list[Samples], cell: I8, grid: Grid, owners: int) -> dict[tuple[str, str], Dependence]:
    by_field = {one.field: one for one in samples if len(one.row)}
    return {
        (one, other): dependence(by_field[one], by_field[other], cell, grid.table_windows, owners)
        for one, other in PAIRS
        if one in by_field and other in by_field
    }
