"""The main job, as one page: suite -> workload -> payloads -> plan -> engine -> records -> verdict -> result folder.

Every name used here lives in the room where its noun is explained; this page only says what follows what.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from servegen_fw.certify.certificate import Examination
from servegen_fw.data.certificate import Certificate
from servegen_fw.data.plan import Plan
from servegen_fw.data.records import Records
from servegen_fw.data.report import Report
from servegen_fw.data.run import Observations
from servegen_fw.data.workload import Workload
from servegen_fw.drive.execute import execute
from servegen_fw.drive.journal import Journal
from servegen_fw.drive.observe import Observing
from servegen_fw.drive.preflight import is_virtual
from servegen_fw.errors import BackendError, InputError
from servegen_fw.hooks.registry import Registry
from servegen_fw.judge.cell import judge
from servegen_fw.prepare import Planned, chosen, described, examined, payloads, plan, reached, repeated
from servegen_fw.results.fingerprint import changed, fingerprint
from servegen_fw.results.live import Watch
from servegen_fw.results.recover import journalled, stored_suite
from servegen_fw.results.result import Result
from servegen_fw.results.store import (
    STATE_COMPLETE,
    STATE_PARTIAL,
    STATE_RUNNING,
    CellKey,
    ResultFolder,
    now_text,
)
from servegen_fw.suite.dump import resolved
from servegen_fw.suite.model import Suite, Target
from servegen_fw.suite.places import problem_at
from servegen_fw.workload.planning import plan_of

__all__ = ["Planned", "certify_result", "certify_suite", "plan", "run"]


def run(
    suite: Suite,
    *,
    registry: Registry | None = None,
    out: Path | str | None = None,
    cases: Sequence[str] = (),
    targets: Sequence[str] = (),
    workload: Workload | None = None,
    show: bool = False,
    require_certificate: bool = False,
) -> Result:
    """Run a suite: every case on every target, each judged and stored as soon as it has ended.

    All targets of a case and repeat are sent the same bytes. Reporters are not called here; see `Result.publish`.

    Parameters
    ----------
        suite: from `Suite.load`.
        registry: plugins; default those the suite was loaded with.
        out: result folder to make; default ``results/NAME-TIME``.
        cases: names; default all.
        targets: names; default all.
        workload: sent as it is instead of composing (see `plan`).
        show: live progress on standard error if that is a terminal.
        require_certificate: judge cells without a passing certificate INVALID, as the suite's own key does.

    Raises
    ------
        InputError: unknown names, an unreachable server (before any load is sent), an unusable folder.
    """
    registry = registry or suite.registry or Registry.load()
    registry.require_intact(suite.require)
    if require_certificate:
        suite = attrs.evolve(suite, report=attrs.evolve(suite.report, require_certificate=True))
    against = chosen("target", suite.targets, targets)
    there = reached(suite, against, registry)
    ready = (
        (planned, payloads(suite, planned, there, registry))
        for planned in plan(suite, registry=registry, cases=cases, workload=workload)
    )
    # The first case is composed and rendered before the folder is made, so that bad input leaves nothing behind.
    first = next(ready)
    created = now_text()
    folder = ResultFolder.create(Path(out) if out else None, suite.name, created)
    folder.write_suite(suite.text, resolved(suite))
    report = Report(
        name=suite.name,
        seed=suite.seed,
        created=created,
        cells=(),
        fingerprint=fingerprint(registry, tuple(against)),
        workload=(),
        suite=resolved(suite),
    )
    folder.write_report(report, STATE_RUNNING)
    for planned, messages in itertools.chain([first], ready):
        folder.write_workload(planned.case.name, planned.repeat, planned.workload)
        report = attrs.evolve(report, workload=(*report.workload, described(planned)))
        examination: Examination | None = None
        for name, target in against.items():
            key = CellKey(planned.case.name, name, planned.repeat)
            cell_plan = plan_of(planned.case.load, planned.workload, messages)
            try:
                records, facts, seen = _measure(folder, key, cell_plan, target, registry=registry, show=show)
            except BackendError as error:
                # It answered when the run began; what was measured until now stays.
                gone = f"{key.target} was not there when {key.case} began: {error.detail or error.code}"
                folder.write_report(attrs.evolve(report, partial=gone), STATE_PARTIAL)
                raise InputError(problem_at(suite, ("target", name, "backend"), gone)) from error
            folder.write_records(key, records)
            folder.write_observations(key, seen)
            if examination is None:
                examination = examined(suite, planned, registry, given=workload is not None)
            certificate = examination.certificate(records, name)
            folder.write_certificate(key, certificate)
            cell = judge(
                cell_plan,
                records,
                case=key.case,
                target=key.target,
                repeat=key.repeat,
                suite=suite,
                registry=registry,
                facts={**target.facts, **there[name].facts, **facts},
                observations=seen,
                certificate=certificate,
            )
            report = attrs.evolve(report, cells=(*report.cells, cell), partial=records.harness.interrupted)
            folder.write_report(report, STATE_PARTIAL if report.partial else STATE_RUNNING)
            if report.partial:
                return Result(folder, report, STATE_PARTIAL, registry)
    folder.write_report(report, STATE_COMPLETE)
    return Result(folder, report, STATE_COMPLETE, registry)


def certify_suite(
    suite: Suite, *, registry: Registry | None = None, cases: Sequence[str] = (), effort: float = 1.0
) -> Iterator[Certificate]:
    """Compose and certify every case and repeat of a suite, one at a time, without sending anything.

    `effort` is a factor on the simulated arrivals and the rows looked at; at 1 a large case is certified in part.

    Raises
    ------
        InputError: as `plan`.
    """
    registry = registry or suite.registry or Registry.load()
    for planned in plan(suite, registry=registry, cases=cases):
        yield examined(suite, planned, registry, effort=effort).certificate()


def certify_result(
    path: Path | str, *, registry: Registry | None = None, cases: Sequence[str] = (), effort: float = 1.0
) -> Iterator[Certificate]:
    """Certify every cell of a result folder anew: the law from its suite, what was sent from its records.

    `effort` is that of `certify_suite`.

    Raises
    ------
        InputError: no result folder, damaged files, or unknown cases.
    """
    result = Result.open(path, registry)
    registry, folder, suite = result.registry, result.folder, stored_suite(result.folder, result.registry)
    wanted = chosen("case", {case.name: case for case in suite.cases}, cases)
    differs = changed(result.report.fingerprint, fingerprint(registry))
    for cell in result.report.cells:
        if cell.case in wanted:
            key = CellKey(cell.case, cell.target, cell.repeat)
            workload = folder.read_workload(key.case, key.repeat)
            records = folder.read_records(key)
            planned = Planned(wanted[key.case], key.repeat, repeated(suite.seed, key.repeat), workload)
            given = cell.certificate is not None and not cell.certificate.law
            examination = examined(suite, planned, registry, given=given, effort=effort)
            if examination.groups:
                examination = examination.recomposed(suite, registry, differs)
            records = journalled(folder, key, workload) if records is None else records
            yield examination.certificate(records, key.target)


def _measure(
    folder: ResultFolder, key: CellKey, plan: Plan, target: Target, *, registry: Registry, show: bool
) -> tuple[Records, Mapping[str, Any], Observations]:
    """Run one cell with its journal, its progress display and its observers."""
    watch = Watch(
        f"{key.case} on {key.target}",
        length_s=plan.duration_s,
        requests=len(plan.workload),
        journal=Journal(folder.journal(key)),
        show=show,
        virtual=is_virtual(target),
    )
    observing = Observing(key.target, [choice.make() for choice in target.observers])
    with watch, observing:
        records, facts = execute(plan, target, watch, registry)
    if observing.problems:
        facts = {**facts, "observers": observing.problems}
    return records, facts, observing.table(facts.get("driver", {}).get("zero_ns", 0))
