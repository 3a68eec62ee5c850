"""One or two normal laws cut to [0, 1], fitted to binned shares by EM, and what BIC says of the second one.

The law is that of the model "bimodal" with a spread of its own for each mode. Means stay within [0, 1]. The E-step
takes moments within bins and, for what the cut took away, outside of [0, 1] (Dempster, Laird and Rubin 1977, section
4.2); the likelihood never falls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from servegen_fw_pools.characterize.laws import log_normal, normal_moments

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]

SPREAD_RANGE = (1e-3, 2.0)
_MOST_STEPS = 1500
_ENOUGH = 1e-9
_SMOOTH = 0.02
_GRID = 1000
_STANDS_OUT = 0.05


@attrs.frozen(eq=False)
class ShareMixture:
    """Mixture of k normal laws cut to [0, 1], ordered by mean.

    Attributes
    ----------
        weight: float64[k].
        mean: float64[k]; of the normal law before the cut, also its mode.
        spread: float64[k]; standard deviation before the cut.
        log_likelihood: of the bins.
        n: observations.
        steps: log-likelihood after each step of the best start.
    """

    weight: F8
    mean: F8
    spread: F8
    log_likelihood: float
    n: float
    steps: tuple[float, ...] = ()

    @property
    def bic(self) -> float:
        """Schwarz's criterion; smaller is better."""
        return float((3 * len(self.weight) - 1) * np.log(self.n) - 2 * self.log_likelihood)

    def density(self, x: F8) -> F8:
        """Density at `x` (float64[m] in [0, 1]); float64[m]."""
        z = (x[:, None] - self.mean) / self.spread
        kept = np.exp([_inside(m, s) for m, s in zip(self.mean, self.spread, strict=True)])
        return np.asarray((np.exp(-0.5 * z**2) / self.spread / (2 * np.pi) ** 0.5 / kept) @ self.weight)


def fit_shares(edges: F8, count: F8, components: int) -> ShareMixture:
    """Fit one or two components to bins between `edges` (float64[k + 1] from 0 to 1); `count` float64[k]."""
    middle = (edges[1:] + edges[:-1]) / 2
    n = float(count.sum())
    mean = float(np.dot(count, middle) / n)
    spread = max(float(np.dot(count, (middle - mean) ** 2) / n) ** 0.5, 0.01)
    if components == 1:
        return _ascend(edges, count, np.ones(1), np.array([mean]), np.array([spread]))
    level = np.cumsum(count) / n
    found = []
    for low, high in ((0.1, 0.7), (0.25, 0.75), (0.15, 0.95), (0.4, 0.9)):
        means = middle[np.minimum(np.searchsorted(level, (low, high)), len(middle) - 1)]
        spreads = np.full(2, max(spread / 2, 0.02))
        found.append(_ascend(edges, count, np.array([0.5, 0.5]), means, spreads, most=60))
    best = max(found, key=lambda fit: fit.log_likelihood)
    best = _ascend(edges, count, best.weight, best.mean, best.spread)
    order = np.argsort(best.mean, kind="stable")
    return attrs.evolve(best, weight=best.weight[order], mean=best.mean[order], spread=best.spread[order])


def _ascend(
    edges: F8, count: F8, weight: F8, mean: F8, spread: F8, *, most: int = _MOST_STEPS
) -> ShareMixture:
    n = float(count.sum())
    steps: list[float] = []
    while True:
        value, after = _step(edges, count, weight, mean, spread)
        if steps and value < steps[-1] - 1e-9 * abs(steps[-1]):
            raise ArithmeticError(f"log-likelihood fell from {steps[-1]!r} to {value!r}")
        done = len(steps) >= most or (len(steps) > 3 and value - steps[-1] < _ENOUGH * n)
        steps.append(value)
        if done:
            return ShareMixture(weight, mean, spread, value, n, tuple(steps))
        weight, mean, spread = after


def _step(edges: F8, count: F8, weight: F8, mean: F8, spread: F8) -> tuple[float, tuple[F8, F8, F8]]:
    outer = np.concatenate(([-np.inf], edges, [np.inf]))
    log_p, first, second = [], [], []
    for m, s in zip(mean, spread, strict=True):
        z = (outer - m) / s
        log_p.append(log_normal(z))
        one, two = normal_moments(z, log_p[-1])
        first.append(m + s * one)
        second.append(m * m + 2 * m * s * one + s * s * two)
    kept = np.array([_inside(m, s) for m, s in zip(mean, spread, strict=True)])
    each = np.log(np.maximum(weight, 1e-300))[:, None] + np.array(log_p)[:, 1:-1] - kept[:, None]
    total = np.logaddexp.reduce(each, axis=0)
    owned = count * np.exp(each - total)
    size = owned.sum(1)
    new_mean, new_spread = mean.copy(), spread.copy()
    for k in np.flatnonzero(size > 1e-9 * count.sum()):
        # What the cut took away: as many observations outside as the law has there, per one inside.
        lost = size[k] * np.exp(np.asarray(log_p[k])[[0, -1]] - kept[k])
        full = np.concatenate(([lost[0]], owned[k], [lost[1]]))
        m = float(np.dot(full, first[k]) / full.sum())
        square = float(np.dot(full, second[k]) / full.sum())
        new_mean[k] = min(max(m, 0.0), 1.0)
        variance = square - 2 * new_mean[k] * m + new_mean[k] ** 2
        new_spread[k] = np.clip(max(variance, 0.0) ** 0.5, *SPREAD_RANGE)
    return float(np.dot(count, total)), (size / count.sum(), new_mean, new_spread)


def _inside(mean: float, spread: float) -> float:
    """Log-probability of [0, 1] under a normal law."""
    return float(log_normal(np.array([-mean / spread, (1 - mean) / spread]))[0])


@attrs.frozen
class Peaks:
    """The two highest modes of a smoothed density of shares, and the lowest point between them.

    Attributes
    ----------
        modes: ascending; one or two.
        valley: None with one mode.
        depth: density in the valley over that of the lower mode; None with one.
    """

    modes: tuple[float, ...]
    valley: float | None = None
    depth: float | None = None


def peaks_of(edges: F8, count: F8) -> Peaks:
    """Modes of the bins smoothed by a normal kernel of standard deviation 0.02, mirrored at 0 and 1.

    A second mode counts if it rises above the valley between by 5 % of the highest density.
    """
    grid = np.linspace(0, 1, _GRID + 1)
    middle, n = (edges[1:] + edges[:-1]) / 2, float(count.sum())
    used = count > 0
    density = np.zeros(len(grid))
    for place in (middle[used], -middle[used], 2 - middle[used]):
        density += np.exp(-0.5 * ((grid[:, None] - place) / _SMOOTH) ** 2) @ (count[used] / n)
    padded = np.concatenate(([-1.0], density, [-1.0]))
    tops: list[int] = np.flatnonzero((density >= padded[:-2]) & (density > padded[2:])).tolist()
    highest = max(tops, key=lambda top: float(density[top]))
    # The other mode is the one that stands out most: by the fall from it to the valley on the way to the highest.
    falls = [
        (float(density[top] - density[min(top, highest) : max(top, highest) + 1].min()), top)
        for top in tops
        if top != highest
    ]
    if not falls or max(falls)[0] < _STANDS_OUT * density[highest]:
        return Peaks((float(grid[highest]),))
    other = max(falls)[1]
    first, last = min(highest, other), max(highest, other)
    valley = first + int(np.argmin(density[first : last + 1]))
    depth = float(density[valley] / min(density[first], density[last]))
    return Peaks((float(grid[first]), float(grid[last])), float(grid[valley]), depth)
