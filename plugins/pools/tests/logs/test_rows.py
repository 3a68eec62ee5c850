"""Rows of logs: numbers where there are numbers, and every bad cell with its line and column."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from servegen_fw_pools.logs.notation import read_csv, read_jsonl

from servegen_fw.plugin import InputError


def write(path: Path, text: str) -> Path:
    """Write and return a file."""
    path.write_text(text)
    return path


def test_every_bad_cell_is_named_at_once(tmp_path: Path) -> None:
    """A word, a fraction, a negative, an empty and a huge count each get their line and column."""
    text = "t,a\n0,1\n1,x\n2,2.5\n3,-1\n4,\n5,99999999999\n6,nan\n"
    rows = read_csv(write(tmp_path / "f.csv", text), ("t", "a"))
    assert rows.tokens("a").tolist() == [1, 0, 0, 0, 0, 0, 0]
    with pytest.raises(InputError) as caught:
        rows.stop()
    places = [(p.place.line, p.place.column) for p in caught.value.problems if p.place]
    assert places == [(line, 3) for line in range(3, 9)]
    assert "'x' is no token count (column 'a')" in caught.value.problems[0].what


def test_no_more_than_20_problems_are_shown(tmp_path: Path) -> None:
    """Of 50 bad rows 20 are shown, and the rest is counted."""
    rows = read_csv(write(tmp_path / "f.csv", "a\n" + "x\n" * 50), ("a",))
    rows.tokens("a")
    with pytest.raises(InputError, match="and 30 more") as caught:
        rows.stop()
    assert len(caught.value.problems) == 21


@pytest.mark.parametrize("value", [True, None, "many", [1], {"x": 1}, 1.5, -1, 1e300])
def test_json_values_that_are_no_counts_are_placed(tmp_path: Path, value: object) -> None:
    """Truth values, null, words, lists and fractions are not silently taken as numbers."""
    text = json.dumps({"a": 1}) + "\n" + json.dumps({"b": 2, "a": value}) + "\n"
    rows = read_jsonl(write(tmp_path / "f.jsonl", text), ("a",))
    assert rows.tokens("a").tolist() == [1, 0]
    with pytest.raises(InputError, match="is no token count") as caught:
        rows.stop()
    place = caught.value.problems[0].place
    assert place is not None
    assert (place.line, place.column) == (2, 10)


def test_numbers_written_as_texts_are_numbers_in_jsonl(tmp_path: Path) -> None:
    """A log that quotes its numbers is read, mixed with ones that do not."""
    rows = read_jsonl(write(tmp_path / "f.jsonl", '{"a": "12"}\n{"a": 13}\n'), ("a",))
    assert rows.tokens("a").tolist() == [12, 13]
    rows.stop()


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
def test_times_are_seconds_since_the_earliest(tmp_path: Path, unit: str, factor: float) -> None:
    """Whatever the unit and order, the earliest row is 0."""
    lines = "".join(f"{(1_700_000_000 + s) * factor:.0f}\n" for s in (5, 2, 9))
    rows = read_csv(write(tmp_path / "f.csv", "t\n" + lines), ("t",))
    assert rows.times_s("t", unit) == pytest.approx([3, 0, 7], abs=1e-6)


def test_bad_times_are_placed(tmp_path: Path) -> None:
    """Texts under a numeric unit point to iso; a bad text under iso is placed."""
    rows = read_csv(write(tmp_path / "f.csv", "t\n2023-11-16 18:15:46\nyesterday\n"), ("t",))
    rows.times_s("t", "s")
    assert "choose the time unit iso" in rows.problems[0].what
    rows.problems.clear()
    rows.times_s("t", "iso")
    (problem,) = rows.problems
    assert problem.place is not None
    assert problem.place.line == 3


def test_negative_durations_are_refused(tmp_path: Path) -> None:
    """A latency below 0 s, and an infinite one, are bad cells."""
    rows = read_csv(write(tmp_path / "f.csv", "d\n0.5\n-1\ninf\n"), ("d",))
    assert rows.seconds("d").tolist() == [0.5, 0, 0]
    assert len(rows.problems) == 2
