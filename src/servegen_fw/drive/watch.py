"""Watching the event loop itself: how long it kept the driver from reading."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable

import numpy as np

from servegen_fw.data.arrays import F8
from servegen_fw.drive.alarm import make_alarm
from servegen_fw.drive.clock import RunClock, now_ns

INTERVAL_NS = 10_000_000
"""Time between looks: every stall longer than this is seen, a shorter one with a chance of its length over this."""

STALL_NS = 1_000_000
"""What counts as a stall."""


class Watch:
    """Calls `tick` on a fixed grid of times and keeps how late each call was.

    A call is late if the loop was busy with other callbacks or the machine with other processes; either way nothing
    was read meanwhile. A stall over several grid times counts once, from the first it missed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: RunClock, tick: Callable[[], None]) -> None:
        self._alarm = make_alarm(loop, self._look)
        self._next_ns = clock.zero_ns
        self._tick = tick
        self._stalls = array("d")

    def start(self) -> None:
        """Begin at the clock's zero."""
        self._alarm.arm(self._next_ns, every_ns=INTERVAL_NS)

    def _look(self) -> None:
        late_ns = now_ns() - self._next_ns
        if late_ns > STALL_NS:
            self._stalls.append(late_ns / 1e9)
        self._next_ns += (late_ns // INTERVAL_NS + 1) * INTERVAL_NS
        self._tick()

    @property
    def stalls_s(self) -> F8:
        """Stalls over a millisecond, float64[k] in s."""
        return np.array(self._stalls, np.float64)

    def close(self) -> None:
        """Stop looking."""
        self._alarm.close()
