"""Quantiles, means and how often their intervals hold the truth."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servegen_fw.data.run import Series
from servegen_fw.judge.quantiles import Sample, is_statistic, needed, share_of


def sample(values, weight=None, at_s=None, requests=-1):
    """A sample of values in the order given."""
    values = np.asarray(values, np.float64)
    at_s = np.arange(len(values), dtype=np.float64) if at_s is None else at_s
    return Sample.of(Series(values, at_s, "s", "lower", weight=weight, requests=requests))


def coverage(rows, stat, truth):
    """Share of rows whose interval holds the truth; an end that the sample does not hold is infinite."""
    found = [sample(row).statistic(stat) for row in rows]
    return float(np.mean([not (e.low > truth or e.high < truth) for e in found])), found


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.floats(0.001, 0.999))
def test_quantile_is_the_inverse_of_the_empirical_distribution(values, share):
    """Type 1: the smallest measured value at or below which at least the share lies."""
    found = sample(values).at_rank(share)
    values = np.sort(values)
    assert found in values
    assert np.count_nonzero(values <= found) >= share * len(values) * (1 - 1e-9)
    assert np.count_nonzero(values < found) < share * len(values)


def test_quantile_is_numpys_inverted_cdf():
    """The definition is numpy's method "inverted_cdf", to the value."""
    values = np.random.default_rng(1).exponential(size=777)
    for share in (0.01, 0.5, 0.9, 0.99, 0.999):
        assert sample(values).at_rank(share) == np.quantile(values, share, method="inverted_cdf")


def test_a_weight_counts_a_value_so_many_times():
    """Weighted quantiles and means equal those of the values repeated."""
    g = np.random.default_rng(2)
    values, weight = g.exponential(size=300), g.integers(1, 9, 300)
    weighted, repeated = sample(values, weight.astype(np.float64)), sample(np.repeat(values, weight))
    for share in (0.1, 0.5, 0.9, 0.99):
        assert weighted.at_rank(share) == repeated.at_rank(share)
    assert weighted.mean().value == pytest.approx(repeated.mean().value, rel=1e-12)


def test_values_are_put_in_order_of_time():
    """The order in which values are given does not matter, their times do."""
    g = np.random.default_rng(3)
    values, mix = np.cumsum(g.standard_normal(900)) % 7, g.permutation(900)
    straight = sample(values, at_s=np.arange(900.0))
    mixed = sample(values[mix], at_s=np.arange(900.0)[mix])
    assert straight.quantile(0.9) == mixed.quantile(0.9)
    assert straight.mean() == mixed.mean()


def test_estimates_are_deterministic():
    """Two computations of one sample agree to the last bit: no random number is drawn."""
    values = np.random.default_rng(4).exponential(size=2000)
    assert sample(values).quantile(0.99) == sample(values).quantile(0.99)


def test_values_that_are_not_finite_are_left_out():
    """NaN and infinity are no measurements."""
    values = np.array([1.0, np.nan, 2.0, np.inf, 3.0])
    assert sample(values).at_rank(0.999) == 3.0
    assert len(sample(values)) == 3


def test_without_values_there_is_no_estimate():
    """An empty sample gives NaN, not zero, and is not trustworthy."""
    for stat in ("mean", "p50", "max"):
        found = sample([]).statistic(stat)
        assert math.isnan(found.value)
        assert not found.trustworthy


def test_a_handful_of_values_has_no_interval():
    """Below eight values the estimate stands without an interval and says why."""
    found = sample([1.0, 2.0, 3.0]).quantile(0.5)
    assert found.value == 2.0
    assert math.isnan(found.low)
    assert "at least 8 values" in found.note


def test_p99_needs_about_370_independent_requests():
    """The least number for a two-sided 95 % interval of p99 is 367 and more under clustering; p50 needs 6."""
    assert math.ceil(needed(0.99)) == 368
    assert needed(0.99) == pytest.approx(367.04, abs=0.01)
    assert needed(0.01) == needed(0.99)
    assert needed(0.99, clustered=True) == pytest.approx(1000)
    assert math.ceil(needed(0.5)) == 6


