"""The share of outputs that is reasoning, binned, from a log or a pool, with the lengths of both parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from servegen_fw_pools.characterize.sample import (
    BATCHES,
    mean_of,
    of_pool,
    share_number,
    table_means,
)
from servegen_fw_pools.characterize.section import Number
from servegen_fw_pools.characterize.shifts import (
    Shift,
    Windows,
    shift_of,
    step_of,
    windows_of,
    windows_of_pool,
)
from servegen_fw_pools.quantiles import level_at

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw.plugin import ClientPool
    from servegen_fw_pools.logs.log import Log

    F8 = npt.NDArray[np.float64]

BINS = 250
_GOLDEN = 0.6180339887498949
_FINEST = 5000


@attrs.frozen(eq=False)
class Shares:
    """Reasoning of a log or pool.

    Attributes
    ----------
        edges: float64[k + 1], from 0 to 1.
        count: float64[k]; requests with reasoning whose share is in each bin.
        mean: of the share, over requests with reasoning.
        reason: mean length over all requests with output.
        answer: mean length of the rest of their output.
        ratio: `reason` over `answer`; None without answers.
        none: share of requests with output that have no reasoning.
        windows: mean share over time; None without times.
        shift: how far it moves; None where that cannot be told.
    """

    edges: F8
    count: F8
    mean: Number
    reason: Number
    answer: Number
    ratio: Number | None
    none: Number
    windows: Windows | None
    shift: Shift | None


def shares_of_log(log: Log) -> Shares | None:
    """Shares of a log's requests that have output and reasoning; None if there are none.

    A count of r reasoning tokens stands for a length between r - 1/2 and r + 1/2: within that, it is placed by a
    fixed low-discrepancy sequence, so that short outputs do not pile up on a few ratios.
    """
    assert log.reason_tokens is not None  # noqa: S101 - the caller looked
    with_output = log.output_tokens > 0
    output, reason = log.output_tokens[with_output], log.reason_tokens[with_output]
    some = reason > 0
    if not some.any():
        return None
    edges = np.linspace(0, 1, BINS + 1)
    kept = reason[some]
    inside = (np.arange(len(kept)) * _GOLDEN) % 1 - 0.5
    smooth = np.clip((kept + inside) / output[some], 0.0, 1.0)
    count = np.histogram(smooth, edges)[0].astype(np.float64)
    windows = None
    share = kept / output[some]
    if log.time_s is not None:
        windows = windows_of(log.time_s[with_output][some], share, step_of(log.duration_s))
    mean = mean_of(share, "")
    if mean.high is not None:
        mean = attrs.evolve(mean, high=min(mean.high, 1.0))
    return Shares(
        edges,
        count,
        mean,
        mean_of(reason, "tokens"),
        mean_of(output - reason, "tokens"),
        _ratio(reason.astype(np.float64), (output - reason).astype(np.float64)),
        share_number(float((~some).sum()), len(some)),
        windows,
        shift_of(windows) if windows is not None else None,
    )


def shares_of_pool(pool: ClientPool) -> Shares | None:
    """Shares of a pool's tables, weighted by its requests; None if it has no request with a share."""
    sample = of_pool(pool, "reason_ratio")
    positive = sample.above(0.0)
    if not positive.n:
        return None
    zero = sample.share_of(0.0)
    edges = _grid(sample.value) if not pool.tables.linear else np.linspace(0, 1, BINS + 1)
    if pool.tables.linear:
        count = _linear_bins(pool, edges)
    else:
        count = np.histogram(positive.value, edges, weights=positive.weight)[0]
    n = round((1 - zero) * sample.n)
    error = 1.96 * (positive.variance / max(n, 1)) ** 0.5
    mean = Number(positive.mean, "", n, positive.mean - error, positive.mean + error, "normal, independent")
    windows = windows_of_pool(pool, "reason_ratio")
    weight = pool.table_requests
    share, output = table_means(pool, "reason_ratio"), table_means(pool, "output_tokens")
    reason = float((weight * share * output).sum() / weight.sum())
    answer = float((weight * (1 - share) * output).sum() / weight.sum())
    return Shares(
        edges,
        count,
        mean,
        Number(reason, "tokens", sample.n),
        Number(answer, "tokens", sample.n),
        Number(reason / answer, "", sample.n) if answer > 0 else None,
        share_number(zero * sample.n, sample.n),
        windows,
        shift_of(windows),
    )


def _grid(values: F8) -> F8:
    """Edges around the grid that recorded ratios lie on, so that each bin holds exactly one of its points."""
    if len(values) < 3:
        return np.linspace(0, 1, BINS + 1)
    points = min(max(round(1 / float(np.diff(values).min())), 2), _FINEST)
    if np.abs(values * points - np.rint(values * points)).max() > 1e-6:
        return np.linspace(0, 1, BINS + 1)
    return np.unique(np.clip((np.arange(points + 2) - 0.5) / points, 0, 1))


def _linear_bins(pool: ClientPool, edges: F8) -> F8:
    """Requests per bin of linear tables, exactly."""
    table, weight = pool.table[pool.fields.index("reason_ratio")], pool.table_requests
    used = (table >= 0) & (weight > 0)
    per_table = np.bincount(table[used], weights=weight[used], minlength=len(pool.tables))
    count = np.zeros(len(edges) - 1)
    for k in np.flatnonzero(per_table):
        value, level = pool.tables.knots(int(k))
        at = level_at(value, level, edges)
        at[0], at[-1] = 0.0, 1.0
        count += per_table[k] * np.diff(at)
    return count


def _ratio(above: F8, below: F8) -> Number | None:
    """Ratio of two means, its interval from batches of consecutive requests by the delta method."""
    if below.sum() <= 0:
        return None
    ratio, n = float(above.sum() / below.sum()), len(above)
    if n < 2 * BATCHES:
        return Number(ratio, "", n)
    first = np.arange(BATCHES) * n // BATCHES
    rest = np.add.reduceat(above, first) - ratio * np.add.reduceat(below, first)
    half = 2.04 * float(rest.std(ddof=1)) * BATCHES**0.5 / float(below.sum())
    return Number(ratio, "", n, ratio - half, ratio + half, "batch means")
