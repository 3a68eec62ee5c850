"""Uniform numbers with a stated rank correlation, by a Gaussian copula."""

from __future__ import annotations

import functools
import math

import numpy as np

from servegen_fw.data.arrays import F8

_LIMIT = 8.2
_STEPS = 16_400
BELOW_ONE = 1.0 - 2.0**-53


@functools.cache
def _normal() -> tuple[F8, F8]:
    """Grid of z and of the standard normal distribution function there, 0.001 apart.

    Linear interpolation on it is within 3e-8 of the function: its second derivative is at most 0.242, times h^2 / 8.
    """
    z = np.linspace(-_LIMIT, _LIMIT, _STEPS + 1)
    return z, np.array([0.5 * math.erfc(-x / math.sqrt(2.0)) for x in z])


def cdf(z: F8) -> F8:
    """Standard normal distribution function at `z`, float64[n], within 3e-8."""
    grid, level = _normal()
    return np.interp(z, grid, level)


def ppf(u: F8) -> F8:
    """Inverse of `cdf`; `u` float64[n] in [0, 1)."""
    grid, level = _normal()
    return np.interp(u, level, grid)


def pearson(spearman: F8) -> F8:
    """Correlation of the normals of a Gaussian copula with these rank correlations, float64[n]; exact at 0, 1 and -1.

    Spearman's is (6 / pi) asin(rho / 2) (Kruskal 1958, "Ordinal measures of association", section 5).
    """
    rho = 2.0 * np.sin(np.pi * np.asarray(spearman, np.float64) / 6.0)
    return np.where(np.abs(spearman) >= 1, np.sign(spearman), rho)


def correlated(u: F8, other: F8, spearman: float) -> F8:
    """Uniforms made of `other` whose rank correlation with `u` is `spearman`; float64[n] in [0, 1).

    For a Gaussian copula with correlation rho Spearman's is (6 / pi) asin(rho / 2) (Kruskal 1958, "Ordinal measures
    of association", section 5), so rho = 2 sin(pi spearman / 6). The ends are exact: 1 returns `u` (comonotone), -1
    its mirror image, 0 `other`.
    """
    if spearman == 0:
        return other
    if spearman >= 1:
        return u
    if spearman <= -1:
        return np.minimum(1.0 - u, BELOW_ONE)
    rho = 2.0 * math.sin(math.pi * spearman / 6.0)
    mixed = rho * ppf(u) + math.sqrt(1.0 - rho * rho) * ppf(other)
    return np.minimum(cdf(mixed), BELOW_ONE)
