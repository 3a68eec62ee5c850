"""Body and tail by expectation-maximisation: a log-normal law and a Pareto law above a fitted threshold.

    P(x) = (1 - tail_share) LogNormal(x; mu, sigma) + tail_share Pareto(x; threshold, alpha)

The E-step takes the moments of both laws within each cell, so the algorithm is exact for grouped data (Dempster, Laird
and Rubin 1977, sections 4.2 and 4.3) and its likelihood never falls. The threshold, in which the likelihood has no
derivative, is chosen among the cells' edges: first among quantiles with several starts each, then between neighbours.
"""

from __future__ import annotations

import math
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
_ENOUGH = 1e-6
_NEAR = 1e-4
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
    """Where an ascent ended: the law, its log-likelihood, and that of every step kept on the way."""

    law: BodyAndTail
    log_likelihood: float
    steps: tuple[float, ...]


def ascend(cells: Cells, law: BodyAndTail, most: int = _MOST_STEPS, enough: float = _ENOUGH) -> Climb:
    """Iterate from `law` with its threshold kept, until two steps gain less than `enough` in log-likelihood.

    After every two steps of EM a third is tried from where they point to (Varadhan and Roland 2008, scheme S3), and kept
    if its likelihood is no smaller: the same maximum in a few times fewer steps.

    Parameters
    ----------
        cells: what is fitted.
        law: where to begin.
        most: steps at most.
        enough: gain at which to stop; 1e-9 per observation is added, which is what sums of that many have digits for.

    Raises
    ------
        ArithmeticError: the likelihood fell, which no arithmetic but a defect explains.
    """
    ground, least = _Ground(cells, law.threshold), enough + 1e-9 * cells.n
    steps: list[float] = []

    def climbed(place: BodyAndTail) -> BodyAndTail:
        after, value = _step(ground, place)
        if steps and value < steps[-1] - 1e-9 * abs(steps[-1]):
            raise ArithmeticError(f"log-likelihood fell from {steps[-1]!r} to {value!r} at {place}")
        steps.append(value)
        return after

    spent = 0
    while True:
        one = climbed(law)
        two = climbed(one)
        spent += 3
        if spent >= most or (len(steps) > 3 and steps[-1] - steps[-3] < least):
            return Climb(one, steps[-1], tuple(steps))
        far = _beyond(law, one, two)
        after, value = _step(ground, far)
        law = two
        if value >= steps[-1]:
            steps.append(value)
            law = after


def _beyond(law: BodyAndTail, one: BodyAndTail, two: BodyAndTail) -> BodyAndTail:
    """Where two steps point to, in coordinates without ends."""
    a, b, c = (_coordinates(each) for each in (law, one, two))
    step, bend = b - a, c - 2 * b + a
    far = max(float(np.dot(step, step)) / max(float(np.dot(bend, bend)), 1e-300), 1.0) ** 0.5
    mu, log_sigma, logit, log_alpha = np.clip(a + 2 * far * step + far**2 * bend, -30.0, 30.0).tolist()
    return BodyAndTail(
        mu,
        max(math.exp(log_sigma), SIGMA_LEAST),
        _within(1 / (1 + math.exp(-logit)), SHARE_RANGE),
        law.threshold,
        _within(math.exp(log_alpha), ALPHA_RANGE),
    )


def _within(value: float, ends: tuple[float, float]) -> float:
    return min(max(value, ends[0]), ends[1])


def _coordinates(law: BodyAndTail) -> F8:
    logit = math.log(law.tail_share / (1 - law.tail_share))
    return np.array([law.mu, math.log(law.sigma), logit, math.log(law.alpha)])


