"""Notations of request logs: CSV with a header line, and JSON lines. Both give `Rows`."""

from __future__ import annotations

import csv
import difflib
import io
import json
from typing import TYPE_CHECKING, Any

from servegen_fw.plugin import InputError, Place, Problem
from servegen_fw_pools.logs.rows import Rows
from servegen_fw_pools.logs.text import read_text, stop_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_BATCH = 4096


def read_csv(path: Path, wanted: Sequence[str], delimiter: str = ",") -> Rows:
    """Read the wanted columns of a CSV file with a header line; blank lines are skipped.

    Raises
    ------
        InputError: unreadable, no header, a wanted column is missing, no rows, or rows of the wrong width (by line).
    """
    text = read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    problems: list[Problem] = []
    cells: dict[str, list[Any]] = {name: [] for name in wanted}
    line: list[int] = []
    try:
        header = tuple(name.strip() for name in next(reader, []))
        _check_columns(path, header, wanted, 1)
        where = {name: header.index(name) for name in wanted}
        # Rows are let go batch by batch: a list of a million rows costs more in the collector than in the parser.
        for numbers, batch in _batches(path, reader, len(header), problems):
            line += numbers
            for name, column in where.items():
                cells[name] += [row[column] for row in batch]
    except csv.Error as error:
        problems.append(Problem(f"not CSV: {error}", place=Place(str(path), reader.line_num, 1)))
    stop_at(problems)
    _check_some(path, line)
    return Rows(path, line, cells, text.split("\n"), delimiter, header)


def _batches(
    path: Path, reader: Any, width: int, problems: list[Problem]
) -> Iterator[tuple[list[int], list[list[str]]]]:
    """Line numbers and rows of the right width, some thousands at a time."""
    numbers: list[int] = []
    batch: list[list[str]] = []
    for row in reader:
        if len(row) == width:
            batch.append(row)
            numbers.append(reader.line_num)
        elif row:
            what = f"the row has {len(row)} columns, the header {width}"
            problems.append(Problem(what, place=Place(str(path), reader.line_num, 1), cure="mend the row"))
        if len(batch) == _BATCH:
            yield numbers, batch
            numbers, batch = [], []
    yield numbers, batch


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


def _check_columns(path: Path, found: Sequence[str], wanted: Iterable[str], line: int) -> None:
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
