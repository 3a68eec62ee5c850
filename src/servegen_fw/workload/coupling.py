"""Columns that depend on each other: uniform numbers mixed such that every pair has its rank correlation.

A Gaussian copula: column j's normal is a sum over the independent normals of the columns up to j, with the Cholesky
factor of their correlation matrix as coefficients. The first of two columns is therefore what it is without the other;
stating a pair changes its later column, and what is stated to depend on that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I8
from servegen_fw.workload.copula import BELOW_ONE, cdf, pearson, ppf

_ZERO = 1e-9
"""Pivots and eigenvalues closer to 0 than this are 0."""


@attrs.frozen(eq=False)
class Coupling:
    """Mixes independent uniform numbers of k columns.

    Attributes
    ----------
        columns: purposes of the columns' streams, in the order in which they are mixed.
        factor: float64[1 or C, k, k]; lower triangular, for all clients or for each client of a pool.
        changed: clients whose recorded correlations contradicted each other, so that the nearest possible ones serve.
        moved: largest change that this took, as a rank correlation.
    """

    columns: tuple[str, ...]
    factor: F8
    changed: int = 0
    moved: float = 0.0

    @classmethod
    def of(
        cls,
        columns: Sequence[str],
        stated: Mapping[tuple[str, str], float],
        recorded: Mapping[tuple[str, str], F8] | None = None,
    ) -> Coupling | None:
        """Return the coupling of the columns that some pair names; None if there is no pair.

        Parameters
        ----------
            columns: all columns, in their order.
            stated: Spearman rank correlation by pair.
            recorded: rank correlation of each client (float64[C], NaN where unknown: none) of further pairs.
        """
        recorded = recorded or {}
        named = {name for pair in (*stated, *recorded) for name in pair}
        used = tuple(name for name in columns if name in named)
        if not used:
            return None
        clients = max((len(rank) for rank in recorded.values()), default=1)
        matrix = np.tile(np.eye(len(used)), (clients, 1, 1))
        for (first, second), rank in (*recorded.items(), *stated.items()):
            i, j = used.index(first), used.index(second)
            matrix[:, i, j] = matrix[:, j, i] = pearson(np.nan_to_num(np.asarray(rank, np.float64)))
        near, changed = nearest(matrix)
        moved = float(np.abs(near - matrix).max(initial=0.0)) * 3 / np.pi
        return cls(used, cholesky(near), int(np.count_nonzero(changed)), moved)

    def column(self, name: str, drawn: Callable[[str], F8], client: int | I8) -> F8:
        """Uniform numbers of one column, float64[n]; `drawn` gives the independent ones, `client` whose rows they are."""
        if name not in self.columns:
            return drawn(name)
        j = self.columns.index(name)
        if len(self.factor) == 1:
            client = 0
        parts = [(i, self.factor[client, j, i]) for i in range(j + 1)]
        parts = [(i, weight) for i, weight in parts if np.any(weight)]
        if [i for i, _ in parts] == [j]:
            return drawn(name)
        if len(parts) == 1 and abs(parts[0][1]) == 1:
            same = drawn(self.columns[parts[0][0]])
            return same if parts[0][1] > 0 else np.minimum(1.0 - same, BELOW_ONE)
        mixed = sum(weight * ppf(drawn(self.columns[i])) for i, weight in parts)
        return np.minimum(cdf(np.asarray(mixed)), BELOW_ONE)


def nearest(matrix: F8) -> tuple[F8, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Correlation matrices without negative eigenvalues, float64[C, k, k], and which had any, bool[C].

    Negative eigenvalues are set to 0 and the diagonal is scaled back to 1 (Rebonato and Jaeckel 2000, "The most general
    methodology to create a valid correlation matrix", section 3).
    """
    value, vector = np.linalg.eigh(matrix)
    bad = value[:, 0] < -_ZERO
    if not bad.any():
        return matrix, bad
    found = matrix.copy()
    clipped = (vector[bad] * np.maximum(value[bad], 0.0)[:, None, :]) @ vector[bad].transpose(0, 2, 1)
    scale = np.sqrt(np.diagonal(clipped, axis1=1, axis2=2))
    found[bad] = clipped / (scale[:, :, None] * scale[:, None, :])
    return found, bad


def cholesky(matrix: F8) -> F8:
    """Lower triangular factors of correlation matrices without negative eigenvalues, float64[C, k, k]; singular ones too."""
    factor = np.zeros_like(matrix)
    for j in range(matrix.shape[1]):
        left = factor[:, j, :j]
        pivot = matrix[:, j, j] - np.einsum("ci,ci->c", left, left)
        free = pivot > _ZERO
        factor[:, j, j] = np.where(free, np.sqrt(np.maximum(pivot, 0.0)), 0.0)
        for i in range(j + 1, matrix.shape[1]):
            rest = matrix[:, i, j] - np.einsum("ci,ci->c", factor[:, i, :j], left)
            factor[:, i, j] = np.divide(rest, factor[:, j, j], out=np.zeros(len(rest)), where=free)
    return factor
