"""Notations of logs: what is read, and what is no CSV and no JSON lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servegen_fw_pools.logs.notation import read_csv, read_jsonl

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


def test_a_file_that_is_not_utf8_is_placed(tmp_path: Path) -> None:
    """Latin-1 bytes are named by line and column in both formats."""
    (tmp_path / "f").write_bytes(b"a,b\n1,\xe9\n")
    for read in (lambda p: read_csv(p, ("a",)), lambda p: read_jsonl(p, ("a",))):
        with pytest.raises(InputError, match=r"f:2:3: byte 0xe9 is not UTF-8"):
            read(tmp_path / "f")


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=st.text('a,b\n"1 2\r\x00é{}:[];', max_size=60))
def test_any_text_is_rows_or_an_input_error(tmp_path: Path, body: str) -> None:
    """Whatever stands in a log: rows of equal number in every column, or an InputError that names the file."""
    path = tmp_path / "f.log"
    path.write_text(body, encoding="utf-8", newline="")
    for read in (read_csv, read_jsonl):
        try:
            rows = read(path, ("a", "b"))
        except InputError as error:
            told = str(error)
        else:
            told = "f.log"
            assert len(rows.cells["a"]) == len(rows.cells["b"]) == len(rows) > 0
        assert "f.log" in told


def test_many_rows_keep_their_lines(tmp_path: Path) -> None:
    """Across the batches in which a file is read, each row has its own line and cells."""
    n = 10_000
    path = write(tmp_path / "f.csv", "a,skipped,b\n" + "".join(f"{i},x,{2 * i}\n" for i in range(n)))
    rows = read_csv(path, ("b", "a"))
    assert rows.line == list(range(2, n + 2))
    assert rows.tokens("a").tolist() == list(range(n))
    assert rows.tokens("b").tolist() == list(range(0, 2 * n, 2))
    assert list(rows.cells) == ["b", "a"]


def test_quoted_cells_may_hold_line_breaks(tmp_path: Path) -> None:
    """A cell over two lines counts for its row; the next row's line number is right."""
    rows = read_csv(write(tmp_path / "f.csv", 'a,b\n"x\ny",1\nz,bad\n'), ("a", "b"))
    assert rows.cells["a"] == ["x\ny", "z"]
    rows.tokens("b")
    (problem,) = rows.problems
    assert problem.place is not None
    assert (problem.place.line, problem.place.column, problem.place.width) == (4, 3, 3)
