"""One case on one target, judged: gates, metrics, intervals, objectives, verdict. The page that reads as the data flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from servegen_fw.data.certificate import Certificate
from servegen_fw.data.plan import Plan
from servegen_fw.data.records import STATUS_NAMES, Records
from servegen_fw.data.report import Cell, Gate, ObjectiveResult, Verdict
from servegen_fw.data.run import Observations, Run
from servegen_fw.hooks.entries import MetricEntry
from servegen_fw.judge import clients, gates, objectives, readings, selection
from servegen_fw.judge.certificate_gate import certified
from servegen_fw.suite.model import Objective, Suite, Where

if TYPE_CHECKING:
    from servegen_fw.hooks.registry import Registry

GOODPUT = "goodput"


def judge(
    plan: Plan,
    records: Records,
    *,
    case: str,
    target: str,
    repeat: int,
    suite: Suite,
    registry: Registry,
    facts: Mapping[str, Any],
    observations: Observations | None = None,
    certificate: Certificate | None = None,
) -> Cell:
    """Judge one finished run.

    Listed are the kernel's metrics and those that objectives name. The verdict is INVALID if a gate says so or an
    objective has nothing to be judged by, else FAIL if an objective is missed, else PASS; `Cell.reasons` holds the
    codes: a gate's (``"driver-lag"``), ``"no-data:METRIC"``, ``"missed:METRIC:STAT"``. A `certificate` other than a passing
    one is a warning, or makes it INVALID where the suite requires one.

    Raises
    ------
        PluginError: an objective names a metric that no plugin, or several, offer.
    """
    slos = objectives.applicable(suite, case, target)
    entries = readings.entries((slo.metric for slo in slos), registry)
    run = Run.measured(plan, records, observations=observations or Observations.none(), facts=facts)
    asked = objectives.everyone(slos)

    found = {name: readings.read(entry, run) for name, entry in entries.items() if name != GOODPUT}
    whole = {name: value for name, value in found.items() if not isinstance(value, readings.Broken)}
    run = attrs.evolve(run, good=selection.good(run, slos, whole))
    found[GOODPUT] = readings.read(entries[GOODPUT], run)

    checks = gates.examine(run)
    rows = tuple(readings.row(name, entries[name], found[name], run, asked.get(name, ())) for name in entries)
    results = tuple(
        result for slo in slos for result in _objective(slo, run, entries[slo.metric], found[slo.metric])
    )
    checks = (
        *checks,
        gates.enough(results),
        certified(certificate, required=suite.report.require_certificate),
    )
    verdict, reasons = verdict_of(checks, results)
    return Cell(
        case=case,
        target=target,
        repeat=repeat,
        verdict=verdict,
        reasons=reasons,
        metrics=rows,
        objectives=results,
        gates=checks,
        clients=clients.table(run),
        jain=clients.jain(run),
        counts=counts(run),
        digest=plan.workload.digest,
        facts=dict(facts),
        partial=records.harness.interrupted,
        certificate=certificate,
    )


def _objective(
    slo: Objective, run: Run, entry: MetricEntry, found: readings.Reading | readings.Broken
) -> list[ObjectiveResult]:
    """Judge an objective; one with a `where` has its metric computed anew on those requests."""
    if slo.where == Where():
        return objectives.judge(slo, run, found)
    part = run.only(selection.member(run.workload, slo.where))
    return objectives.judge(slo, part, readings.read(entry, part))


def verdict_of(checks: Sequence[Gate], results: Sequence[ObjectiveResult]) -> tuple[Verdict, tuple[str, ...]]:
    """Verdict and the codes that made it so; INVALID outranks FAIL."""
    invalid = [gate.code for gate in checks if gate.status == "invalid"]
    invalid += [f"no-data:{result.metric}" for result in results if result.status == "unknown"]
    if invalid:
        return "INVALID", tuple(dict.fromkeys(invalid))
    missed = [
        ":".join(part for part in ("missed", result.metric, result.stat) if part)
        for result in results
        if result.status == "missed"
    ]
    return ("FAIL", tuple(dict.fromkeys(missed))) if missed else ("PASS", ())


def counts(run: Run) -> Mapping[str, int]:
    """Requests of the whole run by status name, and how many were judged."""
    times = np.bincount(run.records.status, minlength=len(STATUS_NAMES))
    return {name: int(times[at]) for at, name in enumerate(STATUS_NAMES)} | {"judged": len(run.rows)}
