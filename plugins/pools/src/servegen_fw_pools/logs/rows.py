"""Columns of a request log as numbers; every bad cell is named with its line and column."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from servegen_fw.plugin import Place, Problem
from servegen_fw_pools.logs.instants import NotAnInstant, instants_ns
from servegen_fw_pools.logs.text import MAX_PROBLEMS, stop_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    Bool = npt.NDArray[np.bool_]

_PER_SECOND = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}
_LARGEST = 2.0**31 - 1


@attrs.define(eq=False)
class Rows:
    """The cells of a log, column by column.

    Attributes
    ----------
        path: the log.
        line: line number of each row, from 1.
        cells: raw values by column name, one per row.
        text: the log's lines.
        delimiter: between CSV cells; "" for JSON lines.
        header: all columns of a CSV file, in order.
        problems: what was found wrong so far.
    """

    path: Path
    line: list[int]
    cells: dict[str, list[Any]]
    text: list[str]
    delimiter: str = ""
    header: tuple[str, ...] = ()
    problems: list[Problem] = attrs.field(factory=list)

    def __len__(self) -> int:
        return len(self.line)

    def tokens(self, name: str) -> npt.NDArray[np.int64]:
        """Whole numbers from 0 to 2**31 - 1; int64[n]. Bad cells are added to `problems` and read as 0."""
        found = self._numbers(
            name, lambda x: (x >= 0) & (x <= _LARGEST) & (x == np.rint(x)), "is no token count"
        )
        return found.astype(np.int64)

    def seconds(self, name: str) -> F8:
        """Durations of 0 s or more; float64[n]. Bad cells are added to `problems` and read as 0."""
        return self._numbers(name, lambda x: np.isfinite(x) & (x >= 0), "is no duration")

    def times_s(self, name: str, unit: str) -> F8:
        """Seconds since the earliest row; float64[n]. `unit` is s, ms, us, ns, or iso for ISO 8601 texts."""
        if unit != "iso":
            time = self._numbers(
                name, np.isfinite, f"is no time in {unit}; for texts choose the time unit iso"
            )
            return np.asarray((time - time.min()) / _PER_SECOND[unit])
        try:
            instants = instants_ns([str(cell) for cell in self.cells[name]])
        except NotAnInstant as error:
            for row, what in error.rows[: MAX_PROBLEMS + 1]:
                self.complain(row, name, what, "write ISO 8601, as in 2023-11-16 18:15:46.68")
            return np.zeros(len(self))
        return np.asarray((instants - instants.min()) / 1e9)

    def _numbers(self, name: str, fits: Callable[[F8], Bool], otherwise: str) -> F8:
        cells = self.cells[name]
        if set(map(type, cells)) <= {int, float, str}:
            try:
                found = np.fromiter(map(float, cells), np.float64, len(cells))
                if fits(found).all():
                    return found
            except (OverflowError, ValueError):
                pass
        numbers = np.array([_number(cell) for cell in cells])
        fine = fits(numbers)
        for row in np.flatnonzero(~fine).tolist():
            self.complain(row, name, f"{_shown(cells[row])} {otherwise} (column {name!r})", "mend the row")
        return np.where(fine, numbers, 0.0)

    def complain(self, row: int, name: str, what: str, cure: str) -> None:
        """Add a problem about one cell."""
        number = self.line[row]
        line = self.text[number - 1]
        at, width = 0, 1
        if self.delimiter and '"' not in line:
            column = self.header.index(name)
            parts = line.split(self.delimiter)
            at = sum(len(part) + 1 for part in parts[:column])
            width = max(1, len(parts[column])) if column < len(parts) else 1
        elif not self.delimiter:
            at = max(0, line.find(json.dumps(name)))
            width = len(json.dumps(name))
        quoted = line if len(line) <= 200 else ""
        self.problems.append(
            Problem(what, place=Place(str(self.path), number, at + 1, quoted, width), cure=cure)
        )

    def stop(self) -> None:
        """Raise the problems found, if any.

        Raises
        ------
            InputError: there are problems.
        """
        stop_at(self.problems)


def _number(value: Any) -> float:
    """`value` as a number; NaN for what is none, truth values and null included."""
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
