"""Sampling laws of a figure: how far off it may be, and how probable it is to be further off."""

from __future__ import annotations

import functools
import math
from typing import Literal, Protocol

import attrs
import numpy as np

from servegen_fw.data.arrays import F8

TAIL = 0.2
"""Share of the replicates behind which a tail is taken to fall exponentially."""


class Law(Protocol):
    """The law of one figure under the model."""

    def p(self, value: float) -> float:
        """Probability of a figure at least as far off as `value`."""
        ...

    def band(self, alpha: float) -> tuple[float, float]:
        """Where a figure lies with probability 1 - alpha."""
        ...


@attrs.frozen(eq=False)
class Simulated:
    """The law as replicates show it: their ranks within, an exponential tail beyond.

    Within the range of R replicates p is the rank's, (1 + replicates further off) / (R + 1), which is valid for any
    law. Beyond it the k excesses over the (k + 1)-th largest, k = R / 5, are taken as exponential with an unknown mean;
    a new one exceeds d with probability (1 + d / S)^-k, S their sum (the predictive law of an exponential sample). Laws
    that fall faster, as all with a normal tail do, get too large a p, never too small a one.

    Attributes
    ----------
        replicates: float64[R], finite.
        sides: "both", or "upper" for distances, of which only a large one speaks against the workload.
        log: whether tails are exponential in the logarithm, for ratios and dispersions; needs positive replicates.
    """

    replicates: F8
    sides: Literal["both", "upper"] = "both"
    log: bool = False

    @functools.cached_property
    def _logs(self) -> bool:
        return self.log and bool(np.all(self.replicates > 0))

    @functools.cached_property
    def _sorted(self) -> F8:
        return np.sort(np.log(self.replicates) if self._logs else self.replicates)

    def p(self, value: float) -> float:
        """Probability of a figure at least as far off as `value`."""
        at = value
        if self._logs:
            at = math.log(value) if value > 0 else -math.inf
        upper = _upper(self._sorted, at)
        if self.sides == "upper":
            return upper
        return min(1.0, 2.0 * min(upper, _upper(-self._sorted[::-1], -at)))

    def band(self, alpha: float) -> tuple[float, float]:
        """Where a figure lies with probability 1 - alpha; from 0 on for distances."""
        each = alpha if self.sides == "upper" else alpha / 2.0
        high = _reach(self._sorted, each)
        low = -math.inf if self.sides == "upper" else -_reach(-self._sorted[::-1], each)
        if self._logs:
            return (0.0 if low == -math.inf else math.exp(low)), math.exp(high)
        # A figure that cannot be negative has no negative end.
        return (max(low, 0.0) if self._sorted[0] >= 0 else low), high


def _tail(ordered: F8) -> tuple[int, float, float]:
    """Number of excesses, the threshold, and the sum of the excesses."""
    k = max(1, min(len(ordered) - 1, int(TAIL * len(ordered))))
    threshold = float(ordered[-k - 1])
    return k, threshold, float(np.sum(ordered[-k:] - threshold))


def _upper(ordered: F8, at: float) -> float:
    """Probability of a value at least `at`, given ascending replicates."""
    r = len(ordered)
    beyond = r - int(np.searchsorted(ordered, at - 1e-9 * max(1.0, abs(at)), side="left"))
    if beyond or r < 2:
        return (1 + beyond) / (r + 1)
    k, threshold, total = _tail(ordered)
    if total <= 0 or math.isinf(at):
        return 0.0
    return float(min(1.0 / (r + 1), (k + 1) / (r + 1) * (1.0 + (at - threshold) / total) ** -k))


def _reach(ordered: F8, alpha: float) -> float:
    """Value that is exceeded with probability `alpha`."""
    r = len(ordered)
    place = math.floor(alpha * (r + 1))
    if place >= 1 or r < 2:
        return float(ordered[r - max(place, 1)])
    k, threshold, total = _tail(ordered)
    far = threshold + total * (((k + 1) / ((r + 1) * alpha)) ** (1.0 / k) - 1.0)
    return float(max(far, ordered[-1]))


@attrs.frozen
class Kolmogorov:
    """Distance between the empirical distribution function of n uniforms and the uniform one.

    P(D >= d) <= 2 exp(-2 n d^2) for every n (Dvoretzky, Kiefer and Wolfowitz 1956; the constant: Massart 1990,
    corollary 1), which in the tails that a test looks at is the asymptotic law itself.
    """

    n: float

    def p(self, value: float) -> float:
        """Probability of a distance at least `value`, or more than that."""
        return min(1.0, 2.0 * math.exp(-2.0 * self.n * value * value))

    def band(self, alpha: float) -> tuple[float, float]:
        """0 and the critical value sqrt(ln(2 / alpha) / (2 n))."""
        return 0.0, min(1.0, math.sqrt(math.log(2.0 / alpha) / (2.0 * self.n)))


@attrs.frozen
class Exactly:
    """A figure that leaves nothing to chance: inside [low, high] or wrong."""

    low: float
    high: float

    def p(self, value: float) -> float:
        """1 inside, 0 outside."""
        return 1.0 if self.low <= value <= self.high else 0.0

    def band(self, alpha: float) -> tuple[float, float]:  # noqa: ARG002 - the same at every level
        """The bounds."""
        return self.low, self.high


def holm(p: F8, level: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which hypotheses are rejected so that any right one is with probability `level` at most; bool[m] for p float64[m].

    Holm 1979, "A simple sequentially rejective multiple test procedure": the i-th smallest of m, from 0, is held
    against level / (m - i), and the first that stays ends it. It asks nothing of how the tests depend on each other.
    """
    order = np.argsort(p, kind="stable")
    within = p[order] <= level / (len(p) - np.arange(len(p)))
    rejected = np.zeros(len(p), np.bool_)
    rejected[order[: len(p) if within.all() else int(np.argmin(within))]] = True
    return rejected


def distance_to_uniform(u: F8) -> float:
    """Kolmogorov distance of `u` (float64[n] in [0, 1]) to the uniform law."""
    ordered, n = np.sort(u), len(u)
    if not n:
        return math.nan
    steps = np.arange(n + 1) / n
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))
