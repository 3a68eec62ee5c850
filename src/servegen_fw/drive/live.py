"""One live run on one event loop: requests leave when the schedule says, and every one of them ends in a row."""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from servegen_fw.data.arrays import MISSING_NS
from servegen_fw.data.payload import Request
from servegen_fw.data.plan import Plan
from servegen_fw.data.records import CANCELLED, ERROR, OK, TRUNCATED
from servegen_fw.drive.alarm import Alarm, make_alarm
from servegen_fw.drive.clock import RunClock, now_ns
from servegen_fw.drive.recorder import Recorder
from servegen_fw.drive.schedule import NEVER, Schedule, Turn
from servegen_fw.drive.sessions import Sessions
from servegen_fw.drive.sink import LiveSink
from servegen_fw.drive.watch import Watch
from servegen_fw.errors import BackendError

if TYPE_CHECKING:
    from servegen_fw.hooks.protocols import Backend

BATCH = 32
"""Requests started in one turn of the event loop, so that a burst does not keep it from reading."""

TIMEOUT = "timeout"
DRAIN = "drain"
INTERRUPTED = "interrupted"
TRUNCATED_CODE = "truncated"
BUG = "backend-bug"

EXAMPLES = 3
"""Details kept per error code."""

TICKS_PER_HOUSEKEEPING = 100

CLOSING_S = 2.0
"""How long cancelled requests may take to close their streams after the last one ended."""


class Flight:
    """A request in flight."""

    __slots__ = ("landed", "request", "sink", "start_ns", "task", "turn")

    def __init__(self, turn: Turn, request: Request) -> None:
        self.turn = turn
        self.request = request
        self.sink = LiveSink()
        self.start_ns = MISSING_NS
        self.landed = False
        self.task: asyncio.Task[None] | None = None


