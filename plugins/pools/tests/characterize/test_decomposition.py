"""Which clients explain shifts and bursts."""

from __future__ import annotations

import numpy as np
import pytest
from servegen_fw_pools.characterize import decomposition
from servegen_fw_pools.characterize.decomposition import Sent

WINDOW_S = 300.0


def sent(parts: list[np.ndarray]) -> Sent:
    """Requests of several clients in the order of time."""
    client = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    time_s = np.concatenate(parts)
    order = np.argsort(time_s, kind="stable")
    return Sent(time_s[order], client[order], len(parts))


def poisson(n: int, duration_s: float, seed: int) -> np.ndarray:
    """N uniform times."""
    return np.sort(np.random.default_rng(seed).random(n)) * duration_s


def test_shifts_are_covariances_with_the_total() -> None:
    """From requests and from counts, a client's share is Cov(client, total) / Var(total); shares sum to 1."""
    rng = np.random.default_rng(0)
    windows = 40
    count = rng.poisson(rng.uniform(1, 30, (5, windows)))
    parts = [
        np.sort(np.repeat(np.arange(windows), row) * WINDOW_S + rng.random(row.sum()) * WINDOW_S)
        for row in count
    ]
    total = count.sum(0)
    expected = [np.cov(row, total, ddof=0)[0, 1] / total.var() for row in count]
    for found in (
        decomposition.shifts(count.astype(float), 20, WINDOW_S),
        decomposition.shifts_of(sent(parts), WINDOW_S, windows, 20),
    ):
        assert found.shares == pytest.approx(expected)
        assert found.shares.sum() == pytest.approx(1.0)
        assert found.part.shape == (5, 20)


def test_the_client_whose_rate_moves_explains_the_shift() -> None:
    """Of a client that doubles its rate half-way and four steady ones of equal size, the first explains nearly all."""
    moving = np.concatenate((poisson(4000, 6000.0, 1), 6000 + poisson(8000, 6000.0, 2)))
    steady = [poisson(12_000, 12_000.0, seed) for seed in range(3, 7)]
    found = decomposition.shifts_of(sent([moving, *steady]), WINDOW_S, 40, 20)
    assert found.shares[0] > 0.9
    assert np.abs(found.shares[1:]).max() < 0.06


def test_the_bursty_client_explains_the_bursts() -> None:
    """A tenth of the requests in batches of 20, the rest Poisson: the batches are the excess, within their interval."""
    # Their excess is 19 a request; the noise of 36,000 s of Poisson counts at 10 s is below 2 % of it (5 standard errors).
    calm = [poisson(30_000, 36_000.0, seed) for seed in range(3)]
    bursty = np.repeat(poisson(500, 36_000.0, 9), 20)
    found = decomposition.bursts_of(sent([*calm, bursty]), 10.0, 30, 120, 20)
    number = found.share(np.array([3]))
    assert found.shares.sum() == pytest.approx(1.0)
    assert number.value == pytest.approx(1.0, abs=0.12)
    assert number.low is not None
    assert number.low > 0.8
    assert found.excess.low is not None
    assert found.excess.low > 0


def test_poisson_clients_have_no_excess() -> None:
    """The interval of the excess of independent Poisson clients holds 0 in 95 % of logs: at most 12 of 60 miss it."""
    # Binomial(60, 0.05) exceeds 10 with probability 1e-4; two more are allowed for the jackknife.
    missed = 0
    for seed in range(60):
        clients = [poisson(2000, 6000.0, 100 * seed + k) for k in range(4)]
        excess = decomposition.bursts_of(sent(clients), 10.0, 30, 20, 20).excess
        assert excess.low is not None
        assert excess.high is not None
        missed += not excess.low <= 0 <= excess.high
    assert missed <= 12


def test_recorded_cvs_stand_in_for_requests() -> None:
    """N requests of CV c add n (c^2 - 1); a client of CV 1 adds nothing, one without a CV neither."""
    count = np.array([[100.0] * 10, [100.0] * 10, [5.0] * 10])
    cv = np.array([[1.0] * 10, [3.0] * 10, [0.0] * 10])
    found = decomposition.bursts_of_windows(count, cv, 5, 600.0)
    assert found.shares.tolist() == [0.0, 1.0, 0.0]
    assert found.whole.sum() == pytest.approx(8000)
    assert found.method == "recorded CVs"


def test_leaders_are_the_largest_parts() -> None:
    """Leaders come in the order of their shares, with names, intervals and shares of requests."""
    count = np.array([[10.0, 10, 10, 10, 10], [0, 50, 0, 50, 0], [5, 5, 5, 5, 6]])
    found = decomposition.shifts(count, 5, 60.0)
    leaders = decomposition.leaders(found, ["a", "b", "c"], count.sum(1), most=2)
    assert leaders[0]["client"] == "b"
    assert leaders[0]["requests_share"] == pytest.approx(100 / 176)
    assert len(leaders) == 2


def test_nothing_to_divide_gives_zeros() -> None:
    """Constant totals have no variance; shares are 0 and not NaN."""
    assert decomposition.shifts(np.ones((3, 6)), 5, 60.0).shares.tolist() == [0.0, 0.0, 0.0]
