"""The three laws of gaps that arrivals are compared with: exponential, gamma and Weibull, many fits in one call."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]

FAMILIES: Final = ("exponential", "gamma", "weibull")
"""In the order of every array that has one entry a family."""

SMALLEST_SHAPE = 0.02
LARGEST_SHAPE = 1e4
_GRID = 4096


def weibull_shape(cv: F8) -> F8:
    """Shapes of the Weibull laws with the given CVs, of any array's shape; within [0.02, 10,000].

    Solves 1 + cv^2 = Gamma(1 + 2/k) / Gamma(1 + 1/k)^2 by interpolation in a table of 4,096 shapes; relative error
    below 1e-5 for CVs from 0.001 to 1,000.
    """
    log_cv, log_shape = _weibull_table()
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(np.interp(np.log(cv), log_cv, log_shape)))


def gamma_shape(cv: F8) -> F8:
    """Shapes of the gamma laws with the given CVs, 1 / cv^2; within [1e-6, 1e8]."""
    return np.asarray(1.0 / np.clip(cv, 1e-4, 1e3) ** 2)


def levels(family: str, gap: F8, mean: F8, cv: F8) -> F8:
    """Distribution function at `gap` of the law with the given mean and CV (moment fit); all of one shape.

    The exponential law takes the mean alone. `mean` and `cv` are above 0.
    """
    from scipy import special

    part = gap / mean
    if family == "exponential":
        return np.asarray(-np.expm1(-part))
    if family == "gamma":
        shape = gamma_shape(cv)
        return np.asarray(special.gammainc(shape, part * shape))
    shape = weibull_shape(cv)
    return np.asarray(-np.expm1(-((part * _weibull_unit(shape)) ** shape)))


def draws(family: str, mean: F8, cv: F8, rng: np.random.Generator) -> F8:
    """One gap per element of `mean` and `cv`, from the law with that mean and CV."""
    if family == "exponential":
        return np.asarray(rng.standard_exponential(mean.shape) * mean)
    if family == "gamma":
        shape = gamma_shape(cv)
        return np.asarray(rng.standard_gamma(shape) * (mean / shape))
    shape = weibull_shape(cv)
    return np.asarray(rng.standard_exponential(mean.shape) ** (1.0 / shape) * (mean / _weibull_unit(shape)))


def _weibull_unit(shape: F8) -> F8:
    """Mean of a Weibull law of scale 1."""
    from scipy import special

    return np.asarray(special.gamma(1.0 + 1.0 / shape))


@functools.cache
def _weibull_table() -> tuple[F8, F8]:
    """Log CV, ascending, and log shape; float64[4096] each."""
    from scipy import special

    log_shape = np.linspace(np.log(LARGEST_SHAPE), np.log(SMALLEST_SHAPE), _GRID)
    inverse = np.exp(-log_shape)
    excess = special.gammaln(1.0 + 2.0 * inverse) - 2.0 * special.gammaln(1.0 + inverse)
    # Near-constant gaps: the difference above loses all digits, and its series is exact: (pi^2 / 6) / k^2.
    excess = np.where(inverse < 1e-3, np.pi**2 / 6 * inverse**2 - 2.404113806 * inverse**3, excess)
    return 0.5 * np.log(np.expm1(np.minimum(excess, 700.0))), log_shape
