"""CSV files with a header line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from servegen_fw.plugin import InputError, Place, Problem
from servegen_fw_pools.logs.piece import MOST_LINES, Block, Piece, blocks, check_columns, quote, shown
from servegen_fw_pools.text import MAX_PROBLEMS, first_line, not_utf8

if TYPE_CHECKING:
    import numpy.typing as npt

    I8 = npt.NDArray[np.int64]

DELIMITERS: Final = ",;\t|"


@attrs.frozen(eq=False)
class CsvPiece:
    """Rows of a block of lines, see `Piece`; all cells are texts."""

    table: CsvTable
    block: Block
    line: I8
    cells: Mapping[str, pa.Array]
    broken_rows: int
    broken: Sequence[Problem]

    def cell(self, row: int, name: str) -> str:
        """Return a cell as it is shown in messages."""
        return shown(repr(self.cells[name][row].as_py()))

    def place(self, row: int, name: str) -> Place:
        """Return where a cell stands; in a line with quotes, the line alone."""
        number = int(self.line[row])
        line = self.block.text(number)
        at, width = 0, 1
        if '"' not in line:
            column = self.table.names.index(name)
            parts = line.split(self.table.delimiter)
            at = sum(len(part) + 1 for part in parts[:column])
            width = max(1, len(parts[column])) if column < len(parts) else 1
        return Place(str(self.table.path), number, at + 1, quote(line), width)


@attrs.frozen(eq=False)
class CsvTable:
    """A CSV file.

    Attributes
    ----------
        path: the file.
        names: of the columns, in order.
        delimiter: one character between the cells.
    """

    path: Path
    names: tuple[str, ...]
    delimiter: str

    @classmethod
    def open(cls, path: Path, delimiter: str = "") -> CsvTable:
        """Read the header; without a `delimiter`, the one of `DELIMITERS` that parts it most often.

        Raises
        ------
            InputError: the file cannot be read, or its first line is not UTF-8 or no header.
        """
        header = first_line(path)
        delimiter = delimiter or max(DELIMITERS, key=header.count)
        try:
            row = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error as error:
            raise InputError(
                Problem(f"not CSV: {error}", place=Place(str(path), 1, 1), cure="mend the header")
            ) from error
        return cls(path, tuple(name.strip() for name in row), delimiter)

    def pieces(self, wanted: Sequence[str]) -> Iterator[Piece]:
        """Yield all rows with the columns `wanted`. Blank lines are no rows; rows of another width are broken.

        Raises
        ------
            InputError: a wanted column is missing.
        """
        check_columns(self.path, self.names, wanted, 1)
        for block in blocks(self.path, quoted=True, skip=1):
            yield self._fast(block, wanted) or self._exact(block, wanted)

    def _fast(self, block: Block, wanted: Sequence[str]) -> CsvPiece | None:
        """Parse a block by Arrow; None where its rows are not its lines, or a wanted cell is not UTF-8."""
        found: list[tuple[int, int]] = []

        def note(row: Any) -> str:
            found.append((row.number, row.actual_columns))
            return "skip"

        column = {name: f"{self.names.index(name)}" for name in wanted}
        try:
            table = pa_csv.read_csv(
                pa.BufferReader(block.data),
                read_options=pa_csv.ReadOptions(
                    use_threads=False,
                    block_size=len(block.data) + 1,
                    column_names=[str(k) for k in range(len(self.names))],
                ),
                parse_options=pa_csv.ParseOptions(delimiter=self.delimiter, invalid_row_handler=note),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=list(column.values()),
                    column_types=dict.fromkeys(column.values(), pa.string()),
                ),
            )
        except pa.ArrowInvalid:
            return None
        line = block.filled()
        if len(line) != len(table) + len(found):
            return None
        numbers = np.array([number for number, _ in found], np.int64) - 1
        broken = [
            self._wrong_width(block, int(line[number - 1]), width)
            for number, width in found[: MAX_PROBLEMS + 1]
        ]
        cells = {name: table.column(key).combine_chunks() for name, key in column.items()}
        return CsvPiece(self, block, np.delete(line, numbers), cells, len(found), broken)

    def _exact(self, block: Block, wanted: Sequence[str]) -> CsvPiece:
        """Parse a block line by line: cells with line breaks, stray quotes, bytes that are not UTF-8."""
        where = [self.names.index(name) for name in wanted]
        lines = [
            line.removesuffix("\r") for line in block.data.decode("utf-8", "surrogateescape").split("\n")
        ]
        kept: list[list[str]] = []
        numbers: list[int] = []
        broken: list[Problem] = []
        at = 0
        while at < len(lines):
            row, used, problem = self._row(lines, at, block)
            if problem:
                broken.append(problem)
            elif row:
                kept.append([row[column] for column in where])
                numbers.append(block.first + at)
            at += used
        columns = zip(*kept, strict=True) if kept else [()] * len(wanted)
        cells = {name: pa.array(column, pa.string()) for name, column in zip(wanted, columns, strict=True)}
        return CsvPiece(
            self, block, np.array(numbers, np.int64), cells, len(broken), broken[: MAX_PROBLEMS + 1]
        )

    def _row(self, lines: list[str], at: int, block: Block) -> tuple[list[str], int, Problem | None]:
        """The row that begins at a line, how many lines it takes, and what is wrong with it."""
        line, number = lines[at], block.first + at
        if not line:
            return [], 1, None
        if (problem := not_utf8(self.path, number, line)) is not None:
            return [], 1, problem
        row, used = line.split(self.delimiter), 1
        if '"' in line or "\r" in line:
            while used < min(MOST_LINES, len(lines) - at) and "\n".join(lines[at : at + used]).count('"') % 2:
                used += 1
            try:
                text = io.StringIO("\n".join(lines[at : at + used]), newline="")
                row = next(csv.reader(text, delimiter=self.delimiter, strict=True))
            except csv.Error as error:
                return (
                    [],
                    1,
                    Problem(f"not CSV: {error}", place=self._whole(block, number), cure="mend the row"),
                )
        if len(row) != len(self.names):
            return [], 1, self._wrong_width(block, number, len(row))
        return row, used, None

    def _wrong_width(self, block: Block, number: int, width: int) -> Problem:
        what = f"the row has {width} columns, the header {len(self.names)}"
        return Problem(what, place=self._whole(block, number), cure="mend the row")

    def _whole(self, block: Block, number: int) -> Place:
        line = quote(block.text(number))
        return Place(str(self.path), number, 1, line, max(1, len(line)))
