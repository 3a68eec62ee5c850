"""Live progress in a terminal, and the journal beside it: what the kernel hands to an engine as `Progress`."""

from __future__ import annotations

from math import isfinite
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
        console: to show progress on; default standard error.
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
        console: Console | None = None,
    ) -> None:
        self._length_s = length_s
        self._requests = requests
        self._journal = journal
        self._virtual = virtual
        console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn(name),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[state]}"),
            console=console,
            transient=True,
            disable=not (show and console.is_terminal),
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
        share = self._share(at_s, done)
        left_s = at_s * (1 - share) / share if share > 0 else float("nan")
        whole = _clock(self._length_s) if isfinite(self._length_s) else f"{self._requests:,} requests"
        parts = [
            f"{_clock(at_s)}/{whole}{' (virtual)' if self._virtual else ''}",
            format_quantity(due / at_s if at_s > 0 else 0.0, "1/s"),
            f"{in_flight:,} in flight",
            f"{errors:,} errors",
        ]
        if not self._virtual:
            parts.append(f"lag {format_quantity(lag_s, 's')}")
        if isfinite(left_s):
            parts.append(f"{_clock(left_s)} left")
        self._bar.update(self._task, completed=share, state="  ".join(parts))

    def _share(self, at_s: float, done: int) -> float:
        """Share of the run that is over: by time where the case has a length, else by requests."""
        over = at_s / self._length_s if isfinite(self._length_s) else done / max(1, self._requests)
        return min(1.0, max(0.0, over))

    def journal(self, records: Records, rows: I8) -> None:
        """Append ended rows to the journal."""
        if self._journal is not None:
            self._journal.write(records, rows)
