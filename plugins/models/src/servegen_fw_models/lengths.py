"""Lengths with a quantile function in closed form: fixed, uniform, exponential, log-normal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from servegen_fw_models import options

F8: TypeAlias = npt.NDArray[np.float64]


@attrs.frozen
class Fixed:
    """Always the same value; a `Lengths`."""

    value: float

    def ppf(self, u: F8) -> F8:
        """The value, once for each element of `u`."""
        return np.full(np.shape(u), self.value)


@attrs.frozen
class Uniform:
    """Continuous uniform on [low, high); a `Lengths`. Rounded to whole tokens, the two ends have half the weight."""

    low: float
    high: float

    def ppf(self, u: F8) -> F8:
        """Quantiles low + u (high - low)."""
        return np.asarray(self.low + np.asarray(u) * (self.high - self.low))


@attrs.frozen
class Exponential:
    """Exponential of the given mean, given that it stays below `max`; a `Lengths`."""

    mean: float
    max: float = math.inf

    def ppf(self, u: F8) -> F8:
        """Quantiles -mean log(1 - u F(max)) with F(x) = 1 - exp(-x / mean)."""
        below = -math.expm1(-self.max / self.mean)
        return np.asarray(np.minimum(-self.mean * np.log1p(-np.asarray(u) * below), self.max))


@attrs.frozen
class LogNormal:
    """Log-normal of the given median and sigma, given that it stays below `max`; a `Lengths`."""

    median: float
    sigma: float
    max: float = math.inf

    def ppf(self, u: F8) -> F8:
        """Quantiles median exp(sigma z(u F(max))) with z the standard normal quantile and F the law's own CDF."""
        from scipy.special import ndtr, ndtri

        below = float(ndtr(math.log(self.max / self.median) / self.sigma)) if self.max < math.inf else 1.0
        return np.asarray(
            np.minimum(self.median * np.exp(self.sigma * ndtri(np.asarray(u) * below)), self.max)
        )


def make_fixed(config: options.Fixed) -> Fixed:
    """Always the same value."""
    return Fixed(config.value)


def make_uniform(config: options.Uniform) -> Uniform:
    """Uniform between two values."""
    return Uniform(config.low, config.high)


def make_exponential(config: options.Exponential) -> Exponential:
    """Exponential, cut at `max`."""
    return Exponential(config.mean, config.max)


def make_lognormal(config: options.LogNormal) -> LogNormal:
    """Log-normal, cut at `max`."""
    return LogNormal(config.median, config.sigma, config.max)
