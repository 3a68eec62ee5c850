"""How far a fitted law is from its sample: Kolmogorov-Smirnov distance, with a p-value that knows it was fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from servegen_fw_pools.characterize.cells import Cells
from servegen_fw_pools.characterize.length_families import Fit, fit, fit_pareto_lognormal

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]

REPLICATES = 99
_EXCEEDED = 10
_CLEAR = 1e-3


@attrs.frozen
class Distance:
    """A KS distance, its p-value and how that was found.

    Attributes
    ----------
        ks: largest |F - empirical| over the cells' edges.
        p: probability of such a distance under the fitted law.
        method: "bootstrap", or "Kolmogorov bound": p is then at most the given value.
        replicates: refits of drawn samples; 0 for the bound.
    """

    ks: float
    p: float
    method: str
    replicates: int


def distance(found: Fit, cells: Cells) -> float:
    """KS distance at the edges of the cells."""
    law = np.cumsum(np.exp(found.log_masses(cells.edges)))[:-1]
    return float(np.abs(law - np.cumsum(cells.weight)[:-1] / cells.n).max(initial=0.0))


def assess(found: Fit, cells: Cells, seed: int = 0) -> Distance:
    """KS distance and p-value.

    Parameters were fitted to the same sample, which makes the plain Kolmogorov p-value too large (Lilliefors 1967): where
    even that one is below 0.001 it is given as a bound. Elsewhere samples are drawn from the fitted law over the same
    cells, refitted and measured (parametric bootstrap, Stute et al. 1993), up to 99 of them, fewer once ten were as far
    off (sequential Monte Carlo p-value, Besag and Clifford 1991).
    """
    from scipy.special import kolmogorov

    ks = distance(found, cells)
    bound = float(kolmogorov(ks * cells.n**0.5))
    if bound < _CLEAR:
        return Distance(ks, bound, "Kolmogorov bound", 0)
    rng = np.random.default_rng([seed, 0x4B53])
    p = np.exp(found.log_masses(cells.edges))
    p /= p.sum()
    size, exceeded = round(cells.n), 0
    for drawn in range(1, REPLICATES + 1):
        again = Cells(cells.edges, rng.multinomial(size, p).astype(np.float64))
        exceeded += distance(_refit(found, again), again) >= ks
        if exceeded == _EXCEEDED:
            return Distance(ks, exceeded / drawn, "bootstrap", drawn)
    return Distance(ks, (exceeded + 1) / (REPLICATES + 1), "bootstrap", REPLICATES)


def _refit(found: Fit, cells: Cells) -> Fit:
    if np.count_nonzero(cells.weight) < 2:
        return found
    return (
        fit_pareto_lognormal(cells, found) if found.family == "pareto-lognormal" else fit(cells, found.family)
    )
