"""Client traces: read as published, damage named by line and column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from servegen_fw_pools.published.trace import read_trace

from servegen_fw.plugin import InputError, Problem

GOOD = "0,0.5,1.25,Gamma,0.64,3.1\n600,0,0,,0,0\n1200,0.1,0.9,Weibull,1.1,9.0\n"


def problems_of(path: Path, text: str) -> list[Problem]:
    """Write and read a trace; return what was found wrong."""
    path.write_text(text)
    problems: list[Problem] = []
    trace = read_trace(path, problems)
    assert (trace is None) == bool(problems)
    return problems


def test_a_trace_is_read_as_published(tmp_path: Path) -> None:
    """Rates become whole counts, CV and family are kept, inactive windows are 0 and -1."""
    (tmp_path / "t.csv").write_text(GOOD)
    trace = read_trace(tmp_path / "t.csv", [])
    assert trace is not None
    assert trace.count(600.0).tolist() == [300, 0, 60]
    assert trace.cv.tolist() == [1.25, 0, 0.9]
    assert trace.family.tolist() == [0, -1, 1]
    assert trace.start_s.tolist() == [0, 600, 1200]


def test_a_rescaled_rate_keeps_its_fraction(tmp_path: Path) -> None:
    """A count that is not whole beyond rounding stays a fraction, one that is whole up to rounding becomes whole."""
    (tmp_path / "t.csv").write_text("0,0.021,1,Gamma,1,1\n600,0.0216666666666666,1,Gamma,1,1\n")
    trace = read_trace(tmp_path / "t.csv", [])
    assert trace is not None
    np.testing.assert_allclose(trace.count(600.0), [12.6, 13.0], rtol=1e-12)
    assert trace.count(600.0)[1] == 13.0


@pytest.mark.parametrize(
    ("bad", "line", "column", "what"),
    [
        ("0,x,1.25,Gamma,0.64,3.1", 1, 3, "'x' is not a number"),
        ("0,0.5,-1,Gamma,0.64,3.1", 1, 7, "negative"),
        ("0,0.5,nan,Gamma,0.64,3.1", 1, 7, "not finite"),
        ("0,0.5,1.25,Gama,0.64,3.1", 1, 12, "unknown family 'Gama'"),
        ("0,0.5,1.25,,0.64,3.1", 1, 12, "needs a family"),
        ("0,0,1.25,Gamma,0.64,3.1", 1, 10, "without has none"),
        ("0,0.5,1.25,Gamma,0.64", 1, 18, "5 columns instead of 6"),
        ("0,0.5,1.25,Gamma,0.64,3.1,9", 1, 23, "7 columns instead of 6"),
    ],
)
def test_damage_is_placed(tmp_path: Path, bad: str, line: int, column: int, what: str) -> None:
    """Each kind of damage is told with its line, column and cure, whatever follows it."""
    (found,) = problems_of(tmp_path / "t.csv", bad + "\n" + GOOD.split("\n", 1)[1])
    assert what in found.what
    assert found.place is not None
    assert (found.place.line, found.place.column) == (line, column)
    assert found.cure


def test_all_damaged_rows_are_told_at_once(tmp_path: Path) -> None:
    """Two bad rows among good ones give two problems."""
    assert [
        p.place.line
        for p in problems_of(tmp_path / "t.csv", GOOD + "1800\n2400,0,0,,0,0\n3000,a,0,,0,0\n")
        if p.place
    ] == [4, 6]


def test_times_must_ascend(tmp_path: Path) -> None:
    """A repeated time is placed at its row."""
    (found,) = problems_of(tmp_path / "t.csv", GOOD + "1200,0,0,,0,0\n")
    assert "do not ascend" in found.what


def test_an_empty_trace_is_told(tmp_path: Path) -> None:
    """A file without rows is a problem of the file."""
    (found,) = problems_of(tmp_path / "t.csv", "")
    assert "empty" in found.what


def test_any_flipped_byte_gives_a_trace_or_a_problem(tmp_path: Path) -> None:
    """A byte of the file replaced at each place by each of four others never raises anything but InputError."""
    path = tmp_path / "t.csv"
    for at in range(len(GOOD)):
        for other in (b"\xff", b",", b"x", b"\n"):
            path.write_bytes(GOOD.encode()[:at] + other + GOOD.encode()[at + 1 :])
            problems: list[Problem] = []
            try:
                trace = read_trace(path, problems)
            except InputError:
                continue
            assert (trace is None) == bool(problems)
