"""Objectives judged: the estimate against its limit, whether that is settled, by how much it was missed and by whom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import attrs
import numpy as np

from servegen_fw.data.records import OK
from servegen_fw.data.report import Estimate, ObjectiveResult, ObjectiveStatus
from servegen_fw.data.run import Run, Scalar, Series
from servegen_fw.judge import misses, statistics
from servegen_fw.judge.quantiles import Sample, is_statistic, share_of
from servegen_fw.judge.readings import Broken, Reading
from servegen_fw.suite.display import format_quantity
from servegen_fw.suite.model import Objective, Suite, Where

Sense = Literal["max", "min"]


def applicable(suite: Suite, case: str, target: str) -> tuple[Objective, ...]:
    """Objectives that hold for a case on a target, in suite order."""
    return tuple(
        slo
        for slo in suite.slos
        if (not slo.cases or case in slo.cases) and (not slo.targets or target in slo.targets)
    )


def text_of(objective: Objective, sense: Sense, limit: float, unit: str) -> str:
    """Write an objective in one line, for example ``ttft p99 <= 1 s where client = a``."""
    head = " ".join(part for part in (objective.metric, objective.stat) if part)
    sign = "<=" if sense == "max" else ">="
    keys = attrs.asdict(objective.where)
    where = ", ".join(f"{key} = {value}" for key, value in keys.items() if value is not None)
    return f"{head} {sign} {format_quantity(limit, unit)}" + (f" where {where}" if where else "")


def judge(objective: Objective, run: Run, found: Reading | Broken) -> list[ObjectiveResult]:
    """Judge one objective on the requests of `run`, cut down to its `where` already; one result per limit.

    Requests without success count as beyond any limit: a quantile objective is missed when they alone are more than
    the quantile leaves (1 % for p99), although the reported estimate is of the requests that have a latency.
    """
    limits: list[tuple[Sense, float | None]] = [("max", objective.max), ("min", objective.min)]
    return [_judge(objective, sense, limit, run, found) for sense, limit in limits if limit is not None]


def _judge(
    objective: Objective, sense: Sense, limit: float, run: Run, found: Reading | Broken
) -> ObjectiveResult:
    unit = "" if isinstance(found, Broken) else found.unit
    sample = Sample.of(found) if isinstance(found, Series) else None
    estimate, why = _estimate(objective, found, sample)
    status, sure = _status(estimate, limit, sense)
    if status == "missed" and sample is not None and objective.stat.startswith("p"):
        sure = sample.surely_beyond(share_of(objective.stat), limit)
    detail = why or _by_how_much(estimate, limit, unit, sense, status)
    if status != "unknown" and not sure:
        detail += "; the interval does not settle it"
    if isinstance(found, Series) and status == "missed":
        detail = "; ".join(part for part in (detail, misses.describe(run, found, limit, sense)) if part)
    if isinstance(found, Series):
        lost, allowed = _lost(objective.stat, sense, run, found)
        if lost > allowed:
            told = f"{format_quantity(lost, 'ratio')} of the requests had no success, more than the {format_quantity(allowed, 'ratio')} allowed"
            detail = f"{told}; {detail}" if status == "missed" else told
            status, sure = "missed", True
    return ObjectiveResult(
        text=text_of(objective, sense, limit, unit),
        metric=objective.metric,
        stat=objective.stat,
        limit=limit,
        unit=unit,
        sense=sense,
        estimate=estimate,
        status=status,
        sure=sure,
        detail=detail,
    )


def _estimate(objective: Objective, found: Reading | Broken, sample: Sample | None) -> tuple[Estimate, str]:
    nothing = Estimate(math.nan, trustworthy=False, note="no values")
    if isinstance(found, Broken):
        return nothing, found.why
    if isinstance(found, Scalar) or sample is None:
        estimate = statistics.as_estimate(found) if isinstance(found, Scalar) else nothing
        return estimate, "no values to judge" if math.isnan(estimate.value) else ""
    try:
        estimate = sample.statistic(objective.stat)
    except ValueError as error:
        return nothing, str(error)
    return estimate, "no request with a value to judge" if math.isnan(estimate.value) else ""


def _status(estimate: Estimate, limit: float, sense: Sense) -> tuple[ObjectiveStatus, bool]:
    """Status, and whether the whole interval lies on the same side of the limit.

    An end that is NaN, or an estimate that is not trustworthy, settles nothing.
    """
    if math.isnan(estimate.value):
        return "unknown", False
    sign = 1.0 if sense == "max" else -1.0
    met = sign * estimate.value <= sign * limit
    # The end of the interval that would have to cross the limit for the opposite judgement.
    upper, lower = (estimate.high, estimate.low) if sense == "max" else (estimate.low, estimate.high)
    sure = sign * upper <= sign * limit if met else sign * lower > sign * limit
    return ("ok" if met else "missed"), bool(sure and estimate.trustworthy)


def _by_how_much(estimate: Estimate, limit: float, unit: str, sense: Sense, status: ObjectiveStatus) -> str:
    value = format_quantity(estimate.value, unit)
    if estimate.value == limit:
        return f"{value} is the limit itself"
    name = "the limit" if status == "ok" else f"the {'largest' if sense == 'max' else 'smallest'} allowed"
    if unit != "ratio" and limit > 0 and estimate.value >= 2 * limit:
        return f"{value} is {format_quantity(estimate.value / limit, '')} times {name}"
    side = "over" if estimate.value > limit else "under"
    if unit == "ratio":
        gap = format_quantity(abs(estimate.value - limit) * 100, "points")
    else:
        gap = format_quantity(abs(estimate.value - limit), unit)
        if limit:
            gap += f" ({format_quantity(abs(estimate.value / limit - 1), 'ratio')})"
    return f"{value} is {gap} {side} {name}"


def _lost(stat: str, sense: Sense, run: Run, found: Series) -> tuple[float, float]:
    """Share of judged requests without success or value, and the share that the statistic leaves for them."""
    if found.rows is None or not len(run.rows) or (sense == "max") != (found.better == "lower"):
        return 0.0, 1.0
    failed = run.rows[run.records.status[run.rows] != OK]
    lost = int(np.count_nonzero(~np.isin(failed, found.rows)))
    if stat in {"max", "min"}:
        return lost / len(run.rows), 0.0
    try:
        share = share_of(stat)
    except ValueError:
        return 0.0, 1.0
    return lost / len(run.rows), 1 - share if sense == "max" else share


def everyone(objectives: Sequence[Objective]) -> dict[str, list[str]]:
    """Return the statistics that objectives over all requests ask for, by metric."""
    asked: dict[str, list[str]] = {}
    for objective in objectives:
        if is_statistic(objective.stat) and objective.where == Where():
            asked.setdefault(objective.metric, []).append(objective.stat)
    return asked
