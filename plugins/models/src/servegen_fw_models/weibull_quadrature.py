"""How `weibull_table.csv` was made: the sample CV of n Weibull gaps by quadrature, inverted on a grid.

Run ``python -m servegen_fw_models.weibull_quadrature > weibull_table.csv`` to make it again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from servegen_fw_models.gamma import equivalent_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

F8: TypeAlias = npt.NDArray[np.float64]

COUNTS = (
    *(2, 3, 4, 6, 10, 16, 25, 40, 63, 100, 160, 250, 400, 630, 1000, 1500, 2200, 3200, 4600, 6800),
    *(10**4, 15_000, 22_000, 32_000, 46_000, 68_000, 10**5, 2 * 10**5, 5 * 10**5, 10**6, 10**7),
)
"""Numbers of gaps with a row of their own; the last row of the table is for infinitely many."""

LOG_KAPPA = np.linspace(math.log(1e-5), math.log(1e4), 73)
"""Grid of the logarithm of the gamma shape with the same sample CV, see `gamma.equivalent_shape`."""

SMALLEST_SHAPE, LARGEST_SHAPE = 0.01, 200.0

_STEP = 0.25  # trapezoid step in units of the integrand's narrowest feature: error below exp(-pi^2 / step)


def squared_cv(shape: float, counts: Sequence[float]) -> F8:
    """Expected squared sample CV (divisor n) of n Weibull gaps of the given shape, one value per count.

    For gaps X with Laplace transform phi, 1 / S^2 = integral of t exp(-t S) gives
    E[CV^2] + 1 = n^2 * integral over t of t phi''(t) phi(t)^(n - 1). With X = exp(y / shape), y the log of an
    exponential variable, and t = exp(tau), both phi and t^2 phi'' are convolutions over y.
    """
    step = _STEP * min(1.0, 1.0 / shape)  # in log X
    log_e = np.arange(-34.0, math.log(740.0), step * shape)
    weight = np.exp(log_e - np.exp(log_e)) * step * shape
    weight /= weight.sum()
    top = 0.5 * math.lgamma(1 + 2 / shape)  # log of the root mean square of X
    finite = [n for n in counts if math.isfinite(n)]
    low = -(top + math.log(max(finite, default=1.0)) + 17.0)
    high = 34.0 / shape + 4.0
    # tau + y / shape for every pair lies on one grid
    size = math.ceil((high - low) / step)
    z = low + log_e[0] / shape + step * np.arange(size + len(log_e) - 1)
    grown = np.exp(np.minimum(z, 700.0))
    missing = np.convolve(-np.expm1(-grown), weight[::-1], "valid")  # 1 - phi
    curve = np.convolve(np.exp(np.maximum(2 * z - grown, -745.0)), weight[::-1], "valid")  # t^2 phi''
    log_phi = np.log1p(-np.minimum(missing, 1 - 1e-16))
    out = []
    for n in counts:
        if math.isfinite(n):
            out.append(n * n * float((curve * np.exp((n - 1) * log_phi)).sum()) * step - 1)
        else:
            out.append(math.expm1(math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape)))
    return np.array(out)


def build(shapes: F8 | None = None) -> F8:
    """Log of the Weibull shape by count (the rows of `COUNTS`, then infinity) and equivalent shape (`LOG_KAPPA`)."""
    from scipy.interpolate import CubicSpline

    if shapes is None:
        shapes = np.exp(np.linspace(math.log(SMALLEST_SHAPE), math.log(LARGEST_SHAPE), 160))
    counts = np.array([*COUNTS, math.inf])
    squared = np.array([squared_cv(float(shape), tuple(counts)) for shape in shapes])
    log_kappa = np.log(equivalent_shape(np.sqrt(squared), counts))
    log_shape = np.log(shapes)
    rows = []
    for column in log_kappa.T:
        inside = CubicSpline(column, log_shape)(np.clip(LOG_KAPPA, column[0], column[-1]))
        # Shapes below the smallest are extended (few large gaps: both shapes in proportion) and cut on use.
        rows.append(inside + np.minimum(LOG_KAPPA - column[0], 0.0))
    return np.array(rows)


def main() -> None:
    """Print the table, a row a count."""
    for row in build():
        print(",".join(f"{value:.4f}" for value in row))


if __name__ == "__main__":
    main()
