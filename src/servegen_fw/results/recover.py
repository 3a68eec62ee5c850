"""What a run left that never came to its end: cells judged from their journals and marked partial."""

from __future__ import annotations

import json

import attrs

from servegen_fw.data.records import Records
from servegen_fw.data.report import Report
from servegen_fw.data.workload import Workload
from servegen_fw.drive.journal import read_journal
from servegen_fw.errors import InputError, Problem
from servegen_fw.hooks.registry import Registry
from servegen_fw.judge.cell import judge
from servegen_fw.results.store import CellKey, ResultFolder
from servegen_fw.suite.load import suite_from_data
from servegen_fw.suite.model import Suite
from servegen_fw.workload.planning import plan_of

CRASHED = "the run ended without saying so: killed, crashed, or still running"


def stored_suite(folder: ResultFolder, registry: Registry) -> Suite:
    """Return the suite a result was made with, from its resolved form."""
    file = folder.path / "suite.resolved.json"
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            Problem(f"suite.resolved.json cannot be read: {error}", who=str(folder.path))
        ) from error
    return suite_from_data(data, registry=registry)


def journalled(folder: ResultFolder, key: CellKey, workload: Workload) -> Records:
    """Return the records in a cell's journal; rows that had not ended are pending.

    Raises
    ------
        InputError: the cell left no journal.
    """
    path = folder.path / "cells" / key.folder / "records.journal"
    if not path.exists():
        raise InputError(Problem("the cell left neither records nor a journal", who=str(path.parent)))
    return read_journal(path, len(workload))


def recover(folder: ResultFolder, report: Report, registry: Registry) -> Report:
    """Return the report with every cell that was begun but not judged; the report is marked partial."""
    suite = stored_suite(folder, registry)
    judged = {CellKey(cell.case, cell.target, cell.repeat) for cell in report.cells}
    for key in _cells(folder, suite):
        if key in judged:
            continue
        workload = folder.read_workload(key.case, key.repeat)
        records = folder.read_records(key)
        if records is None:
            records = journalled(folder, key, workload)
        load = next(case.load for case in suite.cases if case.name == key.case)
        cell = judge(
            plan_of(load, workload, None),
            records,
            case=key.case,
            target=key.target,
            repeat=key.repeat,
            suite=suite,
            registry=registry,
            facts=dict(suite.targets[key.target].facts),
        )
        report = attrs.evolve(report, cells=(*report.cells, attrs.evolve(cell, partial=CRASHED)))
    return attrs.evolve(report, partial=CRASHED)


def _cells(folder: ResultFolder, suite: Suite) -> list[CellKey]:
    """Return the cells that have a folder, in the order of the run."""
    return [
        key
        for repeat in range(suite.repeats)
        for case in suite.cases
        for target in suite.targets
        if (folder.path / "cells" / (key := CellKey(case.name, target, repeat)).folder).is_dir()
    ]
