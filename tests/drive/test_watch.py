"""The watch sees what keeps the event loop from reading."""

from __future__ import annotations

import asyncio
import time

import pytest

from servegen_fw.drive.clock import RunClock, now_ns
from servegen_fw.drive.local import new_loop
from servegen_fw.drive.watch import INTERVAL_NS, STALL_NS, Watch


@pytest.mark.parametrize("name", ["asyncio", "uvloop"])
@pytest.mark.parametrize("blocked_s", [0.05, 0.12])
def test_a_block_is_seen_at_nearly_its_length(name: str, blocked_s: float) -> None:
    """A callback that blocks for longer than the interval shows as a stall of its length less one interval at most."""
    loop, _ = new_loop(name)
    ticks = []
    watch = Watch(loop, RunClock(now_ns()), lambda: ticks.append(now_ns()))
    watch.start()
    loop.call_later(0.02, time.sleep, blocked_s)
    loop.call_later(0.05 + blocked_s, loop.stop)
    loop.run_forever()
    watch.close()
    loop.close()
    assert watch.stalls_s.max() >= blocked_s - INTERVAL_NS / 1e9
    assert (watch.stalls_s > STALL_NS / 1e9).all()


def test_a_long_stall_counts_once() -> None:
    """A stall over many grid times is one stall, and the grid goes on where it stood."""
    loop = asyncio.new_event_loop()
    clock = RunClock(now_ns())
    watch = Watch(loop, clock, lambda: None)
    watch.start()
    loop.call_soon(time.sleep, 0.4)
    loop.call_later(0.45, loop.stop)
    loop.run_forever()
    watch.close()
    loop.close()
    assert (watch.stalls_s > 0.3).sum() == 1


def test_ticks_keep_their_grid() -> None:
    """Ticks never come before their grid time, and their number is bounded by the time that passed."""
    loop = asyncio.new_event_loop()
    ticks: list[int] = []
    clock = RunClock(now_ns())
    watch = Watch(loop, clock, lambda: ticks.append(clock.now()))
    watch.start()
    loop.call_later(0.1, loop.stop)
    loop.run_forever()
    watch.close()
    loop.close()
    assert all(tick >= i * INTERVAL_NS for i, tick in enumerate(ticks))
    assert ticks
    assert len(watch.stalls_s) <= len(ticks)
