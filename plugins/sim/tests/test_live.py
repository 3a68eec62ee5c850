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
        self.engine.add(job, self.now())
        told = 0
        while told < request.output_tokens:
            await asyncio.sleep(0.001)
            now = self.now()
            if job.state not in {DECODE, DONE}:
                continue
            made = np.arange(job.begin + told, min(job.begin + job.output, self.engine.steps))
            for end_s in self.engine.log.end_s(made):
                if end_s <= now:
                    sink.chunk(reasoning=told < request.reason_tokens)
                    told += 1
        sink.usage(input_tokens=request.input_tokens, output_tokens=told, reason_tokens=request.reason_tokens)
        sink.finish("length")

    async def stop(self):
        """Nothing to close."""


def live(kit, plan):
    """Records of the plan on the wall-clock engine, driven by the local engine."""
    n = len(plan.workload)
    payloads = Payloads(form="text", user=["x"] * n, answer=["y"] * n)
    ref = SimpleNamespace(
        distribution="", version="", entry="wall", config={}, make=lambda: WallClockBackend(kit)
    )
    records, _ = local.LocalEngine(local.Local()).run(
        attrs.evolve(plan, payloads=payloads), ref, kit.listener()
    )
    return records


def virtual(kit, plan):
    """Records of the plan in virtual time on an equal engine."""
    inline = {name: SCALE * value for name, value in attrs.asdict(kit.coefficients).items()}
    return kit.replay(
        plan,
        coefficients=InlineCoefficients(**inline),
        blocks=300,
        max_batched_tokens=2048,
        max_model_len=4000,
        async_scheduling=False,
        api_s=0.0,
    )


@pytest.mark.parametrize("mode", ["open", "closed"])
def test_live_and_virtual_runs_agree(kit, mode):
    """A small load with sessions gives equal rows live and virtual; the median difference of each time is under 0.3 of a usual E2E."""
    rng = np.random.default_rng(5)
    n = 30
    turn = np.tile([0, 0, 1], n // 3)
    workload = kit.workload(
        np.cumsum(rng.exponential(0.06, n)),
        rng.integers(1, 800, n),
        rng.integers(1, 25, n),
        reason_tokens=rng.integers(0, 3, n),
        turn=turn,
        think_s=0.2,
        duration_s=10.0,
    )
    workload = attrs.evolve(
        workload, reason_tokens=np.minimum(workload.reason_tokens, workload.output_tokens - 1)
    )
    more = {} if mode == "open" else {"mode": "closed", "concurrency": 5, "duration_s": 60.0}
    plan = kit.plan(workload, drain_s=30.0, timeout_s=30.0, **more)
    ours, theirs = virtual(kit, plan), live(kit, plan)
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
    usual_s = np.median(ours.done_ns - ours.due_ns) / 1e9
    for name in ("due_ns", "first_ns", "answer_ns", "done_ns"):
        apart_s = np.abs(getattr(ours, name) - getattr(theirs, name)) / 1e9
        assert np.median(apart_s) < 0.3 * usual_s, name
