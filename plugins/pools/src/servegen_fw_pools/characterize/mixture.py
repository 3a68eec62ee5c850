"""Body and tail by expectation-maximisation: a log-normal law and a Pareto law above a fitted threshold.

    P(x) = (1 - tail_share) LogNormal(x; mu, sigma) + tail_share Pareto(x; threshold, alpha)

The E-step takes the moments of both laws within each cell, so the algorithm is exact for grouped data (Dempster, Laird
and Rubin 1977, sections 4.2 and 4.3) and its likelihood never falls. The threshold, in which the likelihood has no
derivative, is chosen among the cells' edges: first among quantiles with several starts each, then between neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from servegen_fw_pools.characterize import laws

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.characterize.cells import Cells

    F8 = npt.NDArray[np.float64]

SIGMA_LEAST = 1e-3
ALPHA_RANGE = (0.05, 20.0)
SHARE_RANGE = (1e-6, 1 - 1e-6)
_MOST_STEPS = 1500
_ENOUGH = 1e-9
_PLACES = np.concatenate((np.linspace(0.0, 0.88, 23), 1 - np.geomspace(0.1, 0.001, 24)))
"""Levels of the sample at which thresholds are tried: the likelihood has a narrow peak where the tail really begins."""


@attrs.frozen
class BodyAndTail:
    """Parameters of the mixture; `alpha` is the tail's exponent, `threshold` where it begins."""

    mu: float
    sigma: float
    tail_share: float
    threshold: float
    alpha: float

    def log_masses(self, edges: F8) -> F8:
        """Log-probability of each cell; float64[k]."""
        body, tail = _parts(self, edges)
        return np.logaddexp(body, tail)


@attrs.frozen
class Climb:
    """Where an ascent ended: the law, its log-likelihood, and that of every step on the way."""

    law: BodyAndTail
    log_likelihood: float
    steps: tuple[float, ...]


def ascend(cells: Cells, law: BodyAndTail, most: int = _MOST_STEPS) -> Climb:
    """Iterate from `law` with its threshold kept, until a step gains less than 1e-9 per observation.

    Raises
    ------
        ArithmeticError: the likelihood fell, which no arithmetic but a defect explains.
    """
    steps: list[float] = []
    while True:
        after, value = _step(cells, law)
        if steps and value < steps[-1] - 1e-9 * abs(steps[-1]):
            raise ArithmeticError(f"log-likelihood fell from {steps[-1]!r} to {value!r} at {law}")
        done = len(steps) >= most or (len(steps) > 3 and value - steps[-1] < _ENOUGH * cells.n)
        steps.append(value)
        if done:
            return Climb(law, value, tuple(steps))
        law = after


def fit_body_and_tail(cells: Cells, near: BodyAndTail | None = None) -> Climb:
    """Fit the mixture from several starts; with `near`, from that law only (for a refit of similar data)."""
    edges = cells.edges[1:-1]
    level = np.cumsum(cells.weight)[:-1] / cells.n
    if near is not None:
        at = int(np.argmin(np.abs(edges - near.threshold)))
        best = ascend(cells, attrs.evolve(near, threshold=float(edges[at])), 150)
        return _refine(cells, best, edges, (4,), 50)
    places = np.unique(np.clip(np.searchsorted(level, _PLACES), 0, max(len(edges) - 2, 0)))
    found = [ascend(cells, start, 6) for place in places for start in _starts(cells, float(edges[place]))]
    for kept, steps in ((12, 40), (4, 300)):
        found.sort(key=lambda climb: -climb.log_likelihood)
        found = [ascend(cells, climb.law, steps) for climb in found[:kept]]
    best = max(found, key=lambda climb: climb.log_likelihood)
    return ascend(cells, _refine(cells, best, edges, (32, 16, 8, 4, 2, 1), 100).law)


