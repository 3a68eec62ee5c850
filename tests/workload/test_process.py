"""Processes that run on across the windows of a recording."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from servegen_fw.workload.process import Stretch, carry, run_on


def mean_is(values: np.ndarray, expected: float, z: float = 4.5) -> bool:
    """Whether a mean agrees within z standard errors, estimated from the values (false alarm 7e-6 at 4.5)."""
    return bool(abs(values.mean() - expected) < z * values.std(ddof=1) / np.sqrt(len(values)))


@pytest.fixture(scope="module")
def alternating(kit: Any) -> np.ndarray:
    """Arrivals of 2,000 processes through 6 stretches of 5 arrivals each, even and very bursty in turn, [run, time]."""
    gamma, weibull = kit.GammaGaps(), kit.WeibullGaps()
    laws = [
        Stretch(5.0, gamma, 20.0, 0.2),
        Stretch(5.0, gamma, 0.1, 3.0),
        Stretch(5.0, weibull, 3.0, 0.4),
        Stretch(0.5, gamma, 0.1, 3.0),
        Stretch(5.0, weibull, 0.4, 3.0),
        Stretch(5.0, gamma, 20.0, 0.2),
    ]
    rows = []
    for run in range(2000):
        times = run_on(laws, np.random.default_rng([1, run]), np.random.default_rng([2, run]))
        rows.append(np.histogram(times, np.arange(0, 26.0, 0.25))[0])
    return np.array(rows)


def test_the_mean_intensity_is_one_at_every_moment(alternating: np.ndarray) -> None:
    """In each of 102 quarters of a mean gap there is a quarter of an arrival: no pile-up at any change of law."""
    assert alternating.shape == (2000, 103)
    assert all(mean_is(alternating[:, k], 0.25) for k in range(102))


def test_the_clock_ends_where_it_should(alternating: np.ndarray) -> None:
    """Nothing arrives after the last stretch, and the total is its length."""
    assert alternating[:, 102].sum() == 0
    assert mean_is(alternating.sum(axis=1), 25.5)


def test_a_carried_residual_has_the_new_equilibrium_law(kit: Any) -> None:
    """From equilibrium to equilibrium: Kolmogorov-Smirnov over 5,000 carried residuals, false alarm 1e-4."""
    gamma, weibull = kit.GammaGaps(), kit.WeibullGaps()
    before, now = Stretch(1.0, gamma, 0.2), Stretch(1.0, weibull, 2.0)
    rng = np.random.default_rng(3)
    old = gamma.first(np.full(5000, before.parameter), rng)
    new = np.array([carry(float(residual), before, now, rng) for residual in old])
    assert stats.ks_2samp(new, weibull.first(np.full(5000, now.parameter), rng)).pvalue > 1e-4


def test_a_long_wait_stays_a_long_wait(kit: Any) -> None:
    """Ranks are kept: old and carried residuals correlate above 0.9 in rank."""
    gamma = kit.GammaGaps()
    before, now = Stretch(1.0, gamma, 0.3), Stretch(1.0, gamma, 4.0)
    rng = np.random.default_rng(4)
    old = gamma.first(np.full(2000, before.parameter), rng)
    new = [carry(float(residual), before, now, rng) for residual in old]
    assert stats.spearmanr(old, new).statistic > 0.9


def test_equal_residuals_share_their_ranks(kit: Any) -> None:
    """Where every draw is 0, as by underflow, all ranks come up."""

    class Zero:
        def first(self, parameter: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
            return np.zeros(len(parameter))

    gamma, rng = kit.GammaGaps(), np.random.default_rng(5)
    new = [carry(0.0, Stretch(1.0, Zero(), 1.0), Stretch(1.0, gamma, 1.0), rng) for _ in range(3000)]
    assert stats.kstest(new, "expon").pvalue > 1e-4


def test_the_same_law_runs_on_as_one_process(kit: Any) -> None:
    """Cut into many stretches of one law, the arrivals are those of the uncut process in law: counts and dispersion."""
    gamma = kit.GammaGaps()
    cut = [Stretch(2.0, gamma, 0.25, 2.0)] * 25
    found = np.array(
        [len(run_on(cut, np.random.default_rng([6, k]), np.random.default_rng([7, k]))) for k in range(2000)]
    )
    # Brute force: gaps after an equilibrium first one.
    rng = np.random.default_rng(8)
    first = gamma.first(np.full(2000, 0.25), rng)
    times = first[:, None] + np.cumsum(
        np.hstack((np.zeros((2000, 1)), rng.standard_gamma(0.25, (2000, 400)) / 0.25)), axis=1
    )
    assert times[:, -1].min() > 50
    direct = (times < 50).sum(axis=1)
    assert stats.ks_2samp(found, direct).pvalue > 1e-4


@pytest.mark.parametrize(("cv", "family"), [(0.5, 0), (1.0, 2), (2.0, 0), (2.0, 1)])
def test_counts_have_the_dispersion_of_their_process(kit: Any, cv: float, family: int) -> None:
    """The variance of a client's count over 10 windows of 40 is that of a brute-force renewal process (1,000 runs each)."""
    pool = kit.pool(np.full((1000, 10), 40), cv=cv, family=family)
    workload = kit.compose(kit.recorded(pool, counts="process"), duration_s=6_000)
    found = np.bincount(workload.client, minlength=1000)
    law = kit.families[pool.families[family]]
    parameter = law.parameter(np.full(1000, cv), np.full(1000, 40.0))
    rng = np.random.default_rng(9)
    at, direct = law.first(parameter, rng), np.zeros(1000, int)
    while (at < 400).any():
        direct += at < 400
        at += law.gaps(parameter, rng)
    assert mean_is(found, 400)
    # The log of a ratio of two variances of 1,000 near-normal values has a standard error of 0.063; five of them.
    assert abs(np.log(found.var() / direct.var())) < 5 * np.sqrt(4 / 1000)
    # And theory: the index of dispersion of a Poisson process is 1 (five standard errors).
    if cv == 1.0 and family == 2:
        assert abs(found.var() / 400 - 1) < 5 * np.sqrt(2 / 1000)


