"""Telling how a run goes, from a thread that may be slow or fail."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from servegen_fw.data.records import Harness, Records
from servegen_fw.drive import teller as module
from servegen_fw.drive.teller import Silent, State, Teller


class Ended:
    """Rows that end when told to."""

    def __init__(self) -> None:
        self.ended = 0

    def news(self, since: int, until: int) -> tuple[Records, Any]:
        """Give the numbers in between as rows."""
        return Records.empty(100, Harness("monotonic", 0.0)), np.arange(since, until)


def state() -> State:
    """Some state."""
    return State(at_s=1.0, due=3, done=2, in_flight=1, errors=0, lag_s=0.001)


class Heard(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.rows: list[int] = []
        self.heard = threading.Event()

    def update(self, **told: Any) -> None:
        """Remember it."""
        self.updates.append(told)
        self.heard.set()

    def journal(self, _records: Records, rows: Any) -> None:
        """Remember the rows."""
        self.rows += rows.tolist()


def test_updates_come_while_the_run_goes_on() -> None:
    """The state is told by keyword, again and again, without anyone asking."""
    heard = Heard()
    teller = Teller(heard, state, Ended())
    teller.start()
    assert heard.heard.wait(10)
    teller.close()
    assert heard.updates[0] == {
        "at_s": 1.0,
        "due": 3,
        "done": 2,
        "in_flight": 1,
        "errors": 0,
        "lag_s": 0.001,
    }


def test_the_rest_is_told_at_the_end() -> None:
    """Rows that ended after the last journal call are journalled on closing, none twice."""
    heard, ended = Heard(), Ended()
    teller = Teller(heard, state, ended)
    teller.start()
    ended.ended = 7
    teller.close()
    assert heard.rows == list(range(7))


def test_rows_are_told_once_each(monkeypatch: Any) -> None:
    """Successive journal calls continue where the last one ended."""
    monkeypatch.setattr(module, "UPDATE_S", 0.001)
    heard, ended = Heard(), Ended()
    teller = Teller(heard, state, ended)
    teller.start()
    for ended.ended in range(1, 60):
        heard.heard.clear()
        heard.heard.wait(1)
    teller.close()
    assert heard.rows == list(range(59))


def test_one_that_raises_is_not_called_again(monkeypatch: Any) -> None:
    """The first exception is kept as the reason, and nothing more is told."""
    monkeypatch.setattr(module, "UPDATE_S", 0.001)
    calls = []

    class Broken(Silent):
        def update(self, **_: Any) -> None:
            calls.append(1)
            raise RuntimeError("screen is gone")

    teller = Teller(Broken(), state, Ended())
    teller.start()
    teller.close()
    assert teller.problem == "RuntimeError: screen is gone"
    assert len(calls) == 1


def test_one_that_hangs_is_left_behind(monkeypatch: Any) -> None:
    """A progress display that never returns costs a bounded wait and is named."""
    monkeypatch.setattr(module, "UPDATE_S", 0.001)
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    entered, release = threading.Event(), threading.Event()

    class Stuck(Silent):
        def update(self, **_: Any) -> None:
            entered.set()
            release.wait(20)

    teller = Teller(Stuck(), state, Ended())
    teller.start()
    assert entered.wait(10)
    teller.close()
    release.set()
    assert "did not return" in teller.problem


def test_a_teller_that_never_started_can_be_closed() -> None:
    """An engine that fails before the clock closes what it made."""
    Teller(Silent(), state, Ended()).close()
