"""The certificate of a case: whether its workload is what it claims, and whether it was sent."""

from __future__ import annotations

from typing import Literal

import attrs

from servegen_fw.data.arrays import F8, I8

CheckStatus = Literal["ok", "failed", "n/a"]
Certified = Literal["certified", "not certified", "unknown"]


@attrs.frozen
class Check:
    """One statement about the workload, put to the test.

    Attributes
    ----------
        name: what is compared ("total rate", "KS distance of lengths").
        subject: group, client or column it is about.
        target: what the law says, NaN where it names no single value.
        generated: the same of the workload, NaN where it does not apply.
        sent: the same of the requests that left, at the times at which they left; NaN without records.
        unit: SI unit of the three ("1" for a plain number).
        low: lower end of the tolerance, NaN where there is none.
        high: upper end.
        n: what the figure rests on: requests, gaps, bins, sessions.
        p: probability of a figure at least as far off under the law; NaN for a comparison that must be exact.
        status: "ok", "failed", or "n/a" where the question cannot be put.
        how: how the tolerance follows from the sample.
        detail: why it is n/a, or where the largest difference lies.
    """

    name: str
    subject: str
    target: float
    generated: float
    sent: float
    unit: str
    low: float
    high: float
    n: int
    p: float
    status: CheckStatus
    how: str
    detail: str = ""


@attrs.frozen(eq=False)
class ClientFigures:
    """Arrivals of each client, all arrays of one row a client; arrivals are requests, or session starts where there are turns.

    Attributes
    ----------
        name: client ids.
        group: group names.
        target: float64; expected arrivals.
        generated: int64; arrivals of the workload.
        sent: int64; of these, sent; -1 without records.
        target_cv: float64; median of the law's inter-arrival CV at these counts, NaN where there are too few.
        low_cv: float64; lower end of the central 99 % of the law's own sampling distribution.
        high_cv: float64; upper end.
        generated_cv: float64; NaN under 3 arrivals.
        sent_cv: float64; the same of the start times.
    """

    name: tuple[str, ...]
    group: tuple[str, ...]
    target: F8
    generated: I8
    sent: I8
    target_cv: F8
    low_cv: F8
    high_cv: F8
    generated_cv: F8
    sent_cv: F8


@attrs.frozen(eq=False)
class Certificate:
    """What was claimed, generated and sent.

    Attributes
    ----------
        case: name of the case.
        repeat: from 0.
        target: name of the target it was sent to, "" if nothing was sent.
        law: what the claims are taken from ("the suite's model", "the recording"), "" if there is no law to test.
        digest: of the workload.
        sent_digest: of the requests that left, "" if nothing was sent.
        level: probability that a right workload fails any of the checks.
        replicates: simulated workloads that tolerances were made with, the fewest of any group.
        checks: all of them, the good ones included.
        clients: per-client arrivals.
        notes: what could not be certified, and what was done to stay within the budget.
    """

    case: str
    repeat: int
    target: str
    law: str
    digest: str
    sent_digest: str
    level: float
    replicates: int
    checks: tuple[Check, ...]
    clients: ClientFigures
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Check, ...]:
        """Checks that failed."""
        return tuple(check for check in self.checks if check.status == "failed")

    @property
    def passed(self) -> int:
        """Number of checks that hold."""
        return sum(check.status == "ok" for check in self.checks)

    @property
    def verdict(self) -> Certified:
        """Failed checks outrank all; a workload without a law to test is unknown."""
        if self.failed:
            return "not certified"
        return "certified" if self.law and self.passed else "unknown"
