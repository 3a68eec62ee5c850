"""Our own results and workloads as logs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from servegen_fw.plugin import InputError, Problem, Result, read_workload
from servegen_fw_pools.logs.columns import Columns
from servegen_fw_pools.logs.convert import log_of
from servegen_fw_pools.logs.log import Log, Notice

if TYPE_CHECKING:
    from servegen_fw.plugin import Run


def read_results(paths: Sequence[Path], columns: Columns) -> Log:
    """Read a workload file of `generate`, or what one cell of a result was sent and when.

    A result is named by its folder if it has one cell, else by the cell's folder (``RESULT/cells/CASE.TARGET.REPEAT``)
    or its ``records.parquet``.

    Raises
    ------
        InputError: not one path, columns are named, the file or folder is none of ours, damaged, or has several cells.
    """
    if len(paths) != 1:
        raise InputError(Problem("results are read one at a time", who="log", cure="name one"))
    if any(name is not None for _, name in columns.given()):
        raise InputError(Problem("servegen has no columns to name", who="columns", cure="leave --column out"))
    path = paths[0]
    if path.is_file() and path.name != "records.parquet":
        return log_of(read_workload(path), path.stem)
    if (path / "result.json").exists():
        cells = [(cell.case, cell.target, cell.repeat) for cell in Result.open(path).report.cells]
        if len(cells) != 1:
            told = ", ".join(
                f"{path / 'cells' / f'{case}.{target}.{repeat}'}" for case, target, repeat in cells
            )
            what = f"the result has {len(cells)} cells, and a log is one"
            raise InputError(Problem(what, who=str(path), cure=f"name one: {told}"))
        return log_of_run(Result.open(path).run(*cells[0]), path.name)
    cell = path.parent if path.is_file() else path
    folder = cell.resolve().parent.parent
    for one in Result.open(folder).report.cells:
        if f"{one.case}.{one.target}.{one.repeat}" == cell.resolve().name:
            return log_of_run(Result.open(folder).run(one.case, one.target, one.repeat), cell.resolve().name)
    raise InputError(
        Problem("no cell of a result", who=str(path), cure="name RESULT/cells/CASE.TARGET.REPEAT")
    )


def log_of_run(run: Run, name: str) -> Log:
    """Return the requests of a run that were started: when, with the tokens generated and the latency of each.

    Prompts are as the workload has them; a request that failed has the tokens that it got.
    """
    workload, records = run.workload, run.records
    started = records.start_ns >= 0
    rows = np.flatnonzero(started)
    rows = rows[np.argsort(records.start_ns[rows], kind="stable")]
    if not len(rows):
        raise InputError(Problem("no request was started", who=name))
    whole = log_of(workload, name)
    position = np.argsort(np.argsort(workload.planned_s, kind="stable"), kind="stable")[rows]
    start_ns, done_ns = records.start_ns[rows], records.done_ns[rows]
    outputs = np.maximum(records.output_tokens[rows], 0).astype(np.int32)
    reported = records.reason_reported[rows]
    planned = workload.reason_tokens[rows]
    reason = np.minimum(np.where(reported >= 0, reported, planned), outputs)
    notices = list(whole.notices)
    if len(rows) < len(workload):
        left = len(workload) - len(rows)
        notices.append(
            Notice("not-sent", left, f"{left:,} requests of the workload were never sent; left out")
        )
    status = records.status[rows]
    if failed := int((status != 1).sum()):
        notices.append(
            Notice("failed", failed, f"{failed:,} requests did not end well; kept with the tokens they got")
        )
    return attrs.evolve(
        whole,
        input_tokens=whole.input_tokens[position],
        client=None if whole.client is None else whole.client[position],
        session=None if whole.session is None else whole.session[position],
        turn=None if whole.turn is None else whole.turn[position],
        items=None if whole.items is None else whole.items.select(position),
        time_s=(start_ns - start_ns[0]) / 1e9,
        output_tokens=outputs,
        reason_tokens=reason.astype(np.int32) if reason.any() else None,
        latency_s=np.where(done_ns >= 0, (done_ns - start_ns) / 1e9, np.nan),
        notices=tuple(notices),
    )
