"""Gaps by owner and window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from servegen_fw_pools.characterize.gap_families import FAMILIES, draws, levels, weibull_shape
from servegen_fw_pools.characterize.windows import (
    MIN_GAPS,
    GapWindows,
    gap_cells,
    gap_windows,
    ordered,
    stable_order,
)

WINDOW_S = 300.0


def one_by_one(time_s, owner, owners, window_s, windows):
    """The definition, cell by cell: count, mean, CV and the gaps."""
    found = {}
    for c in range(owners):
        for w in range(windows):
            mine = time_s[(owner == c) & (np.floor(time_s / window_s) == w)]
            gap = np.diff(mine)
            mean = gap.mean() if len(gap) else 0.0
            found[c, w] = (len(mine), mean, gap.std() / mean if len(gap) > 1 and mean > 0 else 0.0, gap)
    return found


def law(family, mean, cv):
    """The law of scipy with a mean and a CV."""
    if family == "exponential":
        return stats.expon(scale=mean)
    if family == "gamma":
        return stats.gamma(1 / cv**2, scale=mean * cv**2)
    shape = float(weibull_shape(np.array([cv]))[0])
    return stats.weibull_min(shape, scale=mean / stats.weibull_min(shape).mean())


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 6), st.integers(0, 400))
def test_every_cell_is_as_defined(seed: int, owners: int, windows: int, n: int) -> None:
    """Counts, means, CVs and distances equal those of a loop over cells with scipy's kstest; duplicates are allowed."""
    rng = np.random.default_rng(seed)
    time_s = np.sort(np.round(rng.random(n) * windows * WINDOW_S * 0.999, 1))
    owner = rng.integers(0, owners, n).astype(np.int32)
    found = gap_windows(time_s, owner, owners, WINDOW_S, windows)
    for (c, w), (count, mean, cv, gap) in one_by_one(time_s, owner, owners, WINDOW_S, windows).items():
        assert found.count[c, w] == count
        assert found.gaps[c, w] == len(gap)
        assert found.mean_s[c, w] == pytest.approx(mean)
        assert found.cv[c, w] == pytest.approx(cv)
        if len(gap) < MIN_GAPS or cv < 1e-3:
            assert found.family[c, w] == -1
            assert not found.ks[:, c, w].any()
            continue
        far = [stats.kstest(gap, law(name, mean, cv).cdf).statistic for name in FAMILIES]
        assert found.ks[:, c, w] == pytest.approx(far, abs=1e-6)
        assert found.family[c, w] == np.argmin(found.ks[:, c, w])


