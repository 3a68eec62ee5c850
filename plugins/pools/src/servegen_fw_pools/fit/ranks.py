"""How two fields of a client's requests depend on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.fit.samples import Samples

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

PAIRS: Final = (("input_tokens", "output_tokens"), ("output_tokens", "reason_ratio"))
"""Pairs of fields whose dependence is measured, where a log has both."""

LEAST_REQUESTS: Final = 10


@attrs.frozen(eq=False)
class Dependence:
    """Rank correlation of one pair.

    Attributes
    ----------
        rank: float64[C]; of each client, shrunk to the pooled one.
        pooled: mean of the clients' correlations, weighted by requests.
        between: standard deviation of the clients' true correlations.
        n: requests that tell of it.
    """

    rank: F8
    pooled: float
    between: float
    n: int


def dependence(one: Samples, other: Samples, cell: I8, windows: int, owners: int) -> Dependence:
    """Spearman rank correlation within each client and table window, averaged over a client's windows.

    Within a window, so that shifts of both lengths over the day are not taken for dependence; windows with fewer than
    `LEAST_REQUESTS` requests, or with one value only, tell nothing. A client's r from n requests has the variance
    1 / (n - 1) where fields are independent (Kendall 1948, chapter 5); it is shrunk to the pooled one by
    t / (t + 1 / (n - 1)), with t the variance between clients (method of moments, DerSimonian and Laird 1986). A client
    that tells nothing gets the pooled one.

    Parameters
    ----------
        one, other: both fields, at most one value per request.
        cell: int64[n]; client times `windows` plus table window, of each request.
    """
    rows, first, second = np.intersect1d(one.row, other.row, assume_unique=True, return_indices=True)
    of = cell[rows]
    cells = owners * windows
    held = np.bincount(of, minlength=cells)
    x, y = _ranks(of, one.value[first]), _ranks(of, other.value[second])
    mean = (held - 1) / 2.0
    x -= mean[of]
    y -= mean[of]
    spread = np.sqrt(np.bincount(of, x * x, cells) * np.bincount(of, y * y, cells))
    told = (held >= LEAST_REQUESTS) & (spread > 0)
    r = np.where(told, np.bincount(of, x * y, cells) / np.where(told, spread, 1.0), 0.0)
    n = np.where(told, held, 0).reshape(owners, windows)
    total = n.sum(axis=1)
    mine = (r.reshape(owners, windows) * n).sum(axis=1) / np.maximum(total, 1)
    if not total.any():
        return Dependence(np.zeros(owners), 0.0, 0.0, 0)
    pooled = float((mine * total).sum() / total.sum())
    degrees = np.maximum(total - 1, 0).astype(np.float64)
    excess = (degrees * (mine - pooled) ** 2)[total > 0].sum() - (np.count_nonzero(total) - 1)
    scale = degrees.sum() - (degrees**2).sum() / degrees.sum()
    between = max(0.0, float(excess / scale)) if scale > 0 else 0.0
    weight = between / (between + 1.0 / np.maximum(degrees, 1e-9)) if between > 0 else np.zeros(owners)
    if np.count_nonzero(total) == 1:
        weight = (total > 0).astype(np.float64)
    rank = np.where(total > 0, pooled + weight * (mine - pooled), pooled)
    return Dependence(np.clip(rank, -1.0, 1.0), pooled, float(np.sqrt(between)), int(total.sum()))


def _ranks(cell: I8, value: F8) -> F8:
    """Rank of each value within its cell, from 0; ties get their mean rank."""
    order = np.lexsort((value, cell))
    sorted_cell, sorted_value = cell[order], value[order]
    new = np.diff(sorted_cell, prepend=-1) != 0
    begin = np.flatnonzero(new | (np.diff(sorted_value, prepend=np.nan) != 0))
    size = np.diff(np.append(begin, len(order)))
    start_of_cell = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    middle = begin - start_of_cell[begin] + (size - 1) / 2.0
    rank = np.empty(len(order))
    rank[order] = np.repeat(middle, size)
    return rank
