"""On-off modulation in physical time.

Statistical tests run on fixed seeds; over seeds each fails by chance with probability below 1e-5.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from servegen_fw_models.modulation import OnOff, make
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
