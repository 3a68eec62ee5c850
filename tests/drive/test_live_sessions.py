"""Sessions and closed loops in a live run."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import numpy as np
import pytest

from servegen_fw.data.payload import Request
from servegen_fw.errors import BackendError
from servegen_fw.hooks.protocols import Sink


def test_a_reactive_turn_follows_its_parents_end(lab: Any) -> None:
    """Its due time is parent's done plus think time to the nanosecond, and it starts no earlier."""
    run = lab.run(lab.plan([(0.0, [0.03, 0.0]), (0.01, [0.02])], duration_s=5.0), lab.slow)
    records = run.records
    assert run.names() == ["ok"] * 5
    for row, think in ((1, 30_000_000), (2, 0), (4, 20_000_000)):
        assert records.due_ns[row] == records.done_ns[row - 1] + think
        assert records.start_ns[row] >= records.due_ns[row]


def test_a_planned_turn_keeps_its_planned_due_time(lab: Any) -> None:
    """Under `sessions = "planned"` a slow server makes later turns late against the plan, and their latency shows it."""
    plan = lab.plan([(0.01, [0.001, 0.001])], sessions="planned", duration_s=5.0)
    run = lab.run(plan, lab.slow)
    planned = np.rint(plan.workload.planned_s * 1e9).astype(np.int64)
    assert run.records.due_ns.tolist() == planned.tolist()
    assert (run.records.start_ns[1:] >= run.records.done_ns[:-1]).all()


def test_a_failed_turn_ends_its_session(lab: Any) -> None:
    """All turns behind it are skipped and never sent; other sessions go on."""

    async def second_fails(request: Request, sink: Sink) -> None:
        if request.session == 0 and request.turn == 1:
            raise BackendError("http-500")
        await lab.good(request, sink)

    run = lab.run(lab.plan([(0.0, [0.0, 0.0, 0.0]), (0.0, [0.0])], duration_s=5.0), second_fails)
    assert run.names() == ["ok", "error", "skipped", "skipped", "ok", "ok"]
    assert run.records.due_ns[2:4].tolist() == [-1, -1]
    assert len(run.backend.requests) == 4


def test_a_truncated_turn_ends_its_session_too(lab: Any) -> None:
    """Half an answer is no history to go on from."""

    async def no_finish(_: Request, sink: Sink) -> None:
        sink.chunk(1)

    run = lab.run(lab.plan([(0.0, [0.0])], duration_s=5.0), no_finish)
    assert run.names() == ["truncated", "skipped"]


def test_actual_history_reaches_the_next_turn(lab: Any) -> None:
    """The server's own words are sent back to it."""

    async def talk(request: Request, sink: Sink) -> None:
        request.answer_text = f"said {request.turn} "
        await lab.good(request, sink)

    run = lab.run(lab.plan([(0.0, [0.0, 0.0])], history="actual", duration_s=5.0), talk)
    assert run.backend.requests[2].history == [("user 0 ", "said 0 "), ("user 1 ", "said 1 ")]


@pytest.mark.parametrize("concurrency", [1, 3, 7])
def test_a_closed_loop_keeps_exactly_its_concurrency(lab: Any, concurrency: int) -> None:
    """There are never more requests in flight than places, and at every start but the last ones all places are taken."""
    inside: list[int] = []
    now = 0

    async def counted(request: Request, sink: Sink) -> None:
        nonlocal now
        now += 1
        inside.append(now)
        try:
            await asyncio.sleep(0.001 * (1 + request.row % 3))
            await lab.good(request, sink)
        finally:
            now -= 1

    plan = lab.plan([(0.0, [])] * 40, mode="closed", concurrency=concurrency, duration_s=float("inf"))
    run = lab.run(plan, counted)
    assert run.names() == ["ok"] * 40
    assert max(inside) == concurrency
    # Each due time is the end of another request, so no place ever stood empty.
    records = run.records
    done = sorted(records.done_ns.tolist())
    due = sorted(records.due_ns.tolist())
    assert due[:concurrency] == [0] * concurrency
    assert due[concurrency:] == done[: 40 - concurrency]


def test_a_closed_loop_holds_its_place_through_a_session(lab: Any) -> None:
    """With one place, sessions follow each other whole, think times included."""
    plan = lab.plan([(0.0, [0.01]), (0.0, [0.01])], mode="closed", concurrency=1, duration_s=float("inf"))
    run = lab.run(plan, lab.good)
    assert [request.row for request in run.backend.requests] == [0, 1, 2, 3]
    records = run.records
    assert records.due_ns[1] == records.done_ns[0] + 10_000_000
    assert records.due_ns[2] == records.done_ns[1]


def test_a_closed_loop_stops_at_its_duration(lab: Any) -> None:
    """Requests without end are cut by the window: what began is finished, the rest is never due."""
    plan = lab.plan([(0.0, [])] * 10_000, mode="closed", concurrency=2, duration_s=0.1)
    run = lab.run(plan, lab.slow)
    counts = Counter(run.names())
    assert set(counts) == {"ok", "pending"}
    assert counts["ok"] >= 2
    due = run.records.due_ns[run.records.due_ns >= 0]
    assert due.max() < 100_000_000