def test_a_small_sample_does_not_trust_its_p99():
    """With 200 requests p99 has no upper end and says how many would do; with 2,000 it has both ends."""
    g = np.random.default_rng(5)
    few = sample(g.exponential(size=200)).quantile(0.99)
    many = sample(g.exponential(size=2000)).quantile(0.99)
    assert not few.trustworthy
    assert math.isnan(few.high)
    assert "too few requests for p99" in few.note
    assert many.trustworthy
    assert many.low < many.value < many.high
    assert many.note == ""


def test_few_episodes_do_not_make_a_p99(queue):
    """2,000 requests of a busy queue hold a handful of slow episodes: p99 is not trusted, and the note says why."""
    found = sample(queue(1, 2000, 0.8, 6)[0]).quantile(0.99)
    assert not found.trustworthy
    assert found.n_effective < 1000
    assert found.note


def test_effective_size_of_independent_values_is_their_number():
    """Independent values count in full, within 10 % on average (sd below 2 %)."""
    rows = np.random.default_rng(7).exponential(size=(40, 1000))
    assert np.mean([sample(row).quantile(0.5).n_effective for row in rows]) > 900
    assert np.mean([sample(row).mean().n_effective for row in rows]) > 900


def test_effective_size_of_an_autoregression(autocorrelated):
    """An AR(1) median of memory 0.9 has 1/8 of its number, as its indicator's autocorrelation says, within 30 %."""
    rows = autocorrelated(40, 3000, 0.9, 8)
    lags = np.arange(1, 400)
    inflation = 1 + 2 * np.sum(2 / math.pi * np.arcsin(0.9**lags))
    found = np.mean([sample(row).quantile(0.5).n_effective for row in rows])
    assert found == pytest.approx(3000 / inflation, rel=0.3)


def test_beyond_a_limit_for_sure():
    """A quantile far from a limit is beyond it for sure, at its own value it is not; a handful of values proves nothing."""
    values = np.random.default_rng(9).exponential(size=1000)
    found = sample(values)
    assert found.surely_beyond(0.9, 1.0)
    assert found.surely_beyond(0.9, 4.0)
    assert not found.surely_beyond(0.9, found.at_rank(0.9))
    assert not sample(values[:5]).surely_beyond(0.9, 0.0)


def test_equal_values_do_not_hide_an_episode():
    """A sample of two values, one episode of each, has few independent requests, though most equal the quantile."""
    found = sample(np.where(np.arange(1000) >= 400, 50.0, 0.1)).quantile(0.5)
    assert found.n_effective < 20
    assert not found.trustworthy
    mixed = sample(np.where(np.random.default_rng(18).random(1000) >= 0.4, 50.0, 0.1)).quantile(0.5)
    assert mixed.n_effective > 700
    assert mixed.trustworthy


def test_forty_times_too_many_is_sure_whatever_the_dependence():
    """One long episode that makes 60 % slow settles that p99 is missed; that p90 is, one episode cannot settle."""
    values = np.where(np.arange(1000) >= 400, 50.0, 0.1)
    assert sample(values).surely_beyond(0.99, 2.0)
    assert not sample(values).surely_beyond(0.9, 2.0)


def test_the_note_says_how_many_would_do(queue):
    """Asked for the p99 of a clustered sample, the note has the effective number and how many requests it takes."""
    note = sample(queue(1, 3000, 0.6, 17)[0]).quantile(0.99).note
    assert "come in episodes and tell as much as" in note
    assert "would do" in note


def test_the_extreme_has_no_interval():
    """Max and min are reported as they are, with the note that they move with n."""
    found = sample([3.0, 1.0, 2.0]).statistic("max")
    assert (found.value, sample([3.0, 1.0, 2.0]).statistic("min").value) == (3.0, 1.0)
    assert math.isnan(found.high)
    assert "moves with n" in found.note


