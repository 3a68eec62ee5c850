"""Counts, CV and family of gaps by window: what was put in comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servegen_fw_pools.fit.gaps import FAMILIES, arrivals_of, resized_cv


def circles(shape: float, n: int, windows: int, seed: int) -> np.ndarray:
    """Times of n gamma gaps around each window of 100 s, as the composition places them."""
    rng = np.random.default_rng(seed)
    gaps = rng.standard_gamma(shape, (windows, n))
    turn = np.cumsum(gaps, axis=1) / gaps.sum(1, keepdims=True) + rng.random((windows, 1))
    return np.sort(((turn % 1.0 + np.arange(windows)[:, None]) * 100.0).ravel())


@pytest.mark.parametrize(("shape", "n"), [(4.0, 40), (1.0, 40), (0.25, 400), (0.1, 400)])
def test_the_shape_of_composed_windows_is_recovered(shape: float, n: int) -> None:
    """The gamma shape behind the CVs is within 10 % of the one drawn from; 200 windows, seeds fixed."""
    time_s = circles(shape, n, 200, seed=3)
    count, cv, _ = arrivals_of(time_s, np.zeros(len(time_s), np.int32), 1, 100.0, 200)
    assert (count == n).all()
    found = ((n - 1) / (cv**2).mean() - 1) / n
    assert found == pytest.approx(shape, rel=0.1)


def test_small_windows_are_not_taken_one_by_one() -> None:
    """With 6 requests a window the CV of a window hardly scatters, since about 20 windows tell it together."""
    time_s = circles(0.5, 6, 400, seed=4)
    _, cv, _ = arrivals_of(time_s, np.zeros(len(time_s), np.int32), 1, 100.0, 400)
    assert cv.std() < 0.15 * cv.mean()
    shape = (5 / (cv**2).mean() - 1) / 6
    assert shape == pytest.approx(0.5, rel=0.2)


@pytest.mark.parametrize(
    ("family", "shape"), [("gamma", 0.3), ("gamma", 5.0), ("weibull", 0.5), ("weibull", 2.5)]
)
def test_the_family_is_recovered(family: str, shape: float) -> None:
    """Of 60 stretches of 500 gaps far from exponential at least 90 % get their family."""
    rng = np.random.default_rng(5)
    n = 30_000
    gap = rng.standard_gamma(shape, n) if family == "gamma" else rng.weibull(shape, n)
    time_s = np.cumsum(gap / gap.mean())
    _, _, found = arrivals_of(time_s, np.zeros(n, np.int32), 1, 500.0, 61)
    assert np.mean(found[0, :59] == FAMILIES.index(family)) >= 0.9


def test_windows_without_gaps() -> None:
    """A silent window has neither CV nor family; a single request counts as Poisson."""
    count, cv, family = arrivals_of(np.array([5.0, 25.0]), np.array([0, 1], np.int32), 3, 10.0, 3)
    assert count.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert cv.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert family.tolist() == [[0, -1, -1], [-1, -1, 0], [-1, -1, -1]]


def test_constant_and_simultaneous_requests_are_measured() -> None:
    """A clockwork has a CV near 0 and a burst at one instant still gives finite numbers above 0."""
    even = np.arange(0.0, 1000.0, 0.5)
    _, cv, family = arrivals_of(even, np.zeros(len(even), np.int32), 1, 100.0, 10)
    assert (cv > 0).all()
    assert cv.max() < 0.01
    assert (family == 0).all()
    _, cv, _ = arrivals_of(np.full(500, 7.0), np.zeros(500, np.int32), 1, 100.0, 1)
    assert np.isfinite(cv).all()
    assert (cv > 0).all()


@given(st.floats(0.05, 3.0), st.integers(20, 5000), st.integers(20, 5000))
def test_a_cv_of_another_number_of_gaps_has_the_same_shape(cv: float, count: int, new: int) -> None:
    """Resizing there and back gives the CV again, and to the same number changes nothing."""
    one, n, m = np.array([cv]), np.array([float(count)]), np.array([float(new)])
    np.testing.assert_allclose(resized_cv(resized_cv(one, n, m), m, n), one, rtol=1e-6)
    np.testing.assert_allclose(resized_cv(one, n, n), one, rtol=1e-6)


def test_windows_that_show_no_cv_keep_it() -> None:
    """Below two requests, before or after, the CV stays as it is; a silent window's stays 0."""
    cv = np.array([2.0, 2.0, 0.0])
    assert resized_cv(cv, np.array([1.0, 50.0, 0.0]), np.array([30.0, 0.5, 9.0])).tolist() == [2.0, 2.0, 0.0]
