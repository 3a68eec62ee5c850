"""The clock of a run."""

from __future__ import annotations

import time

from servegen_fw.drive.clock import LEAD_S, RunClock, now_ns


def test_the_zero_lies_the_lead_ahead() -> None:
    """A fresh clock shows a negative time, no further from zero than its lead."""
    before = now_ns()
    clock = RunClock.starting_in()
    after = now_ns()
    assert before + LEAD_S * 1e9 <= clock.zero_ns <= after + LEAD_S * 1e9
    assert RunClock.starting_in(10.0).now() < 0


def test_run_time_is_the_reading_less_the_zero() -> None:
    """Run time and readings of the clock differ by the zero alone."""
    clock = RunClock(now_ns())
    before = now_ns()
    shown = clock.now()
    assert before <= shown + clock.zero_ns <= now_ns()


def test_readings_never_go_back() -> None:
    """The clock is monotonic and counts nanoseconds in integers."""
    readings = [now_ns() for _ in range(1000)]
    assert readings == sorted(readings)
    assert all(isinstance(reading, int) for reading in readings)
    assert time.get_clock_info("perf_counter").monotonic
