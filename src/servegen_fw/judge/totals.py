"""The kernel's metrics with one value a run: shares, throughputs, rates. Definitions stand in `catalogue`."""

from __future__ import annotations

import math

import numpy as np

from servegen_fw.data.arrays import F8
from servegen_fw.data.records import OK
from servegen_fw.data.run import Run, Scalar
from servegen_fw.hooks.entries import NoOptions
from servegen_fw.judge import statistics
from servegen_fw.judge.latencies import Reading

_BINS = 512


def goodput(_: NoOptions) -> Reading:
    """Share of judged requests that met every per-request objective."""

    def compute(run: Run) -> Scalar:
        if run.good is None:
            return Scalar(math.nan, "ratio", "higher")
        return statistics.share(run.good[run.rows], run.records.due_ns[run.rows] / 1e9, "higher")

    return Reading(compute)


def error_share(_: NoOptions) -> Reading:
    """Share of judged requests without success."""

    def compute(run: Run) -> Scalar:
        failed = run.records.status[run.rows] != OK
        return statistics.share(failed, run.records.due_ns[run.rows] / 1e9, "lower")

    return Reading(compute)


def throughput(_: NoOptions) -> Reading:
    """Successful ends in the window per second."""

    def compute(run: Run) -> Scalar:
        rows = run.scoped[run.records.status[run.scoped] == OK]
        at_s = run.records.done_ns[rows] / 1e9
        return statistics.rate(at_s, np.ones(len(rows)), run.plan.warmup_s, run.window_s, "1/s")

    return Reading(compute)


def input_throughput(_: NoOptions) -> Reading:
    """Prompt tokens of requests with their first token in the window per second."""

    def compute(run: Run) -> Scalar:
        rows = run.scoped[run.records.first_ns[run.scoped] >= 0]
        at_s = run.records.first_ns[rows] / 1e9
        tokens = run.workload.prompt_tokens[rows].astype(np.float64)
        return statistics.rate(at_s, tokens, run.plan.warmup_s, run.window_s, "tokens/s")

    return Reading(compute)


def output_throughput(_: NoOptions) -> Reading:
    """Tokens generated in the window per second."""

    def compute(run: Run) -> Scalar:
        length_s = run.window_s
        rows = run.scoped[run.records.first_ns[run.scoped] >= 0]
        first = run.records.first_ns[rows] / 1e9 - run.plan.warmup_s
        last = np.maximum(run.records.last_ns[rows] / 1e9 - run.plan.warmup_s, first)
        inside = (last >= 0) & (first < length_s)
        n = int(np.count_nonzero(inside))
        if not length_s > 0:
            return Scalar(math.nan, "tokens/s", "higher")
        if not n:
            return Scalar(0.0, "tokens/s", "higher")
        first, last = first[inside], last[inside]
        tokens = run.records.output_tokens[rows[inside]].astype(np.float64)
        sums = spread_evenly(first, last, tokens, np.linspace(0.0, length_s, min(_BINS, max(8, n // 10)) + 1))
        return statistics.with_interval(float(sums.sum()) / length_s, sums, length_s, "tokens/s", n)

    return Reading(compute)


def spread_evenly(first: F8, last: F8, tokens: F8, borders: F8) -> F8:
    """Tokens per bin when each request makes one at `first` and the others evenly until `last`.

    `first`, `last`, `tokens` are float64[m]; `borders` float64[bins + 1] of equal bins; returns float64[bins].
    """
    at_once = np.where(last > first, np.minimum(tokens, 1.0), tokens)
    flow = tokens - at_once
    slope = flow / np.where(last > first, last - first, 1.0)
    made = _ramp(first, slope, borders) - _ramp(last, slope, borders)
    order = np.argsort(first)
    begun = np.concatenate(([0.0], np.cumsum(at_once[order])))[np.searchsorted(first[order], borders)]
    return np.diff(made + begun)


def _ramp(start: F8, slope: F8, at: F8) -> F8:
    """Sum over i of slope[i] * max(0, at - start[i]) at each of `at`, by prefix sums over ordered starts."""
    order = np.argsort(start)
    reached = np.searchsorted(start[order], at)
    slopes = np.concatenate(([0.0], np.cumsum(slope[order])))
    offset = np.concatenate(([0.0], np.cumsum((slope * start)[order])))
    return np.asarray(slopes[reached] * at - offset[reached])


def offered_rate(_: NoOptions) -> Reading:
    """Requests due in the window per second."""

    def compute(run: Run) -> Scalar:
        length_s = run.window_s
        n = len(run.rows)
        return Scalar(n / length_s if length_s > 0 else math.nan, "1/s", "higher", n=n, method="exact count")

    return Reading(compute)


def achieved_rate(_: NoOptions) -> Reading:
    """Requests handed over in the window per second."""

    def compute(run: Run) -> Scalar:
        length_s = run.window_s
        start_s = run.records.start_ns[run.scoped] / 1e9
        begin_s = run.plan.warmup_s
        left = (run.records.start_ns[run.scoped] >= 0) & (start_s >= begin_s) & (start_s < begin_s + length_s)
        n = int(np.count_nonzero(left))
        return Scalar(n / length_s if length_s > 0 else math.nan, "1/s", "higher", n=n, method="exact count")

    return Reading(compute)
