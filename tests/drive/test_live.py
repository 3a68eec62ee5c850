"""A live run: how every request ends, and that what is recorded is what happened."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import numpy as np
import pytest

from servegen_fw.data.payload import Request
from servegen_fw.drive import live
from servegen_fw.drive.clock import now_ns
from servegen_fw.errors import BackendError
from servegen_fw.hooks.protocols import Sink

LOOPS = ["asyncio", "uvloop"]


async def by_row(request: Request, sink: Sink) -> None:
    """Fail in a way of its own for each row."""
    match request.row:
        case 0:
            raise BackendError("refused", "nobody listens")
        case 1:
            sink.chunk(1)
            raise BackendError("reset")
        case 2:
            sink.chunk(2)
        case 3:
            raise BackendError("truncated", "cut in the body")
        case 4:
            raise ZeroDivisionError("a defect in a plugin")
        case 5:
            raise asyncio.CancelledError
        case _:
            sink.chunk(1)
            sink.finish("stop")


@pytest.mark.parametrize("loop", LOOPS)
def test_every_way_to_end_has_its_status_and_code(lab: Any, loop: str) -> None:
    """Errors keep their code, a stream without finish is truncated, a plugin's defect is named as such; the run goes on."""
    run = lab.run(lab.plan([(0.001 * i, []) for i in range(8)]), by_row, loop=loop)
    assert run.names() == ["error", "error", "truncated", "truncated", "error", "error", "ok", "ok"]
    assert run.codes() == ["refused", "reset", "truncated", "truncated", "backend-bug", "backend-bug", "", ""]
    assert run.records.chunks_n.tolist() == [0, 1, 1, 0, 0, 0, 1, 1]
    assert run.records.harness.drained
    assert run.records.harness.interrupted == ""
    assert run.facts["driver"]["errors"] == {"refused": 1, "reset": 1, "truncated": 2, "backend-bug": 2}


def test_details_of_errors_are_kept_for_the_reader(lab: Any) -> None:
    """The facts hold what went wrong in words, and for a plugin's defect where."""
    run = lab.run(lab.plan([(0.0, [])] * 8), by_row)
    examples = run.facts["driver"]["examples"]
    assert examples["refused"] == ["nobody listens"]
    bug = examples["backend-bug"][0]
    assert "ZeroDivisionError: a defect in a plugin" in bug
    assert "(test_live.py:" in bug


def test_a_thousand_errors_leave_few_examples(lab: Any) -> None:
    """Details are bounded per code, and equal ones are kept once."""

    async def fail(request: Request, _: Sink) -> None:
        raise BackendError("reset", f"peer {request.row % 50}")

    run = lab.run(lab.plan([(0.0, [])] * 300), fail)
    assert run.facts["driver"]["errors"] == {"reset": 300}
    assert len(run.facts["driver"]["examples"]["reset"]) == live.EXAMPLES


def test_a_request_over_its_limit_times_out(lab: Any) -> None:
    """A stalled request becomes an error "timeout" with what it had received; the others are untouched."""

    async def some_hang(request: Request, sink: Sink) -> None:
        await (lab.hang if request.row % 2 else lab.good)(request, sink)

    run = lab.run(lab.plan([(0.002 * i, []) for i in range(6)], timeout_s=0.05), some_hang)
    assert run.names() == ["ok", "error"] * 3
    assert run.codes() == ["", "timeout"] * 3
    late = run.records.done_ns[1::2] - run.records.start_ns[1::2]
    assert (late >= 50_000_000).all()
    assert run.records.chunks_n.tolist() == [4, 1] * 3
    assert run.records.harness.drained


def test_a_timed_out_stream_is_closed(lab: Any) -> None:
    """The backend's `send` is cancelled, so that it can close the connection."""
    cancelled = []

    async def hang(request: Request, sink: Sink) -> None:
        try:
            await lab.hang(request, sink)
        except asyncio.CancelledError:
            cancelled.append(request.row)
            raise

    lab.run(lab.plan([(0.0, [])] * 3, timeout_s=0.03), hang)
    assert sorted(cancelled) == [0, 1, 2]


