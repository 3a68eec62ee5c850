"""Tests of the laws of gaps, and AIC."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from servegen_fw_pools.characterize import gap_tests
from servegen_fw_pools.characterize.gap_families import FAMILIES, draws
from servegen_fw_pools.characterize.windows import split_gaps


def chosen(
    family: str, cv: float, seed: int, gaps: int = 120_000, window_s: float = 300.0
) -> gap_tests.WindowGaps:
    """Windows of a renewal process of 6 requests a second."""
    rng = np.random.default_rng(seed)
    time_s = np.cumsum(draws(family, np.full(gaps, 1 / 6), np.full(gaps, cv), rng))
    found = gap_tests.choose(*split_gaps(time_s, None, window_s, int(time_s[-1] / window_s)))
    assert found is not None
    return found


def test_the_true_law_is_refused_in_five_percent() -> None:
    """p-values with fitted parameters are uniform: of 160 windows of four laws, Binomial(160, 0.05) are refused."""
    # More than 21 have probability 1e-4, none 3e-4.
    refused = windows = 0
    for family, cv in (("exponential", 1.0), ("gamma", 2.0), ("weibull", 2.0), ("gamma", 0.5)):
        _, p = gap_tests.p_values(chosen(family, cv, 1, gaps=10_500, window_s=40.0))
        windows += p.shape[1]
        refused += int((p[FAMILIES.index(family)] <= 0.05).sum())
    assert windows == 160
    assert 1 <= refused <= 21


def test_a_wrong_law_is_refused() -> None:
    """500 gaps of CV 2 are never taken for exponential, and a gamma's mostly not for a Weibull's."""
    _, p = gap_tests.p_values(chosen("gamma", 2.0, 9, gaps=30_000, window_s=100.0))
    assert (p[0] <= 0.05).all()
    assert (p[2] <= 0.05).mean() > 0.8


@pytest.mark.parametrize(("family", "cv"), [("exponential", 1.0), ("gamma", 2.0), ("weibull", 0.6)])
def test_aic_is_that_of_scipys_fits(family: str, cv: float) -> None:
    """Twice the parameters less twice the log likelihood at its maximum, as scipy finds it."""
    found = chosen(family, cv, 2, gaps=12_000)
    aic = gap_tests.aic(found, 1e-12)
    begin = 0
    for k, size in enumerate(found.gaps[:3].tolist()):
        gap = np.maximum(found.gap_s[begin : begin + size], 1e-12)
        begin += size
        for j, law in enumerate((stats.expon, stats.gamma, stats.weibull_min)):
            likelihood = law.logpdf(gap, *law.fit(gap, floc=0)).sum()
            assert aic[j, k] == pytest.approx((2 if j == 0 else 4) - 2 * likelihood, abs=1e-3)


def test_gaps_of_zero_have_a_finite_criterion() -> None:
    """Equal times are taken as half a tick of the clock, so that no criterion is infinite."""
    rng = np.random.default_rng(4)
    time_s = np.sort(np.round(rng.random(3000) * 300, 2))
    found = gap_tests.choose(*split_gaps(time_s, None, 300.0, 1))
    assert found is not None
    assert (found.gap_s == 0).any()
    assert np.isfinite(gap_tests.aic(found, 0.005)).all()


def test_windows_without_enough_differing_gaps_are_not_chosen() -> None:
    """Fewer than 30 gaps, and gaps that are all alike, are nothing to test."""
    assert gap_tests.choose(*split_gaps(np.arange(20.0), None, 300.0, 1)) is None
    assert gap_tests.choose(*split_gaps(np.arange(200.0), None, 300.0, 1)) is None
