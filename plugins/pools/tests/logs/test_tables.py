"""Notations of logs: what is read, and what is no CSV and no JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servegen_fw_pools.logs import csv_table, piece
from servegen_fw_pools.logs.csv_table import CsvTable
from servegen_fw_pools.logs.damage import Damage
from servegen_fw_pools.logs.gather import Rows, gather
from servegen_fw_pools.logs.jsonl_table import JsonlTable
from servegen_fw_pools.logs.parquet_table import ParquetTable
from servegen_fw_pools.logs.piece import Table

from servegen_fw.plugin import InputError

Open = Callable[[Path], Table]


def write(path: Path, text: str) -> Path:
    """Write and return a file."""
    path.write_text(text, encoding="utf-8", newline="")
    return path


def texts(table: Table, *wanted: str) -> tuple[list[int], dict[str, list[str]]]:
    """All rows of a table: their lines and their cells; no row may be broken."""
    lines: list[int] = []
    cells: dict[str, list[str]] = {name: [] for name in wanted}
    for one in table.pieces(wanted):
        assert one.broken_rows == 0
        lines += one.line.tolist()
        for name in wanted:
            cells[name] += one.cells[name].to_pylist()
    return lines, cells


def counts(table: Table, *, skip: bool = False, **roles: str) -> Rows:
    """Rows of a table with the columns of counts that `roles` names; bad ones stop the reading, or are skipped."""
    damage = Damage(skip=skip)
    rows = gather([table], roles, "s", damage)
    damage.stop()
    return rows


def places(error: InputError) -> list[tuple[int, int]]:
    """Line and column of every problem that has a place."""
    return [(one.place.line, one.place.column) for one in error.problems if one.place]


def test_csv_columns_are_read_by_name(tmp_path: Path) -> None:
    """Columns come by header whatever their order; blank lines, quotes and blanks around names do not disturb."""
    table = CsvTable.open(write(tmp_path / "f.csv", 'b, a\n1,"2"\n\n3,4.0\n'))
    rows = counts(table, input="a", output="b")
    assert rows.columns["input"].tolist() == [2, 4]
    assert rows.columns["output"].tolist() == [1, 3]
    assert rows.line.tolist() == [2, 4]


@pytest.mark.parametrize(
    ("delimiter", "given"), [(",", ""), (";", ""), ("\t", ""), ("|", ""), (" ", " "), (",", ",")]
)
def test_the_delimiter_is_found_in_the_header(tmp_path: Path, delimiter: str, given: str) -> None:
    """Commas, semicolons, tabs and bars are told apart; any other character can be named."""
    text = delimiter.join(["time", "in", "out"]) + "\n" + delimiter.join(["1", "2", "3"]) + "\n"
    assert texts(CsvTable.open(write(tmp_path / "f.csv", text), given), "out")[1] == {"out": ["3"]}


def test_a_missing_column_is_answered_with_the_nearest(tmp_path: Path) -> None:
    """Every notation says which column is missing, which is meant, and which there are."""
    csv = CsvTable.open(write(tmp_path / "f.csv", "time,output_token\n1,2\n"))
    jsonl = JsonlTable.open(write(tmp_path / "f.jsonl", '{"time": 1, "output_token": 2}\n'))
    pq.write_table(pa.table({"time": [1], "output_token": [2]}), tmp_path / "f.parquet")
    for table in (csv, jsonl, ParquetTable.open(tmp_path / "f.parquet")):
        with pytest.raises(InputError, match="no column 'output_tokens'") as caught:
            list(table.pieces(("time", "output_tokens")))
        assert "did you mean 'output_token'? there are: time, output_token" in str(caught.value)


def test_rows_of_the_wrong_width_are_placed(tmp_path: Path) -> None:
    """Too few and too many cells are told by line."""
    table = CsvTable.open(write(tmp_path / "f.csv", "a,b\n1\n1,2\n1,2,3\n\n4\n5,6\n"))
    with pytest.raises(InputError) as caught:
        counts(table, input="a")
    assert [line for line, _ in places(caught.value)] == [2, 4, 6]
    assert "the row has 3 columns, the header 2" in str(caught.value)
    assert counts(table, skip=True, input="a").line.tolist() == [3, 7]


def test_broken_quotes_cost_one_row(tmp_path: Path) -> None:
    """A quote that never ends is a damaged row and no crash; the rows behind it are read."""
    table = CsvTable.open(write(tmp_path / "f.csv", 'a,b\n"1,2\n3,4\n5,6\n'))
    with pytest.raises(InputError, match="not CSV") as caught:
        counts(table, input="a")
    assert places(caught.value) == [(2, 1)]
    assert counts(table, skip=True, input="a").columns["input"].tolist() == [3, 5]


def test_lines_that_are_no_objects_are_placed(tmp_path: Path) -> None:
    """Broken JSON by line and column, an array, a cut line, and a missing key, all at once."""
    text = '{"a": 1}\n{"a": }\n[1]\n{"b": 1}\n{"a": 2\n{"a": 3}\n'
    table = JsonlTable.open(write(tmp_path / "f.jsonl", text))
    with pytest.raises(InputError) as caught:
        counts(table, input="a")
    assert sorted(places(caught.value)) == [(2, 7), (3, 1), (4, 1), (5, 8)]
    assert "no a" in str(caught.value)
    assert counts(table, skip=True, input="a").columns["input"].tolist() == [1, 3]


def test_two_objects_in_a_line_are_no_row(tmp_path: Path) -> None:
    """A line with two objects, and an object over two lines, are damage and not silently taken for rows."""
    table = JsonlTable.open(write(tmp_path / "f.jsonl", '{"a": 1}{"a": 2}\n{"a": 3}\n{"a":\n4}\n'))
    rows = counts(table, skip=True, input="a")
    assert rows.columns["input"].tolist() == [3]


@pytest.mark.parametrize(
    ("open_", "text"),
    [(CsvTable.open, b"a,b\n1,2\n1,\xe9\n3,4\n"), (JsonlTable.open, b'{"b":2}\n{"b":"\xe9"}\n{"b":4}\n')],
)
def test_bytes_that_are_not_utf8_are_placed(tmp_path: Path, open_: Open, text: bytes) -> None:
    """A Latin-1 byte is named by line and column in both notations; the other rows can be read."""
    (tmp_path / "f").write_bytes(text)
    with pytest.raises(InputError, match=r"f:[23]:[37]: byte 0xe9 is not UTF-8"):
        counts(open_(tmp_path / "f"), input="b")
    assert counts(open_(tmp_path / "f"), skip=True, input="b").columns["input"].tolist() == [2, 4]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.text('a,b\n"1 2\r\x00é{}:[];', max_size=60))
def test_any_text_is_rows_or_an_input_error(tmp_path: Path, body: str) -> None:
    """Whatever stands in a log: rows of equal number in every column, or an InputError that names the file."""
    path = write(tmp_path / "f.log", body)
    for open_ in (CsvTable.open, JsonlTable.open):
        try:
            rows = counts(open_(path), input="a", output="b")
        except InputError as error:
            told = str(error)
        else:
            told = "f.log"
            assert len(rows.columns["input"]) == len(rows.columns["output"]) == len(rows)
        assert "f.log" in told


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.sampled_from(
            ["1,2", "3,4", "", "x,5", "6", "7,8,9", '"10",11', '"12,13', '14,"1\n5"', "é,1", "-1,2", '"a"b,3']
        ),
        max_size=12,
    )
)
def test_fast_and_exact_ways_agree(tmp_path: Path, lines: list[str]) -> None:
    """A block parsed by Arrow and one parsed line by line give the same rows and count the same damage."""
    table = CsvTable.open(write(tmp_path / "f.csv", "a,b\n" + "".join(f"{line}\n" for line in lines)))
    for block in piece.blocks(table.path, quoted=True, skip=1):
        fast, exact = table._fast(block, ("a", "b")), table._exact(block, ("a", "b"))
        if fast is not None and '"a"b' not in "".join(lines):
            assert fast.line.tolist() == exact.line.tolist()
            assert fast.broken_rows == exact.broken_rows
            assert {k: v.to_pylist() for k, v in fast.cells.items()} == {
                k: v.to_pylist() for k, v in exact.cells.items()
            }
            assert [one.place for one in fast.broken] == [one.place for one in exact.broken]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_many_blocks_keep_their_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Across the blocks in which a file is read, each row has its own line and cells, damaged ones included."""
    monkeypatch.setattr(piece.blocks, "__kwdefaults__", {"size": 500, "quoted": False, "skip": 0})
    n = 10_000
    bad = {777, 5000, 9999}
    if kind == "csv":
        text = "a,skipped,b\n" + "".join(f"{i if i not in bad else 'x'},x,{2 * i}\n" for i in range(n))
        table, first = CsvTable.open(write(tmp_path / "f", text)), 2
    else:
        rows = [{"a": i if i not in bad else "x", "b": 2 * i} for i in range(n)]
        table, first = JsonlTable.open(write(tmp_path / "f", "\n".join(map(json.dumps, rows)))), 1
    found = counts(table, skip=True, output="b", input="a")
    good = np.array([i for i in range(n) if i not in bad])
    np.testing.assert_array_equal(found.line, good + first)
    np.testing.assert_array_equal(found.columns["input"], good)
    np.testing.assert_array_equal(found.columns["output"], 2 * good)
    with pytest.raises(InputError) as caught:
        counts(table, output="b", input="a")
    assert [line for line, _ in places(caught.value)] == [i + first for i in sorted(bad)]


