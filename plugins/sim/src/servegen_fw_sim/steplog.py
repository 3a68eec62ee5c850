"""When every step ended: runs of decode steps are stored as one row, so that a day of steps stays small."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt


class StepLog:
    """Step end times as arithmetic progressions of the second order.

    Row j stands for `count` steps from step number `first` on; its i-th step (from 1) ends at
    ``start + i * step + i * (i - 1) / 2 * growth``. Rows may be separated by idle time.
    """

    __slots__ = ("count", "first", "growth", "start", "step")

    def __init__(self) -> None:
        self.first = array("q")
        self.count = array("q")
        self.start = array("d")
        self.step = array("d")
        self.growth = array("d")

    def __len__(self) -> int:
        """Steps stored."""
        # A row counts once its last field is there: an interrupt may come between two.
        rows = len(self.growth)
        return self.first[rows - 1] + self.count[rows - 1] if rows else 0

    def append(self, first: int, count: int, start_s: float, step_s: float, growth_s: float) -> None:
        """Add `count` steps; `first` continues the numbering."""
        self.first.append(first)
        self.count.append(count)
        self.start.append(start_s)
        self.step.append(step_s)
        self.growth.append(growth_s)

    def end_s(self, steps: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """End times in seconds of the steps with these numbers, int64[n] -> float64[n]."""
        if not len(steps):
            return np.empty(0)
        first = np.frombuffer(self.first, np.int64, len(self.growth))
        row = np.searchsorted(first, steps, side="right") - 1
        i = steps - first[row] + 1
        start, step, growth = (
            np.frombuffer(a, np.float64)[row] for a in (self.start, self.step, self.growth)
        )
        # Added up in the scheduler's order, so that both hold the same bits.
        return np.asarray(start + (i * step + (i * (i - 1) // 2) * growth))

    def ends_s(self) -> npt.NDArray[np.float64]:
        """End times of all steps, float64[steps], ascending."""
        return self.end_s(np.arange(len(self)))
