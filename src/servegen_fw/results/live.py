"""Live progress in a terminal, and the journal beside it: what the kernel hands to an engine as `Progress`."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from servegen_fw.data.arrays import I8
from servegen_fw.data.records import Records
from servegen_fw.drive.journal import Journal
from servegen_fw.suite.display import format_quantity


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Watch:
    """Shows a cell's progress and journals its records. Use it as a context manager around an engine run.

    Without a terminal nothing is shown.

    Parameters
    ----------
        name: of the case, shown first.
        length_s: length of the case on its own clock; inf in closed mode without a time limit.
        requests: rows of the workload.
        journal: where ended rows go; None for none.
        show: whether to show progress if there is a terminal.
        virtual: whether the clock is virtual, for the reader.
    """

    def __init__(
        self,
        name: str,
        *,
        length_s: float,
        requests: int,
        journal: Journal | None = None,
        show: bool = True,
        virtual: bool = False,
    ) -> None:
        self._length_s = length_s
        self._requests = requests
        self._journal = journal
        self._virtual = virtual
        self._bar = Progress(
            TextColumn(name),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[state]}"),
            console=Console(stderr=True),
            transient=True,
            disable=not (show and sys.stderr.isatty()),
            refresh_per_second=4,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        self._task = self._bar.add_task("", total=1.0, state="connecting")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._journal is not None:
            self._journal.close()

    def update(self, *, at_s: float, due: int, done: int, in_flight: int, errors: int, lag_s: float) -> None:
        """Show the state of the run: time, rate, in flight, errors, lag and time left."""
        if self._task is None:
            return
        by_time = self._length_s < float("inf")
        share = at_s / self._length_s if by_time else done / max(1, self._requests)
        whole = _clock(self._length_s) if by_time else f"{self._requests:,} requests"
        left = "" if by_time or not done else f"  {_clock(at_s * (self._requests - done) / done)} left"
        lag = "" if self._virtual else f"  lag {format_quantity(lag_s, 's')}"
        state = (
            f"{_clock(at_s)}/{whole}{' (virtual)' if self._virtual else ''}{left}  "
            f"{format_quantity(due / at_s if at_s > 0 else 0.0, '1/s')}  {in_flight:,} in flight  {errors:,} errors{lag}"
        )
        self._bar.update(self._task, completed=min(1.0, share), state=state)

    def journal(self, records: Records, rows: I8) -> None:
        """Append ended rows to the journal."""
        if self._journal is not None:
            self._journal.write(records, rows)