def test_quoted_cells_may_hold_line_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell over several lines counts for its row; the next row's line number is right, across blocks too."""
    path = write(tmp_path / "f.csv", 'a,b\n"x\ny",1\nz,bad\n')
    assert texts(CsvTable.open(path), "a")[1] == {"a": ["x\ny", "z"]}
    with pytest.raises(InputError) as caught:
        counts(CsvTable.open(path), input="b")
    (problem,) = caught.value.problems
    assert problem.place is not None
    assert (problem.place.line, problem.place.column, problem.place.width) == (4, 3, 3)
    monkeypatch.setattr(piece.blocks, "__kwdefaults__", {"size": 10, "quoted": False, "skip": 0})
    many = write(tmp_path / "g.csv", "a,b\n" + 'x,"1\n2\n3"\ny,4\n' * 50)
    lines, cells = texts(CsvTable.open(many), "a", "b")
    assert cells == {"a": ["x", "y"] * 50, "b": ["1\n2\n3", "4"] * 50}
    assert lines == [line for k in range(50) for line in (2 + 4 * k, 5 + 4 * k)]


def test_a_cell_of_endless_lines_ends(tmp_path: Path) -> None:
    """A quote that closes only after more lines than a cell may have costs the rows of its ends, not those between."""
    body = '0,"1\n' + "5,6\n" * (csv_table.MOST_LINES + 5) + '7,8"\n'
    table = CsvTable.open(write(tmp_path / "f.csv", "a,b\n" + body))
    rows = counts(table, skip=True, input="a", output="b")
    assert rows.columns["input"].tolist() == [5] * (csv_table.MOST_LINES + 5)


