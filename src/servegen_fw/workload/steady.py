"""Columns of one value that take no room: most workloads have no sessions, prefixes or history to tell of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from servegen_fw.data.arrays import I8, AnyArray


def steady(value: Any, n: int, dtype: npt.DTypeLike) -> AnyArray:
    """Return a column of `n` times `value`: a read-only view of a single number."""
    column = np.ndarray((n,), dtype, np.array(value, dtype), strides=(0,))
    column.flags.writeable = False
    return column


def value_of(column: AnyArray) -> Any:
    """The value of a column made by `steady`; None of any other."""
    return column[0] if len(column) and column.strides == (0,) else None


def picked(column: AnyArray, rows: I8) -> AnyArray:
    """Return the given rows; of a steady column again a steady one."""
    value = value_of(column)
    return column.take(rows) if value is None else steady(value, len(rows), column.dtype)


def put_together(columns: Mapping[str, Sequence[AnyArray]]) -> dict[str, AnyArray]:
    """Concatenate the parts of each column, all columns as long; steady parts of one value give a steady column."""
    found: dict[str, AnyArray] = {}
    loose: dict[str, Sequence[AnyArray]] = {}
    n = 0
    for name, parts in columns.items():
        filled = [part for part in parts if len(part)]
        n = sum(len(part) for part in filled)
        values = [value_of(part) for part in filled]
        if values and values[0] is not None and all(value == values[0] for value in values):
            found[name] = steady(values[0], n, filled[0].dtype)
        else:
            loose[name] = parts
    rooms = _rooms({name: parts[0].dtype for name, parts in loose.items()}, n)
    for name, parts in loose.items():
        found[name] = np.concatenate(parts, out=rooms[name])
    return found


def all_picked(columns: Mapping[str, AnyArray], rows: I8) -> dict[str, AnyArray]:
    """The given rows of each column, such that they can be written to and saved."""
    moving = {name: column for name, column in columns.items() if value_of(column) is None}
    rooms = _rooms({name: column.dtype for name, column in moving.items()}, len(rows))
    for name, column in moving.items():
        # Rows are those of a sort; to clip them changes none and spares a copy.
        column.take(rows, out=rooms[name], mode="clip")
    return {
        name: rooms[name] if name in rooms else written_out(picked(columns[name], rows)) for name in columns
    }


def _rooms(dtypes: Mapping[str, np.dtype[Any]], n: int) -> dict[str, AnyArray]:
    """Uninitialised columns of `n` rows, those of one dtype in one piece: large pieces come in large pages."""
    found: dict[str, AnyArray] = {}
    for dtype in dict.fromkeys(dtypes.values()):
        names = [name for name, one in dtypes.items() if one == dtype]
        found.update(zip(names, np.empty((len(names), n), dtype), strict=True))
    return found


def written_out(column: AnyArray) -> AnyArray:
    """Return a column that can be written to and saved."""
    value = value_of(column)
    if value is None:
        return column
    # Zeros cost nothing until they are read.
    return np.zeros(len(column), column.dtype) if value == 0 else np.full(len(column), value)
