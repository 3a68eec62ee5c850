"""Text files and places in them, for messages that lead to the damaged character."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from servegen_fw.plugin import InputError, Place, Problem

if TYPE_CHECKING:
    from pathlib import Path

MAX_PROBLEMS = 20
"""How many problems of one source are shown at once."""

_LONGEST_LINE = 200
_ESCAPED = re.compile("[\udc80-\udcff]")


def read_text(path: Path) -> str:
    """Return the file's text, without a byte-order mark.

    Raises
    ------
        InputError: missing, unreadable, or not UTF-8 (with the place of the first bad byte).
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            Problem(f"cannot be read: {error.strerror}", who=str(path), cure="check the path")
        ) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8-sig")
        raise InputError(
            Problem(
                f"byte 0x{data[error.start]:02x} is not UTF-8",
                place=place_at(path, good, len(good)),
                cure="save the file as UTF-8",
            )
        ) from error


def first_line(path: Path) -> str:
    """Return the file's first line, without a byte-order mark and its end.

    Raises
    ------
        InputError: as `read_text`.
    """
    try:
        with path.open("rb") as file:
            data = file.readline()
    except OSError as error:
        raise InputError(
            Problem(f"cannot be read: {error.strerror}", who=str(path), cure="check the path")
        ) from error
    line = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff").rstrip("\r\n")
    if (problem := not_utf8(path, 1, line)) is not None:
        raise InputError(problem)
    return line


def not_utf8(path: Path, number: int, line: str) -> Problem | None:
    """Tell the first byte that is not UTF-8 in a line decoded with ``surrogateescape``; None if there is none."""
    if line.isascii() or not (found := _ESCAPED.search(line)):
        return None
    what = f"byte 0x{ord(found[0]) - 0xDC00:02x} is not UTF-8"
    return Problem(what, place=Place(str(path), number, found.start() + 1), cure="save the file as UTF-8")


def place_at(path: Path, text: str, offset: int, width: int = 1) -> Place:
    """Place of the character `offset` (from 0) of `text`, the content of `path`; long lines are not quoted."""
    begin = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    line = text[begin : end if end >= 0 else len(text)].rstrip("\r")
    quoted = line if len(line) <= _LONGEST_LINE else ""
    return Place(str(path), text.count("\n", 0, offset) + 1, offset - begin + 1, quoted, width)


def stop_at(problems: list[Problem]) -> None:
    """Raise what was found, if anything; beyond `MAX_PROBLEMS` only the number is told.

    Raises
    ------
        InputError: `problems` is not empty.
    """
    if not problems:
        return
    rest = len(problems) - MAX_PROBLEMS
    more = [Problem(f"and {rest} more problems of this kind")] if rest > 0 else []
    raise InputError(*problems[:MAX_PROBLEMS], *more)
