"""How far a fitted pool is from what it was fitted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servegen_fw_pools.characterize.words import rounded
from servegen_fw_pools.quantiles import level_at, quantiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from servegen_fw.plugin import ClientPool

    F8 = npt.NDArray[np.float64]


def measure(pool: ClientPool, fitted: ClientPool, requests: F8, half: Mapping[str, float]) -> dict[str, Any]:
    """Errors of `fitted` against `pool`, whose clients and windows agree.

    Parameters
    ----------
        pool: recorded, with step tables.
        fitted: with linear tables.
        requests: float64[C, V]; recorded requests per table window.
        half: half the grid spacing of each field.

    Returns
    -------
        Per field: "mean_relative" (of the population's mean), "client_mean_relative" (of each client window's mean,
        averaged over requests), "ks_median" and "ks_max" (Kolmogorov-Smirnov distance of each client window's
        distribution; the median over requests and the largest), "p50_relative" and "p99_relative" (of the
        population). And "population": "requests_relative", "share_max" (largest error of a client's share) and
        "cv_relative_max". Rounded to 4 significant digits.
    """
    found: dict[str, Any] = {
        field: _field(pool, fitted, f, requests, half[field]) for f, field in enumerate(pool.fields)
    }
    total = pool.count.sum()
    active = pool.cv > 0
    cv = np.abs(fitted.cv[active] / pool.cv[active] - 1)
    found["population"] = {
        "requests_relative": rounded(abs(fitted.count.sum() / total - 1)),
        "share_max": rounded(
            np.abs(fitted.count.sum(1) / fitted.count.sum() - pool.count.sum(1) / total).max()
        ),
        "cv_relative_max": rounded(cv.max(initial=0.0)),
    }
    return found


def _field(pool: ClientPool, fitted: ClientPool, field: int, requests: F8, half: float) -> dict[str, float]:
    used = np.argwhere((pool.table[field] >= 0) & (requests > 0))
    weight = requests[used[:, 0], used[:, 1]]
    recorded = [pool.tables.knots(pool.table[field, c, v]) for c, v in used]
    knots = [fitted.tables.knots(fitted.table[field, c, v]) for c, v in used]
    grid = np.unique(np.concatenate([values for values, _ in recorded]))
    mixture, mixture_fit = np.zeros(len(grid)), np.zeros(len(grid))
    mean, mean_fit, distance = np.zeros(len(used)), np.zeros(len(used)), np.zeros(len(used))
    for i, ((values, cdf), (knot, level)) in enumerate(zip(recorded, knots, strict=True)):
        mean[i] = (values * np.diff(cdf, prepend=0.0)).sum()
        mean_fit[i] = _mean(knot, level, half)
        above = np.abs(level_at(knot, level, values + half) - cdf)
        below = np.abs(level_at(knot, level, values - half) - np.concatenate(([0.0], cdf[:-1])))
        # A first value of 0 has no room below it: its smear begins at 0.
        below[values < half] = 0.0
        distance[i] = max(above.max(), below.max())
        at = np.searchsorted(values, grid, side="right")
        mixture += weight[i] * np.concatenate(([0.0], cdf))[at]
        mixture_fit += weight[i] * level_at(knot, level, grid + half)
    share = weight / weight.sum()
    return {
        "mean_relative": rounded(abs((mean_fit * share).sum() / (mean * share).sum() - 1)),
        "client_mean_relative": rounded(
            (np.abs(mean_fit / np.where(mean > 0, mean, 1) - (mean > 0)) * share).sum()
        ),
        "ks_median": rounded(quantiles(distance, weight, 0.5)[0]),
        "ks_max": rounded(distance.max()),
        "p50_relative": rounded(_quantile_error(grid, mixture, mixture_fit, 0.5)),
        "p99_relative": rounded(_quantile_error(grid, mixture, mixture_fit, 0.99)),
    }


def _mean(knot: F8, level: F8, half: float) -> float:
    """Mean of draws from a linear table, rounded to whole numbers where the field's spacing is 1."""
    middle = (knot[1:] + knot[:-1]) / 2
    if half == 0.5 and knot[0] == 0:
        # A uniform on [0, m + 1/2] rounds to 0 with half the weight of each of 1 .. m.
        last = knot[1] - half
        middle[0] = last * (last + 1) / (2 * last + 1)
    return float((np.diff(level) * middle).sum())


def _quantile_error(grid: F8, recorded: F8, fitted: F8, p: float) -> float:
    right, ours = (
        float(grid[min(np.searchsorted(cdf, p * cdf[-1] * (1 - 1e-12)), len(grid) - 1)])
        for cdf in (recorded, fitted)
    )
    return abs(ours - right) / max(right, 1e-9)
