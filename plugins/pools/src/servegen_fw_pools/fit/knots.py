"""Compact quantile tables: a few knots of a recorded distribution, as many as its sample size supports.

A mass function on a grid of spacing 2h is read as a density that is flat on [v - h, v + h] around each value v. Its
quantile function is a polyline; rounding a draw to the grid gives back the masses exactly. A fit keeps some of the
polyline's corners, chosen by the splitting rule of Ramer (1972) and of Douglas and Peucker (1973), with the error
measured along the probability axis against a tolerance shaped like the sampling error of an empirical distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]

LEVEL_GRID = 2.0**16
"""Levels are whole multiples of 1 / LEVEL_GRID: exact on every machine, and small when compressed."""

_TAIL_FLOOR = 0.02


def corners(values: F8, cdf: F8, half: F8 | float) -> tuple[F8, F8]:
    """Corners of the quantile function of a mass function smeared over +-`half`.

    Parameters
    ----------
        values: float64[n], ascending.
        cdf: float64[n], the last one 1.
        half: half the grid's spacing, in the unit of the values; float64[n] where some values stand for themselves (0).

    Returns
    -------
        levels and values, float64[2 n] each, both ascending; the first level is 0; no value is below 0.
    """
    level = np.repeat(cdf, 2)
    level[2::2], level[0] = cdf[:-1], 0.0
    value = np.repeat(values, 2)
    value[0::2] -= half
    value[1::2] += half
    return level, np.maximum(value, 0.0)


def simplify(level: F8, value: F8, tolerance: float) -> npt.NDArray[np.int64]:
    """Choose corners so that the polyline through them stays within tolerance of every corner.

    The distance is that of the levels at equal value. It may reach ``tolerance * 2 sqrt(F (1 - F))``, the shape of the
    standard error of an empirical distribution at F, and never less than a fiftieth of `tolerance`.

    Returns
    -------
        int64[k]; ascending indices of the corners kept, the ends among them.
    """
    spread = 2 * np.sqrt(np.clip(level * (1 - level), 0.0, None))
    allowed = tolerance * np.maximum(spread, _TAIL_FLOOR)
    kept = np.zeros(len(level), np.bool_)
    kept[[0, -1]] = True
    pending = [(0, len(level) - 1)]
    while pending:
        left, right = pending.pop()
        if right - left < 2:
            continue
        inner = slice(left + 1, right)
        rise = value[right] - value[left]
        part = (value[inner] - value[left]) / rise if rise > 0 else np.zeros(right - left - 1)
        gap = np.abs(level[left] + part * (level[right] - level[left]) - level[inner]) / allowed[inner]
        worst = int(np.argmax(gap))
        if gap[worst] > 1:
            split = left + 1 + worst
            kept[split] = True
            pending += [(left, split), (split, right)]
    return np.flatnonzero(kept)


def fit_table(values: F8, cdf: F8, half: F8 | float, tolerance: float, value_grid: float) -> tuple[F8, F8]:
    """Fit one mass function by a linear table.

    Parameters
    ----------
        values: float64[n], ascending.
        cdf: float64[n], the last one 1.
        half: half the grid's spacing, as in `corners`.
        tolerance: largest error of the distribution function at its median; see `simplify`.
        value_grid: knots' values are whole multiples of 1 / `value_grid`.

    Returns
    -------
        values and levels of the knots, float64[k] each, ascending; the first level is 0 and the last 1.
    """
    level, value = corners(values, cdf, half)
    kept = simplify(level, value, tolerance)
    knots = np.rint(value[kept] * value_grid) / value_grid
    levels = np.rint(level[kept] * LEVEL_GRID) / LEVEL_GRID
    levels[-1] = 1.0
    different = np.ones(len(kept), np.bool_)
    different[1:] = (np.diff(knots) > 0) | (np.diff(levels) > 0)
    return knots[different], levels[different]
