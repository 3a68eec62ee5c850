"""Gamma gaps: the burstier the smaller the shape, exponential at shape 1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw.plugin import renewal
from servegen_fw_models.tiny import exp_floored

if TYPE_CHECKING:
    from numpy.random import Generator

    from servegen_fw.plugin import Arrivals
    from servegen_fw_models.options import Gamma

F8: TypeAlias = npt.NDArray[np.float64]

SMALLEST_TOTAL_SHAPE = 0.01
"""Smallest n * shape: the squared CV of n gaps is capped at (n - 1) / 1.01, just under its limit n - 1."""

SMALLEST_SHAPE, LARGEST_SHAPE = 1e-8, 1e8

_SMALL_DRAW = 1e-280


def equivalent_shape(cv: F8, n: F8) -> F8:
    """Shape k of the gamma law for which n gaps have the squared sample CV (divisor n) cv^2 in expectation; n may be inf.

    Gamma gaps divided by their sum are Dirichlet(k, ..., k), whose parts have the squared CV (n - 1) / (n k + 1), so
    k = ((n - 1) / cv^2 - 1) / n. Not positive where cv^2 >= n - 1, which no n gaps can have; inf where cv is 0.
    """
    with np.errstate(divide="ignore"):
        return np.asarray((1 - 1 / n) / np.square(cv) - 1 / n)


@attrs.frozen
class GammaFamily:
    """Gamma gaps by their shape; a `GapFamily`."""

    def parameter(self, cv: F8, n: F8) -> F8:
        """Shape for which n gaps divided by their mean have the squared sample CV cv^2 in expectation, exactly.

        `cv` (float64, >= 0) and `n` (at least 2, inf for the law's own CV) are element-wise. A CV above
        sqrt((n - 1) / 1.01) is taken as that; fewer than 2 gaps have no CV and are taken as 2.
        """
        n = np.maximum(n, 2.0)
        lowest = np.maximum(SMALLEST_TOTAL_SHAPE / n, SMALLEST_SHAPE)
        return np.clip(equivalent_shape(np.asarray(cv, np.float64), n), lowest, LARGEST_SHAPE)

    def gaps(self, parameter: F8, rng: Generator) -> F8:
        """One gap of mean 1 per element, never 0; a longer `parameter` with an equal `rng` only appends gaps.

        Shapes near 0 put nearly all mass where doubles end. Below 1e-280 the density is a power law, so such a draw
        x is 1e-280 * U^(1 / shape), made anew from its logarithm and squeezed into [1e-304, 1e-280]: any n gaps can
        be normalised.
        """
        salt = int(rng.integers(0, 2**63))
        drawn = rng.standard_gamma(parameter)
        small = drawn < _SMALL_DRAW
        if small.any():
            # Uniforms by position, from a stream of their own, so that the other draws do not depend on them.
            uniform = np.random.default_rng(salt).random(drawn.shape)[small]
            drawn[small] = exp_floored(math.log(_SMALL_DRAW) + np.log1p(-uniform) / parameter[small])
        return np.asarray(drawn / parameter)

    def first(self, parameter: F8, rng: Generator) -> F8:
        """One equilibrium first gap per element: U * Gamma(shape + 1) / shape, the length-biased gap cut uniformly."""
        salt = int(rng.integers(0, 2**63))
        drawn = rng.standard_gamma(parameter + 1.0)
        return np.asarray(drawn * np.random.default_rng(salt).random(drawn.shape) / parameter)


def make(config: Gamma) -> Arrivals:
    """Stationary renewal process with gamma gaps of the given CV: shape 1 / cv^2."""
    family = GammaFamily()
    shape = 1.0 / config.cv**2
    return renewal(
        lambda n, rng: family.gaps(np.full(n, shape), rng),
        lambda rng: float(family.first(np.array([shape]), rng)[0]),
    )
