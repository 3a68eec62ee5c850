"""Columns of one value that take no room: most workloads have no sessions, prefixes or history to tell of."""

from __future__ import annotations

from collections.abc import Sequence
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


def put_together(parts: Sequence[AnyArray]) -> AnyArray:
    """Concatenate columns; steady ones of one value give a steady one."""
    filled = [part for part in parts if len(part)]
    values = [value_of(part) for part in filled]
    if values and values[0] is not None and all(value == values[0] for value in values):
        return steady(values[0], sum(len(part) for part in filled), filled[0].dtype)
    return np.concatenate(parts)


def written_out(column: AnyArray) -> AnyArray:
    """Return a column that can be written to and saved."""
    value = value_of(column)
    if value is None:
        return column
    # Zeros cost nothing until they are read.
    return np.zeros(len(column), column.dtype) if value == 0 else np.full(len(column), value)
