"""Fit a compact client pool from the published client data.

Counts per client and window are kept; CV is kept to 8 bits and the gap family as recorded; each length distribution
becomes a linear table of as few knots as its own sample size supports. What that costs is measured and stored in
the pool's meta under "fit".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from servegen_fw.plugin import ClientPool, InputError, Problem, Tables
from servegen_fw_pools.fit.fit_error import measure
from servegen_fw_pools.fit.knots import fit_table

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]

FIT_VERSION = 1
"""Raised whenever the same data would give another fit."""

DAY_S = 86_400.0
TOLERANCE = 0.002
NOISE_SHARE = 0.5
_RATIO_GRID = 2.0**14
_CV_BITS = 8


def fit_pool(pool: ClientPool, *, first_day: int = 0, days: int | None = None) -> ClientPool:
    """Fit `pool`, whose tables are step tables, or some whole days of it.

    The tolerance of a table recorded from n requests is the larger of `TOLERANCE` and ``NOISE_SHARE / (2 sqrt(n))``:
    half the standard error that the recorded distribution itself has at its median.

    Parameters
    ----------
        pool: compiled from recorded data.
        first_day: where the excerpt begins.
        days: how many days; None for all that follow.

    Raises
    ------
        InputError: the excerpt lies outside the recording or does not fall on its windows.
    """
    pool = excerpt(pool, first_day, days)
    requests = pool.table_requests
    spacing = {field: _half_spacing(pool, f) for f, field in enumerate(pool.fields)}
    table = np.full(pool.table.shape, -1, np.int32)
    found: dict[tuple[bytes, bytes], int] = {}
    fits: list[tuple[F8, F8]] = []
    for f, c, v in np.argwhere((pool.table >= 0) & (requests > 0)):
        half = spacing[pool.fields[f]]
        tolerance = max(TOLERANCE, NOISE_SHARE / (2 * np.sqrt(requests[c, v])))
        grid = 2.0 if half == 0.5 else _RATIO_GRID
        knots, levels = fit_table(*pool.tables.knots(pool.table[f, c, v]), half, tolerance, grid)
        key = (knots.tobytes(), levels.tobytes())
        if key not in found:
            found[key] = len(fits)
            fits.append((knots, levels))
        table[f, c, v] = found[key]
    fitted = attrs.evolve(pool, cv=_coarse(pool.cv), tables=Tables.of(fits, linear=True), table=table)
    facts = {
        "version": FIT_VERSION,
        "method": "quantile knots by recursive splitting; counts kept, CV to 8 bits, gap family as recorded",
        "tolerance": TOLERANCE,
        "noise_share": NOISE_SHARE,
        "knots": len(fitted.tables.value),
        "recorded_points": int(np.diff(pool.tables.offsets)[np.unique(pool.table[pool.table >= 0])].sum()),
        "error": measure(pool, fitted, requests, spacing),
    }
    return attrs.evolve(fitted, meta={**pool.meta, "fit": facts})


def excerpt(pool: ClientPool, first_day: int, days: int | None) -> ClientPool:
    """Whole days of a pool; `meta["excerpt"]` says which.

    Raises
    ------
        InputError: the days lie outside the recording or do not fall on its windows.
    """
    total = round(pool.duration_s / DAY_S)
    days = total - first_day if days is None else days
    if first_day < 0 or days < 1 or first_day + days > max(1, total):
        what = f"days {first_day} to {first_day + days - 1} of a recording of {total} days"
        raise InputError(Problem(f"cannot cut {what}", who=pool.name, cure="choose days within it"))
    if (first_day, days) == (0, total):
        return attrs.evolve(pool, meta={**pool.meta, "excerpt": "all of the recording"})
    if DAY_S % pool.window_s or DAY_S % pool.table_window_s:
        raise InputError(Problem("a day is not a whole number of its windows", who=pool.name))
    windows, tables = round(DAY_S / pool.window_s), round(DAY_S / pool.table_window_s)
    rate = slice(first_day * windows, (first_day + days) * windows)
    count = pool.count[:, rate]
    kept = count.sum(1) > 0
    meta = {
        **pool.meta,
        "requests": float(count.sum()),
        "excerpt": f"days {first_day + 1} to {first_day + days} of {total}",
    }
    if not kept.all():
        meta["silent_clients"] = [name for name, k in zip(pool.clients, kept, strict=True) if not k]
    return attrs.evolve(
        pool,
        clients=tuple(name for name, k in zip(pool.clients, kept, strict=True) if k),
        count=count[kept],
        cv=pool.cv[kept, rate],
        family=pool.family[kept, rate],
        table=pool.table[:, kept, first_day * tables : (first_day + days) * tables],
        meta=meta,
    )


def _half_spacing(pool: ClientPool, field: int) -> float:
    """Half the grid spacing of a field's values: 0.5 for whole numbers."""
    used = np.unique(pool.table[field][pool.table[field] >= 0])
    values = np.unique(np.concatenate([pool.tables.knots(k)[0] for k in used] or [np.zeros(1)]))
    if np.array_equal(values, np.rint(values)):
        return 0.5
    return float(np.diff(values).min()) / 2


def _coarse(cv: F8) -> F8:
    """CV with `_CV_BITS` bits of mantissa."""
    mantissa, exponent = np.frexp(cv)
    return np.asarray(np.ldexp(np.rint(mantissa * 2**_CV_BITS) / 2**_CV_BITS, exponent))
