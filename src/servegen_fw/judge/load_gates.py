"""Gates of the load: whether what was asked for was offered, ended, and succeeded."""

from __future__ import annotations

import numpy as np

from servegen_fw.data.records import CANCELLED, ERROR, PENDING, TRUNCATED
from servegen_fw.data.report import Gate, GateStatus
from servegen_fw.data.run import Run
from servegen_fw.judge.driver_gates import LAG_LIMIT_S
from servegen_fw.judge.words import counted
from servegen_fw.suite.display import format_quantity

OFFERED_LIMIT = 0.99
"""Smallest share of the planned requests that must have left; below 0.999 is a warning."""

UNFINISHED_LIMIT = 0.01
"""Largest share of judged requests cut off at the end. They are the slow ones: at 1 % the others' p99 means nothing."""

FAILED_LIMIT = 0.05
"""Largest share of judged requests that failed, or were truncated. Errors are the server's and any is a warning and
counts against objectives; beyond this share the server was not under the load that was asked for, and the figures of
the requests that came through describe another experiment."""


def window(run: Run) -> Gate:
    """Whether there is anything to judge."""
    n = len(run.rows)
    succeeded = len(run.ok)
    if n and succeeded:
        return Gate("window", "ok", "empty-window", f"{counted(n, 'request')} due in the window", "", n)
    if n:
        cure = "see the error codes of the records; check the server's log"
        return Gate("window", "invalid", "no-success", f"none of {counted(n, 'request')} succeeded", cure, n)
    cure = "make the case longer, the warm-up shorter, or the rate higher"
    return Gate("window", "invalid", "empty-window", "no request was due in the measured window", cure, n)


def offered(run: Run) -> Gate:
    """Whether the planned requests left."""
    if run.plan.mode == "closed":
        return Gate("offered", "n/a", "offered-not-achieved", "n/a (closed loop)")
    records, end_ns = run.records, run.plan.duration_s * 1e9
    planned = np.where(np.isnan(run.workload.due_s), -1.0, run.workload.due_s) * 1e9
    due_ns = np.where(planned >= 0, planned, records.due_ns)
    asked = (due_ns >= run.plan.warmup_s * 1e9) & (due_ns < end_ns)
    n = int(np.count_nonzero(asked))
    if not n:
        return Gate("offered", "unknown", "offered-not-achieved", "no request was planned in the window")
    left = (records.start_ns >= 0) & (records.start_ns <= end_ns + LAG_LIMIT_S * 1e9)
    done = int(np.count_nonzero(asked & left))
    share, length_s = done / n, run.window_s
    message = f"{format_quantity(done / length_s, '1/s')} of {format_quantity(n / length_s, '1/s')} offered left in time"
    if share >= 0.999:
        return Gate("offered", "ok", "offered-not-achieved", message, "", share, OFFERED_LIMIT, "ratio")
    status: GateStatus = "warn" if share >= OFFERED_LIMIT else "invalid"
    cure = f"lower the rate below {format_quantity(done / length_s, '1/s')}, add worker processes, or run on an idle machine"
    message += f" ({format_quantity(share, 'ratio')}, limit {format_quantity(OFFERED_LIMIT, 'ratio')})"
    return Gate("offered", status, "offered-not-achieved", message, cure, share, OFFERED_LIMIT, "ratio")


def drained(run: Run) -> Gate:
    """Whether judged requests were cut off at the end."""
    status = run.records.status[run.rows]
    cut = int(np.count_nonzero((status == CANCELLED) | (status == PENDING)))
    if not cut:
        return Gate(
            "drained", "ok", "not-drained", "every judged request ended", "", 0.0, UNFINISHED_LIMIT, "1"
        )
    share = cut / len(run.rows)
    message = (
        f"{counted(cut, 'judged request')} ({format_quantity(share, 'ratio')}, limit {format_quantity(UNFINISHED_LIMIT, 'ratio')}) "
        f"cut off {format_quantity(run.plan.drain_s, 's')} after the last was due; they are the slow ones"
    )
    cure = "allow a longer drain; if the queue only grows, the server is overloaded: lower the rate"
    found: GateStatus = "invalid" if share > UNFINISHED_LIMIT else "warn"
    return Gate("drained", found, "not-drained", message, cure, share, UNFINISHED_LIMIT, "ratio")


def errors(run: Run) -> Gate:
    """Share of judged requests that failed."""
    return _failed(run, ERROR, "errors", "failed", "see the server's log; lower the rate if it sheds load")


def truncated(run: Run) -> Gate:
    """Share of judged requests whose stream ended without a finish."""
    cure = "look for proxies and limits that close streams"
    return _failed(run, TRUNCATED, "truncated", "ended without a finish", cure)


def _failed(run: Run, kind: int, name: str, verb: str, cure: str) -> Gate:
    records = run.records
    rows = run.rows[records.status[run.rows] == kind]
    n = len(run.rows)
    if not n:
        return Gate(name, "unknown", name, "no request was judged")
    share = len(rows) / n
    message = f"{len(rows):,} of {counted(n, 'request')} {verb}"
    if not len(rows):
        return Gate(name, "ok", name, message, "", share, FAILED_LIMIT, "ratio")
    times = np.bincount(records.code[rows], minlength=len(records.codes))
    often = [
        f"{times[at]:,} {records.codes[at]}"
        for at in np.argsort(-times)[:3]
        if times[at] and records.codes[at]
    ]
    message += f" ({format_quantity(share, 'ratio')}, limit {format_quantity(FAILED_LIMIT, 'ratio')})"
    if often:
        message += f": {', '.join(often)}"
    status: GateStatus = "invalid" if share > FAILED_LIMIT else "warn"
    return Gate(name, status, name, message, cure, share, FAILED_LIMIT, "ratio")