@pytest.mark.parametrize("cv", [0.001, 0.3, 1.0, 2.0, 12.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_levels_and_draws_have_the_moments_asked_for(family: str, cv: float) -> None:
    """The distribution function is scipy's with that mean and CV, and draws follow it (KS, false alarms 1e-4 a case)."""
    rng = np.random.default_rng(3)
    mean, spread = np.full(4000, 2.5), np.full(4000, cv)
    drawn = draws(family, mean, spread, rng)
    assert levels(family, drawn, mean, spread) == pytest.approx(law(family, 2.5, cv).cdf(drawn), abs=1e-6)
    assert stats.kstest(drawn, law(family, 2.5, cv).cdf).pvalue > 1e-4


@pytest.mark.parametrize("cv", [0.001, 0.01, 0.5, 1.0, 3.0, 40.0])
def test_weibull_shape_gives_the_cv(cv: float) -> None:
    """The law with the shape found has the CV asked for, to 1e-4."""
    shape = float(weibull_shape(np.array([cv]))[0])
    law = stats.weibull_min(shape)
    assert law.std() / law.mean() == pytest.approx(cv, rel=1e-4 if cv > 0.005 else 1e-2)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_right_family_has_the_smallest_distance(family: str) -> None:
    """With 5,000 gaps a window of CV 2 (1 for exponential), the law they are drawn from wins most of 20 windows."""
    # Gamma and Weibull of CV 2 are 0.04 apart, a distance's noise is 0.006: the chance that a window is lost is below
    # 1e-6. At CV 1 all three are one law, and only its distance is looked at: 1.95 / sqrt(5,000) is exceeded by a
    # window with probability 0.001 even for a law known beforehand, by 20 with 0.02; the seed is fixed.
    rng = np.random.default_rng(11)
    cv = 1.0 if family == "exponential" else 2.0
    gap = draws(family, np.full(200_000, WINDOW_S / 5000), np.full(200_000, cv), rng)
    time_s = np.cumsum(gap)
    found = gap_windows(time_s, None, 1, WINDOW_S, 20)
    mine = FAMILIES.index(family)
    assert found.ks[mine].max() < 1.95 / np.sqrt(5000) * 1.15
    if family != "exponential":
        assert (found.family == mine).all()


def test_many_order_statistics_are_thinned_within_the_stated_error() -> None:
    """A cell of 100,000 gaps is compared at 1,024 points; its distance is at most 1/1,024 below the exact one."""
    rng = np.random.default_rng(5)
    time_s = np.sort(rng.random(100_001)) * WINDOW_S
    found = gap_windows(time_s, None, 1, WINDOW_S, 1)
    exact = stats.kstest(np.diff(time_s), law("exponential", np.diff(time_s).mean(), 1).cdf).statistic
    assert exact - 1 / 1024 <= found.ks[0, 0, 0] <= exact + 1e-12


def finite(found: GapWindows) -> bool:
    """Whether every number is one."""
    return all(np.isfinite(column).all() for column in (found.count, found.mean_s, found.cv, found.ks))


@pytest.mark.parametrize(
    "time_s",
    [[], [0.0], [0.0] * 50, list(np.arange(50) * 5.0), [0.0] * 20 + [1.0] * 20, [0.0, 300.0, 600.0]],
    ids=["none", "one", "all at once", "constant gaps", "two instants", "edges"],
)
def test_degenerate_cells_are_marked(time_s: list[float]) -> None:
    """No request, one request, equal times and constant gaps give finite numbers and no family without spread."""
    column = np.array(time_s, np.float64)
    found = gap_windows(column, np.zeros(len(column), np.int32), 2, WINDOW_S, 2)
    assert finite(found)
    assert found.count.sum() == len(column)
    assert (found.family[found.cv < 1e-3] == -1).all()
    assert (found.family[1] == -1).all()


def test_requests_outside_the_windows_are_left_out() -> None:
    """Only [0, windows * window_s] is looked at, its end included."""
    found = gap_windows(np.array([-1.0, 0.0, 299.0, 600.0, 600.5]), None, 1, WINDOW_S, 2)
    assert found.count.tolist() == [[2.0, 1.0]]


def test_many_owners_need_no_dense_table() -> None:
    """`gap_cells` holds cells with requests only, in the order of owner and window, with owners beyond 16 bits."""
    owner = np.array([70_000, 3, 70_000, 3], np.int32)
    cells = gap_cells(np.array([1.0, 2.0, 3.0, 400.0]), owner, WINDOW_S, 2)
    assert cells.cell.tolist() == [6, 7, 140_000]
    assert cells.count.tolist() == [1, 1, 2]
    assert cells.mean_s.tolist() == [0.0, 0.0, 2.0]


@given(
    st.sampled_from([3, 2**20, 2**40, 2**62]).flatmap(lambda top: st.lists(st.integers(0, top), max_size=300))
)
def test_stable_order_is_a_stable_sort(keys: list[int]) -> None:
    """Keys with room for their places and keys without are ordered as numpy's stable argsort does."""
    column = np.array(keys, np.int64)
    order, along = ordered(column)
    assert order.tolist() == stable_order(column).tolist() == np.argsort(column, kind="stable").tolist()
    assert along.tolist() == sorted(keys)