def test_a_backend_that_ignores_cancelling_holds_nothing_up(
    lab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is written at the limit, the run ends, and the facts count it; what it reports later is not taken."""
    monkeypatch.setattr(live, "CLOSING_S", 0.05)

    async def stubborn(request: Request, sink: Sink) -> None:
        try:
            await lab.hang(request, sink)
        except asyncio.CancelledError:
            sink.chunk(1)
            sink.finish("stop")
            await asyncio.sleep(30)

    run = lab.run(lab.plan([(0.0, [])], timeout_s=0.03), stubborn)
    assert run.codes() == ["timeout"]
    assert run.records.chunks_n.tolist() == [1]
    assert run.facts["driver"]["unclosed"] == 1


def test_the_drain_limit_cancels_what_is_left(lab: Any) -> None:
    """After the last due time plus the drain, requests in flight are cancelled and the run says it did not drain."""

    async def last_hangs(request: Request, sink: Sink) -> None:
        await (lab.hang if request.row == 2 else lab.good)(request, sink)

    run = lab.run(lab.plan([(0.0, []), (0.01, []), (0.02, [])], drain_s=0.05, duration_s=50.0), last_hangs)
    assert run.names() == ["ok", "ok", "cancelled"]
    assert run.codes() == ["", "", "drain"]
    assert not run.records.harness.drained
    assert run.records.done_ns[2] >= 70_000_000
    assert run.records.harness.wall_s < 50


def test_turns_beyond_the_window_may_be_cut_without_blame(lab: Any) -> None:
    """A later turn due after the window that is still in flight at the limit does not make the run undrained."""

    async def second_hangs(request: Request, sink: Sink) -> None:
        await (lab.hang if request.turn else lab.good)(request, sink)

    run = lab.run(lab.plan([(0.0, [0.05])], duration_s=0.02, drain_s=0.5), second_hangs)
    assert run.names() == ["ok", "cancelled"]
    assert run.records.harness.drained


def test_what_fell_due_during_a_stall_at_the_end_is_not_forgotten(lab: Any) -> None:
    """A loop blocked until after the drain limit still writes a row with its due time for each request that it owed."""

    async def block(_: Request, __: Sink) -> None:
        time.sleep(0.3)  # noqa: ASYNC251
        raise BackendError("reset")

    run = lab.run(lab.plan([(0.0, []), (0.01, []), (0.02, [])], duration_s=0.03, drain_s=0.05), block)
    assert run.records.due_ns.tolist() == [0, 10_000_000, 20_000_000]
    assert "pending" not in run.names()


def test_turns_due_after_the_limit_stay_pending(lab: Any) -> None:
    """A session that would go on for hours does not keep the run; its turn has neither due time nor end."""
    run = lab.run(lab.plan([(0.0, [3600.0])], duration_s=0.01, drain_s=0.02), lab.good)
    assert run.names() == ["ok", "pending"]
    assert run.records.due_ns[1] == -1
    assert run.records.harness.drained


def test_first_turns_outside_the_window_never_start(lab: Any) -> None:
    """Requests due at the end or later are not sent and stay pending."""
    run = lab.run(lab.plan([(0.0, []), (0.02, []), (0.03, [])], duration_s=0.02), lab.good)
    assert run.names() == ["ok", "pending", "pending"]
    assert [request.row for request in run.backend.requests] == [0]


@pytest.mark.parametrize("loop", LOOPS)
def test_due_times_are_the_plans_and_starts_never_precede_them(lab: Any, loop: str) -> None:
    """In an open loop `due` is the planned time to the nanosecond, and no request is handed over before it."""
    due = np.sort(np.random.default_rng(3).uniform(0, 0.3, 200))
    run = lab.run(lab.plan([(float(at), []) for at in due]), lab.slow, loop=loop)
    records = run.records
    assert records.due_ns.tolist() == np.rint(due * 1e9).astype(np.int64).tolist()
    assert (records.start_ns >= records.due_ns).all()


def test_the_order_of_times_holds(lab: Any) -> None:
    """In every row due <= start <= sent <= first <= answer <= last <= done."""
    run = lab.run(lab.plan([(0.001 * i, []) for i in range(100)]), lab.slow)
    records = run.records
    names = ("due_ns", "start_ns", "sent_ns", "first_ns", "answer_ns", "last_ns", "done_ns")
    times = np.stack([getattr(records, name) for name in names])
    assert (times[0] >= 0).all()
    assert (np.diff(times, axis=0) >= 0).all()


def test_start_and_done_enclose_the_backends_stay(lab: Any) -> None:
    """By the backend's own stamps on the same clock, no request is reported as shorter than it was."""
    run = lab.run(lab.plan([(0.003 * i, []) for i in range(20)]), lab.slow)
    stay = np.array([run.backend.leave[row] - run.backend.enter[row] for row in range(20)])
    assert (run.records.done_ns - run.records.start_ns >= stay).all()


def test_done_is_the_last_read_of_a_whole_stream(lab: Any) -> None:
    """A backend that stamps its reads ends at the last of them, not when its task came to run again."""
    stamps = {}

    async def stamped(request: Request, sink: Sink) -> None:
        sink.read(now_ns())
        sink.chunk(1)
        await asyncio.sleep(0.002)
        stamps[request.row] = now_ns()
        sink.read(stamps[request.row])
        sink.finish("stop")
        await asyncio.sleep(0.002)

    run = lab.run(lab.plan([(0.0, []), (0.01, [])]), stamped)
    assert run.records.done_ns[1] - run.records.done_ns[0] == stamps[1] - stamps[0]


@pytest.mark.parametrize("keep", [True, False])
def test_chunk_times_are_kept_on_request(lab: Any, keep: bool) -> None:
    """With `keep_chunks` each request has its segment, between its first and its last time."""
    run = lab.run(lab.plan([(0.001 * i, []) for i in range(10)], keep_chunks=keep), lab.slow)
    chunks = run.records.chunks
    assert (chunks is not None) == keep
    if chunks is not None:
        assert chunks.request.tolist() == list(range(10))
        assert (chunks.end - chunks.begin).tolist() == [4] * 10
        assert chunks.t_ns[chunks.begin].tolist() == run.records.first_ns.tolist()
        assert chunks.t_ns[chunks.end - 1].tolist() == run.records.last_ns.tolist()


def test_a_burst_is_started_in_order_and_in_full(lab: Any) -> None:
    """More simultaneous requests than one batch all start, in workload order, while the loop goes on reading."""
    n = 5 * live.BATCH + 3
    run = lab.run(lab.plan([(0.01, [])] * n), lab.slow)
    assert [request.row for request in run.backend.requests] == list(range(n))
    assert run.names() == ["ok"] * n


def test_a_stall_of_the_loop_is_seen(lab: Any) -> None:
    """A backend that blocks the event loop shows up in the stalls, at nearly its length."""

    async def block(request: Request, sink: Sink) -> None:
        time.sleep(0.2)  # noqa: ASYNC251
        await lab.good(request, sink)

    harness = lab.run(lab.plan([(0.02, [])]), block).records.harness
    # Looks are 10 ms apart, so at least 190 ms of it must show.
    assert harness.stall_s.max() >= 0.19


def test_a_defect_of_the_engine_ends_the_run(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the engine's own bookkeeping comes out; the run does not wait for ever."""

    def broken(*_: Any, **__: Any) -> None:
        raise LookupError("bookkeeping")

    monkeypatch.setattr("servegen_fw.drive.recorder.Recorder.end", broken)
    with pytest.raises(LookupError, match="bookkeeping"):
        lab.run(lab.plan([(0.0, [])]), lab.good)


def test_without_a_timerfd_requests_still_leave_on_time(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system whose only timer is the event loop's, no request is early and all are sent."""
    monkeypatch.setattr(sys, "platform", "plan9")
    run = lab.run(lab.plan([(0.0037 * i, []) for i in range(30)]), lab.slow)
    assert run.facts["driver"]["timer"] == "event loop"
    assert run.names() == ["ok"] * 30
    assert (run.records.start_ns >= run.records.due_ns).all()