def test_no_excess_at_the_start_of_windows(kit: Any) -> None:
    """With the law changing from gamma of shape 0.1 to even gaps at every window the first 10 s hold a sixtieth."""
    cv = np.where(np.arange(40) % 2, 0.3, 3.1)
    workload = kit.compose(
        kit.recorded(kit.pool(np.full((250, 40), 10), cv=cv), counts="process"), duration_s=24_000
    )
    cell = (workload.client * 40 + workload.due_s // 600).astype(int)
    for low, high in ((0, 10), (10, 20), (590, 600)):
        at = workload.due_s % 600
        per_client = np.bincount(cell[(at >= low) & (at < high)] // 40, minlength=250)
        assert mean_is(per_client, 10 * 40 / 60), (low, high)


def test_windows_of_less_than_one_request_are_bridged(kit: Any) -> None:
    """Processes slower than their windows still send what was recorded on average."""
    pool = kit.pool(np.full((600, 30), 0.3), cv=2.0)
    workload = kit.compose(kit.recorded(pool, counts="process"), duration_s=18_000)
    assert mean_is(np.bincount(workload.client, minlength=600), 9.0)


def test_empty_windows_stay_empty(kit: Any) -> None:
    """Nothing is due while a client was silent."""
    workload = kit.compose(kit.recorded(kit.pool([[50, 0, 50, 0, 0, 50]]), counts="process"), duration_s=3600)
    assert set((workload.due_s // 600).astype(int)) == {0, 2, 5}


def test_a_longer_case_draws_the_same_requests(kit: Any) -> None:
    """A case that ends within a window is the beginning of one that goes on."""
    pool = kit.pool(np.full((5, 30), 40), cv=np.where(np.arange(30) % 3, 1.0, 2.5))
    group = kit.recorded(pool, counts="process", start_s=250.0)
    short, long = (kit.rows(kit.compose(group, duration_s=d)) for d in (3_333.0, 17_000.0))
    assert long[: len(short)] == short


def test_a_rate_curve_shapes_a_process(kit: Any) -> None:
    """Under a falling ramp each quarter holds what the ramp says."""
    from servegen_fw.suite.model import RateCurve

    pool = kit.pool(np.full((600, 4), 20), cv=1.5)
    curve = RateCurve((0.0, 2400.0), (2 * pool.rate, 0.0))
    workload = kit.compose(kit.recorded(pool, counts="process", scale="rate"), rate=curve, duration_s=2400)
    for k in range(4):
        quarter = (workload.due_s >= 600 * k) & (workload.due_s < 600 * (k + 1))
        assert mean_is(np.bincount(workload.client[quarter], minlength=600), 80 * (7 - 2 * k) / 16), k
