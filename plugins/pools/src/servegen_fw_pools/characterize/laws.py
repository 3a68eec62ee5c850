"""Laws of lengths over cells: log-probabilities of cells and conditional moments in them, accurate far into the tails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]

_HALF_LOG_2PI = 0.9189385332046727
_NARROW = 1e-5
LOWEST = -700.0
"""Log-probabilities end here, so that one impossible outlier does not make a likelihood infinite."""

LEAST = float(np.exp(LOWEST))
"""The probability where they end."""


def log_exponential(edges: F8, mean: float) -> F8:
    """Log-probability of each cell under the exponential law of `mean`; float64[k]."""
    width = np.diff(edges) / mean
    return np.maximum(-edges[:-1] / mean + np.log(-np.expm1(-np.maximum(width, 1e-300))), LOWEST)


def log_normal(z: F8) -> F8:
    """Log-probability of each cell under the standard normal law; `z` are the cells' edges, float64[k + 1]."""
    mass = normal_masses(z)
    return np.asarray(np.log(np.maximum(mass, LEAST)))


def normal_masses(z: F8) -> F8:
    """Probability of each cell under the standard normal law, to nearly all digits in both tails; float64[k].

    `z` are the cells' edges, float64[k + 1], ascending.
    """
    from scipy.special import ndtr

    # Distance to the nearer end of the law: beyond 0, differences of probabilities near 1 would lose their digits.
    beyond = ndtr(-np.abs(z))
    mass = np.diff(np.where(z > 0, -beyond, beyond))
    around = int(np.searchsorted(z, 0.0, side="right")) - 1
    if 0 <= around < len(mass):
        mass[around] += 1.0
    return np.asarray(np.maximum(mass, 0.0))


def normal_moments(z: F8, log_p: F8) -> tuple[F8, F8]:
    """E[Z] and E[Z^2] of a standard normal within each cell; `log_p` as `log_normal` gives it; float64[k] each."""
    low, high = z[:-1], z[1:]
    inner = _finite(z)
    density = np.where(np.isfinite(z), np.exp(-0.5 * inner**2 - _HALF_LOG_2PI), 0.0)
    share = np.exp(-log_p)
    at_low, at_high = density[:-1] * share, density[1:] * share
    first = at_low - at_high
    second = 1.0 + inner[:-1] * at_low - inner[1:] * at_high
    # Narrow or very far cells: the difference has no digits left, the middle is exact enough.
    near = np.where(np.isfinite(low), low, high)
    far = np.where(np.isfinite(high), high, low)
    plain = (high - low < _NARROW) | (log_p <= LOWEST)
    middle = (near + far) / 2
    first = np.where(plain, middle, np.clip(first, low, high))
    return first, np.where(plain, middle**2, np.maximum(second, first**2))


def normal_partial_moments(z: F8) -> tuple[F8, F8, F8]:
    """Integrals of 1, z and z^2 over each cell under the standard normal law; float64[k] each.

    `z` are the cells' edges, float64[k + 1], ascending from -inf to inf.
    """
    mass = normal_masses(z)
    inner = _finite(z)
    density = np.exp(-0.5 * inner * inner - _HALF_LOG_2PI)
    density[0] = density[-1] = 0.0
    inner *= density
    return mass, density[:-1] - density[1:], mass + inner[:-1] - inner[1:]


def pareto_partial_moments(reach: F8, alpha: float) -> tuple[F8, F8]:
    """Integrals of 1 and of log(x / least) over each cell under the Pareto law; float64[k] each.

    `reach` are log(edge / least), float64[k + 1], from 0 to inf.
    """
    left = np.exp(-alpha * reach)
    moment = left * (_finite(reach) + 1 / alpha)
    return left[:-1] - left[1:], moment[:-1] - moment[1:]


def log_pareto(edges: F8, least: float, alpha: float) -> F8:
    """Log-probability of each cell under the Pareto law P(X > x) = (x / least)^-alpha; -inf for cells below `least`.

    `least` is within a cell or at an edge.
    """
    reach = np.maximum(np.log(np.maximum(edges, 1e-300) / least), 0.0)
    with np.errstate(divide="ignore"):
        found = -alpha * reach[:-1] + np.log(-np.expm1(-alpha * np.diff(reach)))
    return np.where(edges[1:] > least, np.maximum(found, LOWEST), -np.inf)


def pareto_log_moment(edges: F8, least: float, alpha: float) -> F8:
    """E[log(X / least)] of the Pareto law within each cell; 0 for cells below `least`."""
    reach = np.maximum(np.log(np.maximum(edges, 1e-300) / least), 0.0)
    width = alpha * np.diff(reach)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        inside = np.where(width > 1e-3, 1.0 - width / np.expm1(width), width / 2 - width**2 / 12)
    inside = np.where(np.isinf(width), 1.0, inside)
    return np.where(edges[1:] > least, reach[:-1] + inside / alpha, 0.0)


def _finite(z: F8) -> F8:
    return np.where(np.isfinite(z), z, 0.0)


def log_edges(edges: F8) -> F8:
    """Logarithm of edges, the first one -inf and the last one inf."""
    with np.errstate(divide="ignore"):
        return np.log(edges)
