"""What left, held against what was planned: the stream itself, and when each request left."""

from __future__ import annotations

import attrs
import numpy as np

from servegen_fw.certify.finding import NAN, Finding, missing
from servegen_fw.certify.laws import Exactly
from servegen_fw.certify.seen import Seen
from servegen_fw.certify.times import SCALES_S, Figures, figures
from servegen_fw.data.arrays import F8, I8
from servegen_fw.data.plan import Plan
from servegen_fw.data.records import OK
from servegen_fw.judge.driver_gates import LAG_LIMIT_S

SHIFT_LIMIT = 0.02
"""Largest relative change of CV and dispersion from due to start times: a lag of 5 ms at p99 moves less."""

WHOLE = "every request of the plan, but those whose earlier turn failed"


def sent_digest(seen: Seen, *, by_schedule: bool) -> str:
    """sha256 of the canonical stream of what left: rows as planned, first turns at the due times of the records.

    Equal to the workload's digest if every request left and was due when it was planned. `by_schedule` is False for a
    closed load, whose due times the server makes; the workload's own are taken then.
    """
    records, workload = seen.records, seen.workload
    assert records is not None  # noqa: S101 - asked where there are records
    rows = np.flatnonzero(seen.left)
    part = workload.select(rows)
    if by_schedule:
        due_s = np.where(np.isnan(part.due_s), np.nan, records.due_ns[rows] / 1e9)
        part = attrs.evolve(part, due_s=due_s)
    return part.digest


def findings(seen: Seen, plan: Plan) -> list[Finding]:
    """Checks of what left; none without records."""
    if seen.records is None:
        return []
    return [*_complete(seen, plan), _digest(seen, plan), *_lag(seen), *_shifted(seen, plan)]


def _complete(seen: Seen, plan: Plan) -> list[Finding]:
    records, workload = seen.records, seen.workload
    assert records is not None  # noqa: S101 - asked where there are records
    root = workload.parent < 0
    # A later turn is excused if any turn before it in its session did not end well, or ended after the case.
    good = records.status == OK
    excused = np.zeros(len(workload), np.bool_)
    for _ in range(int(workload.turn.max(initial=0)) + 1):
        grown = ~root & (excused[workload.parent] | ~good[workload.parent])
        if np.array_equal(grown, excused):
            break
        excused = grown
    if plan.mode == "open":
        # A reactive turn that its server's slowness has moved behind the end of the case is not due in it.
        ready = records.done_ns[workload.parent] / 1e9 + workload.think_s
        excused |= ~root & (ready >= plan.duration_s)
    lost = ~seen.left & ~excused
    skipped = int(np.count_nonzero(~seen.left & excused))
    planned, left = len(workload), int(np.count_nonzero(seen.left))
    detail = (
        f"{skipped:,} later turns were not sent since an earlier one failed or ended too late"
        if skipped
        else ""
    )
    if lost.any():
        detail = f"{int(lost.sum()):,} requests were planned and never left; {detail}".rstrip("; ")
    return [
        Finding(
            "requests sent",
            "all",
            Exactly(planned - skipped, planned - skipped),
            WHOLE,
            planned - skipped,
            planned,
            left,
            "requests",
            planned,
            detail,
            measure=float(lost.sum()),
            judged="sent",
        )
    ]


def _digest(seen: Seen, plan: Plan) -> Finding:
    """Rows whose due time in the records is not the planned one, to the microsecond of the digest."""
    records, workload = seen.records, seen.workload
    assert records is not None  # noqa: S101 - asked where there are records
    if plan.mode == "closed":
        return missing("due as planned", "all", "a closed load is due when the server answers")
    rows = np.flatnonzero(seen.left & ~np.isnan(workload.due_s))
    moved = np.rint(records.due_ns[rows] / 1e3) != np.rint(workload.due_s[rows] * 1e6)
    wrong = int(np.count_nonzero(moved))
    return Finding(
        "due as planned",
        "all",
        Exactly(0, 0),
        "first turns are due at the workload's own time, to the microsecond of the digest",
        0,
        0,
        wrong,
        "requests",
        len(rows),
        measure=float(wrong),
        judged="sent",
    )


