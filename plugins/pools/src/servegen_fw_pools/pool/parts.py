"""Parts of a pool: some clients, some hours, and no tables that nobody draws from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from servegen_fw.plugin import ClientPool, InputError, Problem, Tables

if TYPE_CHECKING:
    import numpy.typing as npt

    I4 = npt.NDArray[np.int32]
    I8 = npt.NDArray[np.int64]


def clients_of(pool: ClientPool, rows: I8) -> ClientPool:
    """The clients `rows` (int64[k]), in that order."""
    return compacted(
        attrs.evolve(
            pool,
            clients=tuple(pool.clients[row] for row in rows),
            count=pool.count[rows],
            cv=pool.cv[rows],
            family=pool.family[rows],
            table=pool.table[:, rows],
            rank=pool.rank[:, rows] if pool.pairs else pool.rank,
        )
    )


def hours_of(pool: ClientPool, from_s: float, to_s: float) -> ClientPool:
    """The windows that touch [from_s, to_s) on the recording's clock.

    Raises
    ------
        InputError: the recording has none there.
    """
    windows = pool.count.shape[1]
    first = int(np.floor((from_s - pool.start_s) / pool.window_s + 1e-9))
    after = int(np.ceil((to_s - pool.start_s) / pool.window_s - 1e-9))
    if not from_s < to_s or first < 0 or after > windows:
        end_s = pool.start_s + pool.duration_s
        what = f"no part of the recording, which goes from {pool.start_s:g} s to {end_s:g} s"
        cure = "choose --from and --to, in that order, on the recording's clock"
        raise InputError(Problem(f"{from_s:g} s to {to_s:g} s is {what}", who=pool.name, cure=cure))
    window_s, table = table_grid(pool, first, after)
    return compacted(
        attrs.evolve(
            pool,
            start_s=pool.start_s + first * pool.window_s,
            count=pool.count[:, first:after],
            cv=pool.cv[:, first:after],
            family=pool.family[:, first:after],
            table=table,
            table_window_s=window_s,
        )
    )


def table_grid(pool: ClientPool, first: int, after: int) -> tuple[float, I4]:
    """Length of a table window and tables for the rate windows `first` to `after`, the latter not included.

    Where the cut falls within a table window there is a table for every rate window.
    """
    offset, size = first * pool.window_s, (after - first) * pool.window_s
    begin = offset / pool.table_window_s
    if abs(begin - round(begin)) < 1e-6:
        last = int(np.ceil((offset + size) / pool.table_window_s - 1e-6))
        return pool.table_window_s, pool.table[:, :, round(begin) : last]
    middle = (np.arange(first, after) + 0.5) * pool.window_s
    at = np.minimum((middle / pool.table_window_s).astype(np.int64), pool.table.shape[2] - 1)
    return pool.window_s, pool.table[:, :, at]


def compacted(pool: ClientPool) -> ClientPool:
    """The pool without tables that no client has."""
    used = np.unique(pool.table[pool.table >= 0])
    if len(used) == len(pool.tables):
        return pool
    size = np.diff(pool.tables.offsets)[used]
    offsets = np.concatenate(([0], np.cumsum(size))).astype(np.int64)
    take = np.repeat(pool.tables.offsets[used] - offsets[:-1], size) + np.arange(offsets[-1])
    number = np.full(len(pool.tables) + 1, -1, np.int32)
    number[used] = np.arange(len(used))
    tables = Tables(offsets, pool.tables.value[take], pool.tables.cdf[take], pool.tables.linear)
    return attrs.evolve(pool, tables=tables, table=number[pool.table])


def members_of(pool: ClientPool) -> I8:
    """How many clients of a log each client of the pool stands for: 1, or the size of its class; int64[C]."""
    classes = pool.meta.get("fit", {}).get("classes", {})
    return np.array([classes.get(name, {}).get("clients", 1) for name in pool.clients], np.int64)
