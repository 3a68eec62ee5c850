"""Counts in equal bins of time: their dispersion over time scales and their autocorrelation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from servegen_fw_pools.characterize import jackknife

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.characterize.section import Number

    F8 = npt.NDArray[np.float64]

SCALES_S: Final = (1.0, 10.0, 60.0, 600.0, 3600.0)
LEAST_BINS: Final = 20
MOST_BINS: Final = 20_000_000


def counts(time_s: F8, bin_s: float, duration_s: float) -> F8:
    """Requests in each whole bin of [0, duration_s); float64[bins]. What comes after the last whole bin is left out.

    `time_s` is float64[n], ascending, from 0.
    """
    bins = int(duration_s / bin_s)
    edges = np.arange(bins + 1) * bin_s
    return np.diff(np.searchsorted(time_s, edges)).astype(np.float64)


def dispersion(count: F8) -> Number:
    """Index of dispersion of counts, Var(N) / E(N): 1 for Poisson arrivals at every scale, more for bursty ones.

    The variance has bins - 1 in its denominator. The interval is that of the block jackknife on the logarithm, with
    stretches of at least two bins.

    Raises
    ------
        ValueError: fewer than `LEAST_BINS` bins, or no request in them.
    """
    bins = len(count)
    if bins < LEAST_BINS or not count.any():
        raise ValueError("too few bins for an index of dispersion")
    value = float(count.var(ddof=1) / count.mean())
    blocks = jackknife.blocks_of(bins, 2)
    index = jackknife.block_index(bins, blocks)
    size, total, square = (
        jackknife.without(np.bincount(index, weights, blocks))
        for weights in (np.ones(bins), count, count * count)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        others = (square - total * total / size) / (size - 1) / (total / size)
    return jackknife.number(value, others, "", bins, log=True, least=0.0)


def dispersions(time_s: F8, duration_s: float) -> list[dict[str, Any]]:
    """`dispersion` at every scale of `SCALES_S` that the log holds 20 to 20 million bins of.

    Returns
    -------
        Per scale: "scale_s", "index", and "poisson_low" and "poisson_high", between which the index of a Poisson
        process of constant rate lies in 95 % of such logs (chi-square with bins - 1 degrees of freedom).
    """
    from scipy.special import chdtri

    found = []
    for scale in SCALES_S:
        if not LEAST_BINS <= duration_s / scale <= MOST_BINS:
            continue
        count = counts(time_s, scale, duration_s)
        if not count.any():
            continue
        free = len(count) - 1
        found.append(
            {
                "scale_s": scale,
                "index": dispersion(count),
                "poisson_low": float(chdtri(free, 0.975)) / free,
                "poisson_high": float(chdtri(free, 0.025)) / free,
            }
        )
    return found


def autocorrelation(values: F8, lags: int) -> F8:
    """Autocorrelation at lags 1 to `lags`: sum (x_t - m)(x_(t+k) - m) / sum (x_t - m)^2; zeros for constant values."""
    centred = values - values.mean()
    total = float(np.dot(centred, centred))
    if total <= 0 or len(values) <= lags:
        return np.zeros(lags)
    return np.array([float(np.dot(centred[:-k], centred[k:])) / total for k in range(1, lags + 1)])
