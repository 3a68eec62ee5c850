"""Rate curves, their integral and its inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servegen_fw.suite.model import RateCurve
from servegen_fw.workload.curve import Curve

RATES = st.one_of(st.just(0.0), st.floats(1e-3, 1e4))
GAPS = st.floats(1e-2, 1e5)


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    """Draw curves with rising, falling, flat, zero and broken pieces."""
    n = draw(st.integers(1, 8))
    gaps = draw(st.lists(GAPS, min_size=n, max_size=n))
    left = draw(st.lists(RATES, min_size=n, max_size=n))
    right = draw(st.lists(RATES, min_size=n, max_size=n))
    begin = draw(st.floats(-1e4, 1e4))
    return Curve(begin + np.concatenate(([0.0], np.cumsum(gaps))), np.array(left), np.array(right))


def by_quadrature(curve: Curve, begin: float, end: float) -> float:
    """Integrate by the midpoint rule, which is exact only in the limit."""
    t = np.linspace(begin, end, 400_001)
    return float(curve.rate((t[1:] + t[:-1]) / 2).mean() * (end - begin))


@settings(max_examples=300, deadline=None)
@given(curves(), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_inverse_undoes_the_integral(curve: Curve, parts: list[float]) -> None:
    """Integral(inverse(m)) is m for every m up to the total, whatever the pieces."""
    total = curve.between(curve.edges[0], curve.edges[-1])
    mass = total * np.array(parts)
    again = curve.integral(curve.inverse(mass))
    assert np.allclose(again, mass, rtol=1e-9, atol=1e-9 * max(1.0, total))


@settings(max_examples=300, deadline=None)
@given(curves(), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_integral_undoes_the_inverse_where_the_rate_is_positive(curve: Curve, parts: list[float]) -> None:
    """Inverse(integral(t)) is t, to what the rate there can resolve."""
    t = curve.edges[0] + (curve.edges[-1] - curve.edges[0]) * np.array(parts)
    again = curve.inverse(curve.integral(t))
    total = max(1.0, curve.between(curve.edges[0], curve.edges[-1]))
    # Where the rate is next to nothing the integral's last digit is worth more time.
    near = np.minimum(curve.rate(t), curve.rate(again))
    slack = 1e-9 * np.abs(curve.edges).max() + np.divide(
        1e-12 * total, near, out=np.full(len(t), np.inf), where=near > 0
    )
    assert np.all(np.abs(again - t) <= slack + 1e-6)


@settings(max_examples=100, deadline=None)
@given(curves())
def test_the_inverse_rises_and_stays_inside(curve: Curve) -> None:
    """Times rise with the mass and lie between the edges."""
    total = curve.between(curve.edges[0], curve.edges[-1])
    t = curve.inverse(np.linspace(0, total, 50))
    assert np.all(np.diff(t) >= -1e-9)
    if total > 0:
        assert t.min() >= curve.edges[0]
        assert t.max() <= curve.edges[-1] + 1e-6


def test_the_integral_agrees_with_quadrature() -> None:
    """A ramp, a step and a stretch of nothing integrate as numerics say, within 1e-4."""
    curve = Curve(np.array([0.0, 10, 20, 30, 45]), np.array([0.0, 4, 0, 1]), np.array([2.0, 4, 0, 7]))
    for begin, end in ((0, 45), (3, 17), (12, 44), (-5, 60)):
        assert curve.between(begin, end) == pytest.approx(by_quadrature(curve, begin, end), rel=1e-4)


def test_a_ramp_from_zero_is_inverted_exactly() -> None:
    """Rate t has the integral t^2 / 2, whose inverse is sqrt(2 m), near 0 too."""
    ramp = Curve(np.array([0.0, 100.0]), np.array([0.0]), np.array([100.0]))
    mass = np.array([0.0, 1e-18, 1e-6, 1.0, 4999.0])
    assert np.allclose(ramp.inverse(mass), np.sqrt(2 * mass), rtol=1e-14)


def test_a_ramp_to_zero_is_inverted_exactly() -> None:
    """Rate 100 - t reaches its total of 5,000 at t = 100."""
    ramp = Curve(np.array([0.0, 100.0]), np.array([100.0]), np.array([0.0]))
    mass = np.array([0.0, 1e-9, 2500.0, 5000.0])
    assert np.allclose(ramp.inverse(mass), 100 - np.sqrt(1e4 - 2 * mass), rtol=1e-9, atol=1e-12)


def test_a_stretch_of_nothing_is_skipped() -> None:
    """A mass reached where the rate stops is placed where it starts again, so nothing arrives in between."""
    curve = Curve.steps(np.array([0.0, 1, 5, 6]), np.array([2.0, 0, 3]))
    assert curve.inverse(np.array([1.999, 2.0, 2.3])).tolist() == pytest.approx([0.9995, 5.0, 5.1])


def test_beyond_its_ends_a_curve_goes_on() -> None:
    """The outer values hold before the first edge and after the last one, in rate, integral and inverse."""
    curve = Curve(np.array([0.0, 10.0]), np.array([1.0]), np.array([3.0]))
    assert curve.rate(np.array([-5.0, 25.0])).tolist() == [1, 3]
    assert curve.integral(np.array([-5.0, 12.0])).tolist() == [-5, 26]
    assert curve.inverse(np.array([-5.0, 26.0])).tolist() == [-5, 12]


def test_a_mass_that_is_never_reached_is_an_error() -> None:
    """Past the end of a curve that ends at zero there is no time to give."""
    with pytest.raises(ValueError, match="zero beyond"):
        Curve.steps(np.array([0.0, 1, 2]), np.array([1.0, 0])).inverse(np.array([1.5]))


def test_a_suites_points_become_a_curve() -> None:
    """Points are joined by lines, repeated times are steps, and single points are constants."""
    ramp = Curve.through(RateCurve((0.0, 600.0, 1200.0), (4.0, 16.0, 4.0)))
    assert ramp.rate(np.array([-1.0, 0, 300, 600, 1200, 9999])).tolist() == [4, 4, 10, 16, 4, 4]
    step = Curve.through(RateCurve((0.0, 10.0, 10.0, 20.0), (1.0, 1.0, 5.0, 5.0)))
    assert step.rate(np.array([9.999, 10.0, 30.0])).tolist() == [1, 5, 5]
    assert Curve.through(RateCurve((0.0,), (3.0,))).level == 3.0
    assert Curve.through(RateCurve((7.0, 7.0), (1.0, 2.0))).rate(np.array([6.0, 7.0, 100.0])).tolist() == [
        1,
        2,
        2,
    ]


def test_steps_at_the_ends_of_a_curve_hold_outside() -> None:
    """A step at the first or last point separates what is outside from what is inside."""
    curve = Curve.through(RateCurve((0.0, 0.0, 10.0, 10.0), (9.0, 1.0, 2.0, 7.0)))
    assert curve.rate(np.array([-50.0, 0.0, 5.0, 10.0, 99.0])).tolist() == [9, 1, 1.5, 7, 7]
    assert curve.between(0, 10) == 15


def test_mean_and_peak() -> None:
    """The mean is the integral over the time; the peak finds corners inside and leaves out a step at the end."""
    curve = Curve.through(RateCurve((0.0, 10.0, 20.0, 20.0), (0.0, 8.0, 0.0, 50.0)))
    assert curve.mean(0, 20) == 4
    assert curve.peak(0, 20) == 8
    assert curve.peak(0, 5) == pytest.approx(4)
    assert curve.peak(0, 21) == 50


@settings(max_examples=100, deadline=None)
@given(curves(), st.lists(GAPS, min_size=1, max_size=5), st.data())
def test_a_product_with_steps_is_the_product_everywhere(
    curve: Curve, gaps: list[float], data: st.DataObject
) -> None:
    """At every time off an edge the product's rate is the product of the rates."""
    edges = curve.edges[0] - 1 + np.concatenate(([0.0], np.cumsum(gaps)))
    levels = np.array(data.draw(st.lists(RATES, min_size=len(gaps), max_size=len(gaps))))
    made = curve.stepped(edges, levels)
    t = np.linspace(edges[0], edges[-1], 101)[1:-1]
    near = np.min(np.abs(t[:, None] - np.concatenate((edges, curve.edges))), axis=1)
    t = t[near > 1e-6 * np.abs(edges).max()]
    expected = curve.rate(t) * Curve.steps(edges, levels).rate(t)
    assert np.allclose(made.rate(t), expected, rtol=1e-6, atol=1e-6 * max(1.0, expected.max(initial=0)))


def test_scaling_scales_everything() -> None:
    """Twice the curve has twice the rate and twice the integral."""
    curve = Curve(np.array([0.0, 2, 5]), np.array([1.0, 3]), np.array([2.0, 0]))
    assert curve.scaled(2).rate(np.array([1.0]))[0] == 3
    assert curve.scaled(2).between(0, 5) == 2 * curve.between(0, 5)


def test_a_constant_knows_its_level() -> None:
    """Only a curve that is the same everywhere has a level."""
    assert Curve.constant(2.5).level == 2.5
    assert Curve.steps(np.array([0.0, 1, 2]), np.array([1.0, 1])).level == 1
    assert Curve(np.array([0.0, 1]), np.array([1.0]), np.array([2.0])).level is None
