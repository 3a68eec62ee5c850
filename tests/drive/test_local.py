"""The local engine: how every request ends, and that what is recorded is what happened."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from servegen_fw.data.payload import Request
from servegen_fw.drive import live
from servegen_fw.drive.clock import now_ns
from servegen_fw.drive.engines import Local
from servegen_fw.drive.local import LocalEngine, new_loop
from servegen_fw.drive.teller import Silent
from servegen_fw.errors import BackendError, InputError
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
    assert "test_local.py:" in bug


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

    run = lab.run(lab.plan([(0.0, [0.05])], duration_s=0.02, drain_s=0.1), second_hangs)
    assert run.names() == ["ok", "cancelled"]
    assert run.records.harness.drained


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


def test_a_burst_is_started_in_order_and_in_full(lab: Any) -> None:
    """More simultaneous requests than one batch all start, in workload order, while the loop goes on reading."""
    n = 5 * live.BATCH + 3
    run = lab.run(lab.plan([(0.01, [])] * n), lab.slow)
    assert [request.row for request in run.backend.requests] == list(range(n))
    assert run.names() == ["ok"] * n


def test_the_facts_are_the_backends_and_the_drivers(lab: Any) -> None:
    """What `start` returned is passed on; how the driver was built stands beside it."""
    run = lab.run(lab.plan([(0.0, [])]), lab.good, loop="asyncio")
    assert run.facts["version"] == "1.2"
    assert run.facts["driver"]["loop"] == "asyncio"
    assert run.facts["driver"]["timer"] in {"timerfd", "event loop"}
    assert run.backend.stopped == 1


def test_the_harness_says_how_the_driver_fared(lab: Any) -> None:
    """A live run is on the monotonic clock and knows its wall and processor time."""
    harness = lab.run(lab.plan([(0.0, []), (0.05, [])]), lab.slow).records.harness
    assert harness.clock == "monotonic"
    assert harness.wall_s >= 0.05
    assert harness.cpu_s > 0


def test_a_stall_of_the_loop_is_seen(lab: Any) -> None:
    """A backend that blocks the event loop shows up in the stalls, at nearly its length."""
    import time

    async def block(request: Request, sink: Sink) -> None:
        time.sleep(0.2)  # noqa: ASYNC251
        await lab.good(request, sink)

    harness = lab.run(lab.plan([(0.02, [])]), block).records.harness
    # Looks are 10 ms apart, so at least 190 ms of it must show.
    assert harness.stall_s.max() >= 0.19


def test_an_unreachable_server_stops_the_run_before_the_clock(lab: Any) -> None:
    """The backend's error comes out as it is, connections are closed, and nothing was sent."""
    backend = lab.FakeBackend(lab.good)

    async def refuse() -> Mapping[str, Any]:
        raise BackendError("refused", "127.0.0.1:9")

    backend.start = refuse
    with pytest.raises(BackendError, match="refused: 127.0.0.1:9"):
        LocalEngine(Local()).run(lab.plan([(0.0, [])]), lab.FakeRef(backend), Silent())
    assert backend.stopped == 1
    assert backend.requests == []


def test_a_backend_that_cannot_stop_costs_no_record(lab: Any) -> None:
    """An error while closing is told in the facts; the records are whole."""
    backend = lab.FakeBackend(lab.good)

    async def broken() -> None:
        raise RuntimeError("socket lost")

    backend.stop = broken
    records, facts = LocalEngine(Local()).run(lab.plan([(0.0, [])]), lab.FakeRef(backend), Silent())
    assert records.status.tolist() == [1]
    assert any("socket lost" in message for message in facts["driver"]["messages"])


def test_an_empty_plan_ends_at_once(lab: Any) -> None:
    """No requests: no rows, nothing hangs."""
    run = lab.run(lab.plan([], duration_s=1000.0), lab.good)
    assert len(run.records) == 0
    assert run.records.harness.drained


def test_a_failing_progress_does_not_stop_the_run(lab: Any) -> None:
    """Whatever a progress display raises, the records come out whole and the facts name the reason."""

    class Broken(Silent):
        def update(self, **_: Any) -> None:
            raise OSError("terminal is gone")

    run = lab.run(lab.plan([(0.0, []), (0.4, [])]), lab.good, progress=Broken())
    assert run.names() == ["ok", "ok"]
    assert "terminal is gone" in run.facts["driver"]["progress"]


def test_progress_is_told_from_another_thread(lab: Any) -> None:
    """Neither updates nor the journal run on the driver's thread, and every row is journalled exactly once."""
    threads = set()
    rows: list[int] = []
    states = []

    class Told(Silent):
        def update(self, **state: Any) -> None:
            threads.add(threading.current_thread().name)
            states.append(state)

        def journal(self, records: Any, new: Any) -> None:
            assert (records.status[new] == 1).all()
            rows.extend(new.tolist())

    lab.run(lab.plan([(0.01 * i, []) for i in range(130)]), lab.slow, progress=Told())
    assert sorted(rows) == list(range(130))
    assert "servegen-fw-teller" in threads
    last = states[-1]
    assert (last["due"], last["done"], last["in_flight"], last["errors"]) == (130, 130, 0, 0)
    assert [state["done"] for state in states] == sorted(state["done"] for state in states)


def test_the_interpreter_is_left_as_it_was(lab: Any) -> None:
    """Garbage collection is off while the clock runs and back afterwards, as is the switch interval."""
    seen = []

    async def look(request: Request, sink: Sink) -> None:
        seen.append((gc.isenabled(), sys.getswitchinterval()))
        await lab.good(request, sink)

    before = (gc.isenabled(), sys.getswitchinterval(), gc.get_freeze_count())
    lab.run(lab.plan([(0.0, [])]), look)
    lab.run(lab.plan([(0.0, [])]), look, gc="leave")
    assert [enabled for enabled, _ in seen] == [False, True]
    assert seen[0][1] < before[1]
    assert (gc.isenabled(), sys.getswitchinterval(), gc.get_freeze_count()) == before


def test_the_engine_works_inside_a_running_loop(lab: Any) -> None:
    """In a notebook, whose event loop runs already, the run takes a thread of its own."""

    async def cell() -> Any:
        return lab.run(lab.plan([(0.0, [])]), lab.good)

    assert asyncio.run(cell()).names() == ["ok"]


def test_loops_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Auto falls back to asyncio where uvloop is absent; asking for it by name there is an error with a cure."""
    loop, name = new_loop("asyncio")
    loop.close()
    assert name == "asyncio"
    monkeypatch.setitem(sys.modules, "uvloop", None)
    loop, name = new_loop("auto")
    loop.close()
    assert name == "asyncio"
    with pytest.raises(InputError, match="pip install uvloop"):
        new_loop("uvloop")


def test_a_defect_of_the_engine_ends_the_run(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the engine's own bookkeeping comes out; the run does not wait for ever."""

    def broken(*_: Any, **__: Any) -> None:
        raise LookupError("bookkeeping")

    monkeypatch.setattr("servegen_fw.drive.recorder.Recorder.end", broken)
    with pytest.raises(LookupError, match="bookkeeping"):
        lab.run(lab.plan([(0.0, [])]), lab.good)
