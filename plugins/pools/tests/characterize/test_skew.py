"""How unequal clients are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servegen_fw_pools.characterize.skew import gini, skew, top_share


def zipf_requests(s: float, clients: int, n: int, seed: int, blocks: int = 20) -> np.ndarray:
    """Requests by client and stretch when client r sends in proportion to r^-s."""
    weight = np.arange(1, clients + 1) ** -s
    return np.random.default_rng(seed).multinomial(n // blocks, weight / weight.sum(), blocks).T.astype(float)


@pytest.mark.parametrize("s", [0.0, 0.6, 1.1, 2.0])
def test_the_exponent_is_recovered(s: float) -> None:
    """Two million requests of 1,000 clients give the exponent back to 0.02, and the law fits."""
    found = skew(zipf_requests(s, 1000, 2_000_000, 1))
    assert found["zipf"]["exponent"].value == pytest.approx(s, abs=0.02)
    assert found["zipf"]["distance"].value < 0.01


def test_many_clients_are_grouped_without_loss() -> None:
    """Exact expected requests of 100,000 clients, most of them in groups of ranks, give the exponent to 1e-3."""
    requests = np.arange(1, 100_001) ** -1.3 * 1e7
    assert skew(requests[:, None])["zipf"]["exponent"].value == pytest.approx(1.3, abs=1e-3)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=60))
def test_shares_and_gini_are_as_defined(requests: list[int]) -> None:
    """The Gini coefficient is the mean absolute difference over twice the mean, and shares are those of the largest."""
    ordered = np.sort(np.array(requests, float))[::-1]
    difference = np.abs(ordered[:, None] - ordered).mean()
    assert gini(ordered) == pytest.approx(difference / (2 * ordered.mean()), abs=1e-9)
    assert top_share(ordered, 1) == pytest.approx(max(requests) / sum(requests))
    found = skew(ordered[:, None])
    needed = int(found["for_90_percent"].value)
    assert ordered[:needed].sum() >= 0.9 * ordered.sum() * (1 - 1e-9)
    assert ordered[: needed - 1].sum() < 0.9 * ordered.sum()
    lorenz = found["lorenz"]
    assert (lorenz["clients"][0], lorenz["requests"][0]) == (0.0, 0.0)
    assert (lorenz["clients"][-1], lorenz["requests"][-1]) == (1.0, pytest.approx(1.0))


def test_intervals_say_how_far_shares_change_with_time() -> None:
    """A client that sends in one of twenty stretches only has a wide interval; steady clients have narrow ones."""
    steady = np.full((10, 20), 1000.0)
    burst = steady.copy()
    burst[0] = 0
    burst[0, 7] = 100_000
    narrow, wide = (skew(one)["top_shares"]["1"] for one in (steady, burst))
    assert narrow.high - narrow.low < 1e-9
    assert wide.high - wide.low > 0.2
