"""Several pools in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import attrs
import numpy as np

from servegen_fw.plugin import ClientPool, InputError, Problem, Tables
from servegen_fw_pools.fit.gaps import resized_cv
from servegen_fw_pools.fit.knots import corners
from servegen_fw_pools.pool.parts import compacted, hours_of

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    I4 = npt.NDArray[np.int32]

ABSENT: Final = {"turns": 1.0}
"""What a field is for clients of a pool that lacks it; 0 where nothing else is said."""


def merged(pools: Sequence[ClientPool], *, from_start: bool = False) -> ClientPool:
    """All clients of several pools, over the time that all of them cover.

    Windows of other lengths or places are brought onto those of the first pool: counts are split in proportion to the
    overlap, the CV and family of a window are those of the window that covers most of it (the CV that of its new number
    of gaps), a table window takes the table at its middle. An id that two pools have gets the pool's name in front. A
    field that one pool lacks is 0 there (`turns`: 1).

    Parameters
    ----------
        pools: two or more.
        from_start: begin each pool at its own start, instead of at the same time of day.

    Raises
    ------
        InputError: fewer than two pools, no time in common, or one whose turns repeat the earlier ones and one whose
            do not.
    """
    if len(pools) < 2:
        raise InputError(Problem("a merge needs two pools", who="pool merge", cure="name another pool"))
    sessions = [pool for pool in pools if "turns" in pool.fields]
    if len({pool.carries_context for pool in sessions}) > 1:
        words = ", ".join(
            f"{pool.name}: {'repeat' if pool.carries_context else 'stand alone'}" for pool in sessions
        )
        what = f"turns of sessions repeat the earlier ones in one pool and not in the other ({words})"
        raise InputError(Problem(what, who="pool merge", cure="use a group of the suite for each pool"))
    if from_start:
        pools = [attrs.evolve(pool, start_s=pools[0].start_s) for pool in pools]
    pools = [_linear(pool) for pool in _covering(pools)]
    first = pools[0]
    fields = tuple(dict.fromkeys(field for pool in pools for field in pool.fields))
    families = tuple(dict.fromkeys(family for pool in pools for family in pool.families))
    pairs = tuple(dict.fromkeys(pair for pool in pools for pair in pool.pairs))
    tables, placed = _tables(pools, fields)
    moved = [_moved(pool, first) for pool in pools]
    parts = [{"name": pool.name, "clients": len(pool.clients), "meta": dict(pool.meta)} for pool in pools]
    family = [_renumbered(pool, one[2], families) for pool, one in zip(pools, moved, strict=True)]
    return compacted(
        ClientPool(
            name="+".join(dict.fromkeys(pool.name for pool in pools)),
            clients=_names(pools),
            start_s=first.start_s,
            window_s=first.window_s,
            count=np.concatenate([one[0] for one in moved]),
            cv=np.concatenate([one[1] for one in moved]),
            family=np.concatenate(family),
            families=families,
            fields=fields,
            tables=tables,
            table=placed,
            table_window_s=first.table_window_s,
            carries_context=bool(sessions) and sessions[0].carries_context,
            pairs=pairs,
            rank=np.concatenate([_ranks(pool, pairs) for pool in pools], axis=1),
            meta={"merged": parts, "fit": {"classes": _classes(pools)}},
        )
    )


def _covering(pools: Sequence[ClientPool]) -> list[ClientPool]:
    """The part of each pool within the time that all cover; the first one's whole windows."""
    first = pools[0]
    begin = max(pool.start_s for pool in pools)
    end = min(pool.start_s + pool.duration_s for pool in pools)
    low = int(np.ceil((begin - first.start_s) / first.window_s - 1e-9))
    high = int(np.floor((end - first.start_s) / first.window_s + 1e-9))
    if low >= high:
        spans = ", ".join(
            f"{pool.name} {pool.start_s:g} s to {pool.start_s + pool.duration_s:g} s" for pool in pools
        )
        cure = "give --from-start to begin each at its own start"
        raise InputError(Problem(f"the pools have no window in common: {spans}", who="pool merge", cure=cure))
    from_s, to_s = first.start_s + low * first.window_s, first.start_s + high * first.window_s
    return [hours_of(pool, from_s, to_s) for pool in pools]