@pytest.mark.parametrize("stat", ["p0", "p100", "p-1", "q50", "p", "median", "", "pp9", "pnan"])
def test_unknown_statistics_are_refused(stat):
    """A name that is no statistic is an error that lists what is."""
    with pytest.raises(ValueError, match='use "mean", "max", "min" or a quantile'):
        sample([1.0]).statistic(stat)
    assert not is_statistic(stat)


def test_statistics_are_understood():
    """p99.9 is the share 0.999."""
    assert share_of("p99.9") == pytest.approx(0.999)
    assert all(is_statistic(stat) for stat in ("p50", "p99.9", "mean", "max", "min"))


# Coverage. With a true coverage of c, R replications fall below the bound with the probability stated: the bounds stand
# at least 3.7 standard deviations under the coverage measured over 400 to 1,000 replications by benchmarks/coverage.py.


@pytest.mark.parametrize(("stat", "share"), [("mean", None), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99)])
def test_coverage_for_independent_values(stat, share):
    """95 % intervals of 300 samples of 1,000 exponentials hold the truth in 90 % or more, and are not wasteful (1e-4)."""
    rows = np.random.default_rng(11).exponential(size=(300, 1000))
    truth = 1.0 if share is None else -math.log(1 - share)
    held, found = coverage(rows, stat, truth)
    assert held >= 0.90
    # Not by being wide: the width of the best interval of independent values, plus a third.
    spread = 1.0 if share is None else math.sqrt(share * (1 - share)) / (1 - share)
    width = np.nanmedian([e.high - e.low for e in found])
    assert width < 1.33 * 2 * 1.96 * spread / math.sqrt(1000)


@pytest.mark.parametrize(("stat", "share"), [("mean", None), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99)])
def test_coverage_for_autocorrelated_values(stat, share, autocorrelated):
    """AR(1) lognormals of memory 0.9: 95 % intervals of 300 samples of 3,000 hold the truth in 86 % or more (1e-4)."""
    truth = math.exp(0.5) if share is None else math.exp(NormalDist().inv_cdf(share))
    held, _ = coverage(autocorrelated(300, 3000, 0.9, 12), stat, truth)
    assert held >= 0.86


@pytest.mark.parametrize(("stat", "share"), [("mean", None), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99)])
def test_coverage_for_a_queue(stat, share, queue):
    """Sojourn times at half load: 95 % intervals of 250 samples of 10,000 hold the truth in 86 % or more (1e-4)."""
    truth = 1.0 if share is None else -math.log(1 - share)
    held, _ = coverage(queue(250, 10_000, 0.5, 13), stat, truth)
    assert held >= 0.86


def test_a_limit_at_the_truth_is_seldom_surely_exceeded(queue):
    """With the limit at the true p90 of a queue, at most 12 % of 250 runs call themselves sure (aimed at 5 %; 1e-4 at 6)."""
    rows = queue(250, 5000, 0.5, 16)
    assert np.mean([sample(row).surely_beyond(0.9, -math.log(0.1)) for row in rows]) <= 0.12


def test_plain_resampling_would_not_cover(autocorrelated):
    """The same data, shuffled in time, give intervals that miss the truth more than half of the time: order matters."""
    g = np.random.default_rng(14)
    rows = [g.permutation(row) for row in autocorrelated(100, 3000, 0.9, 12)]
    held, _ = coverage(rows, "p50", 1.0)
    assert held < 0.6


def test_shared_gaps_count_by_weight():
    """Weighted values of one piece of time move together: n is the requests', and the interval holds the value."""
    g = np.random.default_rng(15)
    values, weight = g.gamma(50, 0.02 / 50, 5000), g.integers(1, 200, 5000).astype(np.float64)
    found = sample(values, weight, requests=700).quantile(0.9)
    assert found.n == 700
    assert found.low < found.value < found.high
    assert found.trustworthy
