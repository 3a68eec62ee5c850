"""Hartigan's dip: the distance of a distribution from the nearest unimodal one, and its test.

The dip of F is the smallest d for which a unimodal G with sup |F - G| <= d exists (J. A. Hartigan and P. M. Hartigan,
The dip test of unimodality, Annals of Statistics 13, 1985). It is found by their method: the greatest convex minorant
and the least concave majorant of F over a modal interval that shrinks until they are nowhere farther apart than F is from
them outside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

DRAWS = 499


@attrs.frozen
class Dip:
    """A dip with its test against unimodality.

    Attributes
    ----------
        value: the dip, from 0 to 1/4.
        p: share of uniform samples of the same size with a dip at least as large (with the sample itself counted), at
            least 1 / 500; the uniform law has the largest dips of all unimodal ones, asymptotically.
        n: observations.
        modal: ends of the modal interval.
    """

    value: float
    p: float
    n: int
    modal: tuple[float, float]


def dip_of(value: F8, weight: F8) -> float:
    """Dip of a weighted sample: `value` float64[k] ascending, `weight` float64[k] above 0.

    A sample of one value is unimodal: its dip is 0, where some programs give 1 / (2 n).
    """
    level = np.cumsum(weight) / weight.sum()
    return dip_of_levels(value, np.concatenate(([0.0], level[:-1])), level)[0]


def dip_of_levels(x: F8, before: F8, after: F8) -> tuple[float, float, float]:
    """Dip of a distribution function given at the points where it bends or jumps, and its modal interval.

    Parameters
    ----------
        x: float64[k], ascending.
        before: float64[k]; its limit from the left at each point.
        after: float64[k]; its value there. Between points it is a line.
    """
    if len(x) < 2:
        at = float(x[0]) if len(x) else 0.0
        return 0.0, at, at
    left, right, far = 0, len(x) - 1, 0.0
    while True:
        minor = _hull(x[left : right + 1], before[left : right + 1], 1.0) + left
        major = _hull(x[left : right + 1], after[left : right + 1], -1.0) + left
        corners = np.unique(np.concatenate((minor, major)))
        low = np.interp(x[corners], x[minor], before[minor])
        high = np.interp(x[corners], x[major], after[major])
        gap = high - low
        widest = int(np.argmax(gap))
        if gap[widest] <= far:
            break
        # The new modal interval: where one hull touches at the widest gap, and where the other does next to it.
        at = corners[widest]
        if at in minor:
            inner_left = at
            inner_right = major[min(np.searchsorted(major, at), len(major) - 1)]
        else:
            inner_right = at
            inner_left = minor[max(np.searchsorted(minor, at, side="right") - 1, 0)]
        far = max(
            far,
            _above(x, before, after, minor[minor <= inner_left]),
            _below(x, before, after, major[major >= inner_right]),
        )
        if (inner_left, inner_right) == (left, right) or inner_left >= inner_right:
            left, right = inner_left, inner_right
            break
        left, right = inner_left, inner_right
    return far / 2, float(x[min(left, right)]), float(x[max(left, right)])


def dip_test(edges: F8, count: F8, seed: int = 0) -> Dip:
    """Dip of binned observations, spread evenly within each bin, against uniform samples in the same bins.

    Parameters
    ----------
        edges: float64[k + 1], ascending.
        count: float64[k]; observations in each bin. Empty bins at the ends are cut off.

    Raises
    ------
        ValueError: there is no observation.
    """
    filled = np.flatnonzero(count > 0)
    if not len(filled):
        raise ValueError("no observation to test")
    edges, count = edges[filled[0] : filled[-1] + 2], count[filled[0] : filled[-1] + 1]
    n = max(1, round(float(count.sum())))
    value, low, high = _binned(edges, count)
    rng = np.random.default_rng([seed, 0x444950])
    drawn = rng.multinomial(n, np.diff(edges) / (edges[-1] - edges[0]), DRAWS)
    as_far = sum(_binned(edges, each.astype(np.float64))[0] >= value for each in drawn)
    return Dip(value, (as_far + 1) / (DRAWS + 1), n, (low, high))


def _binned(edges: F8, count: F8) -> tuple[float, float, float]:
    level = np.concatenate(([0.0], np.cumsum(count) / count.sum()))
    return dip_of_levels(edges, level, level)


def _hull(x: F8, y: F8, sign: float) -> I8:
    """Indices of the lower hull's corners (`sign` 1: greatest convex minorant) or the upper's (-1), both ends included.

    Andrew's monotone chain on the points in order.
    """
    xs, ys = x.tolist(), (y * sign).tolist()
    kept: list[int] = []
    for i in range(len(xs)):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (ys[b] - ys[a]) * (xs[i] - xs[b]) < (ys[i] - ys[b]) * (xs[b] - xs[a]):
                break
            kept.pop()
        kept.append(i)
    return np.array(kept, np.int64)


def _above(x: F8, before: F8, after: F8, hull: I8) -> float:
    """How far the function lies above the minorant with corners `hull`."""
    if len(hull) < 2:
        return 0.0
    part = slice(hull[0], hull[-1] + 1)
    line = np.interp(x[part], x[hull], before[hull])
    # The last corner begins the modal interval; its jump, if any, may belong to the mode.
    return float(max((after[part] - line)[:-1].max(), (before[part] - line).max()))


def _below(x: F8, before: F8, after: F8, hull: I8) -> float:
    """How far the function lies below the majorant with corners `hull`."""
    if len(hull) < 2:
        return 0.0
    part = slice(hull[0], hull[-1] + 1)
    line = np.interp(x[part], x[hull], after[hull])
    return float(max((line - before[part])[1:].max(), (line - after[part]).max()))
