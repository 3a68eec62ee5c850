"""Rank correlation overall and within clients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from servegen_fw_pools.characterize import rank_correlation as module
from servegen_fw_pools.characterize.rank_correlation import rank_correlation, within_clients


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2000)), min_size=4, max_size=50))
def test_rho_is_scipys(pairs: list[tuple[int, int]]) -> None:
    """Ties and all, rho is scipy's; where a column is constant there is none."""
    x, y = np.array(pairs, np.int32).T
    found = rank_correlation(x, y)
    if min(len(set(x.tolist())), len(set(y.tolist()))) == 1:
        assert found is None
        return
    assert found is not None
    assert found.value == pytest.approx(spearmanr(x, y).statistic, abs=1e-9)
    if found.low is not None:
        assert found.low <= found.value <= found.high


@pytest.mark.parametrize("dense", [1, 1 << 26])
def test_rho_within_clients_is_each_clients_own(monkeypatch: pytest.MonkeyPatch, dense: int) -> None:
    """By counting and by sorting alike, each client's rho is scipy's for its rows; small clients are left out."""
    monkeypatch.setattr(module, "_DENSE", dense)
    rng = np.random.default_rng(1)
    client = rng.choice(4, 900, p=[0.5, 0.3, 0.19, 0.01]).astype(np.int32)
    x = rng.poisson(5 + 10 * client).astype(np.int32)
    y = (rng.poisson(3, 900) + x * (client == 1)).astype(np.int32)
    pooled, rho, size = within_clients(x, y, client, 5)
    for k in range(3):
        rows = client == k
        assert rho[k] == pytest.approx(spearmanr(x[rows], y[rows]).statistic, abs=1e-9)
    assert np.isnan(rho[3:]).all()
    assert pooled is not None
    assert pooled.value == pytest.approx(np.average(rho[:3], weights=size[:3]))
    assert pooled.n == size[:3].sum()


def test_overall_and_within_may_differ() -> None:
    """Independent exponential lengths within two clients, ten times as long for one: 0 within, 0.50 overall."""
    # Ranks of the two differ by 9/22 of the scale on average (the longer wins 10 of 11 comparisons), so
    # that rho is 12 (9/44)^2 = 0.502; the sampling error of 4,000 is 0.013.
    rng = np.random.default_rng(2)
    client = (np.arange(4000) % 2).astype(np.int32)
    x, y = (np.ceil(rng.exponential(100.0 * 10**client)).astype(np.int32) for _ in range(2))
    overall, (pooled, _, _) = rank_correlation(x, y), within_clients(x, y, client, 2)
    assert overall is not None
    assert pooled is not None
    assert overall.value == pytest.approx(0.502, abs=0.05)
    assert pooled.low < 0 < pooled.high


def test_intervals_cover() -> None:
    """95 % intervals hold the true rank correlation of a normal copula in at least 270 of 300 samples (p < 1e-3)."""
    rng, rho, hits = np.random.default_rng(3), 0.5, 0
    truth = 6 / np.pi * np.arcsin(rho / 2)
    for _ in range(300):
        a, b = rng.standard_normal((2, 400))
        x, y = (np.rint(1e5 * np.exp(z / 4)).astype(np.int32) for z in (a, rho * a + (1 - rho**2) ** 0.5 * b))
        found = rank_correlation(x, y)
        assert found is not None
        hits += found.low <= truth <= found.high
    assert hits >= 270


def test_too_few_requests_tell_nothing() -> None:
    """Three requests, and clients below 20, have no rank correlation."""
    x = np.arange(3, dtype=np.int32)
    assert rank_correlation(x, x) is None
    assert within_clients(x, x, np.zeros(3, np.int32), 1)[0] is None
