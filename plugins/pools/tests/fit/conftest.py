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
