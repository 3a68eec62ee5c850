"""Live progress tells where a run is, and the journal is written beside it."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from rich.console import Console

from servegen_fw.data.records import OK, Harness, Records
from servegen_fw.drive.journal import Journal, read_journal
from servegen_fw.results.live import Watch

STATE: dict[str, Any] = {"at_s": 90.0, "due": 180, "done": 150, "in_flight": 29, "errors": 1, "lag_s": 0.0004}


def shown(*, terminal: bool = True, show: bool = True, **options: Any) -> str:
    """Return what a watch shows of a run in `STATE`, without the terminal's control sequences."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=160)
    with Watch("calm on sim", show=show, console=console, requests=600, **options) as watch:
        watch.update(**STATE)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())


def test_progress_by_time() -> None:
    """A case with a length shows time, rate, in flight, errors, lag and the time left."""
    text = shown(length_s=600.0)
    assert "calm on sim" in text
    assert "1:30/10:00  2.0 req/s  29 in flight  1 errors  lag 400 us  8:30 left" in text


def test_progress_by_requests() -> None:
    """A closed loop without a length counts requests and estimates the time left from those that ended."""
    assert "1:30/600 requests  2.0 req/s  29 in flight  1 errors  lag 400 us  4:30 left" in shown(
        length_s=math.inf
    )


def test_virtual_time_is_named_and_has_no_lag() -> None:
    """A run in virtual time says so and shows no lag."""
    text = shown(length_s=7200.0, virtual=True)
    assert "1:30/2:00:00 (virtual)  2.0 req/s  29 in flight  1 errors  1:58:30 left" in text
    assert "lag" not in text


@pytest.mark.parametrize("options", [{"terminal": False}, {"show": False}])
def test_nothing_is_shown_where_nobody_looks(options: dict[str, bool]) -> None:
    """Without a terminal, or if not asked for, nothing is written."""
    assert shown(length_s=600.0, **options).strip() == ""


def test_journal_is_written_and_closed(tmp_path: Path) -> None:
    """Rows handed to the watch are in the journal when it is left."""
    records = Records.empty(3, Harness("monotonic", 1.0))
    records.status[:2] = OK
    records.done_ns[:2] = [5, 9]
    with Watch("c", length_s=1.0, requests=3, journal=Journal(tmp_path / "j"), show=False) as watch:
        watch.journal(attrs.evolve(records), np.array([1]))
    back = read_journal(tmp_path / "j", 3)
    assert back.status.tolist() == [0, OK, 0]
    assert back.done_ns.tolist() == [-1, 9, -1]
