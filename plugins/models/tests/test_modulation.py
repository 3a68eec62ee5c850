"""On-off and two-state Markov modulation in physical time.

Statistical tests run on fixed seeds; over seeds each fails by chance with probability below 1e-5.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from servegen_fw_models.modulation import OnOff, make, make_mmpp
from servegen_fw_models.options import Mmpp2
from servegen_fw_models.options import OnOff as Options

F8 = npt.NDArray[np.float64]


def level_at(modulation: OnOff, at_s: float, runs: int, seed: int) -> F8:
    """Levels at one moment of independent paths."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(runs):
        begins, levels = modulation.path(at_s + 1e-9, rng)
        found.append(levels[np.searchsorted(begins, at_s, side="right") - 1])
    return np.array(found)


@pytest.mark.parametrize("low", [0.0, 0.25])
@pytest.mark.parametrize("at_s", [0.0, 3.0, 500.0])
def test_the_expected_level_is_one_at_every_moment(low: float, at_s: float) -> None:
    """At the start, soon after and much later, levels average 1 within 4.5 standard errors."""
    levels = level_at(OnOff(20.0, 40.0, low), at_s, 6_000, 71)
    assert abs(levels.mean() - 1) < 4.5 * levels.std() / math.sqrt(len(levels))


def test_levels_are_two_and_alternate() -> None:
    """Levels alternate between the busy and the quiet one, in the proportion asked for, with mean 1 over both."""
    begins, levels = make(Options(on_s=20.0, off_s=40.0, low=0.1)).path(5_000.0, np.random.default_rng(72))
    assert len(begins) == len(levels)
    high, quiet = sorted(set(levels), reverse=True)
    assert quiet / high == pytest.approx(0.1)
    assert (20 * high + 40 * quiet) / 60 == pytest.approx(1.0)
    assert (levels[1:] != levels[:-1]).all()


def test_periods_are_exponential_with_the_means_asked_for() -> None:
    """Complete busy and quiet periods pass Kolmogorov-Smirnov tests at p = 1e-5 each."""
    begins, levels = OnOff(20.0, 40.0).path(300_000.0, np.random.default_rng(73))
    periods, busy = np.diff(begins), levels[:-1] > 0
    assert stats.kstest(periods[busy], stats.expon(scale=20).cdf).pvalue > 1e-5
    assert stats.kstest(periods[~busy], stats.expon(scale=40).cdf).pvalue > 1e-5


def test_breakpoints_begin_at_zero_and_lie_in_the_horizon() -> None:
    """The first breakpoint is 0, they ascend, and none lies at or beyond the horizon; a zero horizon has one level."""
    begins, _ = OnOff(2.0, 4.0).path(1_000.0, np.random.default_rng(74))
    assert begins[0] == 0
    assert (np.diff(begins) > 0).all()
    assert begins[-1] < 1_000
    assert [len(part) for part in OnOff(2.0, 4.0).path(0.0, np.random.default_rng(74))] == [1, 1]


def test_a_longer_horizon_only_appends() -> None:
    """Breakpoints and levels within a shorter horizon are the same to the bit."""
    begins, levels = OnOff(2.0, 4.0).path(5_000.0, np.random.default_rng(75))
    for horizon in (0.5, 100.0, 777.7):
        shorter, same = OnOff(2.0, 4.0).path(horizon, np.random.default_rng(75))
        np.testing.assert_array_equal(shorter, begins[begins < horizon])
        np.testing.assert_array_equal(same, levels[: len(shorter)])


def test_a_low_level_of_one_is_no_modulation() -> None:
    """With low = 1 all levels are 1."""
    _, levels = OnOff(2.0, 4.0, 1.0).path(100.0, np.random.default_rng(76))
    assert (levels == 1).all()


