"""The kernel's per-request and per-token times. Each function makes a metric; definitions stand in `catalogue`.

An error has no latency, a one-token output has no TPOT. Times count from the due time, so that a client that cannot
keep up does not flatter the server.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I8
from servegen_fw.data.run import Run, Scalar, Series
from servegen_fw.hooks.entries import NoOptions


@attrs.frozen
class Reading:
    """A metric made of one function of the run."""

    compute: Callable[[Run], Series | Scalar]


def between(run: Run, begin_ns: I8, end_ns: I8, rows: I8, divide: F8 | None = None) -> Series:
    """Time from one event to another of the requests `rows`; requests that lack either event are left out.

    `begin_ns` and `end_ns` are whole columns of the records; `divide` (float64[n]) divides each request's time.
    """
    rows = rows[(begin_ns[rows] >= 0) & (end_ns[rows] >= 0)]
    values = (end_ns[rows] - begin_ns[rows]) / 1e9
    if divide is not None:
        values = values / divide[rows]
    due_s = run.records.due_ns[rows] / 1e9
    return Series(values, due_s, "s", "lower", requests=len(rows), rows=rows)


def ttft(_: NoOptions) -> Reading:
    """Time to first token from due."""
    return Reading(lambda run: between(run, run.records.due_ns, run.records.first_ns, run.ok))


def ttfa(_: NoOptions) -> Reading:
    """Time to first answer token from due."""
    return Reading(lambda run: between(run, run.records.due_ns, run.records.answer_ns, run.ok))


def ttft_sent(_: NoOptions) -> Reading:
    """Time to first token from sent."""
    return Reading(lambda run: between(run, run.records.sent_ns, run.records.first_ns, run.ok))


def e2e(_: NoOptions) -> Reading:
    """From due to done."""
    return Reading(lambda run: between(run, run.records.due_ns, run.records.done_ns, run.ok))


def tpot(_: NoOptions) -> Reading:
    """Time per output token after the first."""

    def compute(run: Run) -> Series:
        tokens = run.records.output_tokens
        several = run.ok[tokens[run.ok] > 1]
        return between(run, run.records.first_ns, run.records.last_ns, several, np.maximum(tokens - 1.0, 1.0))

    return Reading(compute)


def lag(_: NoOptions) -> Reading:
    """How late the driver handed requests over."""

    def compute(run: Run) -> Series:
        live = run.records.harness.clock != "virtual"
        return between(run, run.ready_ns, run.records.start_ns, run.rows if live else run.rows[:0])

    return Reading(compute)


def itl(_: NoOptions) -> Reading:
    """Gaps between chunks, each as often as requests waited through it."""

    def compute(run: Run) -> Series:
        chunks, rows = run.records.chunks, run.ok
        if chunks is None or not len(chunks.request) or not len(rows):
            return Series(np.empty(0), np.empty(0), "s", "lower", requests=0)
        gap_s, at_ns, weight = chunks.gaps(rows)
        several = int(np.count_nonzero(run.records.chunks_n[rows] > 1))
        if len(gap_s) == int(weight.sum()):
            return Series(gap_s, at_ns / 1e9, "s", "lower", requests=several)
        return Series(gap_s, at_ns / 1e9, "s", "lower", weight=weight, requests=several)

    return Reading(compute)