def _lag(seen: Seen) -> list[Finding]:
    records = seen.records
    assert records is not None  # noqa: S101 - asked where there are records
    rows = np.flatnonzero(seen.left)
    if not len(rows):
        return [missing("schedule lag p99", "all", "nothing left")]
    lag_s = (records.start_ns[rows] - _ready_ns(seen)[rows]) / 1e9
    p50, p99, most = (float(x) for x in np.quantile(lag_s, (0.5, 0.99, 1.0), method="inverted_cdf"))
    virtual = records.harness.clock == "virtual"
    limit = 0.0 if virtual else LAG_LIMIT_S
    return [
        Finding(
            "schedule lag p99",
            "all",
            Exactly(0.0 if virtual else -LAG_LIMIT_S, limit),
            "a virtual clock starts requests when they are due"
            if virtual
            else "the limit of the gate on the driver's lag",
            0.0,
            NAN,
            p99,
            "s",
            len(rows),
            f"p50 {p50 * 1e3:.3g} ms, largest {most * 1e3:.3g} ms",
            measure=p99,
            judged="sent",
        )
    ]


def _shifted(seen: Seen, plan: Plan) -> list[Finding]:
    """Per-client CV and dispersion of start times against the times at which the same requests could leave."""
    records, workload = seen.records, seen.workload
    assert records is not None  # noqa: S101 - asked where there are records
    if plan.mode == "closed":
        return [missing("burstiness as due", "all", "a closed load is due when the server answers")]
    end_s = max(plan.duration_s, 1.0)
    ready_s, start_s = _ready_ns(seen) / 1e9, records.start_ns / 1e9
    rows = np.flatnonzero(seen.left & (ready_s < end_s))
    if len(rows) < 3:
        return [missing("burstiness as due", "all", "needs three requests")]
    ready_s, start_s = ready_s[rows], np.minimum(start_s[rows], np.nextafter(end_s, 0.0))
    client: I8 = workload.client[rows].astype(np.int64)

    def taken(at_s: F8) -> Figures:
        none = np.zeros(len(rows), np.int64)
        return figures(none, client, np.maximum(at_s, 0.0), (1, len(workload.clients)), end_s)

    ready, start = taken(ready_s), taken(start_s)
    weight = ready.count[0]
    pairs = [("IAT CV of starts", ready.pooled_cv(weight)[0], start.pooled_cv(weight)[0], 0.0)]
    pairs += [
        (
            f"dispersion of starts at {scale} s",
            ready.dispersion[0, at],
            start.dispersion[0, at],
            _crossing(ready_s, scale, end_s),
        )
        for at, scale in enumerate(SCALES_S)
        if not np.isnan(ready.dispersion[0, at])
    ]
    return [
        Finding(
            name,
            "all",
            Exactly(due * (1 - SHIFT_LIMIT) - more, due * (1 + SHIFT_LIMIT) + more),
            f"of start times, within {SHIFT_LIMIT:.0%} of that of the times at which requests could leave, and what requests "
            "due just before a bin's end can add",
            float(due),
            float(due),
            float(found),
            "1",
            len(rows),
            measure=float(found / due - 1.0) if due > 0 else 0.0,
            judged="sent",
        )
        for name, due, found, more in pairs
    ]


def _ready_ns(seen: Seen) -> I8:
    """Earliest time at which each request could leave: due, but not before its earlier turn ended; int64[n]."""
    records, parent = seen.records, seen.workload.parent
    assert records is not None  # noqa: S101 - asked where there are records
    return np.maximum(records.due_ns, np.where(parent >= 0, records.done_ns[parent], -1))


def _crossing(ready_s: F8, scale: int, end_s: float) -> float:
    """Largest change of the dispersion if every request that is due within the lag limit before a bin's end leaves after it.

    One that moves from a bin of x to one of y changes the sum of squares by 2 (y - x) + 2, at most 2 times the fullest bin
    plus 2.
    """
    whole = int(end_s + 1e-9) // scale
    counts = np.bincount((ready_s[ready_s < whole * scale] / scale).astype(np.int64), minlength=whole)
    near = np.count_nonzero(ready_s % scale > scale - LAG_LIMIT_S)
    return float(near * (2 * counts.max() + 2) / ((whole - 1) * max(counts.mean(), 1e-9)))
