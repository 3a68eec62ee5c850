"""What judging a run yields and every reporter reads: numbers with units, sample sizes and intervals, gates, verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from servegen_fw.data.arrays import F8, I8
from servegen_fw.data.certificate import Certificate

Verdict = Literal["PASS", "FAIL", "INVALID"]
GateStatus = Literal["ok", "warn", "invalid", "unknown", "n/a"]
ObjectiveStatus = Literal["ok", "missed", "unknown"]


@attrs.frozen
class Estimate:
    """A number with what a reader needs to trust it.

    Attributes
    ----------
        value: the estimate, NaN if there is none.
        low: lower end of the interval, NaN if there is none.
        high: upper end.
        n: requests behind it.
        n_effective: the same allowing for autocorrelation.
        level: coverage of the interval.
        method: how the interval was made, one or two words ("block bootstrap", "Wilson", "").
        trustworthy: False if the sample is too small for this statistic; `note` says so.
        note: why not, or what to know.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    n: int = 0
    n_effective: float = float("nan")
    level: float = 0.95
    method: str = ""
    trustworthy: bool = True
    note: str = ""


@attrs.frozen
class MetricRow:
    """One metric of one cell: its statistics by name ("mean", "p50", "p90", "p99", "value")."""

    name: str
    label: str
    definition: str
    unit: str
    better: str
    stats: Mapping[str, Estimate]
    note: str = ""


@attrs.frozen
class ObjectiveResult:
    """One ``[[slo]]`` judged.

    Attributes
    ----------
        text: the objective in one line, for example ``ttft p99 <= 1 s where client = a``.
        metric: name of the metric.
        stat: name of the statistic.
        limit: in the metric's SI unit.
        unit: SI unit.
        sense: "max" or "min".
        estimate: what was measured.
        status: whether the estimate meets the limit; "unknown" without data.
        sure: whether the whole interval lies on the same side of the limit.
        detail: by how much it was missed and which requests, one sentence.
    """

    text: str
    metric: str
    stat: str
    limit: float
    unit: str
    sense: Literal["max", "min"]
    estimate: Estimate
    status: ObjectiveStatus
    sure: bool
    detail: str = ""


@attrs.frozen
class Gate:
    """One check of the measurement itself.

    Attributes
    ----------
        name: short ("lag").
        status: "invalid" makes the run INVALID; "unknown" and "n/a" never do.
        code: reason code, stable ("driver-lag").
        message: what was found, with its figure, limit and unit.
        cure: what to do about it.
        value: the figure, NaN if unknown.
        limit: the limit, NaN if none.
        unit: SI unit of both.
    """

    name: str
    status: GateStatus
    code: str
    message: str
    cure: str = ""
    value: float = float("nan")
    limit: float = float("nan")
    unit: str = ""


@attrs.frozen(eq=False)
class ClientTable:
    """Per-client figures, one row a client that sent in the window, most requests first.

    Attributes
    ----------
        name: client ids.
        group: group names.
        requests: int64; judged requests.
        failed: int64; of these, without success.
        cv: float64; coefficient of variation of its inter-arrival times, NaN under 3 requests.
        ttft_p50_s: float64, NaN where none succeeded.
        ttft_p99_s: float64.
        tpot_p50_s: float64.
        goodput: float64; share of its requests that met every per-request objective, NaN without objectives.
        output_tokens: int64; generated in the window.
    """

    name: tuple[str, ...]
    group: tuple[str, ...]
    requests: I8
    failed: I8
    cv: F8
    ttft_p50_s: F8
    ttft_p99_s: F8
    tpot_p50_s: F8
    goodput: F8
    output_tokens: I8


@attrs.frozen(eq=False)
class Cell:
    """One case on one target, one repeat, judged.

    Attributes
    ----------
        case: name.
        target: name.
        repeat: from 0.
        verdict: INVALID outranks FAIL.
        reasons: codes of what made the verdict other than PASS.
        metrics: in report order.
        objectives: in suite order.
        gates: all of them, also the good ones.
        clients: per-client table.
        jain: Jain's fairness index over clients' mean normalised TTFT, NaN with fewer than two clients.
        counts: requests by status name, and "judged".
        digest: of the workload.
        facts: of target, backend and harness.
        partial: why the cell is incomplete ("" if it is whole).
        certificate: whether the workload is what it claims, and was sent; None where a run was killed before it was made.
    """

    case: str
    target: str
    repeat: int
    verdict: Verdict
    reasons: tuple[str, ...]
    metrics: tuple[MetricRow, ...]
    objectives: tuple[ObjectiveResult, ...]
    gates: tuple[Gate, ...]
    clients: ClientTable
    jain: float
    counts: Mapping[str, int]
    digest: str
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    partial: str = ""
    certificate: Certificate | None = None


@attrs.frozen(eq=False)
class Report:
    """Everything a reporter may read.

    Attributes
    ----------
        name: of the suite.
        seed: of the suite.
        created: ISO 8601 time with zone.
        cells: all of them.
        fingerprint: software, hardware and plugin facts.
        workload: what was composed, one line a case and repeat.
        suite: the resolved suite, JSON-able.
        partial: why the result is incomplete ("" if it is whole).
    """

    name: str
    seed: int
    created: str
    cells: tuple[Cell, ...]
    fingerprint: Mapping[str, Any]
    workload: tuple[str, ...]
    suite: Mapping[str, Any]
    partial: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst of the cells: INVALID, then FAIL, then PASS; INVALID without any cell."""
        found = {cell.verdict for cell in self.cells} or {"INVALID"}
        if "INVALID" in found or self.partial:
            return "INVALID"
        return "FAIL" if "FAIL" in found else "PASS"
