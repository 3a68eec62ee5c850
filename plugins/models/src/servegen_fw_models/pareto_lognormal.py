"""Log-normal body with a Pareto tail: what prompt lengths of services look like."""

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
class ParetoLogNormal:
    """Spliced law: log-normal up to a point x0, Pareto of exponent `tail` beyond; a `Lengths`.

    The density and its derivative are continuous at x0, which leaves no further parameter (the composite model of
    Scollnik, Scandinavian Actuarial Journal 2007(1), with both conditions): the slope d log f / d log x is
    -1 - (log x - mu) / sigma^2 in the body and -1 - tail beyond, so log x0 = mu + tail sigma^2. With
    z0 = tail sigma, Phi and phi the standard normal CDF and density, and 1 / c = Phi(z0) + phi(z0) / z0:

        F(x) = c Phi((log x - mu) / sigma)                       for x <= x0,
        1 - F(x) = c phi(z0) / z0 (x / x0)^-tail                 for x > x0.

    Attributes
    ----------
        mu: of the body.
        sigma: of the body.
        tail: exponent.
        total: c.
        beyond: probability of the tail, 1 - F(x0).
        below: F(max), 1 without a maximum; quantiles are taken at u F(max), the law given that it stays below.
        max: largest value.
    """

    mu: float
    sigma: float
    tail: float
    total: float
    beyond: float
    below: float
    max: float

    @classmethod
    def of(cls, median: float, sigma: float, tail: float, max: float = math.inf) -> ParetoLogNormal:  # noqa: A002 - the option's name
        """Return the law whose median (before `max`) is `median`, exactly."""
        from scipy.special import ndtr

        z0 = tail * sigma
        edge = math.exp(-0.5 * z0 * z0) / math.sqrt(2 * math.pi) / z0
        total = 1.0 / (float(ndtr(z0)) + edge)
        unit = cls(0.0, sigma, tail, total, total * edge, 1.0, math.inf)
        # Both parts scale with exp(mu), so mu moves the median of the unit law to the wanted one.
        law = attrs.evolve(unit, mu=math.log(median) - float(np.log(unit.ppf(np.array([0.5])))[0]))
        return attrs.evolve(law, below=law.cdf(max), max=max)

    def cdf(self, x: float) -> float:
        """F(x), before `max`."""
        from scipy.special import ndtr

        z = (math.log(x) - self.mu) / self.sigma if x < math.inf else math.inf
        z0 = self.tail * self.sigma
        if z <= z0:
            return self.total * float(ndtr(z))
        return 1.0 - self.beyond * math.exp(-self.tail * self.sigma * (z - z0))

    def ppf(self, u: F8) -> F8:
        """Quantiles, in closed form on both sides of x0."""
        from scipy.special import ndtri

        at = np.asarray(u) * self.below
        above = 1.0 - at
        in_tail = above < self.beyond
        body = self.mu + self.sigma * ndtri(np.where(in_tail, 0.5, np.minimum(at / self.total, 1.0)))
        ratio = self.beyond / np.where(in_tail, above, 1.0)
        tail = self.mu + self.tail * self.sigma**2 + np.log(np.where(in_tail, ratio, 1.0)) / self.tail
        return np.asarray(np.minimum(np.exp(np.where(in_tail, tail, body)), self.max))


def make(config: options.ParetoLogNormal) -> ParetoLogNormal:
    """Log-normal body, Pareto tail, cut at `max`."""
    return ParetoLogNormal.of(config.median, config.sigma, config.tail, config.max)
