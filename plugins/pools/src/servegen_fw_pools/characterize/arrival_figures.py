"""What the times of a log say about arrivals, as figures."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from servegen_fw_pools.characterize import gap_tests, jackknife
from servegen_fw_pools.characterize.counts import MOST_BINS, autocorrelation, counts, dispersions
from servegen_fw_pools.characterize.gap_families import FAMILIES
from servegen_fw_pools.characterize.sample import of_column, quantile_of, share_number
from servegen_fw_pools.characterize.section import Number
from servegen_fw_pools.characterize.windows import GapWindows, distances, gap_windows, split_gaps

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
MOST_TIES: Final = 0.05
"""With a larger share of gaps of 0 the clock is too coarse to tell the laws of gaps apart."""

_LAGS = 20
_COUNT_BIN_S = 10.0


def figures(time_s: F8, start: str, window_s: float) -> dict[str, Any]:
    """All figures of a log of at least two requests at different times; float64[n] ascending from 0."""
    duration = float(time_s[-1])
    gap = np.diff(time_s)
    windows = max(1, int(np.ceil(duration / window_s)))
    found = gap_windows(time_s, None, 1, window_s, windows)
    result: dict[str, Any] = {
        "requests": len(time_s),
        "duration": Number(duration, "s", len(time_s)),
        "rate": _rate(time_s, duration),
        "ties": share_number(float((gap == 0).sum()), len(gap)),
        "clock": Number(float(gap[gap > 0].min()), "s", len(gap)),
        "windows": _by_window(time_s, found, window_s),
        "cv": _cv(gap, found),
        "dispersion": dispersions(time_s, duration),
        "autocorrelation": _correlations(time_s, gap, duration),
        "rate_over_time": rate_shape(time_s, duration, window_s),
    }
    result["coarse_clock"] = result["ties"].value > MOST_TIES
    if not result["coarse_clock"]:
        laws = _laws(time_s, found, window_s, windows, result["clock"].value)
        if laws:
            result["families"] = laws
    if duration >= DAY_S and start:
        result["hour_of_day"] = _hours_of_day(time_s, start, duration)
    return result


def _rate(time_s: F8, duration: float) -> Number:
    """Requests after the first per second."""
    n = len(time_s)
    value = (n - 1) / duration
    blocks = jackknife.blocks_of(n, 10)
    if not blocks:
        return Number(value, "1/s", n)
    part = counts(time_s, duration / blocks * (1 - 1e-12), duration)
    return jackknife.number(
        value, jackknife.without(part) / (duration * (1 - 1 / blocks)), "1/s", n, least=0.0
    )


def _by_window(time_s: F8, found: GapWindows, window_s: float) -> dict[str, Any]:
    """Columns by window; where the log ends within the last one, its rate is that of the last `window_s` seconds."""
    duration = float(time_s[-1])
    start = np.arange(found.count.shape[1]) * window_s
    rate = found.count[0] / window_s
    if start[-1] + window_s > duration:
        last = len(time_s) - np.searchsorted(time_s, max(0.0, duration - window_s), side="right")
        rate[-1] = last / min(window_s, duration)
    return {
        "window": Number(window_s, "s"),
        "start_s": start.tolist(),
        "count": found.count[0].tolist(),
        "rate_per_s": rate.tolist(),
        "cv": found.cv[0].tolist(),
        "family": ["" if k < 0 else FAMILIES[k] for k in found.family[0].tolist()],
    }


def _cv(gap: F8, found: GapWindows) -> dict[str, Any]:
    judged = found.family[0] >= 0
    result: dict[str, Any] = {"whole_log": _whole_cv(gap), "windows": int(judged.sum())}
    result["windows_too_few_gaps"] = int((~judged).sum())
    if judged.any():
        cv = of_column(np.ascontiguousarray(found.cv[0][judged]))
        for name, p in (("p10", 0.1), ("median", 0.5), ("p90", 0.9)):
            result[name] = quantile_of(cv, p, "")
    return result


def _whole_cv(gap: F8) -> Number:
    value = float(gap.std() / gap.mean())
    blocks = jackknife.blocks_of(len(gap), 10)
    if not blocks:
        return Number(value, "", len(gap))
    first = np.searchsorted(jackknife.block_index(len(gap), blocks), np.arange(blocks))
    size = jackknife.without(np.diff(np.append(first, len(gap))).astype(np.float64))
    mean = jackknife.without(np.add.reduceat(gap, first)) / size
    square = jackknife.without(np.add.reduceat(gap * gap, first)) / size
    with np.errstate(divide="ignore", invalid="ignore"):
        others = np.sqrt(np.maximum(square - mean * mean, 0.0)) / mean
    return jackknife.number(value, others, "", len(gap), log=True, least=0.0)


def _correlations(time_s: F8, gap: F8, duration: float) -> dict[str, Any]:
    """Autocorrelation of gaps and of counts, with the band within which uncorrelated ones lie (95 % at each lag)."""
    result: dict[str, Any] = {}
    if len(gap) >= 10 * _LAGS:
        result["gaps"] = _correlogram(gap, _LAGS)
    if 50 <= duration / _COUNT_BIN_S <= MOST_BINS:
        count = counts(time_s, _COUNT_BIN_S, duration)
        lags = min(60, len(count) // 5)
        result["counts"] = {"bin": Number(_COUNT_BIN_S, "s"), **_correlogram(count, lags)}
    return result


def _correlogram(values: F8, lags: int) -> dict[str, Any]:
    return {
        "n": len(values),
        "lag": list(range(1, lags + 1)),
        "value": autocorrelation(values, lags).tolist(),
        "band": 1.96 / len(values) ** 0.5,
    }


def _laws(time_s: F8, found: GapWindows, window_s: float, windows: int, clock: float) -> dict[str, Any]:
    judged = found.family[0][found.family[0] >= 0]
    chosen = gap_tests.choose(*split_gaps(time_s, None, window_s, windows))
    if not len(judged) or chosen is None:
        return {}
    tested, p = gap_tests.p_values(chosen)
    aic = gap_tests.aic(chosen, clock / 2)
    best = aic.argmin(0)
    distance = found.ks[:, 0, found.family[0] >= 0]
    return {
        "smallest_ks": _shares(judged),
        "smallest_aic": _shares(best),
        "not_refused": {
            name: share_number(float((p[k] > 0.05).sum()), p.shape[1]) for k, name in enumerate(FAMILIES)
        },
        "median_ks": {
            name: Number(float(np.median(distance[k])), "", distance.shape[1])
            for k, name in enumerate(FAMILIES)
        },
        "aic_above_best": {
            name: Number(float((aic[k] - aic.min(0)).mean()), "", aic.shape[1])
            for k, name in enumerate(FAMILIES)
        },
        "gaps_at_most": gap_tests.MOST_GAPS,
        "tested_start_s": (chosen.window[tested] * window_s).tolist(),
        "p_values": {name: p[k].tolist() for k, name in enumerate(FAMILIES)},
        "example": _example(chosen, tested, window_s),
    }


def _shares(best: npt.NDArray[Any]) -> dict[str, Number]:
    return {name: share_number(float((best == k).sum()), len(best)) for k, name in enumerate(FAMILIES)}


def _example(chosen: gap_tests.WindowGaps, tested: I8, window_s: float) -> dict[str, Any]:
    """Gaps of the tested window with the median CV, for the plot of its laws."""
    k = int(tested[np.argsort(chosen.cv[tested], kind="stable")[len(tested) // 2]])
    begin = int(chosen.gaps[:k].sum())
    gap = chosen.gap_s[begin : begin + int(chosen.gaps[k])]
    one = np.array([len(gap)]), chosen.mean_s[k : k + 1], chosen.cv[k : k + 1]
    far = distances(gap, *one)[:, 0]
    return {
        "start": Number(float(chosen.window[k] * window_s), "s", len(gap)),
        "mean_gap": Number(float(chosen.mean_s[k]), "s", len(gap)),
        "cv": Number(float(chosen.cv[k]), "", len(gap)),
        "gap_s": np.sort(gap).tolist(),
        "ks": {name: Number(float(far[i]), "", len(gap)) for i, name in enumerate(FAMILIES)},
    }


def rate_shape(time_s: F8, duration: float, window_s: float) -> dict[str, Any]:
    """Peak and trough over whole hours, or over whole windows if there are not two hours; {} if not two windows."""
    span = HOUR_S if duration >= 2 * HOUR_S else window_s
    count = counts(time_s, span, duration)
    if len(count) < 2:
        return {}
    peak, trough = int(count.argmax()), int(count.argmin())
    result: dict[str, Any] = {"span": Number(span, "s", len(count))}
    for name, k in (("peak", peak), ("trough", trough)):
        result[name] = Number(float(count[k] / span), "1/s", int(count[k]))
        result[f"{name}_start"] = Number(float(k * span), "s")
    if count[trough]:
        result["peak_to_trough"] = Number(float(count[peak] / count[trough]), "", len(count))
    return result


def _hours_of_day(time_s: F8, start: str, duration: float) -> dict[str, Any]:
    """Mean rate in each hour of the day, in UTC, over the whole hours of the log that begin on the hour."""
    begin = dt.datetime.fromisoformat(start)
    begin = begin.astimezone(dt.UTC) if begin.tzinfo else begin.replace(tzinfo=dt.UTC)
    offset = begin.minute * 60 + begin.second + begin.microsecond / 1e6
    first = 0.0 if offset == 0 else HOUR_S - offset
    edges = np.arange(first, duration + 1e-9, HOUR_S)
    count = np.diff(np.searchsorted(time_s, edges))
    hour = (begin.hour + (1 if offset else 0) + np.arange(len(count))) % 24
    hours = np.bincount(hour, minlength=24)
    total = np.bincount(hour, weights=count, minlength=24)
    return {
        "zone": "UTC",
        "hours": hours.tolist(),
        "rate_per_s": (total / np.maximum(hours, 1) / HOUR_S).tolist(),
    }
