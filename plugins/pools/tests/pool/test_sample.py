"""New clients like those of a pool."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servegen_fw_pools.pool.sample import _quantile, member_rates, sampled
from servegen_fw_pools.shipped import open_shipped

from servegen_fw.plugin import ClientPool, InputError


def shares(pool: ClientPool, parts: list[float]) -> np.ndarray:
    """Share of all requests that the top parts of the clients send, the last client of a part in proportion."""
    total = np.sort(pool.requests.sum(1))[::-1]
    curve = np.concatenate(([0.0], np.cumsum(total) / total.sum()))
    return np.interp(np.array(parts) * len(total), np.arange(len(total) + 1), curve)


@pytest.mark.parametrize("name", ["deepseek-r1", "mm-image", "m-small"])
@pytest.mark.parametrize("clients", [500, 3000])
def test_the_top_shares_follow_the_recorded_skew(name: str, clients: int) -> None:
    """The top 5 to 80 % of the new clients send what those of the recording do, to 2.5 points; the total is exact."""
    pool = open_shipped(name)
    new = sampled(pool, clients, seed=1)
    parts = [0.05, 0.1, 0.2, 0.4, 0.8]
    np.testing.assert_allclose(shares(new, parts), shares(pool, parts), atol=0.025)
    assert new.rate == pytest.approx(pool.rate * clients / len(pool.clients), rel=1e-9)
    assert sampled(pool, clients, seed=1, rate=7.0).rate == pytest.approx(7.0, rel=1e-9)


def test_the_lorenz_curve_goes_through_the_recorded_points() -> None:
    """Each piece of the quantile function has the mean of its client's rate, to 1e-6."""
    per_s, _ = member_rates(open_shipped("deepseek-r1"))
    level = (np.arange(len(per_s) * 4096) + 0.5) / (len(per_s) * 4096)
    mean = _quantile(per_s, level).reshape(len(per_s), 4096).mean(1)
    np.testing.assert_allclose(mean, per_s, rtol=2e-4)


def test_new_clients_are_no_copies() -> None:
    """500 clients have names of their own, and rates, but for those between two recorded clients of one rate."""
    pool = open_shipped("deepseek-r1")
    new = sampled(pool, 500, seed=3)
    assert len(set(new.clients)) == 500
    assert not set(new.clients) & set(pool.clients)
    total = new.count.sum(1)
    assert len(np.unique(total)) > 490
    assert (np.diff(total) <= 1e-6).all()


def test_a_seed_gives_the_same_clients() -> None:
    """And another seed gives others."""
    pool = open_shipped("deepseek-r1")
    new = sampled(pool, 500, seed=3)
    np.testing.assert_array_equal(sampled(pool, 500, seed=3).count, new.count)
    assert not np.array_equal(sampled(pool, 500, seed=4).count, new.count)


def test_shapes_are_those_of_clients_of_similar_size() -> None:
    """A new client's rate curve is that of its prototype, whose rank is within 5 % (and its stratum) of its own."""
    pool = open_shipped("deepseek-r1")
    new = sampled(pool, 365, seed=5)
    _, owner = member_rates(pool)
    rank = {pool.clients[client]: at for at, client in enumerate(owner)}
    for k, like in enumerate(new.meta["sampled"]["like"]):
        row = pool.clients.index(like)
        part = new.count[k] / new.count[k].sum()
        np.testing.assert_allclose(part, pool.count[row] / pool.count[row].sum(), rtol=1e-9)
        assert abs(rank[like] - (364 - k) / 5) <= 4 + 2
    active = new.count > 0
    assert np.array_equal(active, new.family >= 0)
    assert (new.cv[active] > 0).all()


def test_a_class_counts_as_its_members(small: ClientPool) -> None:
    """A class of 98 clients is 98 of 100 clients of the population, so 1000 new clients are nearly all like it."""
    pool = attrs.evolve(small, meta={"fit": {"classes": {"c": {"clients": 98, "requests": 1}}}})
    new = sampled(pool, 1000, seed=1)
    assert new.meta["sampled"]["of"] == 100
    assert new.meta["sampled"]["like"].count("c") > 900
    assert new.rate == pytest.approx(pool.rate * 10, rel=1e-9)


def test_sessions_are_sampled_by_requests(chat: ClientPool) -> None:
    """The total is one of requests, later turns included."""
    new = sampled(chat, 20, seed=2, rate=4.0)
    assert new.rate == pytest.approx(4.0, rel=1e-9)
    assert new.count.sum() / new.duration_s == pytest.approx(2.0, rel=1e-6)
    assert new.carries_context
    assert new.rank.shape == (1, 20)


@given(st.integers(1, 12), st.integers(1, 60), st.integers(0, 5))
def test_any_number_of_clients_can_be_drawn(recorded: int, clients: int, seed: int) -> None:
    """Whatever the two numbers, rates are positive and add up."""
    pool = open_shipped("mm-image")
    rows = np.arange(recorded)
    pool = attrs.evolve(
        pool,
        clients=pool.clients[:recorded],
        count=pool.count[rows],
        cv=pool.cv[rows],
        family=pool.family[rows],
        table=pool.table[:, rows],
    )
    new = sampled(pool, clients, seed, rate=2.0)
    assert (new.count.sum(1) > 0).all()
    assert new.rate == pytest.approx(2.0, rel=1e-9)


def test_what_cannot_be_sampled(small: ClientPool) -> None:
    """No clients, and a silent pool."""
    with pytest.raises(InputError, match="0 is no number of clients"):
        sampled(small, 0, 1)
    with pytest.raises(InputError, match="sends nothing"):
        sampled(attrs.evolve(small, count=np.zeros_like(small.count)), 5, 1)
