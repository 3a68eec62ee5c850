"""Text files and places in them, for messages that lead to the damaged character."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servegen_fw.plugin import InputError, Place, Problem

if TYPE_CHECKING:
    from pathlib import Path

MAX_PROBLEMS = 20
"""How many problems of one source are shown at once."""

_LONGEST_LINE = 200


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
