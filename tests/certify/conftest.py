"""A small population of known law, what is composed from it, and records of a perfect sending."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.certify.certificate import certify
from servegen_fw.data.certificate import Certificate
from servegen_fw.data.pool import ClientPool, Tables
from servegen_fw.data.records import OK, Harness, Records
from servegen_fw.data.workload import Workload
from servegen_fw.hooks.entries import LengthEntry
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.model import Case, Group, Load, RateCurve, Suite, WorkloadSpec
from servegen_fw.workload.compose import compose
from servegen_fw.workload.streams import Streams

COUNT = ((240, 300), (120, 90), (60, 60), (15, 30), (6, 3))
CV = ((3.0, 2.0), (1.0, 1.0), (1.5, 1.5), (1.0, 1.0), (1.0, 1.0))


@attrs.frozen
class Read:
    """A choice whose product is a reader of data at hand."""

    data: Any
    entry: Any = LengthEntry(name="made", make=str)
    plugin: str = "servegen-fw-made"

    def make(self):
        """Return the reader, which is this object."""
        return self

    def read(self):
        """Return the data."""
        return self.data


def tables(*masses: dict[float, float]) -> Tables:
    """Return mass functions as tables."""
    return Tables(
        offsets=np.concatenate(([0], np.cumsum([len(one) for one in masses]))).astype(np.int64),
        value=np.concatenate([np.array(list(one), float) for one in masses]),
        cdf=np.concatenate([np.cumsum(list(one.values())) / sum(one.values()) for one in masses]),
    )


def pool(**more: Any) -> ClientPool:
    """Return five clients in two windows of 600 s, bursty and not, with lengths of their own."""
    clients = len(COUNT)
    masses = [{float(v): 1.0 for v in range(20 * (k + 1), 120 * (k + 1), 7)} for k in range(clients)]
    masses += [{float(v): 1.0 / v for v in range(1, 200, 3)} for _ in range(clients)]
    fields, table = ("input_tokens", "output_tokens"), np.arange(2 * clients).reshape(2, clients, 1)
    if more.pop("talking", False):
        fields = (*fields, "turns", "think_s")
        masses += [{1.0: 0.5, 2.0: 0.3, 5.0: 0.2}, {5.0: 0.3, 40.0: 0.5, 300.0: 0.2}]
        one = np.broadcast_to(np.array([[[10]], [[11]]]), (2, clients, 1))
        table = np.concatenate((table, one))
    values = {
        "name": "made",
        "clients": tuple("abcde"),
        "start_s": 0.0,
        "window_s": 600.0,
        "count": np.array(COUNT, float),
        "cv": np.array(CV, float),
        "family": np.zeros((clients, 2), np.int16),
        "families": ("gamma",),
        "fields": fields,
        "tables": tables(*masses),
        "table": table.astype(np.int32),
        "table_window_s": 21600.0,
        **more,
    }
    return ClientPool(**values)


@attrs.frozen
class Scene:
    """A suite of one case with what is composed from it."""

    suite: Suite
    registry: Registry
    streams: Streams
    workload: Workload

    @property
    def case(self) -> Case:
        """The one case."""
        return self.suite.cases[0]

    def certify(
        self, workload: Workload | None = None, records: Records | None = None, **more: Any
    ) -> Certificate:
        """Certify a workload, by default the composed one."""
        chosen = self.workload if workload is None else workload
        return certify(self.suite, self.case, chosen, self.streams, self.registry, records=records, **more)


@pytest.fixture(scope="session")
def registry() -> Registry:
    """All installed plugins."""
    return Registry.load()


@pytest.fixture(scope="session")
def scene(registry: Registry) -> Callable[..., Scene]:
    """Return a maker of scenes: a seed, a source, options of the group, and of the load."""

    def make(
        seed: int = 1, source: Any = None, rate: Any = None, duration_s: float = 1200.0, **group: Any
    ) -> Scene:
        load = group.pop("load", None)
        if load is None:
            if isinstance(rate, int | float):
                rate = RateCurve((0.0,), (float(rate),))
            load = Load(rate=rate, duration_s=duration_s)
        if source is None and "arrival" not in group:
            source = pool()
        groups = (Group(source=None if source is None else Read(source), **group),)
        suite = Suite(
            servegen=1,
            name="made",
            seed=seed,
            targets={},
            workload=WorkloadSpec(groups=groups),
            cases=(Case(name="case", load=load),),
            registry=registry,
        )
        streams = Streams(seed)
        return Scene(suite, registry, streams, compose(suite.workload, load, streams, registry.families))

    return make


def sent(workload: Workload, lag_s: float | np.ndarray = 0.0, clock: str = "monotonic") -> Records:
    """Return records of a sending in which every request left `lag_s` after it was due and took a millisecond."""
    n = len(workload)
    records = Records.empty(n, Harness(clock, workload.duration_s))
    due = np.rint(workload.planned_s * 1e9).astype(np.int64)
    records.due_ns[:] = due
    records.start_ns[:] = due + np.rint(np.broadcast_to(lag_s, n) * 1e9).astype(np.int64)
    records.done_ns[:] = records.start_ns + 1_000_000
    records.status[:] = OK
    return records


@pytest.fixture(scope="session")
def send() -> Callable[..., Records]:
    """Return the maker of records."""
    return sent


@pytest.fixture(scope="session")
def made() -> Callable[..., ClientPool]:
    """Return the maker of pools."""
    return pool
