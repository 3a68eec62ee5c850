"""The digest of a workload, counted column by column, so that a workload that comes in slices has the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from servegen_fw.data.arrays import AnyArray

if TYPE_CHECKING:
    from servegen_fw.data.workload import Workload

DIGEST_VERSION = b"servegen-workload-2"

_ROWS = 1 << 18
"""Rows turned into integers at a time."""


class Digest:
    """sha256 over the integers of a workload that comes in consecutive slices.

    Every column is hashed by itself, as little-endian integers of its own width; the digest is the hash of the
    version and, of every column in their order, its name, length and hash. Slices are what `compose_stream` yields:
    whole sessions, parents counting their own rows.
    """

    def __init__(self) -> None:
        self.requests = 0
        self._hashes: dict[str, Any] = {}
        self._lengths: dict[str, int] = {}

    def add(self, part: Workload) -> None:
        """Append the rows of a slice."""
        for name, dtype, column in _integers(part, self.requests):
            sha = self._hashes.setdefault(name, hashlib.sha256())
            self._lengths[name] = self._lengths.get(name, 0) + len(column)
            sha.update(np.ascontiguousarray(column, dtype).data)
        self.requests += len(part)

    @property
    def value(self) -> str:
        """The digest of all rows so far."""
        sha = hashlib.sha256(DIGEST_VERSION)
        for name, column in self._hashes.items():
            sha.update(name.encode())
            sha.update(self._lengths[name].to_bytes(8, "little"))
            sha.update(column.digest())
        return sha.hexdigest()


def first_digest(workload: Workload) -> str:
    """The digest that workload files of format 1 state: all columns in one hash, as integers of 64 bits."""
    sha = hashlib.sha256(b"servegen-workload-1")
    whole: dict[str, list[AnyArray]] = {}
    for name, _, column in _integers(workload, 0):
        whole.setdefault("item_offsets" if name == "item_count" else name, []).append(column)
    for name, parts in whole.items():
        column = np.concatenate(parts) if name != "item_offsets" else workload.items.offsets
        sha.update(name.encode())
        sha.update(len(column).to_bytes(8, "little"))
        sha.update(np.ascontiguousarray(column, "<i8").data)
    return sha.hexdigest()


def _integers(part: Workload, before: int) -> Iterator[tuple[str, str, AnyArray]]:
    """Name, dtype and values of every column, some rows at a time; `before` is the number of rows that went before."""
    from servegen_fw.data.workload import COLUMNS, ITEM_COLUMNS

    items = part.items
    columns: dict[str, tuple[str, AnyArray]] = {
        "due_us": ("<i8", part.due_s),
        "think_ms": ("<i8", part.think_s),
    }
    columns |= {name: (f"<{dtype}", getattr(part, name)) for name, dtype in COLUMNS.items() if dtype != "f8"}
    columns["item_count"] = ("<i8", np.diff(items.offsets))
    columns |= {
        f"item_{name}": (f"<{dtype}", getattr(items, name))
        for name, dtype in ITEM_COLUMNS.items()
        if dtype != "f8"
    }
    columns["item_ms"] = ("<i8", items.seconds)
    for name, (dtype, column) in columns.items():
        for begin in range(0, max(1, len(column)), _ROWS):
            rows = column[begin : begin + _ROWS]
            if name == "due_us":
                rows = np.where(np.isnan(rows), -1.0, np.rint(rows * 1e6))
            elif name in ("think_ms", "item_ms"):
                rows = np.rint(rows * 1e3)
            elif name == "parent":
                rows = np.where(rows < 0, -1, rows + before)
            yield name, dtype, rows
