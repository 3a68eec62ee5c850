"""Quantiles and means of one metric with their intervals, from values in time order.

A quantile is the inverse of the empirical distribution function (type 1 of Hyndman and Fan, 1996): the smallest
measured value at or below which at least the share p of the (weighted) values lies. It is always a value that was
measured.

The interval of a quantile inverts a test, after Woodruff (1952): the values at the ranks p - e and p + e, where e is
the sampling error of the share of values at or below the quantile, from the block bootstrap. No density is estimated,
and the interval follows the skew of the tail.
"""

from __future__ import annotations

import math

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I8
from servegen_fw.data.report import Estimate
from servegen_fw.data.run import Series
from servegen_fw.judge import bootstrap

_ROUNDING = 1e-9
_CLUSTERED = 2.0
_EPISODES = 10.0


@attrs.frozen(eq=False)
class Sample:
    """A metric's values, ready for statistics.

    Attributes
    ----------
        values: float64[m] in time order.
        weight: float64[m] in time order, None for once each.
        ordered: float64[m] ascending.
        mass: float64[m]; cumulative weight along `ordered`, None without weights.
        ends: int64[pieces]; how the time order is cut for the bootstrap.
        requests: number of requests behind the values.
    """

    values: F8
    weight: F8 | None
    ordered: F8
    mass: F8 | None
    ends: I8
    requests: int

    @classmethod
    def of(cls, series: Series) -> Sample:
        """Sort a series by time and by value; values that are not finite are left out."""
        values, at_s, weight = series.values, series.at_s, series.weight
        keep = np.isfinite(values)
        if not keep.all():
            values, at_s = values[keep], at_s[keep]
            weight = None if weight is None else weight[keep]
        if len(at_s) > 1 and not np.all(at_s[1:] >= at_s[:-1]):
            order = np.argsort(at_s, kind="stable")
            values = values[order]
            weight = None if weight is None else weight[order]
        mass = None
        if weight is None:
            ordered = np.sort(values)
        else:
            by_value = np.argsort(values)
            ordered, mass = values[by_value], np.cumsum(weight[by_value])
        requests = series.requests if series.requests >= 0 else len(values)
        return cls(values, weight, ordered, mass, bootstrap.edges(len(values)), requests)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return float(len(self)) if self.mass is None else float(self.mass[-1])

    def at_rank(self, share: float) -> float:
        """The type 1 quantile at `share` in (0, 1]."""
        if self.mass is None:
            rank = math.ceil(share * len(self) * (1 - _ROUNDING)) - 1
        else:
            rank = int(np.searchsorted(self.mass, share * self.total * (1 - _ROUNDING)))
        return float(self.ordered[min(max(rank, 0), len(self) - 1)])

    def quantile(self, share: float) -> Estimate:
        """Quantile at `share` in (0, 1) with its interval.

        An end of the interval that lies beyond the sample is NaN and the estimate is not trustworthy. With
        independent requests that happens below about 370 requests for p99.
        """
        if not len(self):
            return Estimate(math.nan, trustworthy=False, note="no values")
        value = self.at_rank(share)
        if len(self.ends) < bootstrap.LEAST:
            return self._without(value)
        found = bootstrap.spread(self._influence(self._below(value, share)))
        per_piece = self.total / len(self.ends)
        independent = share * (1 - share)
        # Not below what independent values would have: the error of an estimated variance is largest in the tails.
        squared = max((found.error / per_piece) ** 2, independent / self.total)
        reach = found.quantile * math.sqrt(squared)
        effective = independent / squared
        low = self.at_rank(share - reach) if share > reach else math.nan
        high = self.at_rank(share + reach) if share + reach < 1 else math.nan
        inflation = self.total / effective
        least = needed(share, clustered=inflation > _CLUSTERED)
        enough = not (math.isnan(low) or math.isnan(high)) and effective >= least
        note = "" if enough else self._too_few(share, found.quantile, inflation)
        if not found.settled:
            note = _UNSETTLED
        return self._estimate(value, (low, high), effective, enough and found.settled, note)

    def surely_beyond(self, share: float, limit: float) -> bool:
        """Whether the quantile at `share` lies above `limit` (or below it, whichever side the sample is on) for sure.

        Tests the share of values at or below the limit against `share` with that share's own error, which also
        settles cases in which the quantile itself is too poor an estimate for an interval. Where the values beyond
        are 40 times what the quantile leaves for them, Markov's inequality settles it for any dependence: with 1 %
        expected, a run with 40 % has a probability of 2.5 % at most.
        """
        if len(self.ends) < bootstrap.LEAST:
            return False
        below = (self.values <= limit).astype(np.float64)
        reached = float(np.average(below, weights=self.weight))
        found_beyond, left_beyond = (1 - reached, 1 - share) if reached < share else (reached, share)
        if left_beyond <= (1 - bootstrap.LEVEL) / 2 * found_beyond:
            return True
        independent = share * (1 - share) / self.total
        found = bootstrap.spread(self._influence(below - share))
        per_piece = self.total / len(self.ends)
        reach = found.quantile * max(found.error / per_piece, math.sqrt(independent))
        # Where the error is known to be too small, twice as much is asked for.
        return abs(reached - share) > reach * (1.0 if found.settled else 2.0)

    def mean(self) -> Estimate:
        """Mean with its interval."""
        if not len(self):
            return Estimate(math.nan, trustworthy=False, note="no values")
        value = float(np.average(self.values, weights=self.weight))
        if len(self.ends) < bootstrap.LEAST:
            return self._without(value)
        found = bootstrap.spread(self._influence(self.values - value))
        error = found.error / (self.total / len(self.ends))
        reach = found.quantile * error
        variance = float(np.average((self.values - value) ** 2, weights=self.weight))
        effective = variance / error**2 if error > 0 else self.total
        note = "" if found.settled else _UNSETTLED
        return self._estimate(value, (value - reach, value + reach), effective, found.settled, note)

    def extreme(self, name: str) -> Estimate:
        """Largest ("max") or smallest ("min") value; it has no interval, since it moves with the sample size."""
        if not len(self):
            return Estimate(math.nan, trustworthy=False, note="no values")
        value = float(self.ordered[-1 if name == "max" else 0])
        return Estimate(
            value, n=self.requests, note="the extreme of a sample has no interval: it moves with n"
        )

    def statistic(self, name: str) -> Estimate:
        """Compute "mean", "max", "min" or a quantile such as "p50" or "p99.9".

        Raises
        ------
            ValueError: there is no such statistic.
        """
        if name == "mean":
            return self.mean()
        if name in {"max", "min"}:
            return self.extreme(name)
        return self.quantile(share_of(name))

    def _below(self, value: float, share: float) -> F8:
        """Whether each value lies below the quantile, less `share`; those equal to it count in part, so that the mean is 0."""
        below = (self.values < value).astype(np.float64)
        equal = self.values == value
        lower = float(below.sum() if self.weight is None else np.dot(below, self.weight)) / self.total
        tied = float(equal.sum() if self.weight is None else self.weight[equal].sum()) / self.total
        below[equal] = (share - lower) / tied
        return below - share

    def _influence(self, each: F8) -> F8:
        """Sum `each` (float64[m], in time order, weighted here) over the pieces."""
        running = np.cumsum(each if self.weight is None else each * self.weight)
        return np.diff(running[self.ends - 1], prepend=0.0)

    def _without(self, value: float) -> Estimate:
        note = f"an interval needs at least {bootstrap.LEAST} values, this has {len(self)}"
        return Estimate(value, n=self.requests, trustworthy=False, note=note)

    def _too_few(self, share: float, t: float, inflation: float) -> str:
        tail = min(share, 1 - share)
        clustered = inflation > _CLUSTERED
        more = max(needed(share, clustered=clustered), t * t * (1 - tail) / tail) * inflation
        why = "so few lie beyond it"
        if clustered:
            effective = max(1, round(self.total / inflation))
            why = f"they come in episodes and tell as much as {effective:,} independent ones"
        least = math.ceil(more / max(self.total, 1.0) * self.requests)
        return f"too few requests for p{share * 100:g}: {why}; about {_round_up(least):,} would do"

    def _estimate(
        self, value: float, interval: tuple[float, float], effective: float, trustworthy: bool, note: str
    ) -> Estimate:
        return Estimate(
            value,
            *interval,
            n=self.requests,
            n_effective=min(effective, float(self.requests)),
            level=bootstrap.LEVEL,
            method="block bootstrap",
            trustworthy=trustworthy,
            note=note,
        )


