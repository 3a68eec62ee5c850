"""Statistics of whole metrics: the table of a series, shares with Wilson intervals, rates per second."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from servegen_fw.data.arrays import F8, Bool
from servegen_fw.data.report import Estimate
from servegen_fw.data.run import Better, Scalar, Series
from servegen_fw.judge import bootstrap
from servegen_fw.judge.quantiles import Sample

STATS = ("mean", "p50", "p90", "p99")
"""Statistics listed for every series."""

_BINS = 1024


def describe(series: Series, stats: Iterable[str] = STATS) -> Mapping[str, Estimate]:
    """Statistics of a series by name, each with its interval.

    Raises
    ------
        ValueError: a name is no statistic.
    """
    sample = Sample.of(series)
    return {name: sample.statistic(name) for name in dict.fromkeys(stats)}


def share(marked: Bool, at_s: F8, better: Better) -> Scalar:
    """Share of marked requests with Wilson's interval (1927) on the effective number of requests.

    `marked` and `at_s` have one element a request. The effective number is what as many independent requests would
    have to be for the share to scatter as it does over blocks of time.
    """
    n = len(marked)
    if not n:
        return Scalar(math.nan, "ratio", better)
    value = float(np.count_nonzero(marked)) / n
    effective, t = float(n), bootstrap.student(0.5 + bootstrap.LEVEL / 2, 1e5)
    if 0 < value < 1 and n >= bootstrap.LEAST:
        ends = bootstrap.edges(n)
        ordered = marked[np.argsort(at_s, kind="stable")]
        sums = np.diff(np.cumsum(ordered - value)[ends - 1], prepend=0.0)
        found = bootstrap.spread(sums)
        squared = (found.error * len(ends) / n) ** 2
        effective = value * (1 - value) / max(squared, value * (1 - value) / n)
        t = found.quantile
    middle = (value + t * t / (2 * effective)) / (1 + t * t / effective)
    reach = (
        t / (1 + t * t / effective) * math.sqrt(value * (1 - value) / effective + (t / (2 * effective)) ** 2)
    )
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return Scalar(
        value,
        "ratio",
        better,
        n=n,
        low=min(low, value),
        high=max(high, value),
        n_effective=effective,
        method="Wilson",
    )


def rate(at_s: F8, amount: F8, begin_s: float, length_s: float, unit: str) -> Scalar:
    """Amounts that fell into [begin_s, begin_s + length_s] per second, with a block bootstrap interval over time.

    `at_s` and `amount` are float64[m]. The window is cut into equal bins, whose sums are the series resampled; NaN
    ends where there are fewer than eight bins of ten requests, or none of a length that settles.
    """
    if not length_s > 0:
        return Scalar(math.nan, unit, "higher")
    inside = (at_s >= begin_s) & (at_s - begin_s <= length_s)
    n = int(np.count_nonzero(inside))
    value = float(amount[inside].sum()) / length_s
    bins = min(_BINS, n // 10)
    if bins < bootstrap.LEAST:
        return Scalar(value, unit, "higher", n=n)
    place = np.minimum(((at_s[inside] - begin_s) / length_s * bins).astype(np.int64), bins - 1)
    sums = np.bincount(place, amount[inside], bins).astype(np.float64)
    return with_interval(value, sums, length_s, unit, n)


def with_interval(value: float, sums: F8, length_s: float, unit: str, n: int) -> Scalar:
    """A rate whose amounts per equal bin of the window are `sums` (float64[bins]), with its interval."""
    found = bootstrap.spread(sums)
    if not found.settled:
        return Scalar(value, unit, "higher", n=n)
    reach = found.quantile * found.error * len(sums) / length_s
    return Scalar(
        value, unit, "higher", n=n, low=max(0.0, value - reach), high=value + reach, method="block bootstrap"
    )


def as_estimate(scalar: Scalar) -> Estimate:
    """Return a scalar as an estimate; without an interval it says that its maker states none."""
    missing = math.isnan(scalar.value)
    return Estimate(
        scalar.value,
        scalar.low,
        scalar.high,
        n=scalar.n,
        n_effective=scalar.n_effective,
        method=scalar.method,
        trustworthy=not missing,
        note="no values" if missing else "",
    )
