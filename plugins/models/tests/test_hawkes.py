"""The Hawkes process: rate, stationarity, dispersion, clusters.

Statistical tests run on fixed seeds; over seeds each case fails by chance with probability below 1e-5 (4.5 standard
errors, Kolmogorov-Smirnov tests at p = 1e-5).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from servegen_fw_models import options
from servegen_fw_models.hawkes import Hawkes, make

from servegen_fw.plugin import InputError

F8 = npt.NDArray[np.float64]


def counts(process: Hawkes, horizon_s: float, rate: float, runs: int, seed: int) -> F8:
    """Counts of [0, horizon_s) of independent runs."""
    rng = np.random.default_rng(seed)
    return np.array([len(process.times(horizon_s, rate, rng)) for _ in range(runs)], np.float64)


def variance(branching: float, decay_s: float, rate: float, horizon_s: float) -> float:
    """Var N(t) from the covariance density of Hawkes (Biometrika 58, 1971, section 3) for an exponential kernel.

    It is r n b (2 - n) / (2 (1 - n)) exp(-(1 - n) b s) with b = 1 / decay; twice its integral over (t - s) is added to
    the Poisson variance r t. Over t it tends to r / (1 - n)^2.
    """
    density = rate * branching * (2 - branching) / (2 * (1 - branching) * decay_s)
    back = (1 - branching) / decay_s
    return rate * horizon_s + 2 * density * (horizon_s / back + math.expm1(-back * horizon_s) / back**2)


@pytest.mark.parametrize("branching", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("horizon", [0.5, 20.0])
def test_the_expected_count_is_the_rate_times_the_horizon(branching: float, horizon: float) -> None:
    """From the very start counts average rate times time: clusters begun before time 0 are there."""
    found = counts(Hawkes(branching, 5.0), horizon, 2.0, 3_000, 81)
    assert abs(found.mean() - 2 * horizon) < 4.5 * found.std() / math.sqrt(len(found))


def test_without_the_past_the_start_would_be_slow() -> None:
    """The test above can fail: with immigrants from 0 on only, the first seconds hold half of what they should."""
    rng = np.random.default_rng(82)
    found = [
        sum(int((part < 0.5).sum()) for part in Hawkes(0.5, 5.0)._clusters(0.0, 0.5, 2.0, rng))
        for _ in range(6_000)
    ]
    assert np.mean(found) < 0.6


@given(st.floats(0, 0.9), st.floats(0.01, 100), st.floats(0.1, 20), st.floats(0.1, 3), st.integers(0, 2**32))
@settings(max_examples=20)
def test_any_hawkes_process_has_its_mean_rate(
    branching: float, decay_s: float, rate: float, span: float, seed: int
) -> None:
    """Over 300 runs of some arrivals each, the mean count is right within 6 standard errors (1e-8 a case if normal)."""
    horizon = span * 10 / rate
    found = counts(Hawkes(branching, decay_s), horizon, rate, 300, seed)
    error = math.sqrt(variance(branching, decay_s, rate, horizon) / len(found))
    assert abs(found.mean() - rate * horizon) < 6 * error


@pytest.mark.parametrize("horizon", [1.0, 10.0, 100.0])
def test_counts_have_the_dispersion_of_the_theory(horizon: float) -> None:
    """Var N(t) is that of the covariance density, for times below, at and above the process's memory of 10 s."""
    found = counts(Hawkes(0.6, 4.0), horizon, 3.0, 3_000, 83)
    squared = (found - 3 * horizon) ** 2
    expected = variance(0.6, 4.0, 3.0, horizon)
    assert abs(squared.mean() - expected) < 4.5 * squared.std() / math.sqrt(len(squared))


def test_the_index_of_dispersion_tends_to_its_limit() -> None:
    """Over 50 memories variance / mean lies within 10 % of 1 / (1 - branching)^2."""
    found = counts(Hawkes(0.5, 1.0), 100.0, 5.0, 3_000, 84)
    assert found.var() / found.mean() == pytest.approx(4.0, rel=0.1)


def test_without_offspring_it_is_poisson() -> None:
    """Branching 0 gives exponential gaps: a Kolmogorov-Smirnov test passes, and counts have variance equal to mean."""
    times = Hawkes(0.0, 5.0).times(10_000.0, 2.0, np.random.default_rng(85))
    assert stats.kstest(np.diff(times), stats.expon(scale=0.5).cdf).pvalue > 1e-5
    assert variance(0.0, 5.0, 2.0, 7.0) == 14.0


def test_offspring_come_after_exponential_times() -> None:
    """Children of immigrants at time 0 come at exponential times of mean `decay_s`: Kolmogorov-Smirnov, p = 1e-5."""
    generations = Hawkes(0.5, 4.0)._clusters(0.0, 1e-12, 8e16, np.random.default_rng(88))
    first, children = next(generations), next(generations)
    assert len(first) > 30_000
    assert abs(len(children) - 0.5 * len(first)) < 4.5 * math.sqrt(0.5 * len(first))
    assert stats.kstest(children, stats.expon(scale=4.0).cdf).pvalue > 1e-5


def test_the_memory_is_in_seconds() -> None:
    """Twice the rate leaves the covariance's reach as it is: bursts last as long, they are not compressed."""
    for rate in (2.0, 4.0):
        found = counts(Hawkes(0.6, 4.0), 10.0, rate, 4_000, 86)
        squared = (found - 10 * rate) ** 2
        error = squared.std() / math.sqrt(len(squared))
        assert abs(squared.mean() - variance(0.6, 4.0, rate, 10.0)) < 4.5 * error


@given(st.floats(0, 0.95), st.floats(0.01, 50), st.floats(0.01, 30), st.floats(0, 1), st.integers(0, 2**32))
@settings(max_examples=60)
def test_any_longer_horizon_only_appends(
    branching: float, decay_s: float, rate: float, part: float, seed: int
) -> None:
    """Times below a shorter horizon are the same to the bit; all ascend within the horizon."""
    long = 2_000 / rate
    times = Hawkes(branching, decay_s).times(long, rate, np.random.default_rng(seed))
    assert (np.diff(times) >= 0).all()
    assert ((times >= 0) & (times < long)).all()
    short = Hawkes(branching, decay_s).times(part * long, rate, np.random.default_rng(seed))
    np.testing.assert_array_equal(short, times[times < part * long])


def test_a_past_that_never_ends_is_refused() -> None:
    """A day's memory at 1,000/s would be simulated for an hour: an error says how much that is, and what to change."""
    with pytest.raises(
        InputError, match=r"memory reaches 1\.79e\+08 s back, which at 1000/s is 1\.8e\+11 arrivals"
    ):
        Hawkes(0.99, 86_400.0).times(60.0, 1_000.0, np.random.default_rng(89))


def test_nothing_comes_in_no_time() -> None:
    """A horizon or a rate of 0 has no arrivals."""
    process = make(options.Hawkes(branching=0.5, decay_s=5.0))
    assert process.timescale == "physical"
    for horizon, rate in ((0.0, 2.0), (5.0, 0.0)):
        assert len(process.times(horizon, rate, np.random.default_rng(87))) == 0
