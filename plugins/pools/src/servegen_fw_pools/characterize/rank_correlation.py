"""Spearman's rank correlation of two columns of lengths, overall and within clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servegen_fw_pools.characterize.sample import counted
from servegen_fw_pools.characterize.section import Number
from servegen_fw_pools.characterize.windows import ordered

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    I4 = npt.NDArray[np.int32]
    I8 = npt.NDArray[np.int64]

CLIENT_LEAST = 20
_Z = 1.959963984540054
_DENSE = 1 << 22


def rank_correlation(x: I4, y: I4) -> Number | None:
    """Spearman's rho of two columns (int32[n], from 0), ties at their middle rank.

    The interval is Fisher's with the variance (1 + rho^2 / 2) / (n - 3) (Bonett and Wright, Psychometrika 65, 2000); it
    takes requests as independent. None below four rows or where a column is constant.
    """
    if len(x) < 4:
        return None
    one = np.zeros(1, np.int64)
    rho = _by_owner(x, y, None, one + len(x))[0]
    return None if np.isnan(rho) else _interval(float(rho), len(x), 1.0 / (len(x) - 3), "Bonett-Wright")


def within_clients(x: I4, y: I4, client: I4, clients: int) -> tuple[Number | None, F8, I8]:
    """Rank correlation within clients: each one's own rho, pooled with its requests as weight.

    Clients of fewer than 20 requests, and those whose column is constant, tell none and are left out.

    Returns
    -------
        The pooled value (None if no client tells one; `n` counts the requests used), rho per client (float64[clients],
        NaN where it tells none), and requests per client (int64[clients]).
    """
    size = np.bincount(client, minlength=clients)
    rho = _by_owner(x, y, client, size)
    rho[size < CLIENT_LEAST] = np.nan
    told = ~np.isnan(rho)
    if not told.any():
        return None, rho, size
    weight = size[told] / size[told].sum()
    pooled = float(np.dot(weight, rho[told]))
    # Variance of Fisher's z of each client, carried over to rho by its slope 1 - rho^2.
    error = (1 - rho[told] ** 2) ** 2 * (1 + rho[told] ** 2 / 2) / (size[told] - 3)
    half = _Z * float(np.dot(weight**2, error)) ** 0.5
    low, high = max(-1.0, pooled - half), min(1.0, pooled + half)
    return Number(pooled, "", int(size[told].sum()), low, high, "delta method"), rho, size


def _interval(rho: float, n: int, variance: float, method: str) -> Number:
    if abs(rho) >= 1 - 1e-12:
        return Number(float(np.clip(rho, -1, 1)), "", n)
    half = _Z * (variance * (1 + rho * rho / 2)) ** 0.5
    z = np.arctanh(rho)
    return Number(rho, "", n, float(np.tanh(z - half)), float(np.tanh(z + half)), method)


def _by_owner(x: I4, y: I4, owner: I4 | None, size: I8) -> F8:
    """Spearman's rho within each owner, float64[owners]; NaN where a column is constant."""
    a, b = _centred(x, owner, size), _centred(y, owner, size)
    product, square_a, square_b = (_sums(column, owner, len(size)) for column in (a * b, a * a, b * b))
    spread = np.sqrt(square_a * square_b)
    return np.where(spread > 0, product / np.where(spread > 0, spread, 1.0), np.nan)


def _sums(values: F8, owner: I4 | None, owners: int) -> F8:
    if owner is None:
        return np.array([values.sum()])
    return np.bincount(owner, weights=values, minlength=owners).astype(np.float64)


def _centred(x: I4, owner: I4 | None, size: I8) -> F8:
    """Middle ranks within each owner, less their mean, float64[n]."""
    width = int(x.max(initial=0)) + 1
    if owner is None or len(size) * width <= _DENSE:
        key = x if owner is None else owner.astype(np.int64) * width + x
        count = counted(key, len(size) * width)
        before = np.cumsum(count) - count
        own = np.repeat(np.cumsum(size) - size, width) if owner is not None else 0
        middle = before + (count - 1) / 2 - own
        rank = middle[key]
    else:
        key = owner.astype(np.int64) * width + x
        order, along = ordered(key)
        first = np.flatnonzero(np.concatenate(([True], along[1:] != along[:-1])))
        run = np.diff(np.append(first, len(key)))
        rank = np.empty(len(key))
        rank[order] = np.repeat(first + (run - 1) / 2, run)
        rank -= (np.cumsum(size) - size)[owner]
    centre = (size - 1) / 2
    return np.asarray(rank - (centre[0] if owner is None else centre[owner]))
