"""JSON lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.json as pa_json

from servegen_fw.plugin import Place, Problem
from servegen_fw_pools.logs.piece import Block, Piece, blocks, check_columns, quote, shown
from servegen_fw_pools.text import MAX_PROBLEMS, not_utf8

if TYPE_CHECKING:
    import numpy.typing as npt

    I8 = npt.NDArray[np.int64]

_SAMPLE_LINES: Final = 1000
_SAMPLE_BYTES: Final = 1 << 20
_IDS: Final = pa.list_(pa.int64())


@attrs.frozen(eq=False)
class JsonlPiece:
    """Rows of a block of lines, see `Piece`."""

    path: Path
    block: Block
    line: I8
    cells: Mapping[str, pa.Array]
    broken_rows: int
    broken: Sequence[Problem]

    def cell(self, row: int, name: str) -> str:
        """Return a value as it is shown in messages."""
        found = json.loads(self.block.text(int(self.line[row])))
        if name not in found:
            return ""
        return shown(repr(found[name]) if isinstance(found[name], str) else json.dumps(found[name]))

    def place(self, row: int, name: str) -> Place:
        """Return where a key stands; column 1 where it is missing."""
        number = int(self.line[row])
        line, key = self.block.text(number), json.dumps(name)
        at = line.find(key)
        return Place(str(self.path), number, max(0, at) + 1, quote(line), len(key) if at >= 0 else 1)


@attrs.frozen(eq=False)
class JsonlTable:
    """A file of JSON lines.

    Attributes
    ----------
        path: the file.
        names: keys of its first 1,000 objects.
        types: Arrow type of each key's values there; None where they are mixed.
        first: number of the first line that holds an object.
    """

    path: Path
    names: tuple[str, ...]
    types: Mapping[str, pa.DataType | None]
    first: int

    @classmethod
    def open(cls, path: Path) -> JsonlTable:
        """Look at the first objects for keys and types.

        Raises
        ------
            InputError: the file cannot be read.
        """
        kinds: dict[str, set[pa.DataType | None]] = {}
        first = 0
        block = next(blocks(path, size=_SAMPLE_BYTES), None)
        lines = block.data.split(b"\n")[:_SAMPLE_LINES] if block else []
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict):
                first = first or number
                for name, value in row.items():
                    kinds.setdefault(name, set())
                    if value is not None:
                        kinds[name].add(_type_of(value))
        return cls(path, tuple(kinds), {name: _joined(found) for name, found in kinds.items()}, first)

    def pieces(self, wanted: Sequence[str]) -> Iterator[Piece]:
        """Yield all rows with the keys `wanted`. Blank lines are no rows; lines that are no object are broken.

        Raises
        ------
            InputError: a wanted key is in none of the first objects.
        """
        if self.names:
            check_columns(self.path, self.names, wanted, self.first)
        for block in blocks(self.path):
            yield self._fast(block, wanted) or self._exact(block, wanted)

    def _fast(self, block: Block, wanted: Sequence[str]) -> JsonlPiece | None:
        """Parse a block by Arrow; None where a line is not one object, or a value is of another type."""
        types = [self.types.get(name) for name in wanted]
        if None in types:
            return None
        try:
            table = pa_json.read_json(
                pa.BufferReader(block.data),
                read_options=pa_json.ReadOptions(use_threads=False, block_size=len(block.data) + 1),
                parse_options=pa_json.ParseOptions(
                    explicit_schema=pa.schema(list(zip(wanted, types, strict=True))),
                    unexpected_field_behavior="ignore",
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None
        line = block.filled()
        if not len(line) == len(table) == (b"\n" + block.data).count(b"\n{"):
            return None
        cells = {name: table.column(name).combine_chunks() for name in wanted}
        return JsonlPiece(self.path, block, line, cells, 0, ())

    def _exact(self, block: Block, wanted: Sequence[str]) -> JsonlPiece:
        """Parse a block line by line."""
        cells: dict[str, list[Any]] = {name: [] for name in wanted}
        numbers: list[int] = []
        broken: list[Problem] = []
        lines = block.data.decode("utf-8", "surrogateescape").split("\n")
        for number, line in enumerate(lines, block.first):
            if not line.strip():
                continue
            row, problem = _object(self.path, number, line)
            if problem:
                broken.append(problem)
                continue
            numbers.append(number)
            for name in wanted:
                cells[name].append(row.get(name))
        columns = {name: _column(column) for name, column in cells.items()}
        return JsonlPiece(
            self.path, block, np.array(numbers, np.int64), columns, len(broken), broken[: MAX_PROBLEMS + 1]
        )


def _object(path: Path, number: int, line: str) -> tuple[dict[str, Any], Problem | None]:
    if (problem := not_utf8(path, number, line)) is not None:
        return {}, problem
    text = line.rstrip("\r")
    try:
        row = json.loads(text)
    except RecursionError:
        return {}, Problem(
            "not JSON: nested too deeply", place=Place(str(path), number, 1), cure="mend the line"
        )
    except ValueError as error:
        column = error.colno if isinstance(error, json.JSONDecodeError) else 1
        place = Place(str(path), number, column, quote(text))
        what = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        return {}, Problem(f"not JSON: {what}", place=place, cure="mend the line")
    if not isinstance(row, dict):
        return {}, Problem(
            "not a JSON object", place=Place(str(path), number, 1, quote(text)), cure="mend the line"
        )
    return row, None


def _type_of(value: Any) -> pa.DataType | None:
    if isinstance(value, list):
        return _IDS if all(type(one) is int for one in value) else None
    kinds = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    return kinds.get(type(value))


def _joined(found: set[pa.DataType | None]) -> pa.DataType | None:
    if found == {pa.int64(), pa.float64()}:
        return pa.float64()
    return found.pop() if len(found) == 1 else None if found else pa.string()


def _column(values: list[Any]) -> pa.Array:
    """Values of one key as lists of ids or as texts; what is neither number nor text becomes its JSON, which is no number."""
    if 2 * sum(isinstance(value, list) for value in values) > len(values):
        fits = [
            isinstance(one, list) and all(type(k) is int and abs(k) < 2**63 for k in one) for one in values
        ]
        return pa.array([one if fit else None for one, fit in zip(values, fits, strict=True)], _IDS)
    return pa.array([value if value is None else _text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else json.dumps(value)
