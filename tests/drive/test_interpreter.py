"""The interpreter is kept quiet while a run lasts, and left as it was."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref

import pytest

from servegen_fw.drive.interpreter import in_thread, inside_loop, quiet_interpreter


class Knot:
    """Refers to itself, so only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


def test_cycles_of_a_run_are_freed_by_housekeeping() -> None:
    """With collection off, garbage in cycles goes when housekeeping comes, not before, and does not add up."""
    with quiet_interpreter(freeze=True) as housekeep:
        knot = weakref.ref(Knot())
        assert not gc.isenabled()
        assert knot() is not None
        housekeep()
        assert knot() is None
    assert gc.isenabled()


def test_what_existed_before_is_not_looked_at() -> None:
    """Everything made before the clock is frozen: a collection while the run lasts does not visit it."""
    old = Knot()
    with quiet_interpreter(freeze=True):
        assert gc.get_freeze_count() > 1000
        assert all(found is not old for found in gc.get_objects())
    assert any(found is old for found in gc.get_objects())


def test_settings_come_back_after_an_error() -> None:
    """An exception leaves the collector and the switch interval as they were."""
    before = gc.isenabled(), sys.getswitchinterval()
    with pytest.raises(KeyError), quiet_interpreter(freeze=True):
        raise KeyError
    assert (gc.isenabled(), sys.getswitchinterval()) == before


def test_a_collector_that_was_off_stays_off() -> None:
    """A user who disabled collection does not find it enabled."""
    gc.disable()
    try:
        with quiet_interpreter(freeze=True):
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_running_loop_is_noticed() -> None:
    """Inside a coroutine there is a loop, outside there is none."""

    async def inside() -> bool:
        return inside_loop()

    assert asyncio.run(inside())
    assert not inside_loop()


def test_results_and_errors_come_out_of_the_thread() -> None:
    """What the function returned is returned, what it raised is raised."""
    assert in_thread(lambda: 7, lambda: None) == 7

    def fail() -> None:
        raise LookupError("in there")

    with pytest.raises(LookupError, match="in there"):
        in_thread(fail, lambda: None)
