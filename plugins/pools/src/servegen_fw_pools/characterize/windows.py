"""Gaps between a client's requests, window by window, for all clients at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np

from servegen_fw_pools.characterize.gap_families import FAMILIES, levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    I2 = npt.NDArray[np.int16]
    I4 = npt.NDArray[np.int32]
    I8 = npt.NDArray[np.int64]

MIN_GAPS: Final = 9
"""Cells with fewer gaps are not compared with the families: ten requests, the least that the published data has."""

_CONSTANT_CV = 1e-3
_MOST_POINTS = 1024
_DIGIT = 16


@attrs.frozen(eq=False)
class GapCells:
    """The cells (owner, window) that hold requests, in the order of owner and window.

    A gap belongs to a cell if the requests at both its ends do: n requests have n - 1 gaps, and one over a window's
    edge belongs to none (a fit closes the window to a circle instead, as composition does). The CV is that of the
    sample, with the number of gaps in the variance's denominator, so at most sqrt(gaps - 1).

    Attributes
    ----------
        cell: int64[k]; owner * windows + window, ascending.
        count: int64[k]; requests, at least 1.
        gaps: int64[k]; gaps, `count` - 1.
        mean_s: float64[k]; mean gap, 0 without gaps.
        cv: float64[k]; standard deviation of the gaps over their mean; 0 with fewer than 2 gaps or a mean of 0.
        ks: float64[3, k]; Kolmogorov-Smirnov distance of the gaps to each law of `FAMILIES` with the same mean and
            (gamma, Weibull) the same CV; 0 where not judged. Cells of more than 1,024 gaps are compared at 1,024 of
            their order statistics, which may make the distance too small by 1/1,024.
        family: int16[k]; index into `FAMILIES` of the smallest distance; -1, not judged: fewer than `MIN_GAPS` gaps,
            a mean of 0, or a CV below 0.001 (constant gaps, which none of the laws has).
    """

    cell: I8
    count: I8
    gaps: I8
    mean_s: F8
    cv: F8
    ks: F8
    family: I2


@attrs.frozen(eq=False)
class GapWindows:
    """`GapCells` spread over all cells; C owners, W windows; what a cell without requests has is 0 (family: -1).

    Attributes
    ----------
        window_s: length of a window.
        count: float64[C, W]; requests.
        gaps: int64[C, W].
        mean_s: float64[C, W].
        cv: float64[C, W].
        ks: float64[3, C, W].
        family: int16[C, W].
    """

    window_s: float
    count: F8
    gaps: I8
    mean_s: F8
    cv: F8
    ks: F8
    family: I2


def gap_windows(time_s: F8, owner: I4 | None, owners: int, window_s: float, windows: int) -> GapWindows:
    """Describe the gaps of each owner in each window.

    Parameters
    ----------
        time_s: float64[n], ascending; window w is [w, w + 1) * `window_s`, and the last holds its end too. Requests
            outside all windows are not looked at.
        owner: int32[n], from 0 to `owners` - 1; None if all belong to owner 0.
        owners: how many owners there are.
        window_s: length of a window in seconds.
        windows: how many windows there are.
    """
    cells = gap_cells(time_s, owner, window_s, windows)
    shape = (owners, windows)

    def spread(column: npt.NDArray[Any], empty: int = 0) -> npt.NDArray[Any]:
        whole = np.full(owners * windows, empty, column.dtype)
        whole[cells.cell] = column
        return whole.reshape(shape)

    return GapWindows(
        window_s=window_s,
        count=spread(cells.count.astype(np.float64)),
        gaps=spread(cells.gaps),
        mean_s=spread(cells.mean_s),
        cv=spread(cells.cv),
        ks=np.stack([spread(row) for row in cells.ks]),
        family=spread(cells.family, -1),
    )


def gap_cells(time_s: F8, owner: I4 | None, window_s: float, windows: int) -> GapCells:
    """As `gap_windows`, for the cells that hold requests only: what to use for many owners."""
    cell, gap = split_gaps(time_s, owner, window_s, windows)
    found, count = runs(cell)
    gaps = count - 1
    # Gaps refer to cells by their place among those found.
    at = np.repeat(np.arange(len(found)), gaps)
    floor = np.maximum(gaps, 1)
    mean = np.bincount(at, gap, len(found)) / floor
    variance = np.bincount(at, (gap - mean[at]) ** 2, len(found)) / floor
    cv = np.where((mean > 0) & (gaps > 1), np.sqrt(variance) / np.where(mean > 0, mean, 1.0), 0.0)
    judged = (gaps >= MIN_GAPS) & (mean > 0) & (cv > _CONSTANT_CV)
    ks = np.zeros((len(FAMILIES), len(found)))
    family = np.full(len(found), -1, np.int16)
    if judged.any():
        keep = judged[at]
        ks[:, judged] = distances(gap[keep], gaps[judged], mean[judged], cv[judged])
        family[judged] = np.argmin(ks[:, judged], axis=0)
    return GapCells(found, count, gaps, mean, cv, ks, family)


def split_gaps(time_s: F8, owner: I4 | None, window_s: float, windows: int) -> tuple[I8, F8]:
    """Order requests by owner and time and take the gaps within cells.

    Returns
    -------
        cell: int64[m]; cell of every request inside the windows, ascending.
        gap: float64[g]; gaps in the order of their cells.
    """
    window = np.floor(time_s / window_s).astype(np.int64)
    window[(window == windows) & (time_s <= windows * window_s)] = windows - 1
    inside = (window >= 0) & (window < windows)
    if not inside.all():
        window, time_s = window[inside], time_s[inside]
        owner = None if owner is None else owner[inside]
    if owner is not None:
        order = stable_order(owner)
        owner, time_s, window = owner[order], time_s[order], window[order]
        window += owner.astype(np.int64) * windows
    same = window[1:] == window[:-1]
    return window, np.diff(time_s)[same]


def distances(gap: F8, gaps: I8, mean: F8, cv: F8, families: Sequence[str] = FAMILIES) -> F8:
    """KS distance of each run of gaps to the families with its moments; float64[families, runs].

    Parameters
    ----------
        gap: float64[g]; runs one after the other, in any order within.
        gaps: int64[runs]; length of each, at least 1.
        mean: float64[runs]; above 0.
        cv: float64[runs]; above 0.
        families: which ones.
    """
    run = np.repeat(np.arange(len(gaps)), gaps)
    gap = gap[np.argsort(gap)] if len(gaps) == 1 else gap[_order_within(run, gap)]
    begin = np.concatenate(([0], np.cumsum(gaps)))[:-1]
    points = np.minimum(gaps, _MOST_POINTS)
    of = np.repeat(np.arange(len(gaps)), points)
    first = np.cumsum(points) - points
    # Of more than enough order statistics, evenly spaced ones with both ends.
    step = np.where(points > 1, (gaps - 1) / np.maximum(points - 1, 1), 0.0)
    rank = np.rint((np.arange(len(of)) - first[of]) * step[of]).astype(np.int64)
    value, size = gap[begin[of] + rank], gaps[of].astype(np.float64)
    far = np.empty((len(families), len(gaps)))
    for k, name in enumerate(families):
        level = levels(name, value, mean[of], cv[of])
        beyond = np.maximum((rank + 1) / size - level, level - rank / size)
        far[k] = np.maximum.reduceat(beyond, first)
    return far


def runs(sorted_keys: I8) -> tuple[I8, I8]:
    """Distinct keys of an ascending column and how often each occurs; int64[k] both."""
    begin = np.flatnonzero(np.diff(sorted_keys, prepend=sorted_keys[:1] - 1))
    return sorted_keys[begin], np.diff(np.append(begin, len(sorted_keys)))


def stable_order(key: npt.NDArray[np.integer]) -> I8:
    """Stable order of whole numbers from 0; int64[n]. See `ordered`."""
    return ordered(key)[0]


def ordered(key: npt.NDArray[np.integer]) -> tuple[I8, I8]:
    """Stable order of whole numbers from 0, and the numbers in it; int64[n] both.

    Keys are sorted with their places in their lower bits, several times as fast as any argsort; keys too large for that
    by a radix sort of 16-bit digits.
    """
    top, bits = int(key.max(initial=0)), len(key).bit_length()
    if top.bit_length() + bits < 64:
        packed = key.astype(np.int64)
        packed <<= bits
        packed |= np.arange(len(key))
        packed.sort()
        order = packed & ((1 << bits) - 1)
        packed >>= bits
        return order, packed
    order = np.argsort((key & 0xFFFF).astype(np.uint16), kind="stable")
    shift = _DIGIT
    while top >> shift:
        digit = (key >> shift & 0xFFFF).astype(np.uint16)
        order = order[np.argsort(digit[order], kind="stable")]
        shift += _DIGIT
    return order, key[order].astype(np.int64)


def _order_within(run: I8, value: F8) -> I8:
    """Order by run, then value."""
    order = np.argsort(value)
    return order[stable_order(run[order])]