def masses(modulation: OnOff, horizon_s: float, runs: int, seed: int) -> F8:
    """Integrals of independent paths over [0, horizon_s)."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(runs):
        begins, levels = modulation.path(horizon_s, rng)
        found.append(float(np.diff(np.append(begins, horizon_s)) @ levels))
    return np.array(found)


def mass_variance(levels: tuple[float, float], sojourn_s: tuple[float, float], horizon_s: float) -> float:
    """Variance of the integral of a stationary two-state path whose mean level is made 1.

    2 p q (a - b)^2 (t / r - (1 - exp(-r t)) / r^2) with p and q the shares of the states and r the sum of both rates of
    leaving (Fischer & Meier-Hellstern, "The Markov-modulated Poisson process (MMPP) cookbook", Performance Evaluation 18,
    1993, section 2.2: counts at rate m have variance m t + m^2 times this).
    """
    total = sum(sojourn_s)
    p, q = sojourn_s[0] / total, sojourn_s[1] / total
    mean = p * levels[0] + q * levels[1]
    rate = 1 / sojourn_s[0] + 1 / sojourn_s[1]
    step = (levels[0] - levels[1]) / mean
    return 2 * p * q * step**2 * (horizon_s / rate + math.expm1(-rate * horizon_s) / rate**2)


@pytest.mark.parametrize(("levels", "sojourn_s"), [((1.0, 8.0), (60.0, 10.0)), ((8.0, 1.0), (10.0, 60.0))])
def test_mmpp_states_have_their_levels_and_sojourns(
    levels: tuple[float, float], sojourn_s: tuple[float, float]
) -> None:
    """Either order gives levels 0.5 and 4 (mean 1), and exponential sojourns of 60 s and 10 s in them (p = 1e-5)."""
    begins, found = make_mmpp(Mmpp2(levels=levels, sojourn_s=sojourn_s)).path(
        300_000.0, np.random.default_rng(77)
    )
    np.testing.assert_allclose(sorted(set(found)), [0.5, 4.0])
    periods, busy = np.diff(begins), found[:-1] > 1
    assert stats.kstest(periods[~busy], stats.expon(scale=60).cdf).pvalue > 1e-5
    assert stats.kstest(periods[busy], stats.expon(scale=10).cdf).pvalue > 1e-5


@given(
    st.tuples(st.floats(0, 10), st.floats(0.1, 10)),
    st.tuples(st.floats(0.5, 50), st.floats(0.5, 50)),
    st.floats(0.1, 5),
    st.integers(0, 2**32),
)
@settings(max_examples=25)
def test_any_mmpp_has_mean_level_one_and_the_dispersion_of_the_theory(
    levels: tuple[float, float], sojourn_s: tuple[float, float], span: float, seed: int
) -> None:
    """Over 1,500 paths of 0.1 to 5 cycles, mean and variance are right within 6 standard errors (2e-9 each if normal)."""
    horizon = span * sum(sojourn_s)
    found = masses(make_mmpp(Mmpp2(levels=levels, sojourn_s=sojourn_s)), horizon, 1_500, seed) / horizon
    expected = mass_variance(levels, sojourn_s, horizon) / horizon**2
    assert abs(found.mean() - 1) <= 6 * math.sqrt(expected / len(found)) + 1e-12
    squared = (found - 1) ** 2
    assert abs(squared.mean() - expected) <= 6 * squared.std() / math.sqrt(len(squared)) + 1e-12


@pytest.mark.parametrize("horizon", [5.0, 60.0, 1_000.0])
def test_on_off_has_the_dispersion_of_the_theory(horizon: float) -> None:
    """Variance of the integral below, at and above the periods' lengths, within 4.5 standard errors of 5,000 paths."""
    found = masses(OnOff(20.0, 40.0, 0.1), horizon, 5_000, 78)
    squared = (found - horizon) ** 2
    expected = mass_variance((1.0, 0.1), (20.0, 40.0), horizon)
    assert abs(squared.mean() - expected) < 4.5 * squared.std() / math.sqrt(len(squared))
