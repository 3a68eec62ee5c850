"""Lengths with a quantile function of their own: fixed, uniform, exponential, log-normal, gamma, Weibull, Pareto."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw_models.weibull import shape_of

if TYPE_CHECKING:
    from servegen_fw_models import options

F8: TypeAlias = npt.NDArray[np.float64]

_LARGEST_LOG = 690.0


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


@attrs.frozen
class Gamma:
    """Gamma law of the given mean and CV, shape 1 / cv^2, given that it stays below `max`; a `Lengths`."""

    mean: float
    cv: float
    max: float = math.inf

    def ppf(self, u: F8) -> F8:
        """Quantiles by the inverse of the regularised incomplete gamma function, to its rounding."""
        from scipy.special import gammainc, gammaincinv

        shape = 1.0 / self.cv**2
        below = float(gammainc(shape, self.max * shape / self.mean)) if self.max < math.inf else 1.0
        return np.asarray(np.minimum(gammaincinv(shape, np.asarray(u) * below) * self.mean / shape, self.max))


@attrs.frozen
class Weibull:
    """Weibull law of the given scale and shape, given that it stays below `max`; a `Lengths`."""

    scale: float
    shape: float
    max: float = math.inf

    def ppf(self, u: F8) -> F8:
        """Quantiles scale (-log(1 - u F(max)))^(1 / shape)."""
        log_hazard = self.shape * math.log(self.max / self.scale) if self.max < math.inf else math.inf
        below = -math.expm1(-math.exp(min(log_hazard, _LARGEST_LOG)))
        return np.asarray(
            np.minimum(self.scale * (-np.log1p(-np.asarray(u) * below)) ** (1 / self.shape), self.max)
        )


@attrs.frozen
class Pareto:
    """Pareto law from `min` on, P(X > x) = (min / x)^tail, given that it stays below `max`; a `Lengths`."""

    min: float
    tail: float
    max: float = math.inf

    def ppf(self, u: F8) -> F8:
        """Quantiles min (1 - u F(max))^(-1 / tail)."""
        below = -math.expm1(self.tail * math.log(self.min / self.max)) if self.max < math.inf else 1.0
        log = -np.log1p(-np.asarray(u) * below) / self.tail
        return np.asarray(np.minimum(self.min * np.exp(np.minimum(log, _LARGEST_LOG)), self.max))


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


def make_gamma(config: options.GammaLength) -> Gamma:
    """Gamma, cut at `max`."""
    return Gamma(config.mean, config.cv, config.max)


def make_weibull(config: options.WeibullLength) -> Weibull:
    """Weibull, cut at `max`."""
    shape = shape_of(config.cv)
    return Weibull(config.mean / math.gamma(1 + 1 / shape), shape, config.max)


def make_pareto(config: options.Pareto) -> Pareto:
    """Pareto, cut at `max`."""
    return Pareto(config.min, config.tail, config.max)
