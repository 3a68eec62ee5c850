"""The gate of drift: whether latency moved through the window although the load did not."""

from __future__ import annotations

import math

import numpy as np

from servegen_fw.data.arrays import F8
from servegen_fw.data.report import Gate
from servegen_fw.data.run import Run
from servegen_fw.judge import bootstrap
from servegen_fw.suite.display import format_quantity

LEAST = 200
"""Requests below which a drift cannot be told from chance."""

ALARM = 0.001
"""Two-sided probability of an alarm by chance that the test aims at."""

MATERIAL = 1.1
"""A drift counts only if the median moved by more than this factor between the halves."""

LOAD_MOVED = 1.25
"""Where one half of the window was offered so many times the requests of the other, latency is expected to move."""

_PIECES = 512
_CLASSES = 64


def stationary(run: Run) -> Gate:
    """Test TTFT for a trend over due time.

    The rank of a request's TTFT (in 64 classes) is regressed on time; the slope's error comes from the block bootstrap
    of the residuals, so that the slow swings of a busy queue are not taken for a trend.
    """
    records = run.records
    rows = run.ok[records.first_ns[run.ok] >= 0]
    if len(rows) < LEAST:
        return Gate(
            "stationary", "unknown", "drift", f"too few requests to tell ({len(rows)}, needs {LEAST})"
        )
    middle = (run.plan.warmup_s + run.window_s / 2) * 1e9
    early = int(np.count_nonzero(records.due_ns[run.rows] < middle))
    late = len(run.rows) - early
    if max(early, late) > LOAD_MOVED * min(early, late):
        half_s = run.window_s / 2
        moved = f"{format_quantity(early / half_s, '1/s')} to {format_quantity(late / half_s, '1/s')}"
        return Gate("stationary", "n/a", "drift", f"n/a (the offered load itself changes: {moved})")
    rows = rows[np.argsort(records.due_ns[rows], kind="stable")]
    values = (records.first_ns[rows] - records.due_ns[rows]) / 1e9
    t = _trend_t(values)
    half = len(values) // 2
    before, after = float(np.median(values[:half])), float(np.median(values[half:]))
    message = f"median TTFT {format_quantity(before, 's')} in the first half, {format_quantity(after, 's')} in the second"
    factor = max(before, after) / max(min(before, after), 1e-9)
    if abs(t) <= 1.0 or factor <= MATERIAL:
        return Gate("stationary", "ok", "drift", message, "", factor, MATERIAL, "")
    cure = (
        "the queue grows: lower the rate, the server is overloaded"
        if after > before
        else "the server warmed up inside the window: lengthen the warm-up"
    )
    return Gate("stationary", "warn", "drift", f"latency drifts: {message}", cure, factor, MATERIAL, "")


def _trend_t(values: F8) -> float:
    """Slope over its error, in units of the critical value of `ALARM`."""
    ends = bootstrap.edges(len(values), _PIECES)
    borders = np.sort(values)[np.arange(1, _CLASSES) * len(values) // _CLASSES]
    rank = np.searchsorted(borders, values, side="right")
    mean = np.diff(np.cumsum(rank)[ends - 1], prepend=0) / np.diff(ends, prepend=0)
    time = np.linspace(-1.0, 1.0, len(ends))
    slope = float(np.dot(time, mean) / np.dot(time, time))
    residual = mean - mean.mean() - slope * time
    found = bootstrap.spread(residual)
    if found.variance <= 0:
        return 0.0 if slope == 0 else math.inf
    error = math.sqrt(found.variance / float(np.dot(time, time)))
    return slope / error / bootstrap.student(1 - ALARM / 2, found.freedom)
