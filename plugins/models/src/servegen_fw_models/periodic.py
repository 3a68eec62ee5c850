"""Rates that repeat: the day's curve, and curves through given points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from numpy.random import Generator

    from servegen_fw_models import options

F8: TypeAlias = npt.NDArray[np.float64]

STEPS = 1440
"""Steps in a period by which a smooth curve is followed: a minute each where the period is a day."""


@attrs.frozen(eq=False)
class Periodic:
    """Levels that hold for steps of a period, begun anew after each; a `Modulation` without chance.

    Attributes
    ----------
        edges: float64[k + 1]; ends of the steps, ascending from 0 to the period, in s.
        levels: float64[k]; their mean over the period is 1.
        start_s: where in the period the path begins, in [0, period).
    """

    edges: F8
    levels: F8
    start_s: float = 0.0

    @classmethod
    def of(cls, edges: F8, mass: F8, start_s: float) -> Periodic:
        """Return the curve whose steps are the mean levels of one that has the integral `mass` (float64[k + 1]) at `edges`."""
        return cls(edges, np.diff(mass) / np.diff(edges) * (edges[-1] / (mass[-1] - mass[0])), start_s)

    def path(self, horizon_s: float, rng: Generator) -> tuple[F8, F8]:  # noqa: ARG002 - the contract's signature
        """Breakpoints in [0, horizon_s) seconds and the level from each on; a longer horizon only appends."""
        period = self.edges[-1]
        rounds = 1 + math.ceil((horizon_s + self.start_s) / period)
        begins = (np.arange(rounds)[:, None] * period + self.edges[:-1]).ravel() - self.start_s
        first = int(np.searchsorted(begins, 0.0, side="right")) - 1
        last = max(first + 1, int(np.searchsorted(begins, horizon_s, side="left")))
        begins, levels = begins[first:last], np.tile(self.levels, rounds)[first:last]
        begins[0] = 0.0
        return begins, levels


def make_diurnal(config: options.Diurnal) -> Periodic:
    """Half a cosine from trough to peak and half a one back, so that the mean lies midway whatever their distance.

    Each step has the exact mean of the curve over it.
    """
    period = config.period_s
    rise = (config.peak_s - config.trough_s) % period
    fall = period - rise
    middle, swing = (1 + config.low) / 2, (1 - config.low) / 2

    def mass(since: F8) -> F8:
        """Integral from a trough to `since` seconds later."""
        rounds, x = np.divmod(since, period)
        up, down = np.minimum(x, rise), np.maximum(x - rise, 0.0)
        wave = -rise * np.sin(math.pi * up / rise) + fall * np.sin(math.pi * down / fall)
        return np.asarray(rounds * period * middle + x * middle + swing * wave / math.pi)

    edges = np.linspace(0.0, period, STEPS + 1)
    return Periodic.of(edges, mass(edges - config.trough_s), config.start_s)


def make_piecewise(config: options.Piecewise) -> Periodic:
    """Steps between the points, or straight lines through them, each followed by steps of its exact means."""
    times = np.array([*config.times_s, config.period_s])
    levels = np.array([*config.levels, config.levels[0]])
    if config.shape == "steps":
        edges, each = times, levels[:-1] * np.diff(times)
        return Periodic.of(edges, np.concatenate(([0.0], np.cumsum(each))), config.start_s)
    edges = np.unique(np.concatenate((times, np.linspace(0.0, config.period_s, STEPS + 1))))
    # Every point is an edge, so the curve is straight within each step and the trapezoid exact.
    at = np.interp(edges, times, levels)
    mass = np.concatenate(([0.0], np.cumsum((at[1:] + at[:-1]) / 2 * np.diff(edges))))
    return Periodic.of(edges, mass, config.start_s)
