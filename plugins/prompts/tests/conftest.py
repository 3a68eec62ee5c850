"""Small workloads, and streams that hang on their label."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.plugin import Clients, Items, Workload


@attrs.frozen
class LabelledStreams:
    """Streams for tests: the same label under the same seed gives the same generator."""

    seed: int = 7

    def at(self, *label: str | int) -> np.random.Generator:
        """Return a fresh generator for the label."""
        digest = hashlib.sha256(repr((self.seed, label)).encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "little"))


@pytest.fixture
def streams() -> LabelledStreams:
    """Streams of seed 7."""
    return LabelledStreams()


@pytest.fixture
def make_streams() -> type[LabelledStreams]:
    """Streams of any seed."""
    return LabelledStreams


MakeWorkload = Callable[..., Workload]


@pytest.fixture
def make_workload() -> MakeWorkload:
    """A function that makes a workload of single-turn rows: 12 input and 5 output tokens each, unless columns say otherwise."""

    def make(n: int, names: tuple[str, ...] = ("a", "b"), **columns: Any) -> Workload:
        base: dict[str, Any] = {
            "due_s": np.arange(n, dtype=np.float64),
            "client": (np.arange(n) % len(names)).astype(np.int32),
            "session": (np.arange(n) // len(names)).astype(np.int64),
            "turn": np.zeros(n, np.int32),
            "parent": np.full(n, -1, np.int64),
            "think_s": np.zeros(n),
            "input_tokens": np.full(n, 12, np.int32),
            "context_tokens": np.zeros(n, np.int32),
            "output_tokens": np.full(n, 5, np.int32),
            "reason_tokens": np.zeros(n, np.int32),
            "prefix": np.full(n, -1, np.int64),
            "prefix_tokens": np.zeros(n, np.int32),
            "items": Items.none(n),
            "clients": Clients(names, np.zeros(len(names), np.int16), ("g",)),
            "duration_s": float(n),
        }
        for name, values in columns.items():
            base[name] = (
                np.asarray(values, base[name].dtype) if isinstance(base[name], np.ndarray) else values
            )
        return Workload(**base)

    return make


@pytest.fixture
def session(make_workload: MakeWorkload) -> Workload:
    """One session of three turns that carry their context, after a shared prefix of 4 tokens, then a lone request.

    Turn 0 reads 10 tokens (4 of them the prefix) and answers with 6, 2 of them reasoning; turn 1 reads 10 + 4 of
    history and 5 new ones; turn 2 reads 19 + 7 of history and 3 new ones.
    """
    return make_workload(
        4,
        names=("a",),
        due_s=[0.0, np.nan, np.nan, 9.0],
        session=[0, 0, 0, 1],
        turn=[0, 1, 2, 0],
        parent=[-1, 0, 1, -1],
        input_tokens=[10, 19, 29, 8],
        context_tokens=[0, 14, 26, 0],
        output_tokens=[6, 7, 5, 5],
        reason_tokens=[2, 0, 0, 0],
        prefix=[3, 3, 3, -1],
        prefix_tokens=[4, 4, 4, 0],
    )