class LiveRun:
    """Sends a plan's requests through a backend. Made and used on a running event loop; `fly` does it all."""

    def __init__(
        self,
        plan: Plan,
        backend: Backend,
        clock: RunClock,
        recorder: Recorder,
        sessions: Sessions,
        *,
        housekeep: Callable[[], None],
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._recorder = recorder
        self._sessions = sessions
        self._housekeep = housekeep
        self._ticks = 0
        self._schedule = Schedule(plan)
        self._timeout_ns = round(plan.timeout_s * 1e9) if plan.timeout_s < NEVER / 1e9 else NEVER
        self._inside_ns = plan.duration_s * 1e9
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._flights: dict[int, Flight] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._alarm: Alarm = make_alarm(self._loop, self._release)
        self._armed_ns = NEVER
        self._watch = Watch(self._loop, clock, self._tick)
        self.drained = True
        self.interrupted = ""
        self.launched = 0
        self.failed = 0
        self.recent_lag_ns = 0
        self.errors: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    @property
    def in_flight(self) -> int:
        """Requests that left and did not end."""
        return len(self._flights)

    @property
    def timer(self) -> str:
        """What wakes the run at due times."""
        return self._alarm.name

    @property
    def watch(self) -> Watch:
        """Stalls of the event loop."""
        return self._watch

    async def fly(self) -> None:
        """Send until every request ended, the drain limit passed, or `stop` was called."""
        try:
            self._watch.start()
            self._rearm()
            if self._finished():
                self._end()
            await self._over
        finally:
            self._alarm.close()
            self._watch.close()
        if self._closing:
            await asyncio.wait(set(self._closing), timeout=CLOSING_S)

    @property
    def unclosed(self) -> int:
        """Requests whose backend did not return when they were cancelled."""
        return len(self._closing)

    def take_lag_ns(self) -> int:
        """Return the largest lag since the last call."""
        lag_ns, self.recent_lag_ns = self.recent_lag_ns, 0
        return lag_ns

    def stop(self, why: str) -> None:
        """Send nothing more and cancel what is in flight; `why` is kept as `interrupted`."""
        if not self._over.done():
            self.interrupted = why
            self._cut(INTERRUPTED)
            self._end()

    def abandon(self, why: str) -> None:
        """Write the rows of what is in flight without the event loop's help, which has been left."""
        self.interrupted = self.interrupted or why
        self._cut(INTERRUPTED)
        self._end()

    def _release(self) -> None:
        """Start the turns that are due."""
        if self._over.done():
            return
        self._armed_ns = NEVER
        try:
            now = self._clock.now()
            for _ in range(BATCH):
                turn = self._schedule.pop(now)
                if turn is None:
                    self._rearm()
                    return
                self._launch(turn)
            self._soon()
        except Exception as error:  # a defect here must end the run, not leave it waiting  # noqa: BLE001
            self._fail(error)

    def _rearm(self) -> None:
        """Come back when the next turn leaves. Setting the alarm is a system call, so it is done only if it must be."""
        next_ns = self._schedule.next_ns()
        if next_ns >= self._armed_ns or next_ns >= self._schedule.limit_ns():
            return
        if next_ns <= self._clock.now():
            self._soon()
            return
        self._armed_ns = next_ns
        self._alarm.arm(self._clock.zero_ns + next_ns)

    def _soon(self) -> None:
        self._armed_ns = -NEVER
        self._loop.call_soon(self._release)

    def _launch(self, turn: Turn) -> None:
        flight = Flight(turn, self._sessions.request(turn.row))
        self._flights[turn.row] = flight
        self.launched += 1
        flight.task = self._loop.create_task(self._fly(flight))

    async def _fly(self, flight: Flight) -> None:
        if flight.landed:
            return
        flight.start_ns = start_ns = now_ns()
        lag_ns = start_ns - self._clock.zero_ns - flight.turn.leave_ns
        self.recent_lag_ns = max(self.recent_lag_ns, lag_ns)
        status, code, detail = OK, "", ""
        try:
            await self._backend.send(flight.request, flight.sink)
            if not flight.sink.finished:
                status, code = TRUNCATED, TRUNCATED_CODE
        except BackendError as error:
            status = TRUNCATED if error.code == TRUNCATED_CODE else ERROR
            code, detail = error.code, error.detail
        except asyncio.CancelledError:
            # Cancelled from here, the row is written already; otherwise the backend cancelled itself.
            status, code, detail = ERROR, BUG, "send() was cancelled by the backend itself"
        except Exception as error:  # a backend may raise anything; the run goes on  # noqa: BLE001
            status, code, detail = ERROR, BUG, _told(error)
        if not flight.landed:
            try:
                self._land(flight, status, code, detail)
            except Exception as error:  # see _release  # noqa: BLE001
                self._fail(error)

    def _land(self, flight: Flight, status: int, code: str, detail: str = "") -> None:
        """Write the row of a request that ended and let its session or place go on."""
        flight.landed = True
        turn, sink = flight.turn, flight.sink
        ok = status == OK
        # Of a whole stream the last read is its end; resuming the task that waited for it comes later.
        done_ns = sink.stamp_ns if ok and sink.stamp_ns else now_ns()
        self._flights.pop(turn.row, None)
        self._recorder.end(
            turn.row,
            sink,
            status,
            code,
            due_ns=turn.due_ns,
            start_ns=flight.start_ns,
            done_ns=done_ns,
        )
        child = self._schedule.ended(turn, done_ns - self._clock.zero_ns, ok=ok)
        if not ok:
            self.failed += 1
            self._note(code, detail)
            for row in self._schedule.rest(child):
                self._recorder.skip(row)
        elif child >= 0:
            self._sessions.follow(flight.request, child)
        if self._over.done():
            return
        if self._finished():
            self._end()
        else:
            self._rearm()

    def _note(self, code: str, detail: str) -> None:
        self.errors[code] += 1
        if detail:
            kept = self.examples.setdefault(code, [])
            if len(kept) < EXAMPLES and detail not in kept:
                kept.append(detail)

    def _cancel(self, flight: Flight, status: int, code: str) -> None:
        """End a request from outside. Its row is written first: a backend that ignores the cancelling holds up nothing."""
        task = flight.task
        self._land(flight, status, code)
        if task is not None and not task.done():
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            task.cancel()

    def _cut(self, code: str) -> None:
        for flight in list(self._flights.values()):
            self._cancel(flight, CANCELLED, code)

    def _tick(self) -> None:
        """Look after time limits, a hundred times a second."""
        if self._over.done():
            return
        self._ticks += 1
        if self._ticks % TICKS_PER_HOUSEKEEPING == 0:
            self._housekeep()
        try:
            now = now_ns()
            late = []
            # In the order in which they were started, which is the order of their limits.
            for flight in self._flights.values():
                if flight.start_ns < 0 or now - flight.start_ns < self._timeout_ns:
                    break
                late.append(flight)
            for flight in late:
                self._cancel(flight, ERROR, TIMEOUT)
            if self._overdue(now):
                if any(flight.turn.due_ns < self._inside_ns for flight in self._flights.values()):
                    self.drained = False
                self._cut(DRAIN)
                self._end()
        except Exception as error:  # see _release  # noqa: BLE001
            self._fail(error)

    def _overdue(self, now: int) -> bool:
        """Whether the drain limit has passed, after starting what fell due while the loop was kept from it."""
        now -= self._clock.zero_ns
        if now < self._schedule.limit_ns():
            return False
        while (turn := self._schedule.pop(min(now, self._schedule.limit_ns() - 1))) is not None:
            self._launch(turn)
        return now >= self._schedule.limit_ns()

    def _finished(self) -> bool:
        return not self._flights and self._schedule.exhausted()

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _fail(self, error: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(error)


def _told(error: Exception) -> str:
    """Say what was raised and where."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
