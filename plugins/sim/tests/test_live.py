"""The virtual path against the live one: the same scheduler behind a real event loop, driven by the local engine."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from servegen_fw_sim.job import DECODE, DONE, Job
from servegen_fw_sim.options import InlineCoefficients

from servegen_fw.drive import local
from servegen_fw.plugin import Payloads

SCALE = 4.0
"""Steps of about 28 ms, so that the event loop's own delays are small beside them."""


class WallClockBackend:
    """A live backend whose server is a scheduler that is brought up to the wall clock whenever someone looks."""

    def __init__(self, kit):
        self.engine = kit.engine(300, scale=SCALE, overlap=False, max_batched_tokens=2048, max_model_len=4000)
        self.zero = None
        self.arrived_s = {}
        self.first_s = {}
        self.last_s = {}

    async def start(self):
        """Begin the engine's time at the first request."""
        return {}

    def now(self):
        """Seconds since the first request; the engine is brought up to them."""
        self.zero = time.perf_counter() if self.zero is None else self.zero
        now = time.perf_counter() - self.zero
        while self.engine.advance(now):
            pass
        return now

    async def send(self, request, sink):
        """Stream tokens as their steps end."""
        sink.sent()
        job = Job(request.row, request.input_tokens, request.output_tokens)
        self.arrived_s[request.row] = self.now()
        self.engine.add(job, self.arrived_s[request.row])
        told = 0
        while told < request.output_tokens:
            await asyncio.sleep(0.001)
            now = self.now()
            if job.state not in {DECODE, DONE}:
                continue
            made = np.arange(job.begin + told, min(job.begin + job.output, self.engine.steps))
            for end_s in self.engine.log.end_s(made):
                if end_s <= now:
                    self.first_s.setdefault(request.row, end_s)
                    self.last_s[request.row] = end_s
                    sink.chunk(reasoning=told < request.reason_tokens)
                    told += 1
        sink.usage(input_tokens=request.input_tokens, output_tokens=told, reason_tokens=request.reason_tokens)
        sink.finish("length")

    async def stop(self):
        """Nothing to close."""


def live(kit, plan):
    """Records of the plan on the wall-clock engine, driven by the local engine; the engine; the run's zero in s."""
    n = len(plan.workload)
    payloads = Payloads(form="text", user=["x"] * n, answer=["y"] * n)
    backend = WallClockBackend(kit)
    ref = SimpleNamespace(distribution="", version="", entry="wall", config={}, make=lambda: backend)
    records, facts = local.LocalEngine(local.Local()).run(
        attrs.evolve(plan, payloads=payloads), ref, kit.listener()
    )
    return records, backend, facts["driver"]["zero_ns"] / 1e9


def virtual(kit, plan):
    """Records of the plan in virtual time on an equal engine."""
    return kit.replay(
        plan,
        coefficients=InlineCoefficients(**attrs.asdict(kit.coefficients)),
        step_scale=SCALE,
        blocks=300,
        max_batched_tokens=2048,
        max_model_len=4000,
        async_scheduling=False,
        api_s=0.0,
    )


@pytest.fixture(scope="module", params=["open", "closed"])
def both(request, kit):
    """A small load with sessions, run live and replayed: (plan, live records, backend, zero, virtual records)."""
    rng = np.random.default_rng(5)
    n = 30
    workload = kit.workload(
        np.cumsum(rng.exponential(0.06, n)),
        rng.integers(1, 800, n),
        rng.integers(1, 25, n),
        reason_tokens=rng.integers(0, 3, n),
        turn=np.tile([0, 0, 1], n // 3),
        think_s=0.2,
        duration_s=10.0,
    )
    workload = attrs.evolve(
        workload, reason_tokens=np.minimum(workload.reason_tokens, workload.output_tokens - 1)
    )
    more = {} if request.param == "open" else {"mode": "closed", "concurrency": 5, "duration_s": 60.0}
    plan = kit.plan(workload, drain_s=30.0, timeout_s=30.0, **more)
    return plan, *live(kit, plan), virtual(kit, plan)


def test_live_and_virtual_rows_are_equal(both):
    """A small load with sessions ends in equal rows live and virtual, whatever the machine's pace."""
    _, theirs, _, _, ours = both
    for name in (
        "status",
        "input_reported",
        "output_reported",
        "reason_reported",
        "output_counted",
        "chunks_n",
    ):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
    assert [ours.finishes[i] for i in ours.finish] == [theirs.finishes[i] for i in theirs.finish]


def test_both_paths_let_users_think_equally_long(both):
    """On either path a later turn is due exactly its think time after its parent ended."""
    plan, theirs, _, _, ours = both
    later = np.flatnonzero(plan.workload.parent >= 0)
    for records in (theirs, ours):
        waited = records.due_ns[later] - records.done_ns[plan.workload.parent[later]]
        np.testing.assert_allclose(waited, plan.workload.think_s[later] * 1e9, atol=1)


def test_a_replay_of_the_live_arrivals_gives_the_live_engines_times(both, kit):
    """Requests that reach the engine when the live ones did get their tokens when the live ones did, to the microsecond."""
    plan, _, backend, _, _ = both
    rows = np.array(sorted(backend.arrived_s, key=backend.arrived_s.__getitem__))
    arrived_s = np.array([backend.arrived_s[row] for row in rows])
    workload = kit.workload(
        arrived_s,
        plan.workload.input_tokens[rows],
        plan.workload.output_tokens[rows],
        duration_s=float(arrived_s[-1]) + 1.0,
    )
    again = virtual(kit, kit.plan(workload))
    for name, seen_s in (("first_ns", backend.first_s), ("last_ns", backend.last_s)):
        np.testing.assert_allclose(
            getattr(again, name) / 1e9, [seen_s[row] for row in rows], atol=1e-6, err_msg=name
        )


def test_no_token_is_stamped_before_the_engine_made_it(both):
    """The driver's stamps of first and last tokens never lie before the engine's own times."""
    _, theirs, backend, zero_s, _ = both
    for name, seen_s in (("first_ns", backend.first_s), ("last_ns", backend.last_s)):
        stamped_s = getattr(theirs, name) / 1e9 + zero_s - backend.zero
        assert all(stamped_s[row] >= made_s - 1e-6 for row, made_s in seen_s.items()), name
