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


def log_exponential(edges: F8, mean: float) -> F8:
    """Log-probability of each cell under the exponential law of `mean`; float64[k]."""
    width = np.diff(edges) / mean
    return np.maximum(-edges[:-1] / mean + np.log(-np.expm1(-np.maximum(width, 1e-300))), LOWEST)


def log_normal(z: F8) -> F8:
    """Log-probability of each cell under the standard normal law; `z` are the cells' edges, float64[k + 1]."""
    from scipy.special import log_ndtr

    # Beyond 0 the cell is mirrored: there, differences of probabilities near 1 would lose their digits.
    mirror = z[:-1] > 0
    lower, upper = log_ndtr(z), log_ndtr(-z)
    large = np.where(mirror, upper[:-1], lower[1:])
    small = np.where(mirror, upper[1:], lower[:-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        found = large + np.log(
            -np.expm1(np.minimum(np.where(np.isneginf(small), -np.inf, small - large), 0.0))
        )
    return np.where(found > LOWEST, found, LOWEST)


def normal_moments(z: F8, log_p: F8) -> tuple[F8, F8]:
    """E[Z] and E[Z^2] of a standard normal within each cell; `log_p` as `log_normal` gives it; float64[k] each."""
    low, high = z[:-1], z[1:]
    at_low = np.where(np.isfinite(low), np.exp(-0.5 * _finite(low) ** 2 - _HALF_LOG_2PI - log_p), 0.0)
    at_high = np.where(np.isfinite(high), np.exp(-0.5 * _finite(high) ** 2 - _HALF_LOG_2PI - log_p), 0.0)
    first = at_low - at_high
    second = 1.0 + _finite(low) * at_low - _finite(high) * at_high
    # Narrow or very far cells: the difference has no digits left, the middle is exact enough.
    near = np.where(np.isfinite(low), low, high)
    far = np.where(np.isfinite(high), high, low)
    plain = (high - low < _NARROW) | (log_p <= LOWEST)
    middle = (near + far) / 2
    first = np.where(plain, middle, np.clip(first, low, high))
    return first, np.where(plain, middle**2, np.maximum(second, first**2))


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
