"""Counts, CV and family of each client's gaps, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from servegen_fw_pools.characterize.windows import MIN_GAPS, distances, runs, split_gaps
from servegen_fw_pools.fit.stretches import stretches

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    I2 = npt.NDArray[np.int16]
    I8 = npt.NDArray[np.int64]

FAMILIES: Final = ("gamma", "weibull")
"""Families a fit chooses from; the exponential law is either of them at CV 1."""

LEAST_GAPS: Final = 100
"""Gaps from which the CV and the family of a stretch of windows are measured."""

_TELLING_GAPS = 5
_SHAPES = 1e-5, 1e7
_STEPS = 60


def arrivals_of(
    time_s: F8, owner: npt.NDArray[np.int32], owners: int, window_s: float, windows: int
) -> tuple[F8, F8, I2]:
    """Measure the arrivals of each owner in each window.

    Counts are those of the windows. Neighbouring windows of one owner are joined until they hold `LEAST_GAPS` gaps
    within windows; a stretch has one shape k of a gamma law, found by the method of moments from the squared sample
    CVs c^2 of its windows: n gaps that fill a window have E[c^2] = (n - 1) / (n k + 1) (Dirichlet moments), so k
    solves sum m c^2 = sum m (m - 1) / (m k + 1) over windows of m gaps each. A window's CV is then the one that the
    composition, by the same formula, turns into k again. The family is that of the smaller Kolmogorov-Smirnov
    distance of the stretch's gaps, each divided by its window's mean, to the law of the same CV.

    Parameters
    ----------
        time_s: float64[n], ascending.
        owner: int32[n], from 0 to `owners` - 1.

    Returns
    -------
        count: float64[owners, windows].
        cv: float64[owners, windows]; 0 where nothing arrived, 1 for a single request.
        family: int16[owners, windows]; index into `FAMILIES`, -1 where nothing arrived.
    """
    cell, gap = split_gaps(time_s, owner, window_s, windows)
    found, count = runs(cell)
    held = count - 1
    at = np.repeat(np.arange(len(found)), held)
    mean = np.bincount(at, gap, len(found)) / np.maximum(held, 1)
    part = gap / np.where(mean > 0, mean, 1.0)[at]
    told = np.where((mean > 0) & (held > 1), held, 0)
    square = np.bincount(at, (part - 1.0) ** 2, len(found)) / np.maximum(held, 1)
    stretch = stretches(found // windows, held, LEAST_GAPS)
    shape = _shapes(stretch, told, square)[stretch]
    cv = np.where(count > 1, np.sqrt((count - 1) / (count * shape + 1)), 1.0)
    family = _families(part, at, (mean > 0) & (held >= _TELLING_GAPS), stretch)[stretch]

    whole = np.zeros((2, owners * windows))
    whole[0, found], whole[1, found] = count, cv
    families = np.full(owners * windows, -1, np.int16)
    families[found] = family
    shape_of = (owners, windows)
    return whole[0].reshape(shape_of), whole[1].reshape(shape_of), families.reshape(shape_of)


def resized_cv(cv: F8, count: F8, new: F8) -> F8:
    """CV that `new` gaps of the law have which shows `cv` over `count` gaps, by the gamma formula of `arrivals_of`.

    All of one shape; where either number is below 2 the CV is kept as it is.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        shape = np.clip(((count - 1) / np.square(cv) - 1) / count, *_SHAPES)
        changed = np.sqrt((new - 1) / (new * shape + 1))
    return np.where((cv > 0) & (count >= 2) & (new >= 2), changed, cv)


def _shapes(stretch: I8, held: I8, square: F8) -> F8:
    """Gamma shape of each stretch, float64[stretches]; 1 (Poisson) where no window has two gaps."""
    total = int(stretch[-1]) + 1 if len(stretch) else 0
    wanted = np.bincount(stretch, held * square, total)
    low, high = (np.full(total, np.log(end)) for end in _SHAPES)
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        expected = held * np.maximum(held - 1, 0) / (held * np.exp(middle)[stretch] + 1)
        above = np.bincount(stretch, expected, total) > wanted
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    seen = np.bincount(stretch, held, total) > 1
    return np.where(seen, np.exp(0.5 * (low + high)), 1.0)


def _families(part: F8, at: I8, told: npt.NDArray[np.bool_], stretch: I8) -> I2:
    """Family of each stretch from its windows' gaps of mean 1; gamma where there are too few or all are equal."""
    total = int(stretch[-1]) + 1 if len(stretch) else 0
    family = np.zeros(total, np.int16)
    kept = told[at]
    gap, owner = part[kept], stretch[at[kept]]
    held = np.bincount(owner, minlength=total)
    cv = np.sqrt(np.bincount(owner, (gap - 1.0) ** 2, total) / np.maximum(held, 1))
    judged = (held >= MIN_GAPS) & (cv > 1e-3)
    if judged.any():
        rows = judged[owner]
        far = distances(gap[rows], held[judged], np.ones(int(judged.sum())), cv[judged], FAMILIES)
        family[judged] = np.argmin(far, axis=0)
    return family
