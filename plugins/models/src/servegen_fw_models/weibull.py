"""Weibull gaps: heavy-tailed below shape 1, exponential at shape 1."""

from __future__ import annotations

import functools
import math
from importlib import resources
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw.plugin import renewal
from servegen_fw_models.gamma import equivalent_shape
from servegen_fw_models.tiny import exp_floored
from servegen_fw_models.weibull_quadrature import COUNTS, LOG_KAPPA, SMALLEST_SHAPE

if TYPE_CHECKING:
    from numpy.random import Generator

    from servegen_fw.plugin import Arrivals
    from servegen_fw_models.options import Weibull

F8: TypeAlias = npt.NDArray[np.float64]

LARGEST_SHAPE = 1e6
_INFINITE_COUNT = 1e9
_LARGEST_LOG = 690.0


@attrs.frozen
class WeibullFamily:
    """Weibull gaps by their shape; a `GapFamily`."""

    def parameter(self, cv: F8, n: F8) -> F8:
        """Shape for which n gaps divided by their mean have the squared sample CV cv^2 in expectation; n may be inf.

        Interpolated in a table made by quadrature (`weibull_quadrature`). The CV that the shape gives differs from
        `cv` by less than 0.5 % for 2 <= n <= 1e5 or inf, and by less than 2 % for n up to 1e7 if cv <= 30, wherever
        the shape is at least 0.01; smaller shapes are raised to 0.01. Fewer than 2 gaps are taken as 2.
        """
        cv, n = np.broadcast_arrays(np.asarray(cv, np.float64), np.maximum(n, 2.0))
        lowest = np.maximum(SMALLEST_SHAPE / n, math.exp(LOG_KAPPA[0]))
        kappa = np.clip(equivalent_shape(cv, n), lowest, math.exp(LOG_KAPPA[-1]))
        shape = np.exp(_interpolated(np.log(np.minimum(n, _INFINITE_COUNT)), np.log(kappa)))
        return np.maximum(shape, SMALLEST_SHAPE)

    def gaps(self, parameter: F8, rng: Generator) -> F8:
        """One gap of mean 1 per element, never 0; a longer `parameter` with an equal `rng` only appends gaps."""
        shape, parameter = np.shape(parameter), np.ravel(parameter)
        log = rng.standard_exponential(parameter.shape)
        np.log(np.maximum(log, 1e-300, out=log), out=log)
        # A parameter is mostly that of its neighbour; the logarithm of the mean is worth counting once a run.
        begin = np.flatnonzero(np.diff(parameter, prepend=np.nan) != 0)
        length = np.diff(np.append(begin, len(parameter)))
        inverse = 1.0 / parameter[begin]
        log *= np.repeat(inverse, length)
        log -= np.repeat(log_gamma(1.0 + inverse), length)
        return exp_floored(log).reshape(shape)

    def first(self, parameter: F8, rng: Generator) -> F8:
        """One equilibrium first gap per element: U * scale * Gamma(1 + 1 / shape)^(1 / shape) with scale 1 / mean."""
        salt = int(rng.integers(0, 2**63))
        inverse = 1.0 / parameter
        log_biased = np.log(rng.standard_gamma(1.0 + inverse)) * inverse - log_gamma(1.0 + inverse)
        log_uniform = np.log1p(-np.random.default_rng(salt).random(parameter.shape))
        return exp_floored(np.minimum(log_biased + log_uniform, _LARGEST_LOG))


def log_gamma(x: F8) -> F8:
    """Logarithm of the gamma function for x >= 1, error below 1e-12 of max(1, value).

    Stirling's series at x + 7 (terms to x^-7), shifted down by the recurrence.
    """
    shift = x * (x + 1) * (x + 2) * (x + 3) * (x + 4) * (x + 5) * (x + 6)
    y = x + 7.0
    square = 1.0 / (y * y)
    series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))) / y
    return np.asarray((y - 0.5) * np.log(y) - y + 0.5 * math.log(2 * math.pi) + series - np.log(shift))


def shape_of(cv: float) -> float:
    """Shape of the Weibull law with the given CV: 1 + cv^2 = Gamma(1 + 2 / shape) / Gamma(1 + 1 / shape)^2.

    Solved by bisection in the logarithm; the right side falls as the shape grows.
    """
    target = math.log1p(cv * cv)
    low, high = math.log(SMALLEST_SHAPE), math.log(LARGEST_SHAPE)
    for _ in range(80):
        middle = (low + high) / 2
        inverse = math.exp(-middle)
        if math.lgamma(1 + 2 * inverse) - 2 * math.lgamma(1 + inverse) > target:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def make(config: Weibull) -> Arrivals:
    """Stationary renewal process with Weibull gaps of the given CV."""
    family = WeibullFamily()
    shape = shape_of(config.cv)
    return renewal(
        lambda n, rng: family.gaps(np.full(n, shape), rng),
        lambda rng: float(family.first(np.array([shape]), rng)[0]),
    )


@functools.cache
def _table() -> F8:
    """Log shape by log count (rows, the last for infinity) and log equivalent shape (columns)."""
    text = resources.files(__package__).joinpath("weibull_table.csv").read_text(encoding="ascii")
    return np.array([line.split(",") for line in text.split()], np.float64)


def _interpolated(log_count: F8, log_kappa: F8) -> F8:
    """Bilinear value of the table."""
    rows = np.log([*COUNTS, _INFINITE_COUNT])
    row = np.clip(np.searchsorted(rows, log_count, side="right") - 1, 0, len(rows) - 2)
    down = (log_count - rows[row]) / (rows[row + 1] - rows[row])
    position = (log_kappa - LOG_KAPPA[0]) / (LOG_KAPPA[1] - LOG_KAPPA[0])
    column = np.clip(position.astype(np.int64), 0, len(LOG_KAPPA) - 2)
    right = position - column
    table = _table()
    upper = table[row, column] * (1 - right) + table[row, column + 1] * right
    lower = table[row + 1, column] * (1 - right) + table[row + 1, column + 1] * right
    return np.asarray(upper * (1 - down) + lower * down)
