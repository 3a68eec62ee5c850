"""Which requests missed a limit: how many, whose, and when. For the sentence under a missed objective."""

from __future__ import annotations

from typing import Literal

import numpy as np

from servegen_fw.data.arrays import F8, I8
from servegen_fw.data.run import Run, Series
from servegen_fw.judge.words import counted
from servegen_fw.suite.display import format_quantity

_CONCENTRATED = 0.2


def describe(run: Run, series: Series, limit: float, sense: Literal["max", "min"]) -> str:
    """Tell which values of `series` lie on the wrong side of `limit`; "" if none does."""
    wrong = series.values > limit if sense == "max" else series.values < limit
    count = int(np.count_nonzero(wrong))
    if not count:
        return ""
    verb = "exceed it" if sense == "max" else "fall short of it"
    if series.rows is None:
        weight = np.ones(len(series.values)) if series.weight is None else series.weight
        share = float(weight[wrong].sum() / weight.sum())
        return f"{format_quantity(share, 'ratio')} of the values {verb}, {_when(series.at_s[wrong])}"
    total = len(series.values)
    head = f"{count:,} of {counted(total, 'request')} ({format_quantity(count / total, 'ratio')}) {verb}"
    return ", ".join(
        part for part in (head, _whose(run, series.rows[wrong]), _when(series.at_s[wrong])) if part
    )


def _whose(run: Run, rows: I8) -> str:
    """Name the client with the most of `rows`, if it has a fifth of them or more."""
    clients = run.workload.clients
    if len(clients) < 2:
        return ""
    times = np.bincount(run.workload.client[rows], minlength=len(clients))
    first = int(np.argmax(times))
    if times[first] < _CONCENTRATED * len(rows):
        return f"spread over {counted(int(np.count_nonzero(times)), 'client')}"
    return f"{int(times[first]):,} of them from client {clients.names[first]}"


def _when(at_s: F8) -> str:
    """Shortest span of time that holds half of the misses."""
    ordered = np.sort(at_s)
    half = (len(ordered) + 1) // 2
    if len(ordered) < 4:
        return f"at {', '.join(f'{t:.0f}' for t in ordered)} s"
    widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
    begin = int(np.argmin(widths))
    return f"half of them between {ordered[begin]:.0f} and {ordered[begin + half - 1]:.0f} s"
