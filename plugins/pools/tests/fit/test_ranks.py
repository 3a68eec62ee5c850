"""Dependence of two fields within clients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from servegen_fw_pools.fit.ranks import dependence
from servegen_fw_pools.fit.samples import Samples


def pair(x: np.ndarray, y: np.ndarray) -> tuple[Samples, Samples]:
    """Both fields of all requests."""
    rows = np.arange(len(x))
    return Samples("input_tokens", rows, x), Samples("output_tokens", rows, y)


def normal(rho: float, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rounded exponentials of a bivariate normal."""
    x = rng.standard_normal(n)
    y = rho * x + np.sqrt(1 - rho**2) * rng.standard_normal(n)
    return np.rint(np.exp(4 + x)), np.rint(np.exp(5 + y))


def test_one_client_has_the_rank_correlation_of_its_requests() -> None:
    """Ties included, it equals scipy's to the last digits."""
    x, y = normal(0.5, 4000, np.random.default_rng(1))
    x = np.minimum(x, 60)
    found = dependence(*pair(x, y), np.zeros(4000, np.int64), 1, 1)
    assert found.rank[0] == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    assert found.n == 4000


def test_shifts_between_windows_are_no_dependence() -> None:
    """Both lengths three times longer in the second window: together 0.3 and more, within each window nothing."""
    rng = np.random.default_rng(2)
    x, y = normal(0.0, 8000, rng)
    cell = np.repeat([0, 1], 4000)
    x, y = np.where(cell == 1, 3 * x, x), np.where(cell == 1, 3 * y, y)
    assert spearmanr(x, y).statistic > 0.15
    # Five standard errors of 1 / sqrt(8000).
    assert abs(dependence(*pair(x, y), cell, 2, 1).rank[0]) < 5 / np.sqrt(8000)


def test_small_clients_are_shrunk_and_silent_ones_get_the_pooled_one() -> None:
    """Two large clients that differ keep what they show; one of 12 requests moves most of the way to the mean."""
    rng = np.random.default_rng(3)
    parts = [normal(0.8, 5000, rng), normal(0.0, 5000, rng), normal(-0.9, 12, rng), normal(0.9, 5, rng)]
    x, y = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    cell = np.repeat(np.arange(4), [5000, 5000, 12, 5])
    found = dependence(*pair(x, y), cell, 1, 4)
    assert found.rank[0] == pytest.approx(0.78, abs=0.03)
    assert found.rank[1] == pytest.approx(0.0, abs=0.05)
    alone = spearmanr(*parts[2]).statistic
    assert alone < -0.7
    assert alone < found.rank[2] < found.pooled
    assert found.rank[3] == found.pooled
    assert found.n == 10_012


def test_equal_clients_all_get_the_pooled_one() -> None:
    """Forty clients with one true correlation scatter less than their own samples do."""
    rng = np.random.default_rng(4)
    parts = [normal(0.4, 100, rng) for _ in range(40)]
    x, y = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    found = dependence(*pair(x, y), np.repeat(np.arange(40), 100), 1, 40)
    raw = np.array([spearmanr(*part).statistic for part in parts])
    assert found.rank.std() < 0.5 * raw.std()
    assert found.pooled == pytest.approx(0.385, abs=5 / np.sqrt(4000))


def test_constant_lengths_tell_nothing() -> None:
    """No spread, no correlation: 0, from no requests."""
    found = dependence(*pair(np.full(50, 7.0), np.arange(50.0)), np.zeros(50, np.int64), 1, 1)
    assert (found.rank.tolist(), found.pooled, found.n) == ([0.0], 0.0, 0)
