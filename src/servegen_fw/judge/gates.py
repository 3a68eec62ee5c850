"""All gates: checks of the measurement itself, whose "invalid" outranks whatever the objectives say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from servegen_fw.data.report import Gate, ObjectiveResult
from servegen_fw.data.run import Run
from servegen_fw.judge import driver_gates, load_gates
from servegen_fw.judge.stationarity import stationary
from servegen_fw.judge.token_gate import tokens
from servegen_fw.judge.words import counted

GATES: Sequence[Callable[[Run], Gate]] = (
    driver_gates.interrupted,
    load_gates.window,
    driver_gates.lag,
    driver_gates.stalls,
    driver_gates.busy,
    load_gates.offered,
    load_gates.drained,
    load_gates.errors,
    load_gates.truncated,
    tokens,
    stationary,
)


def examine(run: Run) -> tuple[Gate, ...]:
    """All gates of a run over all requests judged, in the order of a report."""
    return tuple(gate(run) for gate in GATES)


def enough(results: Sequence[ObjectiveResult]) -> Gate:
    """Whether the objectives' statistics rest on enough requests; a warning at most."""
    poor = [result for result in results if result.status != "unknown" and not result.estimate.trustworthy]
    if not results:
        return Gate("requests", "n/a", "too-few-requests", "n/a (no objectives)")
    if not poor:
        return Gate("requests", "ok", "too-few-requests", "enough requests for every objective")
    worst = poor[0]
    message = (
        f"{worst.metric} {worst.stat}".strip()
        + f" on {counted(worst.estimate.n, 'request')}: {worst.estimate.note}"
    )
    return Gate("requests", "warn", "too-few-requests", message, "run longer or judge a lower quantile")
