"""Small pools."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from servegen_fw.plugin import ClientPool, Tables


@pytest.fixture
def small() -> ClientPool:
    """Three clients over 12 windows of 600 s with two table windows; linear tables."""
    rng = np.random.default_rng(7)
    count = rng.integers(20, 60, (3, 12)).astype(float) * np.array([[9.0], [3.0], [1.0]])
    count[2, 6:] = 0
    return ClientPool(
        name="small",
        clients=("a", "b", "c"),
        start_s=36_000.0,
        window_s=600.0,
        count=count,
        cv=np.where(count > 0, rng.uniform(0.6, 4.0, count.shape), 0.0),
        family=np.where(count > 0, rng.integers(0, 2, count.shape), -1).astype(np.int16),
        families=("gamma", "weibull"),
        fields=("input_tokens", "output_tokens"),
        tables=Tables(
            np.arange(13) * 2,
            np.ravel([[10.0 * k + 1, 10.0 * k + 21] for k in range(12)]),
            np.tile([0.0, 1.0], 12),
            linear=True,
        ),
        table=np.arange(12, dtype=np.int32).reshape(2, 3, 2),
        table_window_s=3600.0,
        pairs=(("input_tokens", "output_tokens"),),
        rank=np.array([[0.1, 0.2, 0.3]]),
        meta={"source": "made up", "requests": float(count.sum())},
    )


@pytest.fixture
def chat(small: ClientPool) -> ClientPool:
    """The same with sessions of two turns that carry their context."""
    tables = Tables(
        np.append(small.tables.offsets, [26, 28]),
        np.append(small.tables.value, [1.5, 2.5, 20.0, 40.0]),
        np.append(small.tables.cdf, [0.0, 1.0, 0.0, 1.0]),
        linear=True,
    )
    more = np.stack([np.full((3, 2), 12), np.full((3, 2), 13)]).astype(np.int32)
    return attrs.evolve(
        small,
        name="chat",
        fields=(*small.fields, "turns", "think_s"),
        tables=tables,
        table=np.concatenate([small.table, more]),
        carries_context=True,
    )
