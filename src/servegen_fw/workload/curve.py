"""Rates over time, their integral, and the exact inverse of it that turns unit-rate arrivals into arrivals of any rate."""

from __future__ import annotations

import functools

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I8
from servegen_fw.suite.model import RateCurve


@attrs.frozen(eq=False)
class Curve:
    """A non-negative function of time made of linear pieces, with steps where pieces do not meet.

    Before its first edge and after its last one a curve keeps the value it has there.

    Attributes
    ----------
        edges: float64[k + 1], ascending strictly, in seconds.
        left: float64[k]; value at the beginning of each piece.
        right: float64[k]; value at its end.
    """

    edges: F8
    left: F8
    right: F8

    @classmethod
    def constant(cls, level: float, begin_s: float = 0.0, end_s: float = 1.0) -> Curve:
        """Return the curve that is `level` everywhere."""
        return cls(np.array([begin_s, end_s], float), np.array([level], float), np.array([level], float))

    @classmethod
    def steps(cls, edges: F8, levels: F8) -> Curve:
        """Return the curve that holds ``levels[i]`` in [edges[i], edges[i + 1])."""
        return cls(np.asarray(edges, float), np.asarray(levels, float), np.asarray(levels, float))

    @classmethod
    def through(cls, curve: RateCurve) -> Curve:
        """Return a suite's rate curve: linear between its points, a step where a time is repeated."""
        if len(curve.times_s) == 1:
            return cls.constant(curve.rates[0], curve.times_s[0], curve.times_s[0] + 1.0)
        times, rates = np.asarray(curve.times_s, float), np.asarray(curve.rates, float)
        piece = np.flatnonzero(np.diff(times) > 0)
        if not len(piece):
            # Nothing but a step: the earlier value holds before it, the later one after it.
            at = times[0]
            return cls.steps(np.array([at - 1.0, at, at + 1.0]), rates[[0, -1]])
        edges, left, right = np.append(times[piece], times[-1]), rates[piece], rates[piece + 1]
        # A step at either end leaves the outer value to the time beyond it.
        if piece[0] > 0:
            edges, left, right = (
                np.append(edges[0] - 1.0, edges),
                np.append(rates[0], left),
                np.append(rates[0], right),
            )
        if piece[-1] + 1 < len(times) - 1:
            edges, left, right = (
                np.append(edges, edges[-1] + 1.0),
                np.append(left, rates[-1]),
                np.append(right, rates[-1]),
            )
        return cls(edges, left, right)

    @functools.cached_property
    def level(self) -> float | None:
        """The value, if it is the same everywhere; else None."""
        low = min(self.left.min(), self.right.min())
        return float(low) if low == max(self.left.max(), self.right.max()) else None

    @functools.cached_property
    def _slope(self) -> F8:
        return np.asarray((self.right - self.left) / np.diff(self.edges))

    @functools.cached_property
    def _mass(self) -> F8:
        """Integral from the first edge to each edge, float64[k + 1]."""
        return np.concatenate(([0.0], np.cumsum(np.diff(self.edges) * (self.left + self.right) / 2)))

    def _piece(self, t: F8) -> I8:
        return np.clip(np.searchsorted(self.edges, t, side="right") - 1, 0, len(self.left) - 1)

    def rate(self, t: F8) -> F8:
        """Values at the times `t` (float64[n], in s); float64[n]. At a step the later value holds."""
        t = np.asarray(t, float)
        if self.level is not None:
            return np.full(t.shape, self.level)
        at = self._piece(t)
        inside = self.left[at] + self._slope[at] * (
            np.clip(t, self.edges[at], self.edges[at + 1]) - self.edges[at]
        )
        inside = np.where(t >= self.edges[-1], self.right[-1], inside)
        return np.maximum(inside, 0.0)

    def integral(self, t: F8) -> F8:
        """Integral from the first edge to the times `t` (float64[n]; negative before it); float64[n]."""
        t = np.asarray(t, float)
        at = self._piece(t)
        x = np.clip(t, self.edges[0], self.edges[-1]) - self.edges[at]
        within = self._mass[at] + x * (self.left[at] + self._slope[at] * x / 2)
        before = np.minimum(t - self.edges[0], 0.0) * self.left[0]
        after = np.maximum(t - self.edges[-1], 0.0) * self.right[-1]
        return np.asarray(within + before + after)

    def inverse(self, mass: F8) -> F8:
        """Times at which the integral reaches `mass` (float64[n]); float64[n], exact for each linear piece.

        Where the value is zero for a while the integral stands still; its inverse there is the end of that stretch.
        Within a piece that begins at value a with slope s the time x solves a x + s x^2 / 2 = m; it is taken as
        2 m / (a + sqrt(a^2 + 2 s m)), which loses no digits for either sign of s nor for a = 0.

        Raises
        ------
            ValueError: the integral never reaches `mass`.
        """
        mass = np.asarray(mass, float)
        at = np.clip(np.searchsorted(self._mass, mass, side="right") - 1, 0, len(self.left) - 1)
        left, slope = self.left[at], self._slope[at]
        m = np.clip(mass, 0.0, self._mass[-1]) - self._mass[at]
        # The clip mends the last digit of a^2 + 2 s m = right^2 for falling pieces that end at zero.
        root = np.sqrt(np.maximum(left * left + 2 * slope * m, 0.0))
        x = np.divide(2 * m, left + root, out=np.zeros_like(m), where=left + root > 0)
        t = self.edges[at] + np.minimum(x, np.diff(self.edges)[at])
        t += _beyond(np.minimum(mass, 0.0), self.left[0], self._mass[-1])
        t += _beyond(np.maximum(mass - self._mass[-1], 0.0), self.right[-1], self._mass[-1])
        return t

    def between(self, begin_s: float, end_s: float) -> float:
        """Integral over [begin_s, end_s]."""
        low, high = self.integral(np.array([begin_s, end_s]))
        return float(high - low)

    def mean(self, begin_s: float, end_s: float) -> float:
        """Mean value over [begin_s, end_s]."""
        return self.between(begin_s, end_s) / (end_s - begin_s)

    def peak(self, begin_s: float, end_s: float) -> float:
        """Largest value in [begin_s, end_s); what a step brings at `end_s` does not count."""
        inner = (self.edges > begin_s) & (self.edges < end_s)
        corners = np.concatenate((self.left[inner[:-1]], self.right[inner[1:]]))
        return float(
            np.max(np.concatenate((corners, self.rate(np.array([begin_s, np.nextafter(end_s, begin_s)])))))
        )

    def scaled(self, factor: float) -> Curve:
        """Return the curve times a number."""
        return Curve(self.edges, self.left * factor, self.right * factor)

    def stepped(self, edges: F8, levels: F8) -> Curve:
        """Return the product with the steps ``levels[i]`` in [edges[i], edges[i + 1]), from the first edge to the last."""
        edges, levels = np.asarray(edges, float), np.asarray(levels, float)
        inner = self.edges[(self.edges > edges[0]) & (self.edges < edges[-1])]
        merged = np.unique(np.concatenate((edges, inner)))
        begin, end = merged[:-1], merged[1:]
        level = levels[np.searchsorted(edges, begin, side="right") - 1]
        # Values are taken from the middle's piece, so that a step of this curve at `end` is not seen too early.
        middle = (begin + end) / 2
        slope = self._slope[self._piece(middle)] * ((middle > self.edges[0]) & (middle < self.edges[-1]))
        value, half = self.rate(middle), (end - begin) / 2
        return Curve(
            merged,
            np.maximum(value - slope * half, 0.0) * level,
            np.maximum(value + slope * half, 0.0) * level,
        )


def _beyond(mass: F8, rate: float, total: float) -> F8:
    """Time that a constant `rate` takes for `mass`, past an end of a curve whose integral is `total`."""
    if rate > 0:
        return np.asarray(mass / rate)
    # A hair of rounding past the end of a curve that ends at zero is no claim that it goes on.
    if np.any(np.abs(mass) > 1e-9 * max(1.0, total)):
        raise ValueError("the rate stays zero beyond the curve's ends, so its integral never gets there")
    return np.zeros_like(mass)
