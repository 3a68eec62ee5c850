"""Telling others how a run is going, from a thread of its own: drawing and writing take time that the driver needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import attrs

from servegen_fw.data.arrays import I8
from servegen_fw.data.records import Records

if TYPE_CHECKING:
    from servegen_fw.hooks.protocols import Progress

UPDATE_S = 0.25
UPDATES_PER_JOURNAL = 4
PATIENCE_S = 10.0
"""How long the end of a run waits for a `Progress` that is still busy."""


class Silent:
    """A `Progress` that tells nobody."""

    def update(self, *, at_s: float, due: int, done: int, in_flight: int, errors: int, lag_s: float) -> None:
        """Tell nothing."""

    def journal(self, records: Records, rows: I8) -> None:
        """Store nothing."""


@attrs.frozen
class State:
    """How far a run is; the arguments of `Progress.update`."""

    at_s: float
    due: int
    done: int
    in_flight: int
    errors: int
    lag_s: float


class Rows(Protocol):
    """What the teller reads rows from; `drive.recorder.Recorder`."""

    @property
    def ended(self) -> int:
        """How many requests ended."""
        ...

    def news(self, since: int, until: int) -> tuple[Records, I8]:
        """Return the records and the rows that ended in between."""
        ...


class Teller:
    """Calls a `Progress` four times a second, and its journal once a second with the rows that ended.

    A `Progress` that raises is not called again, and `problem` says why; the run goes on.
    """

    def __init__(self, progress: Progress, state: Callable[[], State], rows: Rows) -> None:
        self._progress = progress
        self._state = state
        self._rows = rows
        self._told = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="servegen-fw-teller", daemon=True)
        self.problem = ""

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def close(self) -> None:
        """Tell the rest and stop."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(PATIENCE_S)
        if self._thread.is_alive():
            self.problem = self.problem or f"progress did not return within {PATIENCE_S:.0f} s"
        else:
            self._guarded(self._update)
            self._guarded(self._journal)

    def _work(self) -> None:
        count = 0
        while not self._stop.wait(UPDATE_S):
            count += 1
            self._guarded(self._update)
            if count % UPDATES_PER_JOURNAL == 0:
                self._guarded(self._journal)

    def _guarded(self, tell: Callable[[], None]) -> None:
        if self.problem:
            return
        try:
            tell()
        except Exception as error:  # whoever watches must not stop what is watched  # noqa: BLE001
            self.problem = f"{type(error).__name__}: {error}"

    def _update(self) -> None:
        self._progress.update(**attrs.asdict(self._state()))

    def _journal(self) -> None:
        until = self._rows.ended
        if until > self._told:
            records, rows = self._rows.news(self._told, until)
            self._told = until
            self._progress.journal(records, rows)
