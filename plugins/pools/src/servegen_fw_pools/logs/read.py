"""Logs of every format, read into one table of columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from servegen_fw.plugin import InputError, Problem
from servegen_fw_pools.logs.assemble import assemble
from servegen_fw_pools.logs.cells import guess_unit
from servegen_fw_pools.logs.columns import NEEDED, USUAL, Columns
from servegen_fw_pools.logs.csv_table import CsvTable
from servegen_fw_pools.logs.damage import Damage
from servegen_fw_pools.logs.formats import FORMATS
from servegen_fw_pools.logs.gather import gather
from servegen_fw_pools.logs.jsonl_table import JsonlTable
from servegen_fw_pools.logs.log import Notice
from servegen_fw_pools.logs.otel import read_otel
from servegen_fw_pools.logs.parquet_table import ParquetTable
from servegen_fw_pools.logs.results import read_results
from servegen_fw_pools.logs.sharegpt import read_sharegpt
from servegen_fw_pools.logs.sniff import sniff
from servegen_fw_pools.logs.specs import SPECS, Spec, roles

if TYPE_CHECKING:
    from servegen_fw_pools.logs.formats import OnBadRows
    from servegen_fw_pools.logs.gather import Rows
    from servegen_fw_pools.logs.log import Log
    from servegen_fw_pools.logs.piece import Table

_WHOLE: Final[dict[str, Callable[[Sequence[Path], Columns, Damage], tuple[Rows, list[Notice]]]]] = {
    "otel": read_otel,
    "sharegpt": read_sharegpt,
}


def read_log(
    paths: Sequence[str | Path],
    *,
    format: str = "auto",  # noqa: A002 - the option's own name
    columns: Columns = Columns(),  # noqa: B008 - frozen
    time_unit: str = "auto",
    on_bad_rows: OnBadRows = "stop",
    delimiter: str = "",
    block_tokens: int = 0,
) -> Log:
    """Read files of one format as one log, in the order of their times.

    Parameters
    ----------
        paths: at least one file (a result folder where the format is servegen).
        format: one of `FORMATS`; "auto" looks at the content.
        columns: names of columns; goes before what the format says.
        time_unit: "s", "ms", "us", "ns", "iso"; "auto" for what the format says, else by type, name and size.
        on_bad_rows: "stop" tells damaged rows and ends; "skip" leaves them out and says so in the log's notices.
        delimiter: between CSV cells; "" to find it in the header.
        block_tokens: tokens behind one hash id; 0 for what the format says.

    Raises
    ------
        InputError: a file cannot be read, is of no known or another format, lacks a column, has damaged rows (up to 20
            with file:line:col, and how many there are) or no others; a file is given twice.
    """
    if not paths:
        raise InputError(Problem("no log is given", who="log", cure="name at least one file"))
    if format not in {"auto", *FORMATS}:
        raise InputError(
            Problem(f"no format is called {format!r}", who="log", cure=f"there are: {', '.join(FORMATS)}")
        )
    files = [Path(path).expanduser() for path in paths]
    twice = [
        str(path) for at, path in enumerate(files) if path.resolve() in {one.resolve() for one in files[:at]}
    ]
    if twice:
        what = f"{', '.join(dict.fromkeys(twice))} is given twice"
        raise InputError(
            Problem(what, who="log", cure="name every file once; its requests would count double")
        )
    chosen = _one_format(files) if format == "auto" else format
    if chosen not in SPECS and time_unit != "auto":
        what = f"{chosen} tells the unit of its times itself, or has none"
        raise InputError(Problem(what, who="time unit", cure="leave it out"))
    if chosen == "servegen":
        return read_results(files, columns)
    damage = Damage(skip=on_bad_rows == "skip")
    if chosen in _WHOLE:
        rows, notices = _WHOLE[chosen](files, columns, damage)
    else:
        tables = [_open(path, SPECS[chosen], delimiter) for path in files]
        rows, notices = _read_rows(tables, SPECS[chosen], columns, time_unit, damage)
    damage.stop()
    if not len(rows):
        raise _nothing(files, damage)
    tokens = block_tokens or (SPECS[chosen].block_tokens if chosen in SPECS else 0)
    return assemble(rows, files[0].stem, tokens, [*damage.notices(), *notices])


def _one_format(files: Sequence[Path]) -> str:
    found = {path: sniff(path) for path in files}
    if len(set(found.values())) > 1:
        told = ", ".join(f"{path}: {name}" for path, name in found.items())
        raise InputError(
            Problem(f"the files are of several formats ({told})", who="log", cure="read each on its own")
        )
    return found[files[0]]


def _open(path: Path, spec: Spec, delimiter: str) -> Table:
    if spec.notation == "csv":
        return CsvTable.open(path, delimiter)
    return JsonlTable.open(path) if spec.notation == "jsonl" else ParquetTable.open(path)


def _read_rows(
    tables: Sequence[Table], spec: Spec, columns: Columns, time_unit: str, damage: Damage
) -> tuple[Rows, list[Notice]]:
    used, guessed = roles(spec, columns, tables[0].names)
    notices = []
    if set(guessed) - set(NEEDED) or any(used[role] != USUAL[role][0] for role in guessed):
        told = ", ".join(f"{role}={used[role]}" for role in guessed)
        what = f"columns found by their usual names: {told}"
        notices.append(Notice("columns", len(guessed), what))
    unit = (spec.unit or "auto") if time_unit == "auto" else time_unit
    if unit == "auto":
        unit = _unit(tables[0], used)
        if unit in {"ms", "us", "ns"}:
            what = f"times are read as {unit}, as their name or size tells"
            notices.append(Notice("time-unit", 1, what))
    return gather(tables, used, unit, damage), notices


def _unit(table: Table, used: Mapping[str, str]) -> str:
    name = used["timestamp"]
    piece = next(table.pieces(tuple(dict.fromkeys(used.values()))), None)
    return "s" if piece is None else guess_unit(piece.cells[name], name)


def _nothing(files: Sequence[Path], damage: Damage) -> InputError:
    where = ", ".join(str(path) for path in files)
    count = sum(damage.rows.values())
    if not count:
        return InputError(Problem("holds no requests", who=where, cure="give a log with at least one row"))
    what = f"no request is left: all {count:,} rows are damaged"
    return InputError(Problem(what, who=where, cure="the first of them follow"), *damage.problems)