def test_numbers_of_mixed_kinds_are_read_in_jsonl(tmp_path: Path) -> None:
    """A log that quotes its numbers is read, mixed with ones that do not; and whole and broken numbers too."""
    table = JsonlTable.open(write(tmp_path / "f.jsonl", '{"a": "12"}\n{"a": 13}\n{"a": 14.0}\n'))
    assert counts(table, input="a").columns["input"].tolist() == [12, 13, 14]
    late = JsonlTable.open(write(tmp_path / "g.jsonl", '{"a": 1}\n' * 2000 + '{"a": "2"}\n'))
    assert counts(late, input="a").columns["input"].tolist() == [1] * 2000 + [2]


def test_a_parquet_row_is_placed_by_its_number(tmp_path: Path) -> None:
    """Line and column of a Parquet cell are the numbers of row and column, from 1."""
    pq.write_table(pa.table({"x": [0, 0, 0], "a": [1, None, -1]}), tmp_path / "f.parquet")
    with pytest.raises(InputError) as caught:
        counts(ParquetTable.open(tmp_path / "f.parquet"), input="a")
    assert places(caught.value) == [(2, 2), (3, 2)]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 2], pa.int16()),
        pa.array([1, 2], pa.uint64()),
        pa.array([1.0, 2.0], pa.float32()),
        pa.array(["1", "2"]),
        pa.array(["1", "2"], pa.large_string()),
        pa.array(["1", "2"]).dictionary_encode(),
        pa.array([1, 2]).cast(pa.decimal128(20, 0)),
    ],
)
def test_parquet_types_of_numbers_are_read(tmp_path: Path, column: pa.Array) -> None:
    """Whole numbers, floats, decimals, texts and dictionaries serve as counts."""
    pq.write_table(pa.table({"a": column}), tmp_path / "f.parquet")
    assert counts(ParquetTable.open(tmp_path / "f.parquet"), input="a").columns["input"].tolist() == [1, 2]


def test_a_damaged_parquet_is_an_input_error(tmp_path: Path) -> None:
    """A file cut in the middle, one that is none, and a missing one are told with their names."""
    pq.write_table(pa.table({"a": [1] * 1000}), tmp_path / "f.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "f.parquet").read_bytes()[:-50])
    for name in ("cut.parquet", "none.parquet"):
        with pytest.raises(InputError, match=name):
            ParquetTable.open(tmp_path / name)
