"""Some rows of a log's file: their cells in columns, and the way back to where each stands."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

import attrs
import numpy as np

from servegen_fw.plugin import InputError, Place, Problem

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

BLOCK: Final = 1 << 24
"""Bytes of a text file that are parsed at once, about."""

LONGEST_QUOTE: Final = 200
"""Lines longer than this are not quoted in messages."""


class Piece(Protocol):
    """What a notation gives, some rows at a time."""

    @property
    def line(self) -> npt.NDArray[np.int64]:
        """Line of each row, from 1 (in Parquet the number of the row), int64[n]."""

    @property
    def cells(self) -> Mapping[str, pa.Array]:
        """Columns by name, n cells each: texts or values."""

    @property
    def broken_rows(self) -> int:
        """How many rows have no cells at all."""

    @property
    def broken(self) -> Sequence[Problem]:
        """The first of those, told with their places."""

    def cell(self, row: int, name: str) -> str:
        """Return a cell as it is shown in messages, cut where it is long; "" where the row has none."""

    def place(self, row: int, name: str) -> Place:
        """Return where a cell stands."""


class Table(Protocol):
    """A file of a log whose columns are known."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns."""

    def pieces(self, wanted: Sequence[str]) -> Iterator[Piece]:
        """Yield all rows with the columns `wanted`."""


@attrs.frozen(eq=False)
class Block:
    """Whole lines of a text file.

    Attributes
    ----------
        data: their bytes.
        first: number of the first of them.
    """

    data: bytes
    first: int

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return self.data.count(b"\n") + (not self.data.endswith(b"\n"))

    def filled(self) -> npt.NDArray[np.int64]:
        """Numbers of the lines that are not empty."""
        data = self.data
        if b"\n\n" not in data and b"\n\r\n" not in data and not data.startswith((b"\n", b"\r\n")):
            return np.arange(self.first, self.first + self.lines)
        return np.array(
            [self.first + at for at, line in enumerate(data.split(b"\n")) if line not in {b"", b"\r"}],
            np.int64,
        )

    def text(self, line: int) -> str:
        """Return one line, without its end; bytes that are not UTF-8 are replaced."""
        data, begin = self.data, 0
        for _ in range(line - self.first):
            begin = data.find(b"\n", begin) + 1
        end = data.find(b"\n", begin)
        return data[begin : end if end >= 0 else len(data)].rstrip(b"\r").decode("utf-8", "replace")


def blocks(path: Path, *, size: int = BLOCK, quoted: bool = False, skip: int = 0) -> Iterator[Block]:
    """Yield the file's lines in blocks, without a byte-order mark and the first `skip` lines.

    With `quoted`, a block does not end within quotes, unless these go on for many lines.

    Raises
    ------
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            if file.read(3) != b"\xef\xbb\xbf":
                file.seek(0)
            for _ in range(skip):
                file.readline()
            first = skip + 1
            while data := file.read(size):
                data += file.readline()
                if quoted:
                    data += _rest(file, data)
                yield Block(data, first)
                first += data.count(b"\n")
    except OSError as error:
        raise unreadable(path, error) from error


def _rest(file: BinaryIO, data: bytes) -> bytes:
    """Return the lines that close quotes which `data` leaves open; nothing if they do not close soon."""
    if data.count(b'"') % 2 == 0:
        return b""
    start, more = file.tell(), b""
    for _ in range(MOST_LINES):
        more += file.readline()
        if more.count(b'"') % 2:
            return more
    file.seek(start)
    return b""


MOST_LINES: Final = 100
"""Lines that one quoted cell of a CSV file may span."""


def unreadable(path: Path, error: OSError) -> InputError:
    """Return the error for a file that cannot be read."""
    return InputError(
        Problem(f"cannot be read: {error.strerror or error}", who=str(path), cure="check the path")
    )


def check_columns(path: Path, found: Sequence[str], wanted: Iterable[str], line: int = 0) -> None:
    """Tell which wanted columns are missing, which may be meant, and which there are; and which are there twice.

    Raises
    ------
        InputError: some are missing or not told apart.
    """
    problems = []
    for name in wanted:
        if name not in found:
            near = difflib.get_close_matches(name, found, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            cure = f"{hint}there are: {', '.join(found) or 'none'}"
            problems.append(Problem(f"no column {name!r}", place=Place(str(path), line, 1), cure=cure))
        elif list(found).count(name) > 1:
            what = f"several columns are called {name!r}"
            problems.append(Problem(what, place=Place(str(path), line, 1), cure="name them apart"))
    if problems:
        raise InputError(*problems)


def shown(text: str) -> str:
    """Return a cell's text for a message."""
    return text if len(text) <= 40 else text[:37] + "..."


def quote(text: str) -> str:
    """Return a line for a message; nothing where it is too long."""
    return text if len(text) <= LONGEST_QUOTE else ""
