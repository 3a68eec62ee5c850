"""From a folder of the published client data to one columnar `ClientPool`; what was missing is told in its meta."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from servegen_fw.plugin import ClientPool, InputError, Problem, Tables, natural_order
from servegen_fw_pools.published.dataset import read_dataset
from servegen_fw_pools.published.mending import Tableau, mend
from servegen_fw_pools.published.trace import FAMILIES, Trace, read_trace
from servegen_fw_pools.text import stop_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from servegen_fw_pools.published.dataset import Masses

SOURCE = (
    "ServeGen: Workload Characterization and Generation of Large Language Model Serving in Production "
    "(arXiv 2505.09999, NSDI'26), released client data"
)
LICENCE = "Apache-2.0"

Missing = Literal["borrow", "drop", "error"]

_NAME = re.compile(r"chunk-(.+)-(trace\.csv|dataset\.json)")
_FIRST = ("input_tokens", "output_tokens", "reason_ratio")


def client_files(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Trace and dataset files by client id, in natural order of the ids, whatever order the folder lists them in."""
    found: dict[str, dict[str, Path]] = {"trace.csv": {}, "dataset.json": {}}
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match:
            found[match[2]][match[1]] = path
    traces, datasets = ({name: files[name] for name in _ordered(files)} for files in found.values())
    return traces, datasets


def _ordered(names: Iterable[str]) -> list[str]:
    given = list(names)
    return [given[k] for k in natural_order(given)]


def compile_folder(folder: Path, name: str, missing: Missing = "borrow") -> ClientPool:
    """Read every client of `folder` and build the pool called `name`.

    A client with a trace and without a dataset is treated as `missing` says. A client's active windows without a
    table take the nearest window that has one. `meta` tells both, and what else was left out, under "notes".

    Raises
    ------
        InputError: no clients, damaged files (up to 20 problems with file:line:col), a grid that does not fit, or
            missing datasets where `missing` is "error".
    """
    trace_files, dataset_files = client_files(folder)
    if not trace_files:
        cure = "give the folder that holds chunk-0-trace.csv, or its root together with `workload`"
        raise InputError(Problem("holds no chunk-N-trace.csv", who=str(folder), cure=cure))
    problems: list[Problem] = []
    traces = {client: read_trace(path, problems) for client, path in trace_files.items()}
    data = {
        client: read_dataset(path, problems)
        for client, path in dataset_files.items()
        if client in trace_files
    }
    stop_at(problems)
    whole = {client: trace for client, trace in traces.items() if trace is not None}
    grid = _grid(folder, whole)
    tableau, dropped = _tableau(folder, grid, data)
    notes = _oddities(grid, whole, _ordered(set(dataset_files) - set(trace_files)), dropped)
    grid, tableau, mended = mend(grid, tableau, missing, str(folder))
    meta: dict[str, Any] = {
        "source": SOURCE,
        "licence": LICENCE,
        "requests": float(grid.count.sum()),
        **mended.facts,
        "notes": [*mended.notes, *notes],
    }
    return attrs.evolve(
        grid,
        name=name,
        fields=tableau.fields,
        tables=tableau.tables(),
        table=tableau.table,
        table_window_s=tableau.window_s,
        meta=meta,
    )


def _grid(folder: Path, traces: Mapping[str, Trace]) -> ClientPool:
    """A pool of the traces alone, on the common grid of windows; windows that a trace lacks count as inactive."""
    starts = np.unique(np.concatenate([trace.start_s for trace in traces.values()]))
    steps = {float(np.diff(trace.start_s).min()) for trace in traces.values() if len(trace.start_s) > 1}
    window_s = min(steps, default=600.0)
    place = (starts - starts[0]) / window_s
    if len(steps) > 1 or np.any(np.abs(place - np.rint(place)) > 1e-6):
        cure = "use traces of one workload; every window must have the same length"
        raise InputError(Problem("the traces have no common grid of windows", who=str(folder), cure=cure))
    windows = round(float(place[-1])) + 1
    count, cv = np.zeros((len(traces), windows)), np.zeros((len(traces), windows))
    family = np.full((len(traces), windows), -1, np.int16)
    for row, trace in enumerate(traces.values()):
        at = np.rint((trace.start_s - starts[0]) / window_s).astype(np.int64)
        count[row, at], cv[row, at], family[row, at] = trace.count(window_s), trace.cv, trace.family
    none = Tables.of([])
    return ClientPool(
        name="",
        clients=tuple(traces),
        start_s=float(starts[0]),
        window_s=window_s,
        count=count,
        cv=np.where(count > 0, cv, 0.0),
        family=family,
        families=FAMILIES,
        fields=(),
        tables=none,
        table=np.empty((0, len(traces), 1), np.int32),
        table_window_s=windows * window_s,
    )


def _tableau(
    folder: Path, grid: ClientPool, data: Mapping[str, Mapping[tuple[float, str], Masses]]
) -> tuple[Tableau, list[str]]:
    """All tables on the grid of table windows, and the fields that were dropped because they are always 0."""
    keys = {key for client in data.values() for key in client}
    starts = np.unique([start_s for start_s, _ in keys] + [grid.start_s])
    window_s = float(np.diff(starts).min()) if len(starts) > 1 else grid.duration_s
    place = (starts - grid.start_s) / window_s
    if np.any(np.abs(place - np.rint(place)) > 1e-6) or window_s % grid.window_s:
        cure = "use datasets of one workload; every table window must have the same length"
        raise InputError(Problem("the datasets have no common grid of windows", who=str(folder), cure=cure))
    windows = max(round(float(place[-1])) + 1, int(np.ceil(grid.duration_s / window_s)))
    used = {field for client in data.values() for (_, field), masses in client.items() if masses[0].any()}
    always_0 = sorted({field for _, field in keys} - used)
    fields = tuple(sorted(used, key=lambda name: (_FIRST.index(name) if name in _FIRST else 9, name)))
    table = np.full((len(fields), len(grid.clients), windows), -1, np.int32)
    parts: list[Masses] = []
    for row, client in enumerate(grid.clients):
        for (start_s, field), masses in sorted(data.get(client, {}).items(), key=lambda item: item[0]):
            if len(masses[0]) and field in used:
                table[fields.index(field), row, round((start_s - grid.start_s) / window_s)] = len(parts)
                parts.append(masses)
    return Tableau(fields, table, window_s, tuple(parts)), always_0


def _oddities(
    grid: ClientPool, traces: Mapping[str, Trace], without_trace: Iterable[str], always_0: Iterable[str]
) -> list[str]:
    """Sentences about what a reader of results must know of the recording."""
    notes = []
    short = [client for client, trace in traces.items() if len(trace.start_s) < grid.count.shape[1]]
    if short:
        notes.append(
            f"traces shorter than the recording, taken as inactive where they end: {', '.join(short)}"
        )
    if names := ", ".join(without_trace):
        notes.append(f"datasets without a trace, not used: {names}")
    silent = int((grid.count.sum(0) == 0).sum())
    if silent:
        notes.append(f"{silent} of {grid.count.shape[1]} windows hold no request at all")
    if names := ", ".join(always_0):
        notes.append(f"fields that are always 0, left out: {names}")
    return notes
