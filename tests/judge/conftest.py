"""Runs built by hand, column by column, and processes of which the truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.data.plan import Plan
from servegen_fw.data.records import OK, Chunks, Harness, Records
from servegen_fw.data.run import Run
from servegen_fw.data.workload import Clients, Items, Workload
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.model import Case, Load, Suite, WorkloadSpec


def _ns(seconds: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    values = np.asarray(seconds, np.float64)
    return np.where(np.isnan(values), -1, np.rint(values * 1e9)).astype(np.int64)


def build(due_s: Any, **given: Any) -> Run:
    """Build a run of requests due at `due_s` that all succeed, 100 ms to the first token and 1 s to the last of 10.

    Any time (`start_s`, `sent_s`, `first_s`, `answer_s`, `last_s`, `done_s`; NaN for never), workload column, record
    column, `Plan` field or harness field may be given instead.
    """
    due = np.asarray(due_s, np.float64)
    n = len(due)
    owner = np.asarray(given.pop("client", np.zeros(n)), np.int32)
    names = given.pop("names", tuple(f"client-{i}" for i in range(int(owner.max(initial=0)) + 1)))
    wanted = np.broadcast_to(np.asarray(given.pop("output_tokens", 10), np.int32), n).copy()
    workload = Workload(
        due_s=np.asarray(given.pop("planned_s", due), np.float64),
        client=owner,
        session=np.arange(n),
        turn=np.asarray(given.pop("turn", np.zeros(n)), np.int32),
        parent=np.full(n, -1),
        think_s=np.zeros(n),
        input_tokens=np.broadcast_to(np.asarray(given.pop("input_tokens", 100), np.int32), n).copy(),
        context_tokens=np.zeros(n, np.int32),
        output_tokens=wanted,
        reason_tokens=np.zeros(n, np.int32),
        prefix=np.full(n, -1),
        prefix_tokens=np.zeros(n, np.int32),
        items=given.pop("items", Items.none(n)),
        clients=Clients(
            tuple(names),
            np.asarray(given.pop("group", np.zeros(len(names))), np.int16),
            given.pop("groups", ("all",)),
        ),
        duration_s=1e9,
    )
    clock = given.pop("clock", "monotonic")
    harness = Harness(
        clock,
        given.pop("wall_s", 100.0),
        given.pop("cpu_s", 1.0),
        np.asarray(given.pop("stall_s", []), np.float64),
        interrupted=given.pop("interrupted", ""),
    )
    times = {"due_ns": _ns(due)}
    times["start_ns"] = _ns(given.pop("start_s", due))
    times["sent_ns"] = _ns(given.pop("sent_s", due))
    times["first_ns"] = _ns(given.pop("first_s", due + 0.1))
    times["answer_ns"] = _ns(given.pop("answer_s", times["first_ns"] / 1e9))
    times["last_ns"] = _ns(given.pop("last_s", due + 1.0))
    times["done_ns"] = _ns(given.pop("done_s", due + 1.0))
    columns: dict[str, Any] = {
        "status": np.full(n, OK),
        "output_reported": wanted,
        "output_counted": wanted,
        "chunks_n": wanted,
    }
    fields = {field.name for field in attrs.fields(Records)}
    columns |= {name: given.pop(name) for name in list(given) if name in fields}
    empty = Records.empty(n, harness)
    columns = {
        name: np.asarray(value, getattr(empty, name).dtype)
        if isinstance(getattr(empty, name), np.ndarray)
        else value
        for name, value in columns.items()
    }
    records = attrs.evolve(empty, **times, **columns)
    given.setdefault("duration_s", float(np.nanmax(due, initial=0.0)) + 1.0)
    return Run.measured(Plan(workload, None, given.pop("mode", "open"), **given), records)


def chunks_of(stamps: list[list[float]]) -> Chunks:
    """One segment a request of chunk times in seconds."""
    sizes = [len(times) for times in stamps]
    ends = np.cumsum(sizes)
    return Chunks(_ns([t for times in stamps for t in times]), np.arange(len(stamps)), ends - sizes, ends)


@pytest.fixture(name="build")
def _build() -> Callable[..., Run]:
    return build


@pytest.fixture(name="chunks_of")
def _chunks_of() -> Callable[[list[list[float]]], Chunks]:
    return chunks_of


@pytest.fixture
def suite_of() -> Callable[..., Suite]:
    """Suites with given objectives and one case "c"."""

    def make(*slos: Any) -> Suite:
        return Suite(
            servegen=1,
            name="test",
            targets={},
            workload=WorkloadSpec(groups=()),
            cases=(Case(name="c", load=Load()),),
            slos=tuple(slos),
        )

    return make


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The registry of what is installed."""
    return Registry.load()


def autocorrelated(r: int, n: int, phi: float, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Exponential of a Gaussian AR(1), `r` rows: p-quantile exp(z_p), mean exp(1/2)."""
    z = np.random.default_rng(seed).standard_normal((n, r))
    for t in range(1, n):
        z[t] = phi * z[t - 1] + math.sqrt(1 - phi**2) * z[t]
    return np.exp(z.T)


def queue(r: int, n: int, load: float, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Sojourn times of an M/M/1 queue in equilibrium (Lindley recursion), `r` rows: exponential, mean load / (1 - load)."""
    g = np.random.default_rng(seed)
    wait = np.where(g.random(r) < load, g.exponential(load / (1 - load), r), 0.0)
    out = np.empty((r, n))
    for t in range(n):
        out[:, t] = wait + g.exponential(load, r)
        wait = np.maximum(0.0, out[:, t] - g.exponential(1.0, r))
    return out


@pytest.fixture(name="autocorrelated")
def _autocorrelated() -> Callable[..., np.ndarray[Any, np.dtype[np.float64]]]:
    return autocorrelated


@pytest.fixture(name="queue")
def _queue() -> Callable[..., np.ndarray[Any, np.dtype[np.float64]]]:
    return queue
