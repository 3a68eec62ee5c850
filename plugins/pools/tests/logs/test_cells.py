"""Cells of logs: numbers where there are numbers, and every bad cell with its line and column."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from servegen_fw_pools.logs.cells import absent, guess_unit, numbers, seconds, times, tokens
from servegen_fw_pools.logs.csv_table import CsvTable
from servegen_fw_pools.logs.damage import Damage
from servegen_fw_pools.logs.gather import Rows, gather
from servegen_fw_pools.logs.jsonl_table import JsonlTable

from servegen_fw.plugin import InputError


def read(path: Path, text: str, roles: dict[str, str], unit: str = "s") -> Rows:
    """Write a file and read columns of it; bad cells stop the reading."""
    path.write_text(text)
    damage = Damage(skip=False)
    table = JsonlTable.open(path) if path.suffix == ".jsonl" else CsvTable.open(path)
    rows = gather([table], roles, unit, damage)
    damage.stop()
    return rows


def test_every_bad_cell_is_named_at_once(tmp_path: Path) -> None:
    """A word, a fraction, a negative, an empty and a huge count each get their line and column."""
    text = "t,a\n0,1\n1,x\n2,2.5\n3,-1\n4,\n5,99999999999\n6,nan\n"
    with pytest.raises(InputError) as caught:
        read(tmp_path / "f.csv", text, {"input": "a"})
    found = [(p.place.line, p.place.column) for p in caught.value.problems if p.place]
    assert found == [(line, 3) for line in range(3, 9)]
    assert "'x' is no token count (column 'a')" in caught.value.problems[0].what
    assert str(caught.value).splitlines()[1:3] == ["    3 | 1,x", "      |   ^"]


def test_two_bad_cells_of_a_row_are_two_problems(tmp_path: Path) -> None:
    """A row whose time and count are bad is told twice, cell by cell."""
    with pytest.raises(InputError) as caught:
        read(tmp_path / "f.csv", "t,a\nx,y\n", {"timestamp": "t", "input": "a"})
    assert [(p.place.line, p.place.column) for p in caught.value.problems if p.place] == [(2, 1), (2, 3)]


def test_no_more_than_20_problems_are_shown(tmp_path: Path) -> None:
    """Of 50 bad rows 20 are shown, and the rest is counted."""
    with pytest.raises(InputError, match="and 30 more") as caught:
        read(tmp_path / "f.csv", "a\n" + "x\n" * 50, {"input": "a"})
    assert len(caught.value.problems) == 21


@pytest.mark.parametrize("value", [True, None, "many", [1], {"x": 1}, 1.5, -1, 1e300])
def test_json_values_that_are_no_counts_are_placed(tmp_path: Path, value: object) -> None:
    """Truth values, null, words, lists and fractions are not silently taken as numbers."""
    text = json.dumps({"a": 1}) + "\n" + json.dumps({"b": 2, "a": value}) + "\n"
    with pytest.raises(InputError, match="is no token count") as caught:
        read(tmp_path / "f.jsonl", text, {"input": "a"})
    place = caught.value.problems[0].place
    assert place is not None
    assert (place.line, place.column) == (2, 10)


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
@pytest.mark.parametrize("form", ["{:.0f}", "{:.1f}"])
def test_times_are_in_their_unit(unit: str, factor: float, form: str) -> None:
    """Whole and broken numbers of every unit are the same moments."""
    cells = pa.array([form.format((1_700_000_000 + s) * factor) for s in (5, 2, 9)])
    found = times(cells, unit)
    at = found.at / 1e9 if found.at.dtype.kind == "i" else found.at
    assert at - 1_700_000_000 == pytest.approx([5, 2, 9], abs=1e-6)
    assert not found.bad.any()


def test_whole_numbers_keep_their_nanoseconds() -> None:
    """Unix times in nanoseconds, which no float holds, differ by one."""
    at = times(pa.array([1_700_000_000_000_000_001, 1_700_000_000_000_000_000]), "ns").at
    assert at[0] - at[1] == 1


def test_bad_times_are_placed(tmp_path: Path) -> None:
    """Texts under a numeric unit point to iso; a bad text under iso is placed."""
    text = "t\n2023-11-16 18:15:46\nyesterday\n"
    with pytest.raises(InputError) as caught:
        read(tmp_path / "f.csv", text, {"timestamp": "t"})
    assert "choose the time unit iso" in caught.value.problems[0].what
    with pytest.raises(InputError) as caught:
        read(tmp_path / "f.csv", text, {"timestamp": "t"}, "iso")
    (problem,) = caught.value.problems
    assert problem.place is not None
    assert problem.place.line == 3


def test_timestamps_of_arrow_need_no_unit() -> None:
    """Parquet's own timestamps of every resolution are read, with and without a zone; null is bad."""
    for resolution in ("s", "ms", "us", "ns"):
        for zone in (None, "Europe/Berlin"):
            cells = (
                pa.array([1_700_000_000, None], pa.int64())
                .cast(pa.timestamp("s"))
                .cast(pa.timestamp(resolution))
            )
            found = times(cells.cast(pa.timestamp(resolution, zone)), "s")
            assert found.at[0] == 1_700_000_000 * 10**9
            assert found.bad.tolist() == [False, True]
            assert found.zones == {"+00:00" if zone else "": 1}


def test_negative_durations_are_refused() -> None:
    """A latency below 0 s, and an infinite one, are bad cells."""
    found, bad = seconds(pa.array(["0.5", "-1", "inf", "x"]))
    assert found[0] == 0.5
    assert bad.tolist() == [False, True, True, True]


def test_numbers_are_what_people_write() -> None:
    """Signs, exponents, and blanks around are read; words, dates, and empty cells are none, even beside each other."""
    texts = ["1", " 2.5 ", "+3", "4e2", ".5", "6.", "x", "1_000", "0x10", "", "1 2", None, "2023-01-01"]
    found = numbers(pa.array(texts))
    np.testing.assert_array_equal(found[:6], [1, 2.5, 3, 400, 0.5, 6])
    assert np.isnan(found[6:]).all()


def test_negative_counts_are_told_apart() -> None:
    """A negative number is bad and negative; a word is bad alone."""
    values, bad, negative = tokens(pa.array(["5", "-5", "x", "-0"]))
    assert values.tolist() == [5, 0, 0, 0]
    assert bad.tolist() == [False, True, True, False]
    assert negative.tolist() == [False, True, False, False]


def test_absent_is_null_or_empty() -> None:
    """An empty text and null are absent, 0 is not."""
    assert absent(pa.array(["", None, "0"])).tolist() == [True, True, False]
    assert absent(pa.array([None, 0])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("values", "name", "unit"),
    [
        (["2023-11-16 18:15:46", "2023-11-16 18:15:47"], "t", "iso"),
        (["today", "2023-11-16 18:15:47", "2023-11-16 18:15:48"], "t", "iso"),
        (["broken", "1.5", "2.5"], "t", "s"),
        ([1_700_000_000.5], "t", "s"),
        ([1_700_000_000_000], "t", "ms"),
        ([1_700_000_000_000_000], "t", "us"),
        ([1_700_000_000_000_000_000], "t", "ns"),
        ([0, 1500, 3000], "t", "s"),
        ([0, 1500, 3000], "t_ms", "ms"),
        ([None], "t", "s"),
    ],
)
def test_units_are_guessed_by_name_form_and_size(values: list[object], name: str, unit: str) -> None:
    """Texts are iso, a name's ending tells, Unix times tell by their size, all else is seconds."""
    assert guess_unit(pa.array(values), name) == unit
