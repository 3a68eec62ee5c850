"""Do the gaps of a window come from an exponential, a gamma or a Weibull law? Tests with fitted parameters, and AIC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import numpy as np

from servegen_fw_pools.characterize.gap_families import FAMILIES, draws
from servegen_fw_pools.characterize.windows import distances, runs

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

LEAST_GAPS: Final = 30
MOST_GAPS: Final = 500
MOST_TESTED: Final = 40
MOST_FITTED: Final = 400
REPLICATES: Final = 99

_SEED = 20250509
_BISECTIONS = 45


@attrs.frozen(eq=False)
class WindowGaps:
    """Gaps of some windows, one run after the other.

    Attributes
    ----------
        window: int64[m]; which windows.
        gap_s: float64[g].
        gaps: int64[m]; length of each run.
        mean_s: float64[m].
        cv: float64[m].
    """

    window: I8
    gap_s: F8
    gaps: I8
    mean_s: F8
    cv: F8


def choose(cell: I8, gap_s: F8) -> WindowGaps | None:
    """Choose up to 400 windows of at least 30 gaps, evenly over time, and up to 500 gaps of each, at random.

    With more gaps every law is refused for a difference that no user would feel; with as many, a distance of 0.06 is
    found. Parameters: what `split_gaps` returns, the window of each request and the gaps within windows. None if no
    window has enough gaps that differ.
    """
    window, count = runs(cell)
    size = count - 1
    begin = np.cumsum(size) - size
    enough = np.flatnonzero(size >= LEAST_GAPS)
    enough = enough[_spaced(len(enough), MOST_FITTED)]
    rng = np.random.default_rng(_SEED)
    kept, parts = [], []
    for k in enough:
        part = gap_s[begin[k] : begin[k] + size[k]]
        if size[k] > MOST_GAPS:
            part = part[rng.choice(size[k], MOST_GAPS, replace=False, shuffle=False)]
        if part.std() > 1e-3 * part.mean():
            kept.append(k)
            parts.append(part)
    if not kept:
        return None
    gaps = np.array([len(part) for part in parts], np.int64)
    gap = np.concatenate(parts)
    return WindowGaps(window[kept], gap, gaps, *_moments(gap, gaps))


def p_values(chosen: WindowGaps) -> tuple[I8, F8]:
    """KS test of each family in up to 40 of the windows, evenly over time.

    Mean and CV are fitted to the window, so the usual table of the KS test does not hold: 99 windows of as many gaps
    are drawn from the fitted law, fitted anew, and their distances compared (parametric bootstrap; Stute and others,
    Metrika 40, 1993). The p-value is (1 + how many are as far) / 100: under the law it is at most 0.05 in 5 % of
    windows.

    Returns
    -------
        int64[t], which of `chosen`; float64[3, t], p-values.
    """
    tested = _spaced(len(chosen.gaps), MOST_TESTED)
    mask = np.zeros(len(chosen.gaps), np.bool_)
    mask[tested] = True
    gaps, mean, cv = chosen.gaps[tested], chosen.mean_s[tested], chosen.cv[tested]
    gap = chosen.gap_s[np.repeat(mask, chosen.gaps)]
    seen = distances(gap, gaps, mean, cv)
    many = np.tile(gaps, REPLICATES)
    found = np.empty(seen.shape)
    for k, name in enumerate(FAMILIES):
        rng = np.random.default_rng([_SEED, k])
        drawn = draws(
            name, np.repeat(np.tile(mean, REPLICATES), many), np.repeat(np.tile(cv, REPLICATES), many), rng
        )
        far = distances(drawn, many, *_moments(drawn, many), families=(name,))[0]
        as_far = (far.reshape(REPLICATES, -1) >= seen[k]).sum(0)
        found[k] = (1 + as_far) / (REPLICATES + 1)
    return tested, found


def aic(chosen: WindowGaps, least_gap_s: float) -> F8:
    """Akaike's criterion of each family in each window, with parameters of largest likelihood; float64[3, m].

    A gap of 0 has no finite likelihood; it is taken as `least_gap_s` (half of what the log's clock resolves).
    """
    from scipy import special

    gap = np.maximum(chosen.gap_s, least_gap_s)
    n = chosen.gaps.astype(np.float64)
    first = np.cumsum(chosen.gaps) - chosen.gaps
    mean = np.add.reduceat(gap, first) / n
    log_gap = np.log(gap)
    log_mean = np.add.reduceat(log_gap, first) / n
    exponential = n * (-np.log(mean) - 1.0)

    shape = _gamma_likeliest(np.log(mean) - log_mean)
    scale = mean / shape
    gamma = n * ((shape - 1.0) * log_mean - shape - shape * np.log(scale) - special.gammaln(shape))

    run = np.repeat(np.arange(len(n)), chosen.gaps)
    shape, log_power = _weibull_likeliest(log_gap - log_mean[run], run, first, n)
    # With log x measured from its mean, the likelihood loses its term in (shape - 1).
    weibull = n * (np.log(shape) - log_power - 1.0 - log_mean)
    return 2.0 * np.array([[1.0], [2.0], [2.0]]) - 2.0 * np.stack([exponential, gamma, weibull])


def _gamma_likeliest(gap: F8) -> F8:
    """Shape with log(k) - digamma(k) = `gap`: Minka's start (2002) and Newton steps on 1 / k."""
    from scipy import special

    gap = np.maximum(gap, 1e-9)
    shape = (3.0 - gap + np.sqrt((gap - 3.0) ** 2 + 24.0 * gap)) / (12.0 * gap)
    for _ in range(8):
        error = np.log(shape) - special.psi(shape) - gap
        slope = shape * shape * (1.0 / shape - special.polygamma(1, shape))
        shape = 1.0 / (1.0 / shape + error / slope)
    return np.asarray(shape)


def _weibull_likeliest(log_gap: F8, run: I8, first: I8, n: F8) -> tuple[F8, F8]:
    """Shape k and log(mean(x^k)) of each run, by bisection of sum x^k log x / sum x^k = 1 / k (mean of log x is 0)."""
    low, high = np.full(len(n), np.log(0.01)), np.full(len(n), np.log(1e4))
    top = np.maximum.reduceat(log_gap, first)
    below = log_gap - top[run]
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        shape = np.exp(middle)
        power = np.exp(shape[run] * below)
        rising = np.add.reduceat(power * log_gap, first) / np.add.reduceat(power, first) > 1.0 / shape
        high = np.where(rising, middle, high)
        low = np.where(rising, low, middle)
    shape = np.exp((low + high) / 2)
    total = np.add.reduceat(np.exp(shape[run] * below), first)
    return shape, np.log(total / n) + shape * top


def _moments(gap: F8, gaps: I8) -> tuple[F8, F8]:
    """Mean and CV of each run, kept above 0."""
    first = np.cumsum(gaps) - gaps
    mean = np.maximum(np.add.reduceat(gap, first) / gaps, 1e-300)
    variance = np.add.reduceat((gap - np.repeat(mean, gaps)) ** 2, first) / gaps
    return mean, np.maximum(np.sqrt(variance) / mean, 1e-4)


def _spaced(many: int, most: int) -> I8:
    """Up to `most` indices below `many`, evenly spaced."""
    if many <= most:
        return np.arange(many)
    return np.linspace(0, many - 1, most).astype(np.int64)
