"""Arrivals without a choice of shape: constant and Poisson."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw.plugin import NoOptions, renewal

if TYPE_CHECKING:
    from numpy.random import Generator

    from servegen_fw.plugin import Arrivals

F8: TypeAlias = npt.NDArray[np.float64]


@attrs.frozen
class Constant:
    """Equal gaps with a random phase; an `Arrivals`. The count of [0, h) is the floor or the ceiling of h."""

    def unit_times(self, horizon: float, rng: Generator) -> F8:
        """Times phase, phase + 1, phase + 2 ... in [0, horizon)."""
        phase = rng.random()
        times = phase + np.arange(max(0, math.ceil(horizon - phase)))
        return np.asarray(times[times < horizon], np.float64)


@attrs.frozen
class PoissonFamily:
    """Exponential gaps; a `GapFamily` whose parameter is always 1, whatever the recorded CV."""

    def parameter(self, cv: F8, n: F8) -> F8:
        """Ones: the family has no parameter, so a recorded CV other than 1 is not reproduced."""
        return np.ones(np.broadcast_shapes(np.shape(cv), np.shape(n)))

    def gaps(self, parameter: F8, rng: Generator) -> F8:
        """One gap of mean 1 per element; a longer `parameter` with an equal `rng` only appends gaps."""
        return rng.standard_exponential(np.shape(parameter))

    def first(self, parameter: F8, rng: Generator) -> F8:
        """One equilibrium first gap per element, exponential like every other."""
        return rng.standard_exponential(np.shape(parameter))


def make_constant(_config: NoOptions) -> Arrivals:
    """Equal gaps, random phase."""
    return Constant()


def make_poisson(_config: NoOptions) -> Arrivals:
    """Poisson process."""
    return renewal(lambda n, rng: rng.standard_exponential(n), lambda rng: float(rng.standard_exponential()))
