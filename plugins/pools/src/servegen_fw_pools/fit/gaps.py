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
"""Gaps from which the CV of a stretch of windows is measured."""

_TELLING_GAPS = 5
_SHAPES = 1e-5, 1e7
_STEPS = 60


def arrivals_of(
    time_s: F8, owner: npt.NDArray[np.int32], owners: int, window_s: float, windows: int
) -> tuple[F8, F8, I2]:
    """Measure the arrivals of each owner in each window.

    A window of W seconds with n requests has n gaps: the n - 1 between them, and the one over its edge, from its last
    request to its first one a window later, as composition lays them around a circle. They add up to W, so that a
    window whose requests all came in one burst shows it, and a composed window shows the CV that it was given.

    Neighbouring windows of one owner are joined until they hold `LEAST_GAPS` gaps. A stretch has one shape k of a gamma
    law, found by the method of moments from the squared CVs c^2 of its windows: n gaps around a circle have E[c^2] =
    (n - 1) / (n k + 1) (Dirichlet moments), so k solves sum n c^2 = sum n (n - 1) / (n k + 1). A window's CV is then
    the one that composition, by the same formula, turns into k again; where a window is a stretch of its own, its own.
    The family is that of the smaller Kolmogorov-Smirnov distance of the stretch's gaps between requests, each divided by
    its window's mean, to the law of the same CV.

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
    cell, gap_s = split_gaps(time_s, owner, window_s, windows)
    found, count = runs(cell)
    between = count - 1
    at = np.repeat(np.arange(len(found)), between)
    inside_s = np.bincount(at, gap_s, len(found))
    squares = np.bincount(at, np.square(gap_s), len(found)) + np.square(window_s - inside_s)
    square = np.maximum(squares * count / window_s**2 - 1.0, 0.0)
    stretch = stretches(found // windows, count, LEAST_GAPS)
    shape = _shapes(stretch, count, square)[stretch]
    cv = np.where(count > 1, np.sqrt((count - 1) / (count * shape + 1)), 1.0)
    part = gap_s * (between / np.where(inside_s > 0, inside_s, 1.0))[at]
    family = _families(part, at, (inside_s > 0) & (between >= _TELLING_GAPS), stretch)[stretch]

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


def _shapes(stretch: I8, count: I8, square: F8) -> F8:
    """Gamma shape of each stretch, float64[stretches]; 1 (Poisson) where no window has two gaps."""
    total = int(stretch[-1]) + 1 if len(stretch) else 0
    wanted = np.bincount(stretch, count * square, total)
    low, high = (np.full(total, np.log(end)) for end in _SHAPES)
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        expected = count * (count - 1) / (count * np.exp(middle)[stretch] + 1)
        above = np.bincount(stretch, expected, total) > wanted
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    seen = np.bincount(stretch, count > 1, total) > 0
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
