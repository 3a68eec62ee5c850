"""Logs written by the tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from servegen_fw_pools.logs.log import Log

MakeLog = Callable[..., Log]


@pytest.fixture
def make_log() -> MakeLog:
    """A log of clients with so many requests each, gamma gaps over a duration, lengths that differ by client."""

    def make(
        requests: Sequence[int],
        *,
        duration_s: float = 7200.0,
        shape: float = 1.0,
        seed: int = 1,
        **columns: object,
    ) -> Log:
        rng = np.random.default_rng(seed)
        times, owner = [], []
        for client, n in enumerate(requests):
            gaps = np.cumsum(rng.standard_gamma(shape, n + 1))
            times.append(gaps[:-1] / gaps[-1] * duration_s)
            owner.append(np.full(n, client))
        time_s, client_of = np.concatenate(times), np.concatenate(owner).astype(np.int32)
        order = np.argsort(time_s, kind="stable")
        client_of = client_of[order]
        n = len(order)
        scale = 100.0 * (1 + client_of % 7)
        return Log(
            name="made",
            time_s=time_s[order],
            input_tokens=np.rint(1 + rng.exponential(scale)).astype(np.int32),
            output_tokens=np.rint(1 + rng.exponential(scale[::-1])).astype(np.int32),
            client=client_of,
            clients=tuple(f"secret-user-{k}" for k in range(len(requests))),
            **columns,  # type: ignore[arg-type]
        )

    return make


@pytest.fixture(scope="session")
def make_sessions() -> Log:
    """A day of 20,000 conversations of three clients that carry their context, with latencies."""
    rng = np.random.default_rng(8)
    n = 20_000
    turns = rng.geometric(0.4, n)
    session = np.repeat(np.arange(n), turns)
    first = np.cumsum(turns) - turns
    turn = np.arange(len(session)) - first[session]
    new = 1 + np.rint(rng.lognormal(4, 1, len(session)))
    out = 1 + np.rint(rng.exponential(200, len(session)))
    latency_s = 0.02 * out
    wait_s = np.where(turn > 0, np.roll(latency_s, 1) + rng.lognormal(3.5, 1, len(session)), 0.0)

    def since_first(steps: np.ndarray) -> np.ndarray:
        total = np.cumsum(steps)
        return total - total[first][session]

    told = np.cumsum(new + out)
    before = told - new - out
    time_s = np.sort(rng.random(n) * 86_000.0)[session] + since_first(wait_s)
    order = np.argsort(time_s, kind="stable")
    order = order[time_s[order] < 86_400.0]
    return Log(
        name="chat",
        time_s=time_s[order],
        input_tokens=(new + before - before[first][session])[order].astype(np.int32),
        output_tokens=out[order].astype(np.int32),
        client=rng.integers(0, 3, n)[session][order].astype(np.int32),
        clients=("alice", "bob", "carol"),
        session=session[order],
        turn=turn[order].astype(np.int32),
        latency_s=latency_s[order],
    )
