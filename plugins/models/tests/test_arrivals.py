"""Every arrival process of the plugin: mean rate 1 from time 0 on, appending, dispersion, gaps of the stated law.

Statistical tests run on fixed seeds. Over seeds, each case fails by chance with probability below 1e-5: normal tests at
4.5 standard errors, Kolmogorov-Smirnov tests at p = 1e-5.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from servegen_fw_models import gamma, options, regular, weibull

from servegen_fw.plugin import NoOptions

F8 = npt.NDArray[np.float64]

PROCESSES = {
    "constant": regular.make_constant(NoOptions()),
    "poisson": regular.make_poisson(NoOptions()),
    "gamma-0.5": gamma.make(options.Gamma(cv=0.5)),
    "gamma-2": gamma.make(options.Gamma(cv=2.0)),
    "gamma-6": gamma.make(options.Gamma(cv=6.0)),
    "weibull-0.5": weibull.make(options.Weibull(cv=0.5)),
    "weibull-2": weibull.make(options.Weibull(cv=2.0)),
    "weibull-6": weibull.make(options.Weibull(cv=6.0)),
}


def gap_law(name: str) -> Any:
    """The law of the gaps in scipy's terms."""
    kind, _, cv = name.partition("-")
    if kind == "poisson":
        return stats.expon()
    if kind == "gamma":
        return stats.gamma(1 / float(cv) ** 2, scale=float(cv) ** 2)
    shape = weibull.shape_of(float(cv))
    return stats.weibull_min(shape, scale=1 / math.gamma(1 + 1 / shape))


def runs(name: str, horizon: float, count: int, seed: int) -> list[F8]:
    """Times of independent runs."""
    rng = np.random.default_rng(seed)
    return [PROCESSES[name].unit_times(horizon, rng) for _ in range(count)]


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("horizon", [0.6, 7.5])
def test_the_expected_count_is_the_horizon(name: str, horizon: float) -> None:
    """Counts of [0, h) average h from the very start, for CVs from 0 to 6."""
    counts = np.array([len(times) for times in runs(name, horizon, 8_000, 51)], np.float64)
    error = counts.std(ddof=1) / math.sqrt(len(counts))
    assert abs(counts.mean() - horizon) < 4.5 * error


@pytest.mark.parametrize("name", PROCESSES)
def test_the_long_run_rate_is_one(name: str) -> None:
    """Over 400,000 units, the rate is 1 within 4.5 standard errors of cv / sqrt(horizon)."""
    cv = float(name.partition("-")[2] or 1)
    times = runs(name, 400_000.0, 1, 52)[0]
    assert abs(len(times) / 400_000 - 1) < 4.5 * cv / math.sqrt(400_000)


@pytest.mark.parametrize("name", [name for name in PROCESSES if name != "constant"])
def test_gaps_follow_the_stated_law(name: str) -> None:
    """The first 30,000 gaps pass a Kolmogorov-Smirnov test above 1e-6, and as many lie below as should."""
    # Differences of times near 50,000 cannot tell gaps below 1e-11 from 0, of which bursty laws have many.
    law = gap_law(name)
    gaps = np.diff(runs(name, 60_000.0, 1, 53)[0])[:30_000]
    assert len(gaps) == 30_000
    below = float(law.cdf(1e-6))
    assert abs((gaps < 1e-6).mean() - below) <= 4.5 * math.sqrt(max(below, 1e-4) / len(gaps))
    found = stats.kstest(gaps[gaps >= 1e-6], lambda x: (law.cdf(x) - below) / (1 - below))
    assert found.pvalue > 1e-5


@pytest.mark.parametrize("name", ["poisson", "gamma-0.5", "gamma-2", "weibull-0.5", "weibull-2"])
def test_counts_have_the_dispersion_of_the_law(name: str) -> None:
    """Var N(h) is cv^2 h + 1/6 + cv^4/2 - mu3/3 for a stationary renewal process of mean gap 1 (mu3: third central moment)."""
    horizon = 300.0
    counts = np.array([len(times) for times in runs(name, horizon, 3_000, 54)], np.float64)
    law = gap_law(name)
    third = float(law.stats("s")) * law.std() ** 3
    expected = law.var() * horizon + 1 / 6 + law.var() ** 2 / 2 - third / 3
    squared = (counts - horizon) ** 2
    assert abs(squared.mean() - expected) < 4.5 * squared.std() / math.sqrt(len(squared))


@pytest.mark.parametrize("name", ["poisson", "gamma-2", "weibull-2"])
def test_gaps_are_independent(name: str) -> None:
    """Ranks of neighbouring gaps are uncorrelated within 4.5 / sqrt(n)."""
    gaps = np.diff(runs(name, 40_000.0, 1, 55)[0])
    correlation = stats.spearmanr(gaps[:-1], gaps[1:]).statistic
    assert abs(correlation) < 4.5 / math.sqrt(len(gaps))


def test_constant_counts_are_floor_or_ceiling() -> None:
    """Equal gaps with a uniform phase: 7 or 8 times in 7.25 units, 8 in a quarter of the runs, gaps exactly 1."""
    found = runs("constant", 7.25, 4_000, 56)
    counts = np.array([len(times) for times in found])
    assert set(counts) == {7, 8}
    assert abs((counts == 8).mean() - 0.25) < 4.5 * math.sqrt(0.25 * 0.75 / 4_000)
    np.testing.assert_allclose(np.diff(found[0]), 1.0, rtol=1e-12)
    phases = [times[0] for times in found]
    assert stats.kstest(phases, stats.uniform.cdf).pvalue > 1e-5


@pytest.mark.parametrize("name", PROCESSES)
def test_a_longer_horizon_only_appends(name: str) -> None:
    """Times below a shorter horizon are the same to the bit."""
    long = PROCESSES[name].unit_times(9_000.0, np.random.default_rng(57))
    for horizon in (0.0, 0.3, 1.0, 65.0, 4_500.5):
        short = PROCESSES[name].unit_times(horizon, np.random.default_rng(57))
        np.testing.assert_array_equal(short, long[long < horizon])


@pytest.mark.parametrize("name", PROCESSES)
def test_times_ascend_in_the_horizon(name: str) -> None:
    """Times are ascending float64 in [0, horizon)."""
    times = runs(name, 500.0, 1, 58)[0]
    assert times.dtype == np.float64
    assert (np.diff(times) >= 0).all()
    assert ((times >= 0) & (times < 500)).all()


@pytest.mark.parametrize(
    "process", [gamma.make(options.Gamma(cv=100.0)), weibull.make(options.Weibull(cv=100.0))]
)
def test_the_largest_cv_allowed_runs(process: Any) -> None:
    """At CV 100 runs end, and most short ones are empty: a first time comes after 5,000 units on average."""
    rng = np.random.default_rng(59)
    counts = np.array([len(process.unit_times(10.0, rng)) for _ in range(200)])
    assert (counts == 0).mean() > 0.8
