"""Weighted samples: ascending values with how many requests had each; every statistic of lengths works on them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from servegen_fw_pools.characterize.section import Number
from servegen_fw_pools.quantiles import level_at, slices

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw.plugin import ClientPool, Tables

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]
    AnyArray = npt.NDArray[Any]

BATCHES = 32
_BATCH_ROWS = 20
_DENSE = 1 << 23
_STRETCH = 1 << 20
_LEVELS = 512


@attrs.frozen(eq=False)
class Sample:
    """A weighted sample.

    Attributes
    ----------
        value: float64[k], ascending, no two equal.
        weight: float64[k], above 0; they sum to `n` (fractions where the tables of a pool were weighted by its counts).
        whole: whether the values are whole numbers by nature (tokens, items, turns).
    """

    value: F8
    weight: F8
    whole: bool = True

    @property
    def n(self) -> int:
        """Number of observations, rounded."""
        return round(float(self.weight.sum()))

    @property
    def mean(self) -> float:
        """Mean; 0 for an empty sample."""
        return float(np.dot(self.value, self.weight) / self.weight.sum()) if len(self.value) else 0.0

    @property
    def variance(self) -> float:
        """Variance with n - 1 in the denominator; 0 below two observations."""
        total = float(self.weight.sum())
        if total <= 1:
            return 0.0
        return float(np.dot(self.weight, (self.value - self.mean) ** 2) / (total - 1))

    def quantile(self, p: float) -> float:
        """Smallest value that at least a share `p` of the sample does not exceed."""
        return self._ranked(p * float(self.weight.sum()))

    def above(self, least: float) -> Sample:
        """The part of the sample above `least`."""
        kept = self.value > least
        return Sample(self.value[kept], self.weight[kept], self.whole)

    def share_of(self, value: float) -> float:
        """Share of observations that equal `value`."""
        at = int(np.searchsorted(self.value, value))
        hit = at < len(self.value) and self.value[at] == value
        return float(self.weight[at] / self.weight.sum()) if hit else 0.0

    def _ranked(self, rank: float) -> float:
        level = self._level
        return float(self.value[min(int(np.searchsorted(level, rank * (1 - 1e-12))), len(level) - 1)])

    @cached_property
    def _level(self) -> F8:
        """Observations up to each value."""
        return np.cumsum(self.weight)


def of_column(column: AnyArray) -> Sample:
    """Sample of a column: whole numbers from 0 are counted, others sorted."""
    if not len(column):
        return Sample(np.empty(0), np.empty(0), np.issubdtype(column.dtype, np.integer))
    if np.issubdtype(column.dtype, np.integer) and column.min() >= 0 and column.max() < _DENSE:
        count = counted(column, int(column.max()) + 1)
        value = np.flatnonzero(count)
        return Sample(value.astype(np.float64), count[value].astype(np.float64))
    values, weights = np.unique(column, return_counts=True)
    whole = bool(np.issubdtype(column.dtype, np.integer))
    return Sample(values.astype(np.float64), weights.astype(np.float64), whole)


def counted(key: AnyArray, width: int) -> I8:
    """How often each whole number from 0 to `width` - 1 occurs in `key`; int64[width]."""
    if width >= _STRETCH:
        return np.bincount(key, minlength=width)
    count = np.zeros(width, np.int64)
    # In stretches: bincount copies what it counts to 64 bits.
    for first in range(0, len(key), _STRETCH):
        count += np.bincount(key[first : first + _STRETCH], minlength=width)
    return count


def is_whole(field: str) -> bool:
    """Whether a pool's field holds whole numbers by its meaning."""
    return field.endswith(("_tokens", "_count")) or field == "turns"


def of_pool(pool: ClientPool, field: str, weight: F8 | None = None) -> Sample:
    """Sample of a pool's field: its tables' masses, weighted.

    Parameters
    ----------
        pool: recorded or fitted.
        field: one of its fields.
        weight: float64[C, V]; requests per client and table window; None for the recorded ones, later turns of sessions included.

    Returns
    -------
        Whole numbers have the probability that a draw is rounded to them. Other fields of a linear table are
        represented by the middles of 512 slices of equal probability.
    """
    weight = pool.table_requests if weight is None else weight
    table = pool.table[pool.fields.index(field)]
    used = (table >= 0) & (weight > 0)
    per_table = np.bincount(table[used], weights=weight[used], minlength=len(pool.tables))
    whole = is_whole(field)
    parts = [masses(pool.tables, int(k), whole) for k in np.flatnonzero(per_table)]
    if not parts:
        return Sample(np.empty(0), np.empty(0), whole)
    values = np.concatenate([part for part, _ in parts])
    mass = np.concatenate(
        [share * per_table[k] for (_, share), k in zip(parts, np.flatnonzero(per_table), strict=True)]
    )
    value, place = np.unique(values, return_inverse=True)
    total = np.bincount(place, weights=mass, minlength=len(value)).astype(np.float64)
    return Sample(value[total > 0], total[total > 0], whole)


