"""Which requests an objective is about, and which of them were good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from servegen_fw.data.arrays import Bool
from servegen_fw.data.records import OK
from servegen_fw.data.run import Run, Scalar, Series
from servegen_fw.data.workload import Workload
from servegen_fw.suite.model import Objective, Where

TEXT = "text"
"""The modality of requests that carry no items."""


def member(workload: Workload, where: Where) -> Bool:
    """Whether each request matches all keys of `where`, bool[n]; a name that the workload lacks matches nothing."""
    marks = np.ones(len(workload), np.bool_)
    if where.client is not None:
        marks &= np.isin(workload.client, _positions(workload.clients.names, where.client))
    if where.group is not None:
        groups = _positions(workload.clients.groups, where.group)
        marks &= np.isin(workload.clients.group[workload.client], groups)
    if where.turn is not None:
        marks &= workload.turn == where.turn
    if where.modality == TEXT:
        marks &= workload.items.count == 0
    elif where.modality is not None:
        items = workload.items
        kinds = _positions(items.modalities, where.modality)
        carriers = np.repeat(np.arange(len(workload)), items.count)[np.isin(items.modality, kinds)]
        has = np.zeros(len(workload), np.bool_)
        has[carriers] = True
        marks &= has
    return marks


def _positions(names: Sequence[str], wanted: str) -> list[int]:
    return [at for at, name in enumerate(names) if name == wanted]


def good(run: Run, objectives: Sequence[Objective], readings: Mapping[str, Series | Scalar]) -> Bool | None:
    """Whether each request met every per-request objective, bool[n]; None if no objective is per request.

    An objective is per request if its metric has one value a request; its limit then holds for each of them. Of
    several limits on one metric in one direction over the same requests the widest counts: the narrower ones are
    about typical requests (p50), not about each. A request without a value (a one-token output has no TPOT) is not
    held to that objective; one without success is never good.

    `readings` holds the metrics over all judged rows.
    """
    limits: dict[tuple[str, str, Where], float] = {}
    for objective in objectives:
        found = readings.get(objective.metric)
        if not isinstance(found, Series) or found.rows is None:
            continue
        for sense, limit, widest in (("max", objective.max, max), ("min", objective.min, min)):
            if limit is not None:
                key = (objective.metric, sense, objective.where)
                limits[key] = widest(limits.get(key, limit), limit)
    if not limits:
        return None
    marks = run.records.status == OK
    for (metric, sense, where), limit in limits.items():
        series = readings[metric]
        assert isinstance(series, Series)  # noqa: S101 - narrowed above, where the limit was stored
        assert series.rows is not None  # noqa: S101
        wrong = series.values > limit if sense == "max" else series.values < limit
        missed = series.rows[wrong]
        if where != Where():
            missed = missed[member(run.workload, where)[missed]]
        marks[missed] = False
    return np.asarray(marks)
