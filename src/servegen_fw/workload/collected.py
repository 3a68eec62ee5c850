"""Slices of a workload put together, column by column, each grown in place: nothing is in memory twice."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np

from servegen_fw.data.arrays import AnyArray
from servegen_fw.data.workload import COLUMNS, ITEM_COLUMNS, Workload


def collected(slices: Iterable[Workload], limit: int | None = None) -> Workload:
    """Return the workload whose consecutive slices these are, or its first `limit` requests; at least one slice."""
    whole: Workload | None = None
    growing = False
    left = sys.maxsize if limit is None else limit
    for part in slices:
        taken = part if len(part) <= left else part.select(np.arange(left))
        left -= len(taken)
        if whole is None:
            whole = taken
        elif len(taken):
            whole = whole if growing else _copied(whole)
            growing = True
            _append(whole, taken)
        # Whatever was left out, the last slice knows what is to be told.
        whole = attrs.evolve(whole, notes=part.notes)
    assert whole is not None  # noqa: S101 - there is one slice at least
    return whole


def _copied(first: Workload) -> Workload:
    """A copy of `first`, whose columns may be parts of one array and then cannot grow."""
    items = attrs.evolve(
        first.items,
        offsets=first.items.offsets.copy(),
        **{name: getattr(first.items, name).copy() for name in ITEM_COLUMNS},
    )
    return attrs.evolve(
        first,
        **{name: getattr(first, name).copy() for name in COLUMNS},
        items=items,
        extra={name: column.copy() for name, column in first.extra.items()},
    )


def _append(whole: Workload, part: Workload) -> None:
    """Append the rows of `part` to the columns of `whole`."""
    n, items = len(whole), whole.items
    held = len(items)
    for name in COLUMNS:
        if name != "parent":
            _extend(getattr(whole, name), getattr(part, name))
    _extend(whole.parent, np.where(part.parent < 0, -1, part.parent + n))
    for name in ITEM_COLUMNS:
        _extend(getattr(items, name), getattr(part.items, name))
    _extend(items.offsets, part.items.offsets[1:] + held)
    for name, column in whole.extra.items():
        _extend(column, part.extra[name])


def _extend(column: AnyArray, more: Any) -> None:
    """Append `more` to an array in place. Large arrays are remapped by the operating system, not copied."""
    n = len(column)
    column.resize(n + len(more), refcheck=False)
    column[n:] = more