def masses(tables: Tables, k: int, whole: bool) -> tuple[F8, F8]:
    """Values of table `k` and their probabilities; see `of_pool` for linear tables."""
    value, level = tables.knots(k)
    if not tables.linear:
        return value, np.diff(level, prepend=0.0)
    if not whole:
        return slices(tables, np.array([k]), np.ones(1), _LEVELS)
    grid = np.arange(np.floor(value[0] + 0.5), np.floor(value[-1] + 0.5) + 1)
    cdf = level_at(value, level, grid + 0.5)
    cdf[-1] = 1.0
    return grid, np.diff(cdf, prepend=0.0)


def mean_of(column: AnyArray, unit: str) -> Number:
    """Mean of a column in the order of its times, with an interval that holds under dependence.

    From 640 rows on the interval is that of 32 consecutive batches' means (Law and Kelton, Simulation Modeling and
    Analysis, section 9.5.3), whose spread includes what bursts and drifts add; below, requests are taken as
    independent. A constant column has no interval.
    """
    from scipy.special import stdtrit

    n = len(column)
    mean = float(np.mean(column, dtype=np.float64))
    if n < 2:
        return Number(mean, unit, n)
    if n >= BATCHES * _BATCH_ROWS:
        first = np.arange(BATCHES) * n // BATCHES
        size = np.diff(np.append(first, n))
        means = np.add.reduceat(column, first, dtype=np.float64) / size
        half = float(stdtrit(BATCHES - 1, 0.975)) * float(means.std(ddof=1)) / BATCHES**0.5
        return _around(column, mean, half, unit, "batch means")
    half = float(stdtrit(n - 1, 0.975)) * float(np.std(column, ddof=1)) / n**0.5
    return _around(column, mean, half, unit, "t, independent")


def _around(column: AnyArray, mean: float, half: float, unit: str, method: str) -> Number:
    """Mean with its interval, which does not reach below 0 where no value does."""
    low = mean - half
    return Number(mean, unit, len(column), max(low, 0.0) if column.min() >= 0 else low, mean + half, method)


def sample_mean(sample: Sample, unit: str) -> Number:
    """Mean of a sample of independent observations."""
    n = sample.n
    if n < 2:
        return Number(sample.mean, unit, n)
    half = 1.959963984540054 * (sample.variance / n) ** 0.5
    return Number(sample.mean, unit, n, sample.mean - half, sample.mean + half, "normal, independent")


def quantile_of(sample: Sample, p: float, unit: str) -> Number:
    """Quantile `p` with the interval of its order statistics (David and Nagaraja, Order Statistics, section 7.1).

    Observations are taken as independent. An end is missing where the sample is too small to have it.
    """
    from scipy.special import bdtr

    n = sample.n
    spread = 1.959963984540054 * (n * p * (1 - p)) ** 0.5
    low, high = int(np.ceil(n * p - spread)) + 1, max(1, int(np.floor(n * p + spread)) - 1)
    # The normal ranks are narrowed by one or two, then widened until the binomial probability outside them is small enough at each end.
    while low > 0 and bdtr(low - 1, n, p) > 0.025:
        low -= 1
    while high <= n and bdtr(high - 1, n, p) < 0.975:
        high += 1
    return Number(
        sample.quantile(p),
        unit,
        n,
        sample._ranked(low) if low >= 1 else None,  # noqa: SLF001 - of this module
        sample._ranked(high) if high <= n else None,  # noqa: SLF001
        "order statistics",
    )


def share_number(hits: float, n: int) -> Number:
    """Share of `hits` among `n` with Wilson's interval (JASA 22, 1927)."""
    if n == 0:
        raise ValueError("a share of nothing")
    z2 = 1.959963984540054**2
    share = hits / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = (z2 * (share * (1 - share) / n + z2 / (4 * n * n))) ** 0.5 / (1 + z2 / n)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Number(share, "", n, min(low, share), max(high, share), "Wilson")


def table_means(pool: ClientPool, field: str) -> F8:
    """Mean of each client's table of a field, float64[C, V]; 0 where it has none."""
    table = pool.table[pool.fields.index(field)]
    whole = is_whole(field)
    used = np.unique(table[table >= 0])
    mean = np.zeros(max(len(pool.tables), 1) + 1)
    for k in used:
        values, share = masses(pool.tables, int(k), whole)
        mean[k] = np.dot(values, share)
    return mean[np.where(table >= 0, table, len(mean) - 1)]
