"""The day's curve and curves through points. Nothing here is random but the search for examples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servegen_fw_models import options
from servegen_fw_models.periodic import STEPS, Periodic, make_diurnal, make_piecewise

F8 = npt.NDArray[np.float64]

RNG = np.random.default_rng(0)
HOUR = 3600.0
DAY = 24 * HOUR


def level_at(modulation: Periodic, at_s: float) -> float:
    """Level at a time of the case."""
    begins, levels = modulation.path(at_s + 1.0, RNG)
    return float(levels[np.searchsorted(begins, at_s, side="right") - 1])


def integral(modulation: Periodic, horizon_s: float) -> float:
    """Integral of the path from 0 to a horizon."""
    begins, levels = modulation.path(horizon_s, RNG)
    return float(np.diff(np.append(begins, horizon_s)) @ levels)


@st.composite
def points(draw: Any) -> options.Piecewise:
    """Any curve through points."""
    gaps = draw(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=8))
    times = tuple(np.concatenate(([0.0], np.cumsum(gaps))).tolist())
    levels = tuple(draw(st.floats(0, 1e3)) for _ in times[:-1])
    if not sum(levels) > 1e-3:
        levels = (*levels[:-1], 1.0)
    shape = draw(st.sampled_from(["linear", "steps"]))
    start = draw(st.floats(0, 0.999)) * times[-1]
    return options.Piecewise(
        times_s=times[:-1], levels=levels, period_s=times[-1], shape=shape, start_s=start
    )


@st.composite
def days(draw: Any) -> options.Diurnal:
    """Any curve of a day."""
    period = draw(st.floats(1.0, 1e6))
    peak, trough, start = (draw(st.floats(0, 0.999)) * period for _ in range(3))
    if abs(peak - trough) < 1e-3 * period:
        trough = (peak + period / 2) % period
    return options.Diurnal(
        low=draw(st.floats(0, 1)), peak_s=peak, trough_s=trough, start_s=start, period_s=period
    )


CURVES = st.one_of(points().map(make_piecewise), days().map(make_diurnal))


@given(CURVES, st.integers(1, 4))
def test_any_curve_has_mean_level_one_over_whole_periods(curve: Periodic, rounds: int) -> None:
    """Over 1 to 4 periods, from any start, the mean level is 1 to rounding, and no level lies below 0."""
    period = float(curve.edges[-1])
    assert integral(curve, rounds * period) / (rounds * period) == pytest.approx(1.0, rel=1e-6)
    assert (curve.levels >= -1e-12).all()


@given(CURVES, st.floats(0, 3), st.floats(0, 3))
def test_any_longer_horizon_only_appends(curve: Periodic, one: float, other: float) -> None:
    """Breakpoints and levels within a shorter horizon are the same to the bit; the first is 0, none reaches the horizon."""
    short, long = (part * float(curve.edges[-1]) for part in sorted((one, other)))
    begins, levels = curve.path(long, RNG)
    fewer, same = curve.path(short, RNG)
    assert begins[0] == 0
    assert (np.diff(begins) >= 0).all()
    assert len(begins) == len(levels)
    assert (begins[1:] < long).all()
    kept = max(1, int(np.searchsorted(begins, short, side="left")))
    np.testing.assert_array_equal(fewer, begins[:kept])
    np.testing.assert_array_equal(same, levels[:kept])


@pytest.mark.parametrize(("peak", "trough"), [(15, 4), (2, 13), (12, 0)])
def test_the_day_has_its_peak_and_trough_where_asked(peak: float, trough: float) -> None:
    """The highest and lowest minutes lie at the times given, their levels in the proportion given, the mean midway."""
    day = make_diurnal(options.Diurnal(low=0.25, peak_s=peak * HOUR, trough_s=trough * HOUR))
    minutes = np.array([level_at(day, (minute + 0.5) * 60) for minute in range(STEPS)])
    assert abs(int(np.argmax(minutes)) - peak * 60) <= 1
    assert (int(np.argmin(minutes)) - trough * 60) % STEPS in {0, 1, STEPS - 1}
    assert minutes.max() == pytest.approx(2 / 1.25, rel=1e-4)
    assert minutes.min() / minutes.max() == pytest.approx(0.25, rel=1e-4)
    assert minutes.mean() == pytest.approx(1.0, rel=1e-12)


def test_the_day_is_two_half_cosines() -> None:
    """At every quarter hour the level is that of the formula, to the width of a step."""
    day = make_diurnal(options.Diurnal(low=0.2, peak_s=15 * HOUR, trough_s=4 * HOUR))
    for quarter in range(96):
        hour = quarter / 4
        since = (hour - 4) % 24
        wave = (
            (1 - math.cos(math.pi * since / 11)) / 2
            if since < 11
            else (1 + math.cos(math.pi * (since - 11) / 13)) / 2
        )
        assert level_at(day, hour * HOUR) == pytest.approx((0.2 + 0.8 * wave) / 0.6, abs=5e-3)


def test_the_day_is_smooth() -> None:
    """Neighbouring minutes differ by less than the steepest slope allows, at peak and trough by next to nothing."""
    day = make_diurnal(options.Diurnal(low=0.0))
    minutes = day.levels
    slope = np.abs(np.diff(np.append(minutes, minutes[0])))
    assert slope.max() < 1.01 * math.pi / (11 * 60)
    assert slope[15 * 60 - 1] < 1e-4
    assert slope[4 * 60 - 1] < 1e-4


def test_a_case_begins_at_the_time_of_day_given() -> None:
    """With start at 15h the first level is the peak's, and a short case has that level, not 1."""
    day = make_diurnal(options.Diurnal(low=0.5, start_s=15 * HOUR))
    assert level_at(day, 0.0) == pytest.approx(1 / 0.75, rel=1e-4)
    assert integral(day, 1200.0) / 1200 == pytest.approx(1 / 0.75, rel=1e-3)
    assert integral(day, DAY) / DAY == pytest.approx(1.0)


def test_steps_hold_between_their_points() -> None:
    """Levels 1, 3 and 0 over a half, a quarter and a quarter of the period become 0.8, 2.4 and 0."""
    curve = make_piecewise(
        options.Piecewise(times_s=(0, 30, 45), levels=(1, 3, 0), period_s=60, shape="steps")
    )
    begins, levels = curve.path(100.0, RNG)
    assert begins.tolist() == [0, 30, 45, 60, 90]
    np.testing.assert_allclose(levels, [0.8, 2.4, 0.0, 0.8, 2.4])


def test_lines_join_the_points_and_close_the_period() -> None:
    """Levels 1 at 0 and 3 at a half make a triangle of mean 2, which the case walks through from its start on."""
    curve = make_piecewise(options.Piecewise(times_s=(0, 50), levels=(1, 3), period_s=100, start_s=25))
    for at, level in ((0, 1.0), (25, 1.5), (50, 1.0), (75, 0.5), (100, 1.0)):
        assert level_at(curve, at) == pytest.approx(level, abs=2 * 2 / STEPS)
    assert integral(curve, 50) / 50 == pytest.approx(1.25, rel=1e-9)


def test_one_point_is_no_modulation() -> None:
    """A single level becomes 1."""
    curve = make_piecewise(options.Piecewise(times_s=(0,), levels=(7,), period_s=10))
    assert set(np.round(curve.path(25.0, RNG)[1], 12)) == {1.0}
