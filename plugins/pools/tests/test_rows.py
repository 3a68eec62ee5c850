"""Rows of logs: numbers where there are numbers, and every bad cell with its line and column."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from servegen_fw_pools.rows import read_csv, read_jsonl

from servegen_fw.plugin import InputError


def write(path: Path, text: str) -> Path:
    """Write and return a file."""
    path.write_text(text)
    return path


def test_csv_columns_are_read_by_name(tmp_path: Path) -> None:
    """Columns come by header whatever their order; blank lines, quotes and blanks around names do not disturb."""
    rows = read_csv(write(tmp_path / "f.csv", 'b, a\n1,"2"\n\n3,4.0\n'), ("a", "b"))
    assert rows.tokens("a").tolist() == [2, 4]
    assert rows.tokens("b").tolist() == [1, 3]
    assert rows.line == [2, 4]
    rows.stop()


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


def test_a_missing_column_is_answered_with_the_nearest(tmp_path: Path) -> None:
    """Both formats say which column is missing, which is meant, and which there are."""
    csv = write(tmp_path / "f.csv", "time,output_token\n1,2\n")
    with pytest.raises(InputError, match="no column 'output_tokens'") as caught:
        read_csv(csv, ("time", "output_tokens"))
    assert "did you mean 'output_token'? there are: time, output_token" in str(caught.value)
    jsonl = write(tmp_path / "f.jsonl", '{"time": 1, "output_token": 2}\n')
    with pytest.raises(InputError, match="did you mean 'output_token'"):
        read_jsonl(jsonl, ("time", "output_tokens"))


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\n", "a,b\n\n"])
def test_a_log_without_requests_is_refused(tmp_path: Path, text: str) -> None:
    """An empty file, and one of a header alone, are input errors."""
    with pytest.raises(InputError, match=r"holds no requests|no column"):
        read_csv(write(tmp_path / "f", text), ("a",))


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_jsonl_is_refused(tmp_path: Path, text: str) -> None:
    """Blank lines alone are no requests."""
    with pytest.raises(InputError, match="holds no requests"):
        read_jsonl(write(tmp_path / "f", text), ("a",))


def test_rows_of_the_wrong_width_are_placed(tmp_path: Path) -> None:
    """Too few and too many cells are told by line."""
    with pytest.raises(InputError) as caught:
        read_csv(write(tmp_path / "f.csv", "a,b\n1\n1,2\n1,2,3\n"), ("a",))
    assert [p.place.line for p in caught.value.problems if p.place] == [2, 4]


def test_broken_quotes_are_placed(tmp_path: Path) -> None:
    """A quote that never ends is an input error and no crash."""
    with pytest.raises(InputError, match="not CSV"):
        read_csv(write(tmp_path / "f.csv", 'a,b\n"1,2\n3,4\n'), ("a",))


def test_lines_that_are_no_objects_are_placed(tmp_path: Path) -> None:
    """Broken JSON by line and column, an array, and a missing key, all at once."""
    text = '{"a": 1}\n{"a": }\n[1]\n{"b": 1}\n'
    with pytest.raises(InputError) as caught:
        read_jsonl(write(tmp_path / "f.jsonl", text), ("a",))
    assert [(p.place.line, p.place.column) for p in caught.value.problems if p.place] == [
        (2, 7),
        (3, 1),
        (4, 1),
    ]


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


def test_a_file_that_is_not_utf8_is_placed(tmp_path: Path) -> None:
    """Latin-1 bytes are named by line and column in both formats."""
    (tmp_path / "f").write_bytes(b"a,b\n1,\xe9\n")
    for read in (lambda p: read_csv(p, ("a",)), lambda p: read_jsonl(p, ("a",))):
        with pytest.raises(InputError, match=r"f:2:3: byte 0xe9 is not UTF-8"):
            read(tmp_path / "f")
