"""Workloads that a pool predicts for another time than its own."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw.plugin import ClientPool, Suite, Tables, plan, save_pool
from servegen_fw_pools.fit.frame import Stream
from servegen_fw_pools.fit.gaps import resized_cv
from servegen_fw_pools.quantiles import mixed

F8: TypeAlias = npt.NDArray[np.float64]

DAY_S = 86_400.0


def lasting(pool: ClientPool, duration_s: float) -> ClientPool:
    """A pool repeated until it lasts `duration_s`; its tables, too."""
    times = int(np.ceil(duration_s / pool.duration_s + 1e-9))
    if times == 1:
        return pool
    if pool.count.shape[1] * pool.window_s < pool.table.shape[2] * pool.table_window_s:
        # Tables on the grid of the rates, so that both repeat alike.
        start = (np.arange(pool.count.shape[1]) * pool.window_s / pool.table_window_s).astype(int)
        pool = attrs.evolve(pool, table=pool.table[:, :, start], table_window_s=pool.window_s)
    return attrs.evolve(
        pool,
        count=np.tile(pool.count, times),
        cv=np.tile(pool.cv, times),
        family=np.tile(pool.family, times),
        table=np.tile(pool.table, (1, 1, times)),
    )


def recent(pool: ClientPool) -> ClientPool:
    """A pool whose lengths are those of all its time, the latest counting most.

    Each client's tables of a field become one, each weighted by its requests and halved for every length of the pool that
    its middle lies before the pool's end. A pool of a day or more is left as it is: it has a rhythm to repeat.
    """
    if pool.duration_s >= DAY_S or pool.table.shape[2] == 1:
        return pool
    middle_s = (np.arange(pool.table.shape[2]) + 0.5) * pool.table_window_s
    weight = pool.table_requests * 0.5 ** ((pool.duration_s - middle_s) / pool.duration_s)
    table = np.full((*pool.table.shape[:2], 1), -1, np.int32)
    knots: list[tuple[F8, F8]] = []
    for f, c in np.ndindex(*pool.table.shape[:2]):
        rows = np.flatnonzero((pool.table[f, c] >= 0) & (weight[c] > 0))
        if len(rows):
            table[f, c, 0] = len(knots)
            parts = [pool.tables.knots(k) for k in pool.table[f, c, rows]]
            knots.append(mixed(parts, weight[c, rows]))
    tables = Tables.of(knots, linear=True)
    return attrs.evolve(pool, tables=tables, table=table, table_window_s=pool.duration_s)


def interpolated(pool: ClientPool) -> ClientPool:
    """A pool of which every second window was not seen: filled with the mean of its neighbours."""
    count, cv, family = pool.count.copy(), pool.cv.copy(), pool.family.copy()
    for w in range(1, count.shape[1], 2):
        around = [w - 1, w + 1] if w + 1 < count.shape[1] else [w - 1]
        count[:, w] = pool.count[:, around].mean(1)
        busiest = np.asarray(around)[np.argmax(pool.count[:, around], axis=1)]
        rows = np.arange(len(count))
        cv[:, w] = resized_cv(pool.cv[rows, busiest], pool.count[rows, busiest], count[:, w])
        family[:, w] = pool.family[rows, busiest]
    return attrs.evolve(pool, count=count, cv=cv, family=family)


def denoised(pool: ClientPool) -> ClientPool:
    """Rates instead of counts: the counts' variance less the part that the process itself will add again."""
    if pool.count.shape[1] < 2:
        return pool
    mean = pool.count.mean(1, keepdims=True)
    seen = pool.count.var(1, ddof=1, keepdims=True)
    noise = (pool.count * np.square(pool.cv)).mean(1, keepdims=True)
    kept = np.clip(1.0 - noise / np.where(seen > 0, seen, 1.0), 0.0, 1.0)
    count = mean + kept * (pool.count - mean)
    active = count > 0
    rows, busiest = np.arange(len(count)), np.argmax(pool.count, axis=1)
    awake = pool.family >= 0
    cv = np.where(awake, pool.cv, pool.cv[rows, busiest][:, None])
    before = np.where(awake, pool.count, pool.count[rows, busiest][:, None])
    family = np.where(awake, pool.family, pool.family[rows, busiest][:, None])
    return attrs.evolve(
        pool,
        count=count,
        cv=np.where(active, resized_cv(cv, before, count), 0.0),
        family=np.where(active, family, -1).astype(np.int16),
    )


def predictions(pool: ClientPool, duration_s: float, seeds: int) -> list[Stream]:
    """Workloads of `duration_s` seconds of a pool, ``counts = "process"``, with the seeds from 0 on."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "held-out.pool"
        save_pool(attrs.evolve(pool, start_s=0.0), path)
        return [_composed(path, duration_s, seed) for seed in range(seeds)]


def _composed(path: Path, duration_s: float, seed: int) -> Stream:
    """A workload of the pool file `path`, ``counts = "process"``."""
    suite = Suite.parse(
        f"""
        servegen = 1
        name = "held-out"
        seed = {seed}
        target.sim.backend = "sim"
        [[workload.group]]
        counts = "process"
        source = {{ kind = "pool", path = {json.dumps(str(path))} }}
        [[case]]
        name = "held-out"
        load = {{ kind = "open", duration = "{duration_s!r}s" }}
        """
    )
    (planned,) = plan(suite)
    workload = planned.workload
    order = np.argsort(workload.planned_s, kind="stable")
    order = order[workload.planned_s[order] >= 0]
    return Stream(
        workload.planned_s[order],
        workload.input_tokens[order].astype(np.float64),
        workload.output_tokens[order].astype(np.float64),
    )