def _moved(pool: ClientPool, onto: ClientPool) -> tuple[F8, F8, npt.NDArray[np.int16]]:
    """Counts, CV and family of `pool` in the windows of `onto`."""
    windows = onto.count.shape[1]
    same = pool.count.shape[1] == windows and abs(pool.window_s - onto.window_s) < 1e-9 * onto.window_s
    if same and abs(pool.start_s - onto.start_s) < 1e-6 * onto.window_s:
        return pool.count, pool.cv, pool.family
    edges = onto.start_s + onto.window_s * np.arange(windows + 1)
    old = pool.start_s + pool.window_s * np.arange(pool.count.shape[1] + 1)
    total = np.pad(np.cumsum(pool.count, axis=1), ((0, 0), (1, 0)))
    count = np.diff(np.stack([np.interp(edges, old, row) for row in total]), axis=1)
    middle = (edges[1:] + edges[:-1]) / 2
    at = np.clip(((middle - pool.start_s) / pool.window_s).astype(np.int64), 0, pool.count.shape[1] - 1)
    cv, family = pool.cv[:, at], pool.family[:, at].copy()
    # A window may touch an active one though its middle lies in a silent one: it takes the client's busiest law.
    rows = np.arange(len(count))
    busiest = np.argmax(pool.count, axis=1)
    orphan = (count > 0) & (family < 0)
    cv = np.where(orphan, pool.cv[rows, busiest][:, None], cv)
    family = np.where(orphan, pool.family[rows, busiest][:, None], family)
    before = np.where(orphan, pool.count[rows, busiest][:, None], pool.count[:, at])
    silent = count <= 0
    return (
        count,
        np.where(silent, 0.0, resized_cv(cv, before, count)),
        np.where(silent, -1, family).astype(np.int16),
    )


def _renumbered(
    pool: ClientPool, family: npt.NDArray[np.int16], families: tuple[str, ...]
) -> npt.NDArray[np.int16]:
    number = np.array([*(families.index(name) for name in pool.families), -1], np.int16)
    return number[family]


def _linear(pool: ClientPool) -> ClientPool:
    """The pool with quantile knots instead of masses: each value stands for all within half a token."""
    if pool.tables.linear:
        return pool
    half = np.full(len(pool.tables), 0.5)
    for f, field in enumerate(pool.fields):
        used = np.unique(pool.table[f][pool.table[f] >= 0])
        if field == "reason_ratio":
            half[used] = 0.5 / 501
    parts = [corners(*pool.tables.knots(k), float(half[k])) for k in range(len(pool.tables))]
    return attrs.evolve(pool, tables=Tables.of([(value, level) for level, value in parts], linear=True))


def _tables(pools: Sequence[ClientPool], fields: tuple[str, ...]) -> tuple[Tables, I4]:
    """All tables behind one another, a constant for what a pool lacks behind them, and the clients' places in them."""
    first = pools[0]
    windows = first.table.shape[2]
    middle = first.start_s + (np.arange(windows) + 0.5) * first.table_window_s
    middle = np.minimum(middle, first.start_s + first.duration_s)
    base = np.cumsum([0, *(len(pool.tables) for pool in pools)])
    constants = sorted({ABSENT.get(field, 0.0) for field in fields})
    placed = []
    for pool, begin in zip(pools, base.tolist(), strict=False):
        at = ((middle - pool.start_s) / pool.table_window_s).astype(np.int64)
        at = np.clip(at, 0, pool.table.shape[2] - 1)
        rows = []
        for field in fields:
            if field in pool.fields:
                own = pool.table[pool.fields.index(field)][:, at]
                rows.append(np.where(own >= 0, own + begin, -1))
            else:
                absent = int(base[-1]) + constants.index(ABSENT.get(field, 0.0))
                rows.append(np.full((len(pool.clients), windows), absent))
        placed.append(np.stack(rows).astype(np.int32))
    sizes = np.concatenate([*(np.diff(pool.tables.offsets) for pool in pools), np.full(len(constants), 2)])
    tables = Tables(
        np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        np.concatenate([*(pool.tables.value for pool in pools), np.repeat(constants, 2)]),
        np.concatenate([*(pool.tables.cdf for pool in pools), np.tile([0.0, 1.0], len(constants))]),
        linear=True,
    )
    return tables, np.concatenate(placed, axis=1)


def _ranks(pool: ClientPool, pairs: tuple[tuple[str, str], ...]) -> F8:
    """Rank correlation of each pair, 0 where the pool tells none; float64[P, C]."""
    found = np.zeros((len(pairs), len(pool.clients)))
    for row, pair in enumerate(pairs):
        if pair in pool.pairs:
            found[row] = pool.rank[pool.pairs.index(pair)]
    return found


def _names(pools: Sequence[ClientPool]) -> tuple[str, ...]:
    """Ids of all clients; with the pool's name, and a number if pools share it, in front of those that two have."""
    held = Counter(name for pool in pools for name in pool.clients)
    titles = [pool.name for pool in pools]
    titles = [f"{title}-{k + 1}" if titles.count(title) > 1 else title for k, title in enumerate(titles)]
    return tuple(
        f"{title}/{name}" if held[name] > 1 else name
        for title, pool in zip(titles, pools, strict=True)
        for name in pool.clients
    )


def _classes(pools: Sequence[ClientPool]) -> dict[str, dict[str, int]]:
    """Sizes of the classes among the clients, by their new names."""
    names = iter(_names(pools))
    found = {}
    for pool in pools:
        classes = pool.meta.get("fit", {}).get("classes", {})
        for old, new in zip(pool.clients, names, strict=False):
            if old in classes:
                found[new] = classes[old]
    return found
