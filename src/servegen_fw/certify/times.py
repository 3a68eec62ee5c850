"""Figures of arrival times, the same for a workload, for what was sent, and for many simulated replicates at once."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I8

SCALES_S = (1, 10, 60, 600)
"""Bins of the index of dispersion."""

LEAST_BINS = 10
"""Fewest bins whose variance means something."""

LEAST_GAPS = 10
"""Fewest expected gaps for a client's CV to be looked at by itself."""

SHAPE_POINTS = 200
"""Moments at which the course of arrivals over the case is compared."""


@attrs.frozen(eq=False)
class Figures:
    """Arrivals of K replicates of one group of C clients.

    Attributes
    ----------
        total: float64[K]; arrivals, those of unknown clients included.
        count: float64[K, C].
        cv: float64[K, C]; coefficient of variation of inter-arrival times, NaN under two gaps.
        dispersion: float64[K, scales]; variance over mean of the counts in bins of `SCALES_S`, NaN under ten bins.
        first_second: float64[K]; arrivals in the first second of the recording's windows.
        course: float64[K, points]; share of the arrivals before each of `SHAPE_POINTS` moments.
    """

    total: F8
    count: F8
    cv: F8
    dispersion: F8
    first_second: F8
    course: F8

    def pooled_cv(self, weight: F8) -> F8:
        """Root of the mean squared CV over clients by `weight` (float64[C], 0 to leave one out); float64[K].

        A client without two gaps in a replicate counts as a Poisson one there, CV 1.
        """
        if weight.sum() <= 0:
            return np.full(len(self.cv), np.nan)
        squared = np.where(np.isnan(self.cv), 1.0, self.cv) ** 2
        return np.asarray(np.sqrt(squared @ weight / weight.sum()))

    @staticmethod
    def joined(parts: Sequence[Figures]) -> Figures:
        """Put replicates together."""
        return Figures(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in attrs.fields(Figures)))


def figures(
    replicate: I8,
    client: I8,
    at_s: F8,
    shape: tuple[int, int],
    horizon_s: float,
    *,
    window_starts_s: F8 | None = None,
) -> Figures:
    """Figures of arrivals given row by row: replicate, client (C for an unknown one), time in [0, horizon_s); `shape` is (K, C)."""
    many, clients = shape[0], shape[1] + 1
    owner = replicate * clients + client
    order = np.lexsort((at_s, owner))
    count = np.bincount(owner, minlength=many * clients).reshape(many, clients).astype(float)
    seconds = max(1, int(np.ceil(horizon_s)))
    bins = np.bincount(
        replicate * seconds + np.minimum(at_s.astype(np.int64), seconds - 1), minlength=many * seconds
    ).reshape(many, seconds)
    return Figures(
        total=np.asarray(count.sum(axis=1)),
        count=count[:, :-1],
        cv=_cv(owner[order], at_s[order], many * clients).reshape(many, clients)[:, :-1],
        dispersion=np.stack([_dispersion(bins, scale, horizon_s) for scale in SCALES_S], axis=1),
        first_second=_early(
            replicate, at_s, many, np.empty(0) if window_starts_s is None else window_starts_s
        ),
        course=_course(bins),
    )


def _cv(owner: I8, at_s: F8, owners: int) -> F8:
    """CV of the gaps of each owner, float64[owners]; rows by owner, then time."""
    gap, same = np.diff(at_s), owner[1:] == owner[:-1]
    gap, of = gap[same], owner[1:][same]
    n = np.bincount(of, minlength=owners)
    total = np.bincount(of, gap, owners)
    mean = np.divide(total, n, out=np.zeros(owners), where=n > 0)
    squares = np.bincount(of, (gap - mean[of]) ** 2, owners)
    cv = np.full(owners, np.nan)
    fit = (n >= 2) & (mean > 0)
    cv[fit] = np.sqrt(squares[fit] / n[fit]) / mean[fit]
    return cv


def _dispersion(bins: I8, scale: int, horizon_s: float) -> F8:
    """Variance over mean of the counts in whole bins of `scale` seconds, float64[K]."""
    whole = int(horizon_s + 1e-9) // scale
    if whole < LEAST_BINS:
        return np.full(len(bins), np.nan)
    counts = bins[:, : whole * scale].reshape(len(bins), whole, scale).sum(axis=2)
    mean = counts.mean(axis=1)
    return np.asarray(np.divide(counts.var(axis=1, ddof=1), mean, out=np.zeros(len(bins)), where=mean > 0))


def _early(replicate: I8, at_s: F8, many: int, starts_s: F8) -> F8:
    """Arrivals in the first second after any of `starts_s` (ascending), float64[K]."""
    if not len(starts_s):
        return np.full(many, np.nan)
    before = np.searchsorted(starts_s, at_s, side="right") - 1
    early = (before >= 0) & (at_s - starts_s[np.maximum(before, 0)] < 1.0)
    return np.bincount(replicate[early], minlength=many).astype(float)


def _course(bins: I8) -> F8:
    """Share of arrivals before each of the comparison's moments, float64[K, points]."""
    ends = np.unique(np.linspace(0, bins.shape[1], min(SHAPE_POINTS, bins.shape[1]) + 1).astype(int))[1:-1]
    total = np.maximum(bins.sum(axis=1), 1)
    return np.asarray(np.cumsum(bins, axis=1)[:, ends - 1] / total[:, None])
