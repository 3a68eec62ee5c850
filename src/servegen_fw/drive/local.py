"""The local engine: one process, one event loop, one thread that sends and reads."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from servegen_fw.data.plan import Plan
from servegen_fw.data.records import Harness, Records
from servegen_fw.drive.clock import RunClock
from servegen_fw.drive.engines import Local
from servegen_fw.drive.interpreter import in_thread, inside_loop, quiet_interpreter
from servegen_fw.drive.live import LiveRun
from servegen_fw.drive.recorder import Recorder
from servegen_fw.drive.sessions import Sessions
from servegen_fw.drive.teller import State, Teller
from servegen_fw.errors import InputError, Problem

if TYPE_CHECKING:
    from servegen_fw.hooks.protocols import Backend, BackendRef, Progress

STOP_S = 5.0
"""How long a backend may take to close its connections."""

MESSAGES = 5


class LocalEngine:
    """Drives a plan from this process. An `Engine`."""

    def __init__(self, config: Local) -> None:
        self._config = config
        self._flight: _Run | None = None

    def run(self, plan: Plan, backend: BackendRef, progress: Progress) -> tuple[Records, Mapping[str, Any]]:
        """Offer the plan's load.

        Ctrl-C ends the run early: nothing more is sent, what is in flight is cancelled, and the records are returned
        with `Harness.interrupted` set. A second Ctrl-C does not wait for streams to close.

        Returns
        -------
            The records, and the backend's facts with the driver's own under ``"driver"``.

        Raises
        ------
            BackendError: the server was not reachable before the clock started.
            InputError: the plan carries no prompts, or the event loop asked for is not installed.
        """
        if inside_loop():
            # In a notebook this thread's event loop is running already.
            return in_thread(lambda: self._run(plan, backend, progress), self._interrupt)
        return self._run(plan, backend, progress)

    def _interrupt(self) -> None:
        if self._flight is not None:
            self._flight.interrupt()

    def _run(self, plan: Plan, ref: BackendRef, progress: Progress) -> tuple[Records, Mapping[str, Any]]:
        sessions = Sessions(plan)
        loop, loop_name = new_loop(self._config.loop)
        messages: list[str] = []
        loop.set_exception_handler(lambda _, context: messages.append(_message(context)))
        try:
            backend: Backend = ref.make()
            try:
                facts = dict(loop.run_until_complete(backend.start()))
                with quiet_interpreter(freeze=self._config.gc == "freeze") as housekeep:
                    flight = self._flight = _Run(
                        plan, backend, sessions, loop, progress=progress, housekeep=housekeep
                    )
                    flight.fly()
            finally:
                self._flight = None
                _close(loop, backend, messages)
        finally:
            loop.close()
        driver = flight.facts() | {"loop": loop_name, "messages": messages[:MESSAGES]}
        return flight.records(), facts | {"driver": driver}


class _Run:
    """One run on a loop of its own, from clock start to drain."""

    def __init__(
        self,
        plan: Plan,
        backend: Backend,
        sessions: Sessions,
        loop: asyncio.AbstractEventLoop,
        *,
        progress: Progress,
        housekeep: Callable[[], None],
    ) -> None:
        self._parts = (plan, backend, sessions)
        self._loop = loop
        self._progress = progress
        self._live: LiveRun | None = None
        self._teller: Teller | None = None
        self._housekeep = housekeep
        self._wall_s = self._cpu_s = 0.0

    def fly(self) -> None:
        """Send everything; returns when all rows are written."""
        plan, backend, sessions = self._parts
        self._clock = RunClock.starting_in()
        # For aligning with logs of others only: wall clocks jump, so nothing is computed from it.
        self._zero_unix_s = time.time() - self._clock.now() / 1e9
        self._recorder = Recorder(len(plan.workload), self._clock.zero_ns, keep_chunks=plan.keep_chunks)
        cpu_s = time.process_time()
        try:
            self._loop.run_until_complete(self._send(plan, backend, sessions))
        except KeyboardInterrupt:
            if self._live is None:
                raise
            self._live.abandon("SIGINT")
        finally:
            self._wall_s = max(0.0, self._clock.now() / 1e9)
            self._cpu_s = time.process_time() - cpu_s
            if self._teller is not None:
                self._teller.close()

    async def _send(self, plan: Plan, backend: Backend, sessions: Sessions) -> None:
        live = self._live = LiveRun(
            plan, backend, self._clock, self._recorder, sessions, housekeep=self._housekeep
        )
        self._teller = Teller(self._progress, self._state, self._recorder)
        self._teller.start()
        with _signals(self._loop, live):
            await live.fly()

    def interrupt(self) -> None:
        """End the run early, from another thread."""
        if self._live is not None:
            self._loop.call_soon_threadsafe(self._live.stop, "interrupted")

    def _state(self) -> State:
        live = self._live
        assert live is not None  # noqa: S101  (the teller starts after it)
        done = self._recorder.ended
        return State(
            at_s=max(0.0, self._clock.now() / 1e9),
            due=live.launched,
            done=done,
            in_flight=live.in_flight,
            errors=live.failed,
            lag_s=live.take_lag_ns() / 1e9,
        )

    def records(self) -> Records:
        """Return what happened."""
        live = self._live
        assert live is not None  # noqa: S101  (called after fly)
        harness = Harness(
            clock="monotonic",
            wall_s=self._wall_s,
            cpu_s=self._cpu_s,
            stall_s=live.watch.stalls_s,
            drained=live.drained,
            interrupted=live.interrupted,
        )
        return self._recorder.records(harness)

    def facts(self) -> dict[str, Any]:
        """Return what a reader may want to know about the driver and about errors."""
        live = self._live
        assert live is not None and self._teller is not None  # noqa: S101, PT018  (called after fly)
        return {
            "engine": "local",
            "zero_ns": self._clock.zero_ns,
            "zero_unix_s": self._zero_unix_s,
            "timer": live.timer,
            "errors": dict(live.errors),
            "examples": {code: list(kept) for code, kept in live.examples.items()},
            "unclosed": live.unclosed,
            "progress": self._teller.problem,
        }


def new_loop(name: str) -> tuple[asyncio.AbstractEventLoop, str]:
    """Return a new event loop and its name: uvloop where it is installed, asyncio's own otherwise, or the one asked for.

    Raises
    ------
        InputError: uvloop is asked for and is not installed.
    """
    if name != "asyncio":
        try:
            import uvloop
        except ImportError as error:
            if name == "uvloop":
                raise InputError(
                    Problem(
                        "uvloop is not installed",
                        who="engine.loop",
                        cure='pip install uvloop, or write loop = "auto"',
                    )
                ) from error
        else:
            return uvloop.new_event_loop(), "uvloop"
    return asyncio.new_event_loop(), "asyncio"


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, live: LiveRun) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the run early, once; the second SIGINT raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in caught}

    def end(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.default_int_handler)
        live.stop(f"{number.name} after {live.launched} requests")

    handled = []
    for number in caught:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, end, number)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number] or signal.SIG_DFL)


def _close(loop: asyncio.AbstractEventLoop, backend: Backend, messages: list[str]) -> None:
    """Close the backend and the loop; what goes wrong here no longer touches the records."""
    try:
        loop.run_until_complete(asyncio.wait_for(backend.stop(), STOP_S))
        loop.run_until_complete(loop.shutdown_asyncgens())
    except (Exception, KeyboardInterrupt) as error:  # a backend may raise anything  # noqa: BLE001
        messages.append(f"backend.stop(): {type(error).__name__}: {error}")


def _message(context: Mapping[str, Any]) -> str:
    error = context.get("exception")
    return f"{context.get('message', '')}: {error!r}" if error else str(context.get("message", ""))
