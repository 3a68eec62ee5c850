"""Parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from servegen_fw.plugin import InputError, Place, Problem
from servegen_fw_pools.logs.piece import Piece, check_columns, shown, unreadable

if TYPE_CHECKING:
    import numpy.typing as npt

_ROWS: Final = 1 << 19


@attrs.frozen(eq=False)
class ParquetPiece:
    """Some rows, see `Piece`."""

    table: ParquetTable
    line: npt.NDArray[np.int64]
    cells: Mapping[str, pa.Array]
    broken_rows: int = 0
    broken: Sequence[Problem] = ()

    def cell(self, row: int, name: str) -> str:
        """Return a cell as it is shown in messages."""
        value = self.cells[name][row].as_py()
        return shown("null" if value is None else repr(value))

    def place(self, row: int, name: str) -> Place:
        """Return the row's number, from 1, as the line, and the column's, from 1."""
        return Place(str(self.table.path), int(self.line[row]), self.table.names.index(name) + 1)


@attrs.frozen(eq=False)
class ParquetTable:
    """A Parquet file.

    Attributes
    ----------
        path: the file.
        names: of its columns.
    """

    path: Path
    names: tuple[str, ...]

    @classmethod
    def open(cls, path: Path) -> ParquetTable:
        """Read the schema.

        Raises
        ------
            InputError: the file cannot be read or is no Parquet.
        """
        try:
            return cls(path, tuple(pq.read_schema(path).names))
        except (pa.ArrowException, OSError) as error:
            raise _damaged(path, error) from error

    def pieces(self, wanted: Sequence[str]) -> Iterator[Piece]:
        """Yield all rows with the columns `wanted`.

        Raises
        ------
            InputError: a wanted column is missing, or the file is damaged.
        """
        check_columns(self.path, self.names, wanted)
        first = 1
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(_ROWS, columns=list(wanted), use_threads=False):
                    cells = {name: _plain(batch.column(name)) for name in wanted}
                    yield ParquetPiece(self, np.arange(first, first + len(batch)), cells)
                    first += len(batch)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(self.path, error) from error


def _plain(cells: pa.Array) -> pa.Array:
    """Dictionaries as their values; large texts and lists as ordinary ones."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    if pa.types.is_large_string(cells.type) or pa.types.is_string_view(cells.type):
        cells = cells.cast(pa.string())
    return cells


def _damaged(path: Path, error: Exception) -> InputError:
    if isinstance(error, OSError) and error.errno:
        return unreadable(path, error)
    return InputError(
        Problem(
            f"not a readable Parquet file: {error}",
            who=str(path),
            cure="check the file, or name another --format",
        )
    )
