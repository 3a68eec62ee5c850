"""Weighted quantiles and distances agree with their definitions, and tables of knots with what is drawn from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servegen_fw_pools.fit.knots import corners
from servegen_fw_pools.quantiles import distance, level_at, mixed, moments, quantiles, slices

from servegen_fw.plugin import Tables


@settings(max_examples=60, deadline=None)
@given(sample=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), min_size=1, max_size=12))
def test_weights_count_as_repeated_values(sample: list[tuple[int, int]]) -> None:
    """A value of weight k weighs as k equal values: the quantile is the inverted distribution function of the repeated ones."""
    value, weight = (np.array(column, float) for column in zip(*sample, strict=True))
    shares = (0.1, 0.5, 0.75, 0.99)
    repeated = np.repeat(value, weight.astype(int))
    wanted = [float(np.quantile(repeated, p, method="inverted_cdf")) for p in shares]
    assert quantiles(value, weight, *shares) == wanted
    assert quantiles(value, weight / 7, *shares) == wanted


@settings(max_examples=60, deadline=None)
@given(one=st.lists(st.integers(0, 9), min_size=1), other=st.lists(st.integers(0, 9), min_size=1))
def test_the_distance_is_that_of_two_samples(one: list[int], other: list[int]) -> None:
    """With equal weights it is the largest difference of shares up to a value; a weight is as good as repetition."""
    a, b = np.array(one, float), np.array(other, float)
    wanted = max(abs(float(np.mean(a <= x)) - float(np.mean(b <= x))) for x in range(10))
    assert distance(a, np.ones(len(a)), b, np.full(len(b), 3.0)) == pytest.approx(wanted, abs=1e-12)
    values, counts = np.unique(a, return_counts=True)
    assert distance(values, counts.astype(float), b, np.ones(len(b))) == pytest.approx(wanted, abs=1e-12)
    assert distance(a, np.ones(len(a)), a, np.ones(len(a))) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("linear", [False, True])
def test_moments_are_those_of_what_is_drawn(linear: bool) -> None:
    """Mean and mean square of each table are those of its quantiles at a million even levels; without knots they are 0."""
    parts = [
        (np.array([1.0, 4.0, 9.0]), np.array([0.0 if linear else 0.25, 0.5, 1.0])),
        (np.empty(0), np.empty(0)),
        (np.array([2.0, 2.0, 100.0, 101.0]), np.array([0.0 if linear else 0.1, 0.6, 0.6, 1.0])),
    ]
    tables = Tables.of(parts, linear=linear)
    mean, square = moments(tables)
    u = (np.arange(1_000_000) + 0.5) / 1_000_000
    for k in (0, 2):
        drawn = tables.ppf(np.array(k), u)
        np.testing.assert_allclose([mean[k], square[k]], [drawn.mean(), (drawn**2).mean()], rtol=1e-5)
    assert mean[1] == square[1] == 0


def test_slices_stand_for_their_tables_by_weight() -> None:
    """A table named twice has both weights; each is the middles of its slices, which share its weight."""
    tables = Tables.of(
        [(np.array([0.0, 8.0]), np.array([0.0, 1.0])), (np.array([5.0, 5.0]), np.array([0.0, 1.0]))],
        linear=True,
    )
    value, weight = slices(tables, np.array([1, 0, 1]), np.array([1.0, 8.0, 3.0]), 4)
    assert value.tolist() == [1, 3, 5, 7, 5, 5, 5, 5]
    assert weight.tolist() == [2] * 4 + [1] * 4


def test_level_at_takes_the_upper_level_at_a_jump() -> None:
    """Below the first knot the level is 0, above the last 1, between two knots linear, and at a jump the upper."""
    knots, levels = np.array([1.0, 2.0, 2.0, 4.0]), np.array([0.0, 0.25, 0.5, 1.0])
    at = np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 9.0])
    np.testing.assert_allclose(level_at(knots, levels, at), [0, 0, 0.125, 0.5, 0.75, 1, 1])


@settings(max_examples=60, deadline=None)
@given(
    tables=st.lists(
        st.lists(st.integers(0, 40), min_size=1, max_size=12, unique=True), min_size=1, max_size=4
    ),
    atoms=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_mixture_has_the_weighted_masses_of_its_parts(
    tables: list[list[int]], atoms: bool, seed: int
) -> None:
    """Its distribution function is the weighted mean of theirs, beside every knot and at it, jumps included."""
    rng = np.random.default_rng(seed)
    parts = []
    for values in tables:
        cdf = np.cumsum(rng.random(len(values)) + 0.1)
        level, value = corners(np.sort(np.array(values, float)), cdf / cdf[-1], 0.0 if atoms else 0.5)
        parts.append((value, level))
    weight = rng.random(len(parts)) + 0.1
    value, level = mixed(parts, weight)
    assert level[0] == 0.0
    assert level[-1] == 1.0
    assert np.all(np.diff(value) >= 0)
    assert np.all(np.diff(level) >= 0)
    at = np.concatenate([value, value - 1e-7, value + 0.3])
    wanted = sum(w * level_at(*part, at) for w, part in zip(weight / weight.sum(), parts, strict=True))
    np.testing.assert_allclose(level_at(value, level, at), wanted, atol=1e-6)
