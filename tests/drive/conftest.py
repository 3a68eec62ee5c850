"""A laboratory for engines: small workloads, and backends in this process that do as they are told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.data.payload import Payloads, Request
from servegen_fw.data.plan import Plan
from servegen_fw.data.records import Records
from servegen_fw.data.workload import Clients, Items, Workload
from servegen_fw.drive.engines import Local
from servegen_fw.drive.local import LocalEngine
from servegen_fw.drive.teller import Silent
from servegen_fw.hooks.protocols import Sink

Behave = Callable[[Request, Sink], Awaitable[None]]


@attrs.define(eq=False, slots=False)
class FakeBackend:
    """A backend that calls `behave` for each request and notes what it saw, on the clock of the sinks.

    `enter` and `leave` are the readings of the clock when `send` was entered and left, by row.
    """

    behave: Behave
    facts: Mapping[str, Any] = attrs.field(factory=lambda: {"version": "1.2"})
    requests: list[Request] = attrs.field(factory=list)
    enter: dict[int, int] = attrs.field(factory=dict)
    leave: dict[int, int] = attrs.field(factory=dict)
    most: int = 0
    stopped: int = 0

    async def start(self) -> Mapping[str, Any]:
        """Return the facts."""
        return self.facts

    async def send(self, request: Request, sink: Sink) -> None:
        """Do as told, and note when."""
        self.requests.append(request)
        self.enter[request.row] = time.perf_counter_ns()
        self.most = max(self.most, len(self.enter) - len(self.leave))
        try:
            await self.behave(request, sink)
        finally:
            self.leave[request.row] = time.perf_counter_ns()

    async def stop(self) -> None:
        """Count the call."""
        self.stopped += 1


@attrs.define(eq=False)
class FakeRef:
    """A reference to an object of this process."""

    product: Any
    distribution: str = ""
    version: str = ""
    entry: str = "fake"
    config: Mapping[str, Any] = attrs.field(factory=dict)

    def make(self) -> Any:
        """Return the object."""
        return self.product


class Lab:
    """Makes workloads and plans, runs them."""

    FakeBackend = FakeBackend
    FakeRef = FakeRef

    @staticmethod
    def workload(sessions: Sequence[tuple[float, Sequence[float]]], context: int = 7) -> Workload:
        """Make sessions of (due time of the first turn, think times before the later ones); sorted by due time."""
        due: list[float] = []
        think: list[float] = []
        turn: list[int] = []
        parent: list[int] = []
        session: list[int] = []
        for number, (first, thinks) in enumerate(sessions):
            for position, wait in enumerate((0.0, *thinks)):
                parent.append(len(due) - 1 if position else -1)
                due.append(np.nan if position else first)
                turn.append(position)
                think.append(wait)
                session.append(number)
        n = len(due)
        turns = np.array(turn, np.int32)
        zeros = np.zeros(n, np.int32)
        return Workload(
            due_s=np.array(due, np.float64),
            client=zeros,
            session=np.array(session, np.int64),
            turn=turns,
            parent=np.array(parent, np.int64),
            think_s=np.array(think, np.float64),
            input_tokens=np.full(n, 10, np.int32) + turns * context,
            context_tokens=turns * context,
            output_tokens=np.full(n, 4, np.int32),
            reason_tokens=zeros,
            prefix=np.full(n, -1, np.int64),
            prefix_tokens=zeros,
            items=Items.none(n),
            clients=Clients(("client",), np.zeros(1, np.int16), ("group",)),
            duration_s=max((first for first, _ in sessions), default=0.0) + 1e-3,
        )

    @classmethod
    def plan(cls, offered: Sequence[tuple[float, Sequence[float]]], /, **options: Any) -> Plan:
        """Make an open plan over `workload`, long enough for all of it."""
        workload = cls.workload(offered)
        rows = range(len(workload))
        payloads = Payloads("text", [f"user {row} " for row in rows], [f"answer {row} " for row in rows])
        options.setdefault("duration_s", workload.duration_s)
        options.setdefault("mode", "open")
        options.setdefault("drain_s", 30.0)
        return Plan(workload, payloads, **options)

    @staticmethod
    def run(plan: Plan, behave: Behave, progress: Any = None, **config: Any) -> LabRun:
        """Run the plan with the local engine against a backend that does `behave`."""
        backend = FakeBackend(behave)
        records, facts = LocalEngine(Local(**config)).run(plan, FakeRef(backend), progress or Silent())
        return LabRun(backend, records, facts)

    @staticmethod
    async def good(request: Request, sink: Sink) -> None:
        """Answer at once, in full."""
        sink.sent()
        for _ in range(request.output_tokens):
            sink.chunk(1)
        sink.finish("stop")

    @staticmethod
    async def slow(request: Request, sink: Sink) -> None:
        """Answer in full, with 5 ms before each token."""
        sink.sent()
        for _ in range(request.output_tokens):
            await asyncio.sleep(0.005)
            sink.chunk(1)
        sink.finish("stop")

    @staticmethod
    async def hang(request: Request, sink: Sink) -> None:  # noqa: ARG004
        """Answer one token and then nothing, for ever."""
        sink.sent()
        sink.chunk(1)
        await asyncio.get_running_loop().create_future()


@attrs.frozen(eq=False)
class LabRun:
    """What a run left: the fake backend, the records and the facts."""

    backend: FakeBackend
    records: Records
    facts: Mapping[str, Any]

    def names(self) -> list[str]:
        """Status of each row, by name."""
        from servegen_fw.data.records import STATUS_NAMES

        return [STATUS_NAMES[status] for status in self.records.status.tolist()]

    def codes(self) -> list[str]:
        """Error code of each row."""
        return [self.records.codes[code] for code in self.records.code.tolist()]


@pytest.fixture
def lab() -> type[Lab]:
    """The laboratory."""
    return Lab
