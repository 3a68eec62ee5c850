"""All rows of all files of a log in one set of columns; damaged rows are counted and left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from servegen_fw.plugin import Problem
from servegen_fw_pools.logs import cells
from servegen_fw_pools.logs.columns import NEEDED
from servegen_fw_pools.logs.instants import why_bad

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.logs.damage import Damage
    from servegen_fw_pools.logs.piece import Piece, Table

    I8 = npt.NDArray[np.int64]
    Bool = npt.NDArray[np.bool_]

MOST_ITEMS: Final = 10_000
"""Items of one modality that a request may have."""

_IDS: Final = frozenset({"client", "session", "chat", "parent"})
_ISO: Final = "write ISO 8601, as in 2023-11-16 18:15:46.68"


@attrs.frozen(eq=False)
class Rows:
    """What the files say, n rows in their order.

    Attributes
    ----------
        columns: by role. "timestamp" is int64[n] in ns or float64[n] in s; counts are int32[n], -1 for a turn that is not
            told; "latency" is float64[n] in s, NaN where not told; ids are int32[n] into `names`, -1 for none.
        names: texts of the ids, by role.
        blocks: (blocks of each row, their ids), int64[n] and int64[blocks], or None.
        file: int32[n]; index into `files`.
        line: int64[n].
        files: the files.
        zones: see `Instants`.
        untold: how often a cell that a row may lack was empty, by role.
    """

    columns: Mapping[str, Any]
    names: Mapping[str, Sequence[str]]
    blocks: tuple[I8, I8] | None
    file: npt.NDArray[np.int32]
    line: I8
    files: tuple[Path, ...]
    zones: Mapping[str, int]
    untold: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.line)

    def place(self, row: int) -> str:
        """Where a row stands, ``file:line``."""
        return f"{self.files[self.file[row]]}:{self.line[row]}"


@attrs.frozen(eq=False)
class _Bad:
    """Cells of one column that cannot be used."""

    mask: Bool
    negative: Bool | None
    what: str
    cure: str = "mend the row"


@attrs.define(eq=False)
class _Gathering:
    roles: Mapping[str, str]
    unit: str
    damage: Damage
    parts: dict[str, list[Any]] = attrs.field(factory=dict)
    lengths: list[I8] = attrs.field(factory=list)
    zones: dict[str, int] = attrs.field(factory=dict)
    untold: dict[str, int] = attrs.field(factory=dict)

    def add(self, piece: Piece, file: int) -> None:
        """Read a piece: convert its columns, tell the bad cells, keep the good rows."""
        found: dict[str, Any] = {}
        bad: dict[str, _Bad] = {}
        for role, name in self.roles.items():
            found[role], trouble = self._convert(role, piece.cells[name])
            if trouble.mask.any():
                bad[name] = trouble
        self._tell(piece, bad)
        found["line"] = piece.line
        found["file"] = np.full(len(piece.line), file, np.int32)
        if bad:
            good = ~np.logical_or.reduce([one.mask for one in bad.values()])
            keep = pa.array(good)
            found = {
                role: one.filter(keep) if isinstance(one, pa.Array) else one[good]
                for role, one in found.items()
            }
        if "blocks" in found:
            lists = found.pop("blocks")
            self.lengths.append(pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64))
            found["blocks"] = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
        for role, values in found.items():
            self.parts.setdefault(role, []).append(values)

    def _convert(self, role: str, column: pa.Array) -> tuple[Any, _Bad]:
        if role == "timestamp":
            times = cells.times(column, self.unit)
            for zone, count in times.zones.items():
                self.zones[zone] = self.zones.get(zone, 0) + count
            return times.at, _Bad(times.bad, None, "time")
        if role in _IDS:
            return _ids(column)
        if role == "blocks":
            return _lists(column)
        negative = None
        values: Any
        if role == "latency":
            values, mask = cells.seconds(column)
            what = "is no duration"
        else:
            values, mask, negative = cells.tokens(column)
            what = "is no number of a turn" if role == "turn" else "is no token count"
            if role.endswith("_count"):
                what = f"is no number of items up to {MOST_ITEMS:,}"
                mask |= values > MOST_ITEMS
        if role not in NEEDED:
            untold = cells.absent(column)
            self.untold[role] = self.untold.get(role, 0) + int(untold.sum())
            mask &= ~untold
            if role == "turn":
                values[untold] = -1
        return values, _Bad(mask, negative, what)

    def _tell(self, piece: Piece, bad: Mapping[str, _Bad]) -> None:
        """Count what is wrong with a piece, and tell the first of it."""
        self.damage.add("damaged-row", piece.broken_rows, piece.broken)
        if not bad:
            return
        anything = np.logical_or.reduce([one.mask for one in bad.values()])
        # A row is negative if that is all that is wrong with it.
        other = np.logical_or.reduce(
            [one.mask if one.negative is None else one.mask & ~one.negative for one in bad.values()]
        )
        for code, rows in (("damaged-row", other), ("negative-length", anything & ~other)):
            first = np.flatnonzero(rows)[: self.damage.room + 1]
            told = [
                self._problem(piece, int(row), name, one)
                for row in first
                for name, one in bad.items()
                if one.mask[row]
            ]
            total = sum(int((one.mask & rows).sum()) for one in bad.values())
            self.damage.add(code, int(rows.sum()), told, total)

    def _problem(self, piece: Piece, row: int, name: str, bad: _Bad) -> Problem:
        shown, what, cure = piece.cell(row, name), bad.what, bad.cure
        if not shown:
            what = f"no {name}"
        elif what == "time" and self.unit == "iso":
            value = piece.cells[name][row].as_py()
            what, cure = why_bad("" if value is None else str(value)), _ISO
        elif what == "time":
            what = f"{shown} is no time in {self.unit}; for texts choose the time unit iso (column {name!r})"
        elif what == _NO_LIST:
            what = f"{name} {what}"
        else:
            what = f"{shown} {what} (column {name!r})"
        return Problem(what, place=piece.place(row, name), cure=cure)


_NO_LIST: Final = "is no list of whole numbers"


def gather(tables: Sequence[Table], roles: Mapping[str, str], unit: str, damage: Damage) -> Rows:
    """Read the columns that `roles` (role -> name) names from all tables, times in `unit`.

    Damaged rows go to `damage` and are left out.

    Raises
    ------
        InputError: a file cannot be read or lacks a column.
    """
    wanted = tuple(dict.fromkeys(roles.values()))
    all_rows = _Gathering(roles, unit, damage)
    for number, table in enumerate(tables):
        for piece in table.pieces(wanted):
            all_rows.add(piece, number)
    columns: dict[str, Any] = {}
    names: dict[str, Sequence[str]] = {}
    for role in [*roles, "file", "line"]:
        parts = all_rows.parts.pop(role, [])
        if role in _IDS:
            columns[role], names[role] = _unified(parts)
        else:
            columns[role] = _joined(parts)
    blocks = (_joined(all_rows.lengths), columns.pop("blocks")) if "blocks" in roles else None
    return Rows(
        columns=columns,
        names=names,
        blocks=blocks,
        file=columns.pop("file").astype(np.int32),
        line=columns.pop("line"),
        files=tuple(table.path for table in tables),
        zones=all_rows.zones,
        untold={role: count for role, count in all_rows.untold.items() if count},
    )


def _joined(parts: list[Any]) -> Any:
    """One array of many; times of both kinds become seconds."""
    if len({part.dtype.kind for part in parts}) > 1:
        parts = [part / 1e9 if part.dtype.kind == "i" else part for part in parts]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _ids(column: pa.Array) -> tuple[pa.Array, _Bad]:
    """Ids as a dictionary of texts; null for none."""
    mask = np.zeros(len(column), np.bool_)
    if pt.is_nested(column.type):
        mask = ~cells.absent(column)
        column = pa.nulls(len(column), pa.string())
    coded = (
        column.dictionary_encode()
        if not pt.is_null(column.type)
        else column.cast(pa.string()).dictionary_encode()
    )
    texts = coded.dictionary.cast(pa.string())
    return pa.DictionaryArray.from_arrays(coded.indices, texts), _Bad(mask, None, "is no id")


def _unified(parts: list[pa.DictionaryArray]) -> tuple[npt.NDArray[np.int32], Sequence[str]]:
    """Indices into one list of names; -1 for none and for an empty text."""
    if not parts:
        return np.empty(0, np.int32), ()
    whole = pa.chunked_array(parts).unify_dictionaries()
    texts = whole.chunk(0).dictionary
    codes = np.concatenate(
        [pc.fill_null(chunk.indices, -1).to_numpy(zero_copy_only=False) for chunk in whole.chunks]
    ).astype(np.int32)
    empty = pc.index(texts, "").as_py()
    if empty >= 0:
        codes[codes == empty] = -1
    return codes, texts


def _lists(column: pa.Array) -> tuple[pa.Array, _Bad]:
    """Lists of whole numbers."""
    n = len(column)
    ids = pa.list_(pa.int64())
    if not (pt.is_list(column.type) or pt.is_large_list(column.type)) or not pt.is_integer(
        column.type.value_type
    ):
        empty = pa.array([[]] * n, ids) if n else pa.array([], ids)
        return empty, _Bad(np.ones(n, np.bool_), None, _NO_LIST)
    column = column.cast(ids)
    mask = column.is_null().to_numpy(zero_copy_only=False).copy()
    if column.flatten().null_count:
        owner = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
        mask[owner[column.flatten().is_null().to_numpy(zero_copy_only=False)]] = True
    return column, _Bad(mask, None, _NO_LIST)
