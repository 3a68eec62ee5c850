"""Gates of the measuring side: a driver that could not keep up measures itself, not the server."""

from __future__ import annotations

import math

import numpy as np

from servegen_fw.data.report import Gate, GateStatus
from servegen_fw.data.run import Run
from servegen_fw.judge.words import counted
from servegen_fw.suite.display import format_quantity

LAG_LIMIT_S = 0.005
"""Largest p99 of start - due; half of it is a warning. A peer's reported TTFT error is of the size of its lag."""

STALL_S = 0.005
"""A stall of the event loop longer than this shifts the stamps of what arrives meanwhile by a visible amount."""

STALLED_LIMIT = 0.01
"""Largest share of the time spent in such stalls: at 1 % they reach p99. A tenth of it is a warning."""

BUSY_LIMIT = 0.9
"""Share of a core above which the driver is close to its own limit."""


def interrupted(run: Run) -> Gate:
    """Whether the run came to its planned end."""
    why = run.records.harness.interrupted
    if not why:
        return Gate("complete", "ok", "interrupted", "the run came to its end")
    return Gate(
        "complete",
        "invalid",
        "interrupted",
        f"the run ended early: {why}",
        "run it again; the partial records can be read",
    )


def lag(run: Run) -> Gate:
    """Whether requests left when they were due."""
    records = run.records
    if records.harness.clock == "virtual":
        return Gate("lag", "n/a", "driver-lag", "n/a (virtual clock)")
    rows = run.rows[records.start_ns[run.rows] >= 0]
    if not len(rows):
        return Gate("lag", "unknown", "driver-lag", "no judged request left")
    late = np.sort(records.start_ns[rows] - run.ready_ns[rows]) / 1e9
    p99 = float(late[math.ceil(0.99 * len(late)) - 1])
    message = f"the driver's lag: p99 {format_quantity(p99, 's')} against a limit of {format_quantity(LAG_LIMIT_S, 's')}"
    if p99 <= LAG_LIMIT_S / 2:
        return Gate("lag", "ok", "driver-lag", message, "", p99, LAG_LIMIT_S, "s")
    rate = len(rows) / run.window_s if run.window_s > 0 else math.nan
    cure = f"lower the rate below {format_quantity(rate, '1/s')}, add worker processes, or run on an idle machine"
    status: GateStatus = "invalid" if p99 > LAG_LIMIT_S else "warn"
    return Gate("lag", status, "driver-lag", message, cure, p99, LAG_LIMIT_S, "s")


def stalls(run: Run) -> Gate:
    """Whether the event loop stood still while answers arrived."""
    harness = run.records.harness
    if harness.clock == "virtual":
        return Gate("stalls", "n/a", "loop-stalls", "n/a (virtual clock)")
    if not harness.wall_s > 0:
        return Gate("stalls", "unknown", "loop-stalls", "the length of the run is unknown")
    long = harness.stall_s[harness.stall_s > STALL_S]
    stalled = float(long.sum()) / harness.wall_s
    message = (
        f"event loop stalls over {format_quantity(STALL_S, 's')}: {format_quantity(stalled, 'ratio')} of the time against a limit of "
        f"{format_quantity(STALLED_LIMIT, 'ratio')} (longest {format_quantity(float(harness.stall_s.max(initial=0.0)), 's')})"
    )
    if stalled <= STALLED_LIMIT / 10:
        return Gate("stalls", "ok", "loop-stalls", message, "", stalled, STALLED_LIMIT, "ratio")
    status: GateStatus = "invalid" if stalled > STALLED_LIMIT else "warn"
    cure = "run on an idle machine, add worker processes, or lower the rate"
    return Gate("stalls", status, "loop-stalls", message, cure, stalled, STALLED_LIMIT, "ratio")


def busy(run: Run) -> Gate:
    """Whether the driver's own processor was close to its limit; a warning at most."""
    harness = run.records.harness
    if harness.clock == "virtual":
        return Gate("driver cpu", "n/a", "driver-cpu", "n/a (virtual clock)")
    if math.isnan(harness.cpu_s) or not harness.wall_s > 0:
        return Gate("driver cpu", "unknown", "driver-cpu", "the driver's processor time is unknown")
    workers = max(1, int(run.facts.get("workers", 1)))
    used = harness.cpu_s / harness.wall_s / workers
    cores = counted(workers, "core")
    message = f"the driver used {format_quantity(used, 'ratio')} of {cores}, limit {format_quantity(BUSY_LIMIT, 'ratio')}"
    if used <= BUSY_LIMIT:
        return Gate("driver cpu", "ok", "driver-cpu", message, "", used, BUSY_LIMIT, "ratio")
    cure = "add worker processes or lower the rate; times may hold the driver's own delays"
    return Gate("driver cpu", "warn", "driver-cpu", message, cure, used, BUSY_LIMIT, "ratio")
