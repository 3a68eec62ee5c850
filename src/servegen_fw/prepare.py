"""What stands before a run: the cases composed, the targets visited, the messages rendered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from servegen_fw.certify.certificate import Examination
from servegen_fw.data.payload import Payloads
from servegen_fw.data.workload import Workload
from servegen_fw.drive.preflight import Reached, lacking, preflight
from servegen_fw.errors import InputError, Problem
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.model import Case, Suite, Target
from servegen_fw.suite.places import placed, problem_at
from servegen_fw.workload.compose import compose, compose_stream
from servegen_fw.workload.planning import render
from servegen_fw.workload.streams import Streams
from servegen_fw.workload.summary import summarise


@attrs.frozen(eq=False)
class Planned:
    """One case of one repeat, composed: what every target will be sent."""

    case: Case
    repeat: int
    streams: Streams
    workload: Workload


def plan(
    suite: Suite,
    *,
    registry: Registry | None = None,
    cases: Sequence[str] = (),
    workload: Workload | None = None,
) -> Iterator[Planned]:
    """Compose every case and repeat of a suite, one at a time, without sending anything.

    Parameters
    ----------
        suite: from `Suite.load`.
        registry: plugins; default those the suite was loaded with.
        cases: names; default all.
        workload: sent as it is instead of a composed one, the same for every repeat.

    Raises
    ------
        InputError: unknown case, or a population that cannot offer the load.
    """
    registry = registry or suite.registry or Registry.load()
    wanted = chosen("case", {case.name: case for case in suite.cases}, cases)
    if workload is not None and len(wanted) > 1:
        cure = f"choose one of {', '.join(wanted)} with --case"
        raise InputError(
            Problem("a workload file is sent in one case, the suite has several", who="--workload", cure=cure)
        )
    for repeat in range(suite.repeats):
        for case in wanted.values():
            streams = repeated(suite.seed, repeat)
            yield Planned(case, repeat, streams, workload or _composed(suite, case, streams, registry))


def _composed(suite: Suite, case: Case, streams: Streams, registry: Registry) -> Workload:
    try:
        return compose(suite.workload, case.load, streams, registry.families)
    except InputError as error:
        raise placed(suite, case.name, error) from error


def sliced(
    suite: Suite, case: str, repeat: int = 0, *, registry: Registry | None = None
) -> Iterator[Workload]:
    """Compose one case of a suite as slices of time; see `compose_stream`.

    Raises
    ------
        InputError: as the slices are drawn, the population cannot offer the load.
    """
    registry = registry or suite.registry or Registry.load()
    (wanted,) = chosen("case", {case.name: case for case in suite.cases}, (case,)).values()
    try:
        yield from compose_stream(
            suite.workload, wanted.load, repeated(suite.seed, repeat), registry.families
        )
    except InputError as error:
        raise placed(suite, wanted.name, error) from error


def reached(suite: Suite, against: Mapping[str, Target], registry: Registry) -> Mapping[str, Reached]:
    """Return all targets as they answered, or raise one error that names every one that is not there."""
    there, failed = preflight(against, registry)
    if failed:
        cure = "start the server, or correct the target"
        raise InputError(
            *(
                problem_at(suite, ("target", name, "backend"), error.detail or error.code, cure)
                for name, error in failed.items()
            )
        )
    return there


def payloads(
    suite: Suite, planned: Planned, reached: Mapping[str, Reached], registry: Registry
) -> Payloads | None:
    """Render the messages once for all targets; none are needed if every target is simulated.

    Raises
    ------
        InputError: a target's wire cannot carry them.
    """
    if all(one.capabilities is None for one in reached.values()):
        return None
    made = render(suite.workload.prompts, planned.workload, planned.streams, registry)
    lacks = {name: lacking(one.capabilities, planned.workload, made) for name, one in reached.items()}
    if any(lacks.values()):
        cure = "choose other prompts or another population, or leave the target out with --target"
        raise InputError(
            *(
                problem_at(
                    suite,
                    ("target", name, "backend"),
                    f"cannot carry what the workload holds: {', '.join(lack)}",
                    cure,
                )
                for name, lack in lacks.items()
                if lack
            )
        )
    return made


def examined(
    suite: Suite, planned: Planned, registry: Registry, *, given: bool = False, effort: float = 1.0
) -> Examination:
    """Take the law of what a case sends from its suite; `given` if the workload came as a file.

    `effort` is a factor on the simulated arrivals and the rows looked at.
    """
    return Examination.of(
        suite,
        planned.case,
        planned.workload,
        planned.streams,
        registry,
        repeat=planned.repeat,
        given=given,
        effort=effort,
    )


def described(planned: Planned) -> str:
    """Return one line on what a case sends, with what composition had to decide."""
    repeat = f", repeat {planned.repeat + 1}" if planned.repeat else ""
    notes = "".join(f"; {note}" for note in planned.workload.notes)
    return f"{planned.case.name}{repeat}: {summarise(planned.workload).headline()}{notes}"


def repeated(seed: int, repeat: int) -> Streams:
    """Return a repeat's streams; repeat 0 has the suite's own, so that one repeat and the first of many are equal."""
    return Streams(int(Streams(seed).at("repeat", repeat).integers(2**63)) if repeat else seed)


def chosen(what: str, known: Mapping[str, Any], wanted: Sequence[str]) -> Mapping[str, Any]:
    """Return the named part of `known`, all of it if no name is wanted.

    Raises
    ------
        InputError: names that are not there; lists those that are.
    """
    unknown = [name for name in wanted if name not in known]
    if unknown:
        cure = f"this suite has {', '.join(known)}"
        raise InputError(
            *(Problem(f"no {what} is called {name!r}", who=f"--{what}", cure=cure) for name in unknown)
        )
    return {name: value for name, value in known.items() if not wanted or name in wanted}