_UNSETTLED = "an episode lasts for much of the window, so the interval is too narrow; run longer"


def needed(share: float, *, clustered: bool = False) -> float:
    """Effective number of values that a two-sided interval of a quantile needs.

    Below log(0.025) / log(p), 367 for p99, even the largest of independent values is no upper end. Where values come
    in `clustered` episodes, ten of them beyond the quantile (1,000 effective values for p99): with fewer, the run's
    own episodes are too small a sample of how long episodes get, and measured coverage of 95 % intervals drops to 85.
    """
    tail = min(share, 1 - share)
    least = math.log((1 - bootstrap.LEVEL) / 2) / math.log(1 - tail)
    return max(least, _EPISODES / tail) if clustered else least


def share_of(stat: str) -> float:
    """Turn "p99.9" into 0.999.

    Raises
    ------
        ValueError: `stat` does not name a quantile between p0 and p100, both excluded.
    """
    try:
        share = float(stat.removeprefix("p")) / 100 if stat.startswith("p") else math.nan
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        raise ValueError(f'{stat!r} is no statistic; use "mean", "max", "min" or a quantile such as "p99"')
    return share


def is_statistic(stat: str) -> bool:
    """Whether `stat` names a statistic of a series."""
    if stat in {"mean", "max", "min"}:
        return True
    try:
        share_of(stat)
    except ValueError:
        return False
    return True


def _round_up(number: int) -> int:
    """Round up to two digits, since the number is rough."""
    step: int = 10 ** max(0, len(str(number)) - 2)
    return -(-number // step) * step
