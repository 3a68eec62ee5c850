"""Rows of a request log as columns of numbers; every bad cell is named with its line and column."""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from servegen_fw.plugin import InputError, Place, Problem
from servegen_fw_pools.instants import NotAnInstant, instants_ns
from servegen_fw_pools.text import MAX_PROBLEMS, read_text, stop_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
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
        problems: what was found wrong so far.
    """

    path: Path
    line: list[int]
    cells: dict[str, list[Any]]
    text: list[str]
    delimiter: str = ""
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
        if {type(cell) for cell in cells} <= {int, float} or isinstance(cells[0], str):
            try:
                found = np.array(cells).astype(np.float64)
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
            column = list(self.cells).index(name)
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


def read_csv(path: Path, wanted: Sequence[str], delimiter: str = ",") -> Rows:
    """Read a CSV file with a header line.

    Raises
    ------
        InputError: unreadable, no header, a wanted column is missing, no rows, or rows of the wrong width (by line).
    """
    text = read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    problems: list[Problem] = []
    found: list[list[str]] = []
    line: list[int] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_columns(path, header, wanted, 1)
        for row in reader:
            if len(row) == len(header):
                found.append(row)
                line.append(reader.line_num)
            elif row:
                what = f"the row has {len(row)} columns, the header {len(header)}"
                problems.append(
                    Problem(what, place=Place(str(path), reader.line_num, 1), cure="mend the row")
                )
    except csv.Error as error:
        problems.append(Problem(f"not CSV: {error}", place=Place(str(path), reader.line_num, 1)))
    stop_at(problems)
    _check_some(path, found)
    columns = dict(zip(header, map(list, zip(*found, strict=True)), strict=True))
    return Rows(path, line, columns, text.splitlines(), delimiter)


def read_jsonl(path: Path, wanted: Sequence[str]) -> Rows:
    """Read JSON objects, one a line; blank lines are skipped.

    Raises
    ------
        InputError: unreadable, no rows, lines that are no JSON object or lack a wanted key (by line and column).
    """
    text = read_text(path).split("\n")
    problems: list[Problem] = []
    cells: dict[str, list[Any]] = {name: [] for name in wanted}
    numbers: list[int] = []
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            column = error.colno if isinstance(error, json.JSONDecodeError) else 1
            what = error.msg if isinstance(error, json.JSONDecodeError) else "cannot be parsed"
            problems.append(
                Problem(f"not JSON: {what}", place=Place(str(path), number, column), cure="mend the line")
            )
            continue
        if not isinstance(row, dict):
            problems.append(
                Problem("not a JSON object", place=Place(str(path), number, 1), cure="mend the line")
            )
            continue
        try:
            values = [row[name] for name in wanted]
        except KeyError:
            # One log has one shape: what the first line lacks is told once, with what it has.
            if not numbers and not problems:
                _check_columns(path, list(row), wanted, number)
            missing = ", ".join(name for name in wanted if name not in row)
            problems.append(Problem(f"no {missing}", place=Place(str(path), number, 1), cure="mend the line"))
            continue
        for name, value in zip(wanted, values, strict=True):
            cells[name].append(value)
        numbers.append(number)
    stop_at(problems)
    _check_some(path, numbers)
    return Rows(path, numbers, cells, text)


def _check_columns(path: Path, found: list[str], wanted: Iterable[str], line: int) -> None:
    problems = []
    for name in wanted:
        if name not in found:
            near = difflib.get_close_matches(name, found, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            cure = f"{hint}there are: {', '.join(found) or 'none'}"
            problems.append(Problem(f"no column {name!r}", place=Place(str(path), line, 1), cure=cure))
    stop_at(problems)


def _check_some(path: Path, rows: Sequence[Any]) -> None:
    if not rows:
        raise InputError(Problem("holds no requests", who=str(path), cure="give a log with at least one row"))
