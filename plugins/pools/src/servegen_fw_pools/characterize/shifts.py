"""How far means move over time, and how far they would move by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from servegen_fw_pools.characterize.sample import of_pool
from servegen_fw_pools.characterize.section import Number

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw.plugin import ClientPool

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

LEAST = 100
"""Windows of fewer requests are not compared."""

_STEPS_S = (60.0, 300.0, 600.0, 1800.0, 3600.0, 21_600.0, 86_400.0)
_MOST = 200
_FEWEST = 8
_DRAWS = 4000


@attrs.frozen(eq=False)
class Windows:
    """A quantity per window of time.

    Attributes
    ----------
        step_s: length of a window.
        count: float64[w]; observations in each.
        mean: float64[w]; their mean, 0 where there are none.
        error: float64[w]; standard error of the mean for independent observations, 0 below two.
    """

    step_s: float
    count: F8
    mean: F8
    error: F8


@attrs.frozen
class Shift:
    """How far the means of windows move.

    Attributes
    ----------
        ratio: largest over smallest window mean; its interval takes every window's mean within its own interval at
            once (Bonferroni), so it may be wide but covers.
        by_chance: 95th percentile of the same ratio if all windows had one mean and only sampling moved them.
        windows: compared.
        left_out: with fewer than 100 observations.
    """

    ratio: Number
    by_chance: float
    windows: int
    left_out: int


def step_of(duration_s: float) -> float:
    """Length of the windows: an hour where the log has eight of them, else what gives at least eight, 1 min to 1 day."""
    if duration_s >= _MOST * 3600:
        return next((step for step in _STEPS_S if duration_s / step <= _MOST), _STEPS_S[-1])
    return max((step for step in _STEPS_S[:5] if duration_s / step >= _FEWEST), default=_STEPS_S[0])


def windows_of(time_s: F8, values: npt.NDArray[Any], step_s: float) -> Windows:
    """Means of `values` by window of `step_s`; `time_s` ascends from 0."""
    if not len(time_s):
        return Windows(step_s, np.empty(0), np.empty(0), np.empty(0))
    windows = int(time_s[-1] // step_s) + 1
    first = np.searchsorted(time_s, np.arange(windows) * step_s)
    count = np.diff(np.append(first, len(time_s))).astype(np.float64)
    total, square = (_sums(part, first, count) for part in (values, _squared(values)))
    mean = total / np.maximum(count, 1)
    variance = np.maximum(square / np.maximum(count, 1) - mean**2, 0.0) * count / np.maximum(count - 1, 1)
    error = np.where(count > 1, np.sqrt(variance / np.maximum(count, 1)), 0.0)
    return Windows(step_s, count, mean, error)


def windows_of_pool(pool: ClientPool, field: str) -> Windows:
    """Means of a pool's field by table window, each client weighted by its requests."""
    weight = pool.table_requests * (pool.table[pool.fields.index(field)] >= 0)
    count = weight.sum(0)
    mean, error = np.zeros(len(count)), np.zeros(len(count))
    for v in np.flatnonzero(count > 1):
        only = np.where(np.arange(len(count)) == v, weight, 0.0)
        sample = of_pool(pool, field, only)
        mean[v], error[v] = sample.mean, (sample.variance / count[v]) ** 0.5
    return Windows(pool.table_window_s, count, mean, error)


def shift_of(windows: Windows, least: float = LEAST) -> Shift | None:
    """Largest over smallest mean; None where fewer than two windows can be compared or a mean is 0."""
    from scipy.special import ndtri

    kept = windows.count >= least
    mean, error, count = windows.mean[kept], windows.error[kept], windows.count[kept]
    if len(mean) < 2 or mean.min() <= 0:
        return None
    half = float(-ndtri(0.025 / len(mean))) * error
    smallest = float((mean - half).min())
    ratio = float(mean.max() / mean.min())
    low = max(1.0, float((mean - half).max() / (mean + half).min()))
    high = float((mean + half).max()) / smallest if smallest > 0 else None
    number = Number(ratio, "", round(float(count.sum())), low, high, "simultaneous over windows")
    overall = float(np.dot(mean, count) / count.sum())
    rng = np.random.default_rng(0x5348)
    drawn = overall + rng.standard_normal((_DRAWS, len(mean))) * error
    chance = drawn.max(1) / np.maximum(drawn.min(1), 1e-12 * overall)
    return Shift(
        number, float(np.quantile(chance, 0.95)), len(mean), int((~kept & (windows.count > 0)).sum())
    )


def _squared(values: npt.NDArray[Any]) -> F8:
    wide = values.astype(np.float64)
    wide *= wide
    return wide


def _sums(values: npt.NDArray[Any], first: I8, count: F8) -> F8:
    """Sums of consecutive stretches; an empty one has 0."""
    at = np.minimum(first, len(values) - 1)
    total = np.add.reduceat(values, at, dtype=np.float64)
    return np.where(count > 0, total, 0.0)
