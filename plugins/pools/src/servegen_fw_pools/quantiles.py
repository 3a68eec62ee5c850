"""Distributions as weighted values and as tables of knots: quantiles, levels, distances, moments, mixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from servegen_fw.plugin import Tables

    F8 = npt.NDArray[np.float64]


def quantiles(value: F8, weight: npt.NDArray[Any], *shares: float) -> list[float]:
    """Of each share the smallest value up to which the values, float64[n], have that share of the weight; n >= 1."""
    order = np.argsort(value, kind="stable")
    total = np.cumsum(weight[order])
    at = np.searchsorted(total, np.array(shares) * total[-1] * (1 - 1e-12))
    return [float(one) for one in value[order][np.minimum(at, len(value) - 1)]]


def distance(one: F8, one_weight: F8, other: F8, other_weight: F8) -> float:
    """Kolmogorov-Smirnov distance: largest difference of the distribution functions of two weighted samples."""
    values, at = np.unique(np.concatenate((one, other)), return_inverse=True)
    apart = np.bincount(at[: len(one)], one_weight / one_weight.sum(), len(values))
    apart -= np.bincount(at[len(one) :], other_weight / other_weight.sum(), len(values))
    return float(np.abs(np.cumsum(apart)).max())


def slices(tables: Tables, table: npt.NDArray[np.integer], weight: F8, points: int) -> tuple[F8, F8]:
    """Weighted tables as a weighted sample: each one by the middles of `points` slices of equal probability.

    Parameters
    ----------
        table: int[n]; numbers of tables.
        weight: float64[n]; of each.

    Returns
    -------
        values and weights, float64[k * points] each, for the k different tables.
    """
    known, at = np.unique(table, return_inverse=True)
    held = np.bincount(at, weight, len(known))
    u = (np.arange(points) + 0.5) / points
    value = tables.ppf(np.repeat(known, points), np.tile(u, len(known)))
    return value, np.repeat(held / points, points)


def moments(tables: Tables) -> tuple[F8, F8]:
    """Mean and mean square of every table; float64[tables] both, 0 for one without knots."""
    first = tables.offsets[:-1]
    size = np.diff(tables.offsets)
    table = np.repeat(np.arange(len(tables)), size)
    before = np.roll(tables.cdf, 1)
    low = np.roll(tables.value, 1) if tables.linear else tables.value
    begins = first[size > 0]
    before[begins] = 0.0
    mass, high = tables.cdf - before, tables.value
    if tables.linear:
        low[begins] = high[begins]
    # Of a stretch that is uniform between two knots; of a step both ends are one value.
    both = mass * (low + high) / 2, mass * (low * low + low * high + high * high) / 3
    mean, square = (np.bincount(table, part, len(tables)).astype(np.float64) for part in both)
    return mean, square


def level_at(knots: F8, levels: F8, at: F8) -> F8:
    """Distribution function of a linear table: levels at the values `at` (float64[n]); at a jump the upper one."""
    right = np.searchsorted(knots, at, side="right")
    below = np.clip(right - 1, 0, len(knots) - 1)
    above = np.clip(right, 0, len(knots) - 1)
    width = knots[above] - knots[below]
    part = np.where(width > 0, (at - knots[below]) / np.where(width > 0, width, 1.0), 0.0)
    level = levels[below] + (levels[above] - levels[below]) * part
    return np.where(right == 0, 0.0, level)


def mixed(parts: Sequence[tuple[F8, F8]], weight: F8) -> tuple[F8, F8]:
    """Mixture of linear tables.

    Parameters
    ----------
        parts: values and levels of each table's knots.
        weight: float64[parts]; positive, of any sum.

    Returns
    -------
        values and levels of the mixture's knots, float64[k] each, ascending; the first level is 0 and the last 1.
    """
    share = weight / weight.sum()
    at = np.unique(np.concatenate([knots for knots, _ in parts]))
    above = sum(w * level_at(knots, levels, at) for w, (knots, levels) in zip(share, parts, strict=True))
    # The mirror image has its upper level where this one has its lower one.
    below = 1.0 - sum(
        w * level_at(-knots[::-1], 1.0 - levels[::-1], -at)
        for w, (knots, levels) in zip(share, parts, strict=True)
    )
    value, level = np.repeat(at, 2), np.stack((below, above), axis=1).ravel()
    level = np.clip(np.maximum.accumulate(level), 0.0, 1.0)
    level[0], level[-1] = 0.0, 1.0
    different = np.ones(len(value), np.bool_)
    different[1:] = (np.diff(value) > 0) | (np.diff(level) > 0)
    return value[different], level[different]
