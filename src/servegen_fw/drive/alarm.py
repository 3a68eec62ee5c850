"""Waking the event loop at an absolute time, to well under a millisecond.

Event loops round timers to whole milliseconds (epoll takes its timeout in them, uvloop's clock ticks in them). On
Linux a timer of the system's own, read like a socket, is exact and costs nothing between its firings; elsewhere the
loop's timer is set early and the rest is spent polling.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from typing import ClassVar, Protocol

from servegen_fw.drive.clock import now_ns

COARSE_NS = 1_500_000
"""How early the loop's own timer is set: its rounding of 1 ms and some."""

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_TFD_NONBLOCK_CLOEXEC = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class Alarm(Protocol):
    """Calls back on the event loop, at or soon after a reading of `now_ns`; `name` is for the facts of a run."""

    name: ClassVar[str]

    def arm(self, at_ns: int, *, every_ns: int = 0) -> None:
        """Set the alarm to `at_ns`, or move it there; a time in the past fires at the loop's next turn.

        It calls once, or with `every_ns` again at every further multiple of that after `at_ns`; what falls due while
        the loop is busy is one call.
        """
        ...

    def close(self) -> None:
        """Never call again."""
        ...


class _TimerSpec(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class TimerFd:
    """An `Alarm` on a Linux timerfd, whose clock is the clock of `now_ns`.

    Raises
    ------
        OSError: the system has no timerfd.
    """

    name: ClassVar[str] = "timerfd"

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError("timerfd is a Linux interface")
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._settime = libc.timerfd_settime
        self._spec = _TimerSpec()
        self._at = ctypes.byref(self._spec)
        self._repeats = False
        self._loop = loop
        self._callback = callback
        loop.add_reader(self._fd, self._fire)

    def arm(self, at_ns: int, *, every_ns: int = 0) -> None:
        """Set the alarm."""
        if every_ns or self._repeats:
            self._spec.interval_s, self._spec.interval_ns = divmod(every_ns, 1_000_000_000)
            self._repeats = every_ns > 0
        # A value of zero would disarm it.
        self._spec.value_s, self._spec.value_ns = divmod(max(at_ns, 1), 1_000_000_000)
        self._settime(self._fd, _TFD_TIMER_ABSTIME, self._at, None)

    def _fire(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:  # moved to a later time after the loop had seen it fire
            return
        self._callback()

    def close(self) -> None:
        """Stop and give the descriptor back."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1


class LoopAlarm:
    """An `Alarm` on the event loop's own timer, set early; the rest is spent polling for input and output."""

    name: ClassVar[str] = "event loop"

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self._loop = loop
        self._callback = callback
        self._handle: asyncio.Handle | None = None
        self._at_ns = self._every_ns = 0

    def arm(self, at_ns: int, *, every_ns: int = 0) -> None:
        """Set the alarm."""
        self._every_ns = every_ns
        if self._handle is not None:
            self._handle.cancel()
        self._at_ns = at_ns
        wait_ns = at_ns - now_ns() - COARSE_NS
        if wait_ns > 0:
            self._handle = self._loop.call_later(wait_ns / 1e9, self._near)
        else:
            self._handle = self._loop.call_soon(self._near)

    def _near(self) -> None:
        if now_ns() < self._at_ns:
            self._handle = self._loop.call_soon(self._near)
            return
        self._handle = None
        if self._every_ns:
            missed = (now_ns() - self._at_ns) // self._every_ns
            self.arm(self._at_ns + (missed + 1) * self._every_ns, every_ns=self._every_ns)
        self._callback()

    def close(self) -> None:
        """Stop."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


def make_alarm(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> Alarm:
    """Return the most exact alarm this system has."""
    try:
        return TimerFd(loop, callback)
    except (OSError, AttributeError):
        return LoopAlarm(loop, callback)
