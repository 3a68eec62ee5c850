"""The local engine around a run: loops, facts, progress, and what is left behind."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from servegen_fw.data.payload import Request
from servegen_fw.drive import live
from servegen_fw.drive.engines import Local
from servegen_fw.drive.local import LocalEngine, new_loop
from servegen_fw.drive.teller import Silent
from servegen_fw.errors import BackendError, InputError
from servegen_fw.hooks.protocols import Sink


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


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_an_interrupt_that_breaks_the_loop_keeps_the_records(lab: Any, loop: str) -> None:
    """KeyboardInterrupt out of the event loop itself, as on systems without signal handlers: rows stand, nothing more is sent."""

    async def break_third(request: Request, sink: Sink) -> None:
        if request.row == 3:
            raise KeyboardInterrupt
        await (lab.hang if request.row == 2 else lab.good)(request, sink)

    run = lab.run(lab.plan([(0.005 * i, []) for i in range(1000)]), break_third, loop=loop)
    names = run.names()
    assert names[:4] == ["ok", "ok", "cancelled", "cancelled"]
    # On a slow machine more may have fallen due in the same turn of the loop, a batch or two.
    assert names.count("pending") >= 1000 - 4 - 2 * live.BATCH
    assert run.records.harness.interrupted == "SIGINT"
    assert run.backend.stopped == 1