def _refine(cells: Cells, best: Climb, edges: F8, strides: tuple[int, ...], most: int) -> Climb:
    """Move the threshold to neighbouring edges where that helps."""
    for stride in strides:
        at = int(np.searchsorted(edges, best.law.threshold))
        for other in (at - stride, at + stride):
            if 0 <= other < len(edges) - 1:
                moved = ascend(cells, attrs.evolve(best.law, threshold=float(edges[other])), most)
                if moved.log_likelihood > best.log_likelihood:
                    best = moved
    return best


def _parts(law: BodyAndTail, edges: F8) -> tuple[F8, F8]:
    z = (laws.log_edges(edges) - law.mu) / law.sigma
    body = np.log1p(-law.tail_share) + laws.log_normal(z)
    tail = np.log(law.tail_share) + laws.log_pareto(edges, law.threshold, law.alpha)
    return body, tail


def _step(cells: Cells, law: BodyAndTail) -> tuple[BodyAndTail, float]:
    """One E- and M-step; the law after it, and the log-likelihood before it."""
    edges, weight = cells.edges, cells.weight
    z = (laws.log_edges(edges) - law.mu) / law.sigma
    log_body = laws.log_normal(z)
    body = np.log1p(-law.tail_share) + log_body
    tail = np.log(law.tail_share) + laws.log_pareto(edges, law.threshold, law.alpha)
    both = np.logaddexp(body, tail)
    in_tail = weight * np.exp(tail - both)
    in_body = weight - in_tail
    share = float(np.clip(in_tail.sum() / cells.n, *SHARE_RANGE))
    reach = float(np.dot(in_tail, laws.pareto_log_moment(edges, law.threshold, law.alpha)))
    alpha = float(np.clip(in_tail.sum() / max(reach, 1e-300), *ALPHA_RANGE))
    mu, sigma = law.mu, law.sigma
    if in_body.sum() > 1e-9 * cells.n:
        first, second = laws.normal_moments(z, log_body)
        mean = float(np.dot(in_body, first) / in_body.sum())
        variance = float(np.dot(in_body, second) / in_body.sum()) - mean * mean
        mu, sigma = mu + sigma * mean, max(sigma * max(variance, 0.0) ** 0.5, SIGMA_LEAST)
    return BodyAndTail(mu, sigma, share, law.threshold, alpha), float(np.dot(weight, both))


def _starts(cells: Cells, threshold: float) -> list[BodyAndTail]:
    """Starts for one threshold: the body all around the median and the tail what exceeds it, or all that lies above."""
    from scipy.special import ndtr

    upper = np.where(np.isinf(cells.edges[1:]), cells.edges[:-1], cells.edges[1:])
    middle = np.log(np.sqrt(np.maximum(cells.edges[:-1], upper / 2) * upper))
    above = cells.edges[:-1] >= threshold
    beyond = float(cells.weight[above].sum() / cells.n)
    reach = float(np.dot(cells.weight[above], middle[above] - np.log(threshold)))
    alpha = float(np.clip(cells.weight[above].sum() / max(reach, 1e-9), 0.3, 20.0))
    mean, spread = _middle(cells, middle)
    body_beyond = float(ndtr((mean - np.log(threshold)) / spread))
    starts = [BodyAndTail(mean, spread, float(np.clip(beyond - body_beyond, 1e-4, 0.98)), threshold, alpha)]
    weight = np.where(above, 0.1 * cells.weight, cells.weight)
    mean = float(np.dot(weight, middle) / weight.sum())
    spread = float(np.dot(weight, (middle - mean) ** 2) / weight.sum()) ** 0.5
    share = float(np.clip(0.9 * beyond, 1e-4, 0.98))
    return [*starts, BodyAndTail(mean, max(spread, 0.05), share, threshold, alpha)]


def _middle(cells: Cells, middle: F8) -> tuple[float, float]:
    """Median of the logarithm, and a spread from its lower quartile, which a tail hardly moves."""
    level = np.cumsum(cells.weight) / cells.n
    quartile, median = (
        float(middle[min(int(np.searchsorted(level, p)), len(middle) - 1)]) for p in (0.25, 0.5)
    )
    return median, max((median - quartile) / 0.6745, 0.05)
