"""The one clock of a run: monotonic, in nanoseconds, zero at the first moment at which a request may be due."""

from __future__ import annotations

import time

import attrs

now_ns = time.perf_counter_ns
"""The clock that every stamp is taken from: monotonic, int nanoseconds, arbitrary zero. On Linux it is CLOCK_MONOTONIC."""

LEAD_S = 0.05
"""Time between opening the clock and its zero, so that the first request is not late by the cost of getting ready."""


@attrs.frozen
class RunClock:
    """Turns stamps of `now_ns` into run time.

    Attributes
    ----------
        zero_ns: reading of `now_ns` at which the run's clock shows 0.
    """

    zero_ns: int

    @classmethod
    def starting_in(cls, lead_s: float = LEAD_S) -> RunClock:
        """Return a clock whose zero is `lead_s` seconds ahead."""
        return cls(now_ns() + round(lead_s * 1e9))

    def now(self) -> int:
        """Run time in ns; negative before the start."""
        return now_ns() - self.zero_ns
