"""Rank correlation of uniform numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from servegen_fw.workload.copula import cdf, correlated, ppf


@pytest.fixture(scope="module")
def two() -> tuple[np.ndarray, np.ndarray]:
    """Return two independent columns of uniform numbers."""
    rng = np.random.default_rng(11)
    return rng.random(200_000), rng.random(200_000)


def test_the_normal_distribution_function_is_right() -> None:
    """It is within 4e-8 of scipy's on the whole line."""
    z = np.linspace(-12, 12, 100_003)
    assert np.abs(cdf(z) - special.ndtr(z)).max() < 4e-8


def test_its_inverse_is_right() -> None:
    """Within 1e-6 of scipy's where quantiles are drawn, and finite at both ends."""
    u = np.linspace(1e-4, 1 - 1e-4, 100_001)
    assert np.abs(ppf(u) - special.ndtri(u)).max() < 1e-3 * 1e-3
    assert np.isfinite(ppf(np.array([0.0, 1.0 - 2.0**-53]))).all()


@pytest.mark.parametrize("spearman", [-0.9, -0.3, 0.05, 0.3, 0.6, 0.95])
def test_the_rank_correlation_is_the_one_stated(two: tuple[np.ndarray, np.ndarray], spearman: float) -> None:
    """Spearman's coefficient of 200,000 pairs is within 0.012 of it: five standard errors, false alarm 6e-7."""
    u, other = two
    made = correlated(u, other, spearman)
    assert abs(stats.spearmanr(u, made).statistic - spearman) < 0.012


@pytest.mark.parametrize("spearman", [-1.0, -0.7, 0.0, 0.4, 1.0])
def test_the_made_column_is_uniform(two: tuple[np.ndarray, np.ndarray], spearman: float) -> None:
    """It stays uniform on [0, 1): Kolmogorov-Smirnov, false alarm 1e-4."""
    made = correlated(*two, spearman)
    assert made.min() >= 0
    assert made.max() < 1
    assert stats.kstest(made, "uniform").pvalue > 1e-4


def test_the_ends_are_exact(two: tuple[np.ndarray, np.ndarray]) -> None:
    """1 is the same column, 0 the other one, -1 the mirror image."""
    u, other = two
    assert correlated(u, other, 1.0) is u
    assert correlated(u, other, 0.0) is other
    assert np.array_equal(correlated(u, other, -1.0), 1.0 - u)
    assert correlated(np.zeros(1), np.zeros(1), -1.0)[0] < 1
