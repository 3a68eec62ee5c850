"""Places in text files."""

from __future__ import annotations

from pathlib import Path

import pytest
from servegen_fw_pools.logs.text import place_at, read_text, stop_at

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
