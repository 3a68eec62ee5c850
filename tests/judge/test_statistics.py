"""Shares, rates and the table of a series."""

from __future__ import annotations

import math

import numpy as np
import pytest

from servegen_fw.data.run import Scalar, Series
from servegen_fw.judge import statistics


def wilson(k, n, z=1.959964):
    """Wilson's interval as textbooks print it."""
    p = k / n
    middle, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n)


def test_a_series_is_described_by_mean_and_three_quantiles():
    """The usual statistics stand in report order, those asked for besides come once."""
    series = Series(np.arange(100.0), np.arange(100.0), "s", "lower")
    assert list(statistics.describe(series)) == ["mean", "p50", "p90", "p99"]
    assert list(statistics.describe(series, ("p95", "mean", "p95"))) == ["p95", "mean"]


def test_every_estimate_says_n_level_and_method():
    """A number carries what a reader needs to trust it."""
    series = Series(np.random.default_rng(1).exponential(size=500), np.arange(500.0), "s", "lower")
    for estimate in statistics.describe(series).values():
        assert (estimate.n, estimate.level, estimate.method) == (500, 0.95, "block bootstrap")
        assert 0 < estimate.n_effective <= 500


@pytest.mark.parametrize(("k", "n"), [(0, 50), (50, 50)])
def test_share_without_exceptions_has_wilsons_interval(k, n):
    """None or all of 50: the interval is Wilson's, not a point."""
    found = statistics.share(np.arange(n) < k, np.arange(float(n)), "higher")
    low, high = wilson(k, n)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert found.method == "Wilson"


def test_share_of_independent_requests_is_close_to_wilsons():
    """Independent marks give Wilson's interval within a tenth of its width, on the median of 50 samples."""
    widths = []
    for seed in range(50):
        marked = np.random.default_rng(seed).random(2000) < 0.9
        found = statistics.share(marked, np.arange(2000.0), "higher")
        low, high = wilson(int(marked.sum()), 2000)
        widths.append((found.high - found.low) / (high - low))
    assert np.median(widths) == pytest.approx(1.0, abs=0.1)


def test_share_that_comes_in_episodes_counts_fewer_requests():
    """Failures in runs of a hundred count as few independent requests and widen the interval accordingly."""
    marked = np.repeat(np.random.default_rng(3).random(100) < 0.1, 100)
    found = statistics.share(marked, np.arange(10_000.0), "lower")
    low, high = wilson(int(marked.sum()), 10_000)
    assert found.n == 10_000
    assert found.n_effective < 300
    assert found.high - found.low > 5 * (high - low)


def test_coverage_of_a_share_that_comes_in_episodes():
    """95 % intervals of 300 shares with geometric episodes hold the truth in 88 % or more (1e-4 at a true 0.94)."""
    g = np.random.default_rng(4)
    held = []
    for _ in range(300):
        lengths = g.geometric(0.05, 600)
        marked = np.repeat(g.random(600) < 0.2, lengths)[:6000]
        found = statistics.share(marked, np.arange(float(len(marked))), "lower")
        held.append(found.low <= 0.2 <= found.high)
    assert np.mean(held) >= 0.88


def test_share_of_nobody_is_unknown():
    """Without requests there is no share."""
    found = statistics.share(np.empty(0, np.bool_), np.empty(0), "higher")
    assert math.isnan(found.value)
    assert not statistics.as_estimate(found).trustworthy


def test_rate_counts_what_falls_into_the_window():
    """Events before the window or after it do not count; the value is the amount over the length."""
    at_s = np.array([0.5, 1.0, 1.5, 3.0, 3.001, 9.0])
    found = statistics.rate(at_s, np.full(6, 10.0), 1.0, 2.0, "tokens/s")
    assert (found.value, found.n) == (15.0, 3)
    assert math.isnan(found.low)


def test_rate_of_a_poisson_process_has_its_interval():
    """95 % intervals of 200 Poisson rates hold the truth in 89 % or more (1e-4), with the width that Poisson implies."""
    g = np.random.default_rng(5)
    held, width = [], []
    for _ in range(200):
        at_s = g.random(g.poisson(2000)) * 100.0
        found = statistics.rate(at_s, np.ones(len(at_s)), 0.0, 100.0, "1/s")
        held.append(found.low <= 20.0 <= found.high)
        width.append(found.high - found.low)
    assert np.mean(held) >= 0.89
    assert np.median(width) == pytest.approx(2 * 1.96 * math.sqrt(2000) / 100, rel=0.25)


def test_rate_of_an_empty_window_is_unknown():
    """A window without length has no rate."""
    assert math.isnan(statistics.rate(np.ones(3), np.ones(3), 0.0, 0.0, "1/s").value)


def test_a_scalar_becomes_an_estimate_with_all_it_says():
    """Interval, sizes and method pass through unchanged."""
    found = statistics.as_estimate(Scalar(2.0, "J", "lower", 7, 1.0, 3.0, 5.0, "given"))
    assert (found.value, found.low, found.high, found.n) == (2.0, 1.0, 3.0, 7)
    assert (found.n_effective, found.method, found.trustworthy) == (5.0, "given", True)
