"""Alarms call once, on the loop, and never early."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from servegen_fw.drive.alarm import LoopAlarm, TimerFd, make_alarm
from servegen_fw.drive.clock import now_ns
from servegen_fw.drive.local import new_loop

MS = 1_000_000

KINDS = [
    LoopAlarm,
    pytest.param(
        TimerFd, marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="timerfd is Linux's")
    ),
]


@pytest.fixture(params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop of either kind."""
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    made, _ = new_loop(request.param)
    yield made
    made.close()


def fired(
    loop: asyncio.AbstractEventLoop, kind: Callable[..., Any], use: Callable[[Any], None], for_s: float
) -> list[int]:
    """Return the readings of the clock at which an alarm of `kind` called, when used so."""
    times: list[int] = []
    alarm = kind(loop, lambda: times.append(now_ns()))
    use(alarm)
    loop.call_later(for_s, loop.stop)
    loop.run_forever()
    alarm.close()
    return times


@pytest.mark.parametrize("kind", KINDS)
def test_an_alarm_calls_once_and_not_early(loop: asyncio.AbstractEventLoop, kind: Any) -> None:
    """The callback comes once, at or after the time asked for."""
    at = now_ns() + 7_300_000
    times = fired(loop, kind, lambda alarm: alarm.arm(at), 0.05)
    assert len(times) == 1
    assert times[0] >= at


@pytest.mark.parametrize("kind", KINDS)
def test_many_alarms_in_a_row_are_never_early(loop: asyncio.AbstractEventLoop, kind: Any) -> None:
    """An alarm set again from its own callback, to odd fractions of a millisecond, keeps every time."""
    early: list[int] = []
    due = [now_ns() + 2 * MS]

    def again() -> None:
        early.append(now_ns() - due[0])
        due[0] += 737_111
        if len(early) < 30:
            alarm.arm(due[0])
        else:
            loop.stop()

    alarm = kind(loop, again)
    alarm.arm(due[0])
    loop.run_forever()
    alarm.close()
    assert min(early) >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_time_in_the_past_fires_at_once(loop: asyncio.AbstractEventLoop, kind: Any) -> None:
    """An alarm for a time gone by, even before the clock's first reading, is not lost."""
    assert len(fired(loop, kind, lambda alarm: alarm.arm(now_ns() - MS), 0.03)) == 1
    assert len(fired(loop, kind, lambda alarm: alarm.arm(-5), 0.03)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_alarm_can_be_moved(loop: asyncio.AbstractEventLoop, kind: Any) -> None:
    """The last time set counts, whether it is earlier or later than the one before."""
    start = now_ns()

    def later(alarm: Any) -> None:
        alarm.arm(start + 2 * MS)
        alarm.arm(start + 20 * MS)

    def earlier(alarm: Any) -> None:
        alarm.arm(now_ns() + 10_000 * MS)
        alarm.arm(now_ns() + 2 * MS)

    times = fired(loop, kind, later, 0.06)
    assert len(times) == 1
    assert times[0] >= start + 20 * MS
    assert len(fired(loop, kind, earlier, 0.06)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_alarm_is_silent(loop: asyncio.AbstractEventLoop, kind: Any) -> None:
    """Nothing is called after closing, which may be done twice."""

    def use(alarm: Any) -> None:
        alarm.arm(now_ns() + 2 * MS)
        alarm.close()
        alarm.close()

    assert fired(loop, kind, use, 0.03) == []


def test_the_most_exact_alarm_is_chosen(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux gets a timerfd; a system without one gets the loop's own timer."""
    alarm = make_alarm(loop, lambda: None)
    alarm.close()
    assert isinstance(alarm, TimerFd) == sys.platform.startswith("linux")
    monkeypatch.setattr(sys, "platform", "plan9")
    assert isinstance(make_alarm(loop, lambda: None), LoopAlarm)


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeating_alarm_keeps_its_grid(loop: asyncio.AbstractEventLoop, kind: Any) -> None:
    """Calls come at or after their grid times, at most one for each, and what a busy loop missed is one call."""
    at = now_ns() + 2 * MS
    loop.call_later(0.02, time.sleep, 0.05)
    times = fired(loop, kind, lambda alarm: alarm.arm(at, every_ns=5 * MS), 0.12)
    assert len(times) >= 3
    assert all(called >= at + i * 5 * MS for i, called in enumerate(times))
    assert len(times) <= (times[-1] - at) // (5 * MS) + 1 - 8  # of the ten in the 50 ms one is called


@pytest.mark.parametrize("kind", KINDS)
def test_an_alarm_that_is_set_anew_no_longer_repeats(loop: asyncio.AbstractEventLoop, kind: Any) -> None:
    """Setting a repeating alarm to one time leaves that one call."""
    at = now_ns() + 20 * MS

    def use(alarm: Any) -> None:
        alarm.arm(now_ns() + 5 * MS, every_ns=3 * MS)
        alarm.arm(at)

    times = fired(loop, kind, use, 0.06)
    assert len(times) == 1
    assert times[0] >= at
