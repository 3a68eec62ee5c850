"""The page of gates and stored tables says what the code says."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from servegen_fw.cli import main
from servegen_fw.cli.run import STATUS
from servegen_fw.data.arrow import chunks_tables, records_table, workload_table
from servegen_fw.data.records import STATUS_NAMES, Chunks, Harness, Records
from servegen_fw.drive import live
from servegen_fw.drive.wire import failures
from servegen_fw.judge import (
    catalogue,
    certificate_gate,
    driver_gates,
    gates,
    load_gates,
    stationarity,
    token_gate,
)
from servegen_fw.testing import make_workload

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "results.md").read_text(encoding="utf-8")
MODULES = (driver_gates, load_gates, stationarity, token_gate, gates, certificate_gate)


def section(heading: str) -> str:
    """Return the text under a heading."""
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, less its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def told_by_gates() -> set[tuple[str, str, str]]:
    """Return (name, status, code) of every gate that the sources make, where they are written out."""
    found = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Gate":
                words = [arg.value if isinstance(arg, ast.Constant) else "" for arg in node.args[:3]]
                found.add((str(words[0]), str(words[1]), str(words[2])))
    return found


def test_every_gate_has_its_row_and_code() -> None:
    """Each gate, and each code that makes a run invalid or warns, stands in the table, and nothing else."""
    shown, last = set(), ""
    for name, _asks, _warns, _invalid, code in rows("Gates"):
        last = name or last
        shown.add((last, code.strip("`")))
    sources = told_by_gates()
    written = {(name, code) for name, status, code in sources if name and status in {"warn", "invalid"}}
    # Gates whose status is computed are made with a name and a code as well; errors and truncated share one function.
    written |= {(name, code) for name, status, code in sources if name and not status}
    written |= {("errors", "errors"), ("truncated", "truncated")}
    assert shown == written


@pytest.mark.parametrize(
    ("gate", "column", "text", "value"),
    [
        ("lag", 3, "above 5 ms", driver_gates.LAG_LIMIT_S * 1e3),
        ("lag", 2, "above 2.5 ms", driver_gates.LAG_LIMIT_S * 1e3 / 2),
        ("stalls", 1, "stalls over 5 ms", driver_gates.STALL_S * 1e3),
        ("stalls", 3, "above 1 %", driver_gates.STALLED_LIMIT * 100),
        ("stalls", 2, "above 0.1 %", driver_gates.STALLED_LIMIT * 10),
        ("driver cpu", 2, "above 90 %", driver_gates.BUSY_LIMIT * 100),
        ("offered", 3, "below 99 %", load_gates.OFFERED_LIMIT * 100),
        ("drained", 3, "above 1 %", load_gates.UNFINISHED_LIMIT * 100),
        ("errors", 3, "above 5 %", load_gates.FAILED_LIMIT * 100),
        ("truncated", 3, "above 5 %", load_gates.FAILED_LIMIT * 100),
        ("tokens", 2, "above 1 %", token_gate.SHORT_LIMIT * 100),
        ("stationary", 1, "200 requests", stationarity.LEAST),
        ("stationary", 1, "alarm 0.1 %", stationarity.ALARM * 100),
        ("stationary", 2, "more than 10 %", (stationarity.MATERIAL - 1) * 100),
    ],
)
def test_limits_are_the_codes(gate: str, column: int, text: str, value: float) -> None:
    """Every limit in the table is the constant of the gate."""
    (row,) = [cells for cells in rows("Gates") if cells[0] == gate]
    assert text in row[column]
    assert float(re.findall(r"[\d.]+", text)[0]) == pytest.approx(value)


def test_columns_of_records_are_those_written() -> None:
    """The table lists the columns of records.parquet in order, with their types and all names of a status."""
    harness = Harness("virtual", 1.0)
    table = records_table(Records.empty(2, harness))
    assert [(row[0].strip("`"), row[1]) for row in rows("Records")] == [
        (field.name, str(field.type)) for field in table.schema
    ]
    status = next(row for row in rows("Records") if row[0] == "`status`")
    assert tuple(re.findall(r"`(\w+)`", status[3])) == STATUS_NAMES
    times, segments = chunks_tables(Chunks(*(np.empty(0, np.int64) for _ in range(4))))
    for name in (*times.column_names, *segments.column_names):
        assert f"`{name}`" in section("Records")


def test_columns_of_workloads_are_those_written() -> None:
    """The table lists the columns of workload files in order, with their types and those of items."""
    table = workload_table(make_workload([0.0, 1.0]))
    assert [(row[0].strip("`"), row[1]) for row in rows("Workload")] == [
        (field.name, str(field.type).partition("<")[0]) for field in table.schema
    ]
    items = next(row for row in rows("Workload") if row[0] == "`items`")
    fields = table.schema.field("items").type.value_type
    assert re.findall(r"`(\w+)`", items[3]) == [field.name for field in fields]


def test_error_codes_are_those_given() -> None:
    """Every code of the framework stands on the page: those of the engine and those of connections."""
    text = section("Records")
    for code in (live.TIMEOUT, live.DRAIN, live.INTERRUPTED, live.TRUNCATED_CODE, live.BUG):
        assert f"`{code}`" in text
    tree = ast.parse(inspect.getsource(failures._connect_failure) + inspect.getsource(failures.loss))
    given = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(r"[a-z]{2,}(-[a-z]+)*", node.value) and node.value != "reason"
    }
    assert {"refused", "reset", "closed"} <= given
    for code in given:
        assert f"`{code}`" in text, code


def test_verdicts_have_their_exit_status() -> None:
    """Verdicts and statuses are those of the command line."""
    table = {row[0]: row[4 - 1] for row in rows("Verdicts")}
    assert {name: str(status) for name, status in STATUS.items()} == table
    assert f"status {main.EXIT_BAD_INPUT} before any load" in section("Verdicts").replace("\n", " ")
    assert f"Ctrl-C with {main.EXIT_INTERRUPTED}" in section("Verdicts")


def test_units_of_metrics_are_stated() -> None:
    """The page of metrics has every metric's unit, a share where it is a ratio."""
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    for entry in catalogue.METRICS:
        unit = "share" if entry.unit == "ratio" else entry.unit
        assert f"| `{entry.name}` | {entry.label} | {entry.definition} | {unit} |" in page
