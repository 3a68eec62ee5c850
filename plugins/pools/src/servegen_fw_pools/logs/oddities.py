"""What is odd about a log's times though nothing is damaged: order, equal times, zones, gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from servegen_fw_pools.logs.damage import MAX_PLACES
from servegen_fw_pools.logs.log import Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from servegen_fw_pools.logs.gather import Rows

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

GAP_TYPICAL: Final = 100.0
GAP_NEARBY: Final = 30.0
GAP_DECADES: Final = 4
GAP_LEAST: Final = 20
_NEAR: Final = 50
_TRIM: Final = 0.01


def order_notices(rows: Rows, time_s: F8) -> list[Notice]:
    """Tell requests that stand behind a later one of their file; `time_s` is in the order of the files."""
    late: list[I8] = []
    for number in range(len(rows.files)):
        mine = np.flatnonzero(rows.file == number) if len(rows.files) > 1 else np.arange(len(rows))
        own = time_s[mine]
        late.append(mine[1:][own[1:] < np.maximum.accumulate(own)[:-1]])
    behind = np.concatenate(late)
    if not len(behind):
        return []
    places = tuple(rows.place(int(row)) for row in behind[:MAX_PLACES])
    return [
        Notice(
            "unsorted",
            len(behind),
            f"{len(behind):,} requests stand behind a later one; sorted by time",
            places,
        )
    ]


def time_notices(time_s: F8, rows: Rows, order: I8) -> list[Notice]:
    """Tell equal times and gaps; `time_s` is sorted, request i is row order[i] of `rows`."""
    notices = []
    gap_s = np.diff(time_s)
    same = np.flatnonzero(gap_s == 0)
    if len(same):
        step = gap_s[gap_s > 0].min(initial=np.inf)
        least = f"; the smallest step between others is {step:.6g} s" if np.isfinite(step) else ""
        what = f"{len(same):,} requests come at the very time of another; kept{least}"
        places = tuple(rows.place(int(order[row + 1])) for row in same[:MAX_PLACES])
        notices.append(Notice("duplicate-time", len(same), what, places))
    found = gaps(time_s)
    if len(found):
        longest = float(gap_s[found].max())
        what = (
            f"{len(found):,} stretches without requests, the longest {longest:.6g} s, are over {GAP_TYPICAL:g} times "
            f"the log's typical gap, {GAP_NEARBY:g} times the gaps around them, and beyond their tail; kept"
        )
        places = tuple(rows.place(int(order[row + 1])) for row in found[:MAX_PLACES])
        notices.append(Notice("gap", len(found), what, places))
    return notices


def gaps(time_s: F8) -> I8:
    """Index of each request behind which nothing came for far longer than the log's gaps explain, int64[k].

    A gap is told if it is longer than all of: 100 times the mean gap of the log (the longest 1 %, at least one, left
    out); p99 * (p99 / p90)**4, which even gaps with a Pareto tail exceed once in a million only; and 30 times the mean of
    the up to 100 gaps around it, which keeps quiet nights apart from outages. An exponential gap is 100 times its mean
    once in e**100. Equal times are one moment, so that coarse clocks do not matter. Logs with fewer than 20 gaps have
    none.
    """
    step_s = np.diff(time_s)
    steps = np.flatnonzero(step_s > 0)
    gap_s = step_s[steps]
    n = len(gap_s)
    if n < GAP_LEAST:
        return np.empty(0, np.int64)
    left_out = max(1, int(_TRIM * n))
    typical = np.partition(gap_s, n - left_out - 1)[: n - left_out].mean()
    p90, p99 = np.quantile(gap_s, (0.9, 0.99), method="lower")
    long = np.flatnonzero(gap_s > max(GAP_TYPICAL * typical, p99 * (p99 / p90) ** GAP_DECADES))
    total = np.concatenate(([0.0], np.cumsum(gap_s)))
    low, high = np.maximum(long - _NEAR, 0), np.minimum(long + _NEAR + 1, n)
    around = (total[high] - total[low] - gap_s[long]) / (high - low - 1)
    return np.asarray(steps[long[gap_s[long] > GAP_NEARBY * around]])


def zone_notices(zones: Mapping[str, int]) -> list[Notice]:
    """Tell a mix of time zones."""
    if len(zones) < 2:
        return []
    bare = zones.get("", 0)
    told = ", ".join(
        f"{zone or 'none'} x {count:,}" for zone, count in sorted(zones.items(), key=lambda one: -one[1])
    )
    if bare:
        what = f"times with a zone and times without are mixed ({told}); those without are read as UTC"
        return [Notice("mixed-zones", bare, what)]
    return [
        Notice(
            "mixed-zones", sum(zones.values()), f"times are of several zones ({told}); all are moved to UTC"
        )
    ]
