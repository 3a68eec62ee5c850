"""Hartigan's dip against its definition, known values, and its test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from servegen_fw_pools.characterize.dip import dip_of, dip_of_levels, dip_test


def dip_by_definition(x: np.ndarray, weight: np.ndarray) -> float:
    """Smallest sup |F - G| over unimodal G, by one linear program for each mode.

    G is convex up to a data point and concave from there on, where it may jump; its values at the data points, on both
    sides of the mode, and the distance are the variables. A mode between points is no better than one at a point.
    """
    after = np.cumsum(weight) / weight.sum()
    before = np.concatenate(([0.0], after[:-1]))
    k, best = len(x), 1.0
    for mode in range(k):
        # Variables: values left of the mode, at it from both sides (mode, mode + 1), right of it; the distance last.
        rows, bounds = [], []

        def need(*terms: tuple[int, float], most: float, into: tuple = (rows, bounds)) -> None:
            row = np.zeros(k + 2)
            for at, factor in terms:
                row[at] += factor
            into[0].append(row)
            into[1].append(most)

        for j in range(k + 1):
            point = j if j <= mode else j - 1
            upper = before[point] if j != mode + 1 else after[point]
            lower = after[point] if j != mode else before[point]
            need((j, 1), (k + 1, -1), most=upper)
            need((j, -1), (k + 1, -1), most=-lower)
        for j in range(k):
            need((j, 1), (j + 1, -1), most=0.0)
        for first, last, sign in ((0, mode, 1), (mode + 1, k, -1)):
            for j in range(first, last - 1):
                at = x[[p if p <= mode else p - 1 for p in (j, j + 1, j + 2)]]
                one, two = 1 / (at[1] - at[0]), 1 / (at[2] - at[1])
                need((j, -sign * one), (j + 1, sign * (one + two)), (j + 2, -sign * two), most=0.0)
        found = linprog(np.eye(k + 2)[-1], A_ub=np.array(rows), b_ub=bounds, bounds=[(0, 1)] * (k + 2))
        assert found.success or found.status == 2
        best = min(best, found.fun) if found.success else best
    return best


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 5)),
        min_size=1,
        max_size=10,
        unique_by=lambda pair: pair[0],
    )
)
def test_the_dip_is_what_its_definition_says(points: list[tuple[int, int]]) -> None:
    """For weighted samples of up to 10 values the dip equals the linear programs' to 1e-7."""
    points.sort()
    x, weight = (np.array(column, np.float64) for column in zip(*points, strict=True))
    assert dip_of(x, weight) == pytest.approx(dip_by_definition(x, weight), abs=1e-7)


def test_known_dips() -> None:
    """Evenly spaced points have 1 / (2 n); two equal points 1 / 4; one 0; two far uniform halves nearly 1 / 4."""
    assert dip_of(np.arange(10.0), np.ones(10)) == pytest.approx(0.05)
    assert dip_of(np.array([0.0, 1.0]), np.ones(2)) == pytest.approx(0.25)
    assert dip_of(np.array([3.0]), np.ones(1)) == 0
    halves = np.concatenate((np.linspace(0, 0.01, 500), np.linspace(0.99, 1, 500)))
    assert dip_of(halves, np.ones(1000)) == pytest.approx(0.25, abs=0.005)


def test_a_line_has_no_dip() -> None:
    """A uniform law, a triangle, and an exponential, given as lines between many points, have dips near 0."""
    x = np.linspace(0, 1, 400)
    for level in (x, np.where(x < 0.5, 2 * x**2, 1 - 2 * (1 - x) ** 2), 1 - np.exp(-5 * x)):
        assert dip_of_levels(x, level / level[-1], level / level[-1])[0] < 1e-6


@given(st.floats(0.1, 100), st.floats(-50, 50))
def test_the_dip_does_not_depend_on_the_unit(scale: float, shift: float) -> None:
    """Shifting, scaling and mirroring the values leaves the dip as it is."""
    rng = np.random.default_rng(3)
    x, weight = np.sort(rng.random(40)), np.ones(40)
    dip = dip_of(x, weight)
    assert dip_of(x * scale + shift, weight) == pytest.approx(dip, abs=1e-9)
    assert dip_of(-x[::-1], weight) == pytest.approx(dip, abs=1e-9)


def test_unimodal_laws_are_seldom_rejected() -> None:
    """Of 30 uniform samples p < 5 % occurs in at most 7 (1.5 +- 4.6 standard errors); of normal ones in none."""
    rng = np.random.default_rng(5)
    edges = np.linspace(0, 1, 26)
    uniform = normal = 0
    for seed in range(30):
        uniform += dip_test(edges, np.histogram(rng.random(400), edges)[0], seed).p < 0.05
        bell = np.clip(rng.normal(0.5, 0.12, 400), 0, 1)
        normal += dip_test(edges, np.histogram(bell, edges)[0], seed).p < 0.05
    assert uniform <= 7
    assert normal == 0


def test_two_modes_are_found() -> None:
    """Two bells 6 standard deviations apart in 300 shares are rejected at the smallest p there is."""
    rng = np.random.default_rng(7)
    shares = np.clip(np.concatenate((rng.normal(0.3, 0.08, 150), rng.normal(0.8, 0.08, 150))), 0, 1)
    edges = np.linspace(0, 1, 101)
    found = dip_test(edges, np.histogram(shares, edges)[0])
    assert found.p == 0.002
    assert found.n == 300


def test_one_bin_is_one_mode_and_nothing_is_an_error() -> None:
    """All observations in one bin: dip 0 and p = 1. None at all is refused."""
    one = dip_test(np.linspace(0, 1, 11), np.eye(10)[3] * 50)
    assert (one.value, one.p) == (0.0, 1.0)
    with pytest.raises(ValueError, match="no observation"):
        dip_test(np.linspace(0, 1, 11), np.zeros(10))
