"""Small clients in classes: nobody is dropped, nobody stands for less than the floor."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servegen_fw_pools.fit.classes import LEAST_MEMBERS, MOST_CLASSES, roster_of
from servegen_fw_pools.logs.log import Log

from servegen_fw.plugin import InputError


def log_of(requests: list[int]) -> Log:
    """So many requests of each client, lengths by client."""
    client = np.repeat(np.arange(len(requests), dtype=np.int32), requests)
    return Log(
        name="made",
        time_s=np.arange(len(client), dtype=float),
        input_tokens=(10 + client % 13 * 40).astype(np.int32),
        output_tokens=(5 + client % 5).astype(np.int32),
        client=client,
        clients=tuple(f"u{k}" for k in range(len(requests))),
    )


@given(st.lists(st.integers(0, 60), min_size=1, max_size=80), st.integers(1, 50))
def test_every_request_has_an_owner_and_every_owner_enough(requests: list[int], floor: int) -> None:
    """Requests of a client stay together, totals are exact, and every pool client holds at least the floor."""
    log = log_of(requests)
    if len(log) < floor:
        with pytest.raises(InputError, match="larger than the whole log"):
            roster_of(log, floor)
        return
    roster = roster_of(log, floor)
    held = np.bincount(roster.owner, minlength=len(roster.names))
    assert held.sum() == len(log)
    assert held.min() >= floor
    assert log.client is not None
    for client in np.unique(log.client):
        assert len(np.unique(roster.owner[log.client == client])) == 1
    assert sum(one["clients"] for one in roster.held.values()) + sum(
        name.startswith("c-") for name in roster.names
    ) == len(np.unique(log.client))
    for name, one in roster.held.items():
        assert one["requests"] == held[roster.names.index(name)]
    assert len(roster.held) <= MOST_CLASSES


def test_classes_hold_similar_clients() -> None:
    """Short and long prompts, and rare and frequent clients, come apart; a class has several members."""
    rng = np.random.default_rng(2)
    roster = roster_of(log_of(rng.integers(1, 90, 300).tolist()), 100)
    assert len(roster.held) > 8
    assert min(one["clients"] for one in roster.held.values()) >= LEAST_MEMBERS
    log = log_of(rng.integers(1, 90, 300).tolist())
    spread = [np.ptp(log.input_tokens[roster_of(log, 100).owner == k]) for k in range(8)]
    assert np.mean(spread) < 0.7 * np.ptp(log.input_tokens)


def test_names_follow_the_volume() -> None:
    """The busiest is c-0001; ids are kept on demand, classes have names of their own."""
    log = log_of([200, 900, 300, 3, 4])
    roster = roster_of(log, 100)
    assert roster.names == ("c-0001", "c-0002", "class-01")
    assert roster.held == {"class-01": {"clients": 3, "requests": 207}}
    assert roster.small == 2
    assert roster_of(log, 100, keep_ids=True).names == ("u1", "u2", "class-01")
    assert roster_of(log, 1, keep_ids=True).names == ("u1", "u2", "u0", "u4", "u3")


def test_a_log_without_clients_is_one_client(make_log: Callable[..., Log]) -> None:
    """It is called "all", and its requests are all his."""
    roster = roster_of(attrs.evolve(make_log([150]), client=None, clients=()), 100)
    assert roster.names == ("all",)
    assert not roster.owner.any()