def fit_body_and_tail(cells: Cells, near: BodyAndTail | None = None) -> Climb:
    """Fit the mixture from several starts.

    With `near` from that law only, for a refit of similar data, and until two steps gain less than 1e-4: parameters are
    then within some hundredths of their standard errors.
    """
    edges = cells.edges[1:-1]
    level = np.cumsum(cells.weight)[:-1] / cells.n
    if near is not None:
        at = int(np.argmin(np.abs(edges - near.threshold)))
        best = ascend(cells, attrs.evolve(near, threshold=float(edges[at])), 150, _NEAR)
        return _refine(cells, best, edges, (4,), most=50, enough=_NEAR)
    places = np.unique(np.clip(np.searchsorted(level, _PLACES), 0, max(len(edges) - 2, 0)))
    found = [ascend(cells, start, 6) for place in places for start in _starts(cells, float(edges[place]))]
    for kept, steps in ((12, 40), (4, 300)):
        found.sort(key=lambda climb: -climb.log_likelihood)
        found = [ascend(cells, climb.law, steps) for climb in found[:kept]]
    best = max(found, key=lambda climb: climb.log_likelihood)
    return ascend(cells, _refine(cells, best, edges, (32, 16, 8, 4, 2, 1), most=100).law)


def _refine(
    cells: Cells, best: Climb, edges: F8, strides: tuple[int, ...], *, most: int, enough: float = _ENOUGH
) -> Climb:
    """Move the threshold to neighbouring edges where that helps."""
    for stride in strides:
        at = int(np.searchsorted(edges, best.law.threshold))
        for other in (at - stride, at + stride):
            if 0 <= other < len(edges) - 1:
                moved = ascend(cells, attrs.evolve(best.law, threshold=float(edges[other])), most, enough)
                if moved.log_likelihood > best.log_likelihood:
                    best = moved
    return best


def _parts(law: BodyAndTail, edges: F8) -> tuple[F8, F8]:
    z = (laws.log_edges(edges) - law.mu) / law.sigma
    body = np.log1p(-law.tail_share) + laws.log_normal(z)
    tail = np.log(law.tail_share) + laws.log_pareto(edges, law.threshold, law.alpha)
    return body, tail


class _Ground:
    """What stays the same while a threshold does: logarithms of the edges, and of those of the tail's cells."""

    __slots__ = ("above", "log_edges", "n", "reach", "weight")

    def __init__(self, cells: Cells, threshold: float) -> None:
        self.weight, self.n = cells.weight, cells.n
        self.log_edges = laws.log_edges(cells.edges)
        self.above = max(int(np.searchsorted(cells.edges, threshold, side="right")) - 1, 0)
        self.reach = np.maximum(self.log_edges[self.above :] - math.log(threshold), 0.0)


def _step(ground: _Ground, law: BodyAndTail) -> tuple[BodyAndTail, float]:
    """One E- and M-step; the law after it, and the log-likelihood before it.

    A cell that neither part reaches (below e^-700) pulls nothing: no law near this one would gain by it.
    """
    above, share = ground.above, law.tail_share
    z = (ground.log_edges - law.mu) / law.sigma
    body, first, second = laws.normal_partial_moments(z)
    tail, log_reach = laws.pareto_partial_moments(ground.reach, law.alpha)
    both = (1 - share) * body
    both[above:] += share * tail
    reached = both > laws.LEAST
    value = float(np.dot(ground.weight, np.log(np.where(reached, both, laws.LEAST))))
    per = np.where(reached, ground.weight / np.where(reached, both, 1.0), 0.0)
    in_body = (1 - share) * float(np.dot(per, body))
    in_tail = share * float(np.dot(per[above:], tail))
    reach = share * float(np.dot(per[above:], log_reach))
    after = _within(in_tail / max(in_body + in_tail, 1e-300), SHARE_RANGE)
    alpha = _within(in_tail / max(reach, 1e-300), ALPHA_RANGE)
    mu, sigma = law.mu, law.sigma
    if in_body > 1e-9 * ground.n:
        mean = (1 - share) * float(np.dot(per, first)) / in_body
        variance = (1 - share) * float(np.dot(per, second)) / in_body - mean * mean
        mu, sigma = mu + sigma * mean, max(sigma * max(variance, 0.0) ** 0.5, SIGMA_LEAST)
    return BodyAndTail(mu, sigma, after, law.threshold, alpha), value


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
