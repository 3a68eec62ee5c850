"""Places in text files."""

from __future__ import annotations

from pathlib import Path

import pytest
from servegen_fw_pools.text import first_line, not_utf8, place_at, read_text, stop_at

from servegen_fw.plugin import InputError, Problem


def test_a_place_counts_lines_and_columns_from_1() -> None:
    """The character after a line's end is column 1 of the next line, quoted without its end."""
    text = "abc\r\ndef\nghi"
    place = place_at(Path("f"), text, text.index("e"))
    assert (place.line, place.column, place.text) == (2, 2, "def")
    assert str(place_at(Path("f"), text, len(text))) == "f:3:4"


def test_long_lines_are_not_quoted() -> None:
    """A line of 10,000 characters is placed but not printed."""
    assert place_at(Path("f"), "x" * 10_000, 5000).text == ""


def test_bytes_that_are_not_utf8_are_placed(tmp_path: Path) -> None:
    """The first bad byte is named with line, column and the cure."""
    (tmp_path / "f").write_bytes("é1\n2é".encode() + b"\xff3")
    with pytest.raises(InputError, match="0xff is not UTF-8") as caught:
        read_text(tmp_path / "f")
    place = caught.value.problems[0].place
    assert place is not None
    assert (place.line, place.column) == (2, 3)


def test_a_byte_order_mark_is_not_text(tmp_path: Path) -> None:
    """Files saved with a byte-order mark read as without."""
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfabc")
    assert read_text(tmp_path / "f") == "abc"


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    """The path and the system's reason are told."""
    with pytest.raises(InputError, match="No such file"):
        read_text(tmp_path / "f")


def test_at_most_20_problems_are_shown() -> None:
    """Of 25 problems 20 are shown and the rest is counted; none raises nothing."""
    stop_at([])
    with pytest.raises(InputError) as caught:
        stop_at([Problem(f"p{i}") for i in range(25)])
    assert len(caught.value.problems) == 21
    assert "5 more" in caught.value.problems[-1].what


def test_the_first_line_is_read_alone(tmp_path: Path) -> None:
    """Without a byte-order mark and its end; what stands below need not be text."""
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfa,b\r\n\xff")
    assert first_line(tmp_path / "f") == "a,b"
    (tmp_path / "g").write_bytes(b"a,\xffb\n")
    with pytest.raises(InputError, match="g:1:3: byte 0xff is not UTF-8"):
        first_line(tmp_path / "g")


def test_lines_that_are_not_utf8_are_told_by_their_first_byte() -> None:
    """A line decoded with surrogates is told with the byte behind the first one; other lines are nothing to tell."""
    problem = not_utf8(Path("f"), 7, b"\xc3\xa9\xff\xfe".decode("utf-8", "surrogateescape"))
    assert problem is not None
    assert str(problem).startswith("f:7:2: byte 0xff is not UTF-8")
    assert not_utf8(Path("f"), 7, "é") is None
