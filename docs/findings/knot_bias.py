"""How far the quantile knots of a fitted pool may move the parameters that are found again, to first order.

A fit keeps each table's distribution function to within t 2 sqrt(F (1 - F)), t = max(0.002, 0.25 / sqrt(m)) for m values
(`fit_table`). An estimator with influence function I moves by the integral of I over that difference, at most by the
integral of |I'| t 2 sqrt(F (1 - F)) (Hampel, JASA 69, 1974). It does not average out over clients, as knots err to one side
where a distribution function bends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from populations import Lengths, Reasoning
from servegen_fw_pools.fit.compact import NOISE_SHARE, TOLERANCE

F8 = npt.NDArray[np.float64]

_STEP = 1e-4
_POINTS = 4000
_FLOOR = 0.02


def tolerance(values: float, shares: Sequence[float]) -> float:
    """Mean t of the clients' tables, weighted by their shares of `values`."""
    return sum(share * max(TOLERANCE, NOISE_SHARE / (2 * math.sqrt(values * share))) for share in shares)


def of_lengths(law: Lengths) -> dict[str, float]:
    """Bound of each free parameter for t = 1: of mu as it is, of shares in the logit, of others in the logarithm."""
    names = [name for name in law.parameters if name != "threshold"]
    at = np.array([_bent(name, law.parameters[name]) for name in names])

    def density(theta: F8, x: F8) -> F8:
        """Of log x."""
        p = {
            **law.parameters,
            **{name: _straight(name, float(v)) for name, v in zip(names, theta, strict=True)},
        }
        if law.family == "exponential":
            return np.asarray(np.exp(x - np.exp(x) / p["mean"]) / p["mean"])
        body = _normal(x, p["mu"], p["sigma"])
        if law.family == "lognormal":
            return body
        over = x - math.log(p["threshold"])
        tail = np.where(over > 0, p["alpha"] * np.exp(-p["alpha"] * np.maximum(over, 0.0)), 0.0)
        return np.asarray((1 - p["tail_share"]) * body + p["tail_share"] * tail)

    return dict(zip(names, _bounds(density, at, np.linspace(-3.0, 16.0, _POINTS)).tolist(), strict=True))


def of_modes(law: Reasoning) -> dict[str, float]:
    """Bounds for t = 1: "weight", "lower", "upper" as they are, "lower spread" and "upper spread" in the logarithm."""
    at = np.array([law.weight, law.low, law.high, math.log(law.spread), math.log(law.spread)])

    def density(theta: F8, x: F8) -> F8:
        weight, low, high, one, other = theta.tolist()
        return np.asarray(
            weight * _normal(x, low, math.exp(one)) + (1 - weight) * _normal(x, high, math.exp(other))
        )

    names = ("weight", "lower", "upper", "lower spread", "upper spread")
    return dict(zip(names, _bounds(density, at, np.linspace(0.0, 1.0, _POINTS)).tolist(), strict=True))


def of_mean(mass: F8) -> float:
    """Bound of the mean for t = 1, from the probabilities of 0, 1, 2 ..."""
    level = np.cumsum(mass)[:-1]
    return float(_spread(level).sum())


def _bounds(density: Callable[[F8, F8], F8], at: F8, x: F8) -> F8:
    f = np.maximum(density(at, x), 1e-300)
    steps = np.eye(len(at)) * _STEP
    score = np.stack([(density(at + step, x) - density(at - step, x)) / (2 * _STEP) / f for step in steps])
    mass = f / f.sum()
    influence = np.linalg.solve((score * mass) @ score.T, score)
    level = np.cumsum(mass)
    inside = (level > 1e-6) & (level < 1 - 1e-6)
    return np.asarray((np.abs(np.diff(influence[:, inside])) * _spread(level[inside][:-1])).sum(1))


def _spread(level: F8) -> F8:
    return np.asarray(np.maximum(2 * np.sqrt(np.clip(level * (1 - level), 0.0, None)), _FLOOR))


def _normal(x: F8, mean: float, spread: float) -> F8:
    return np.asarray(np.exp(-0.5 * ((x - mean) / spread) ** 2) / spread / math.sqrt(2 * math.pi))


def _bent(name: str, value: float) -> float:
    if name == "mu":
        return value
    return math.log(value / (1 - value)) if name == "tail_share" else math.log(value)


def _straight(name: str, bent: float) -> float:
    if name == "mu":
        return bent
    return 1 / (1 + math.exp(-bent)) if name == "tail_share" else math.exp(bent)
