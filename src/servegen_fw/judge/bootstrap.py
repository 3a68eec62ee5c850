"""The circular block bootstrap of a mean: how far the average of an autocorrelated series can be off.

The statistics of this package are averages of a series of *influences* (a quantile is an average of indicators). For
an average the circular block bootstrap (Politis and Romano, 1992) needs no resampling: its standard error over
infinitely many resamples is the mean square of the overlapping block sums. So it is computed in closed form: exact,
without a seed, and fast enough for a million requests. `resample` draws actual resamples; tests hold the two together.

Block length: Politis and White (2004) with the correction of Patton, Politis and White (2009), doubled, because their
rule minimises the error of the variance and coverage suffers more from its bias. Degrees of freedom: the moment
estimate of Satterthwaite from the kurtosis of the block sums, which widens the interval where a few bursts of slow
requests decide.
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I8

BLOCKS = 4096
"""Longer series are first summed into this many pieces of equal length; their order is kept."""

LEVEL = 0.95
"""Coverage of all intervals."""

LEAST = 8
"""A series of fewer pieces has no interval."""

_LENGTHENING = 2.0
_LONGEST = 0.2
# Overlapping blocks carry about 1.5 times the information of the blocks that fit side by side (Politis and Romano).
_OVERLAP = 1.5


@attrs.frozen
class Spread:
    """Sampling error of a sum of influences.

    Attributes
    ----------
        variance: of one piece allowing for autocorrelation ("long-run variance"), in squared units of an influence.
        block: block length used, in pieces.
        pieces: length of the series.
        freedom: degrees of freedom of `variance`.
        settled: False if the autocorrelation outlasts what the series can show, so that `variance` is too small.
    """

    variance: float
    block: int
    pieces: int
    freedom: float
    settled: bool

    @property
    def error(self) -> float:
        """Standard error of the mean influence per piece."""
        return math.sqrt(self.variance / self.pieces)

    @property
    def quantile(self) -> float:
        """Quantile of Student's t for a two-sided interval of `LEVEL`."""
        return student(0.5 + LEVEL / 2, self.freedom)


def spread(influence: F8) -> Spread:
    """Sampling error of the mean of `influence` (float64[k], k >= 2, in time order)."""
    k = len(influence)
    u = influence - influence.mean()
    best, settled = block_length(u)
    block = max(1, min(math.ceil(_LENGTHENING * best), int(_LONGEST * k)))
    sums = _circular_sums(u, block)
    square = float(np.mean(sums**2))
    fit = k / block
    information = _OVERLAP * fit if block > 1 else fit
    if square <= 0.0:
        return Spread(0.0, block, k, information, settled)
    kurtosis = float(np.mean(sums**4)) / square**2
    freedom = min(2.0 * information / max(kurtosis - 1.0, 1e-9), information)
    variance = square / block * fit / max(fit - 1.0, 0.5)
    return Spread(variance, block, k, max(1.0, freedom), settled)


def block_length(u: F8) -> tuple[float, bool]:
    """Block length of least error for the variance of the mean of a centred series, and whether it is well below the limit.

    Source: Politis and White, Econometric Reviews 23 (2004), with the constants of the circular bootstrap as
    corrected by Patton, Politis and White, Econometric Reviews 28 (2009).
    """
    n = len(u)
    size = 1 << (2 * n - 1).bit_length()
    transform = np.fft.rfft(u, size)
    covariance = np.fft.irfft(transform * np.conj(transform), size)[:n] / n
    if covariance[0] <= 0.0:
        return 1.0, True
    run = max(5, math.ceil(math.sqrt(math.log10(n))))
    most = min(math.ceil(math.sqrt(n)) + run, n - 1 - run)
    if most < 1:
        return 1.0, False
    small = np.abs(covariance[1 : most + run] / covariance[0]) < 2.0 * math.sqrt(math.log10(n) / n)
    quiet = np.convolve(small, np.ones(run), "valid") >= run
    lag = max(1, int(np.argmax(quiet))) if quiet.any() else most
    window = min(2 * lag, n - 1)
    k = np.arange(1, window + 1)
    taper = np.minimum(1.0, 2.0 * (1.0 - k / window))
    g = 2.0 * float(np.sum(taper * k * covariance[1 : window + 1]))
    spectrum = float(covariance[0] + 2.0 * np.sum(taper * covariance[1 : window + 1]))
    if spectrum <= 0.0:
        spectrum = float(covariance[0])
    best = (2.0 * g**2 / (4.0 / 3.0 * spectrum**2)) ** (1.0 / 3.0) * n ** (1.0 / 3.0)
    limit = _LONGEST * n / _LENGTHENING
    return float(min(best, limit)), best < limit


def resample(influence: F8, block: int, times: int, rng: np.random.Generator) -> F8:
    """Means of `times` circular block resamples of `influence`, float64[times]; blocks are cut to the series' length."""
    k = len(influence)
    fit = max(1, k // block)
    sums = _circular_sums(influence, block)
    return np.asarray(sums[rng.integers(0, k, (times, fit))].mean(axis=1) / block)


def _circular_sums(u: F8, block: int) -> F8:
    total = np.concatenate(([0.0], np.cumsum(np.concatenate((u, u[: block - 1])))))
    return np.asarray(total[block:] - total[:-block])


def edges(n: int, most: int = BLOCKS) -> I8:
    """Ends of at most `most` pieces that split `n` values in time order, int64[pieces]; lengths differ by one at most."""
    pieces = min(n, most)
    return np.arange(1, pieces + 1) * n // max(pieces, 1)


@functools.lru_cache(maxsize=4096)
def student(probability: float, freedom: float) -> float:
    """Quantile of Student's t for real `freedom` >= 1 and probability >= 1/2.

    With t = sqrt(freedom) tan(a) the density of a is proportional to cos(a)^(freedom - 1), which is integrated
    numerically; relative error below 1e-5.
    """
    if freedom > 1e4:
        return NormalDist().inv_cdf(probability)
    widest = min(math.pi / 2, 12.0 / math.sqrt(freedom))
    angle = np.linspace(0.0, widest, 4001)
    density = np.cos(angle) ** (freedom - 1.0)
    area = np.concatenate(([0.0], np.cumsum((density[1:] + density[:-1]) / 2)))
    at = float(np.interp((2.0 * probability - 1.0) * area[-1], area, angle))
    return math.sqrt(freedom) * math.tan(at)
