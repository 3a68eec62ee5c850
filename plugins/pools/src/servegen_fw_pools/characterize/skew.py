"""How unequal clients are: shares of the largest, Lorenz curve, Gini coefficient, Zipf exponent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from servegen_fw_pools.characterize import jackknife
from servegen_fw_pools.characterize.section import Number

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]

TOPS: Final = (1, 5, 10, 29)
"""29 is the number that sends 90 % in the paper's largest workload."""

_CURVE_POINTS = 200
_EXACT_RANKS = 4096
_ZIPF_GRID = np.linspace(0.0, 6.0, 601)


def skew(requests: F8) -> dict[str, Any]:
    """Figures of the clients' shares.

    Parameters
    ----------
        requests: float64[C, K]; requests of each client in K consecutive stretches of time (K = 1: no intervals). Every
            client has some.

    Returns
    -------
        "clients", "top_shares" (of the 1, 5, 10 and 29 largest), "for_90_percent" (fewest clients that send 90 %),
        "gini" (0: all equal; 1: one sends all), "zipf" (exponent of largest likelihood if the client of rank r sends in
        proportion to r^-s, and the largest distance between the cumulated shares and that law's), "lorenz". Intervals leave
        stretches of time out: they say how far the share depends on when one looks.
    """
    whole = _ordered(requests.sum(1))
    others = [_ordered(part) for part in jackknife.without(requests).T] if requests.shape[1] > 1 else []
    others = [part for part in others if part[0] > 0]
    n = round(float(whole.sum()))

    def number(of: Any, least: float = 0.0, most: float = 1.0) -> Number:
        left_out = np.array([of(part) for part in others]) if others else None
        return jackknife.number(float(of(whole)), left_out, "", n, least=least, most=most)

    ranks = _Ranks(len(whole))
    return {
        "clients": len(whole),
        "top_shares": {str(k): number(lambda part, k=k: top_share(part, k)) for k in TOPS if k < len(whole)},
        "for_90_percent": number(_for_90, 1, len(whole)),
        "gini": number(gini),
        "zipf": {
            "exponent": number(ranks.exponent, 0.0, _ZIPF_GRID[-1]),
            "distance": Number(ranks.distance(whole), "", len(whole)),
        },
        "lorenz": _lorenz(whole),
    }


def top_share(ordered: F8, k: int) -> float:
    """Share of the k largest; `ordered` is float64[C], descending."""
    return float(ordered[:k].sum() / ordered.sum())


def gini(ordered: F8) -> float:
    """Gini coefficient of float64[C], descending: mean absolute difference over twice the mean."""
    n = len(ordered)
    rising = np.dot(np.arange(n, 0, -1), ordered) / ordered.sum()
    return float((2 * rising - (n + 1)) / n)


def _for_90(ordered: F8) -> float:
    reached = np.cumsum(ordered) >= 0.9 * ordered.sum() * (1 - 1e-12)
    return float(np.argmax(reached) + 1)


def _ordered(requests: F8) -> F8:
    return np.sort(requests)[::-1]


class _Ranks:
    """Zipf laws over ranks 1 to C, with ranks above 4,096 in groups at most 1 % wide."""

    def __init__(self, clients: int) -> None:
        edges = [*range(1, min(clients, _EXACT_RANKS) + 1)]
        while edges[-1] < clients:
            edges.append(min(clients, edges[-1] + max(1, edges[-1] // 100)))
        last = np.array(edges, np.int64)
        self.first = np.concatenate(([0], last[:-1]))
        size = np.diff(last, prepend=0)
        self.log_rank = np.log((self.first + 1 + last) / 2.0)
        weight = size * np.exp(-_ZIPF_GRID[:, None] * self.log_rank)
        self.mean_log = (weight * self.log_rank).sum(1) / weight.sum(1)
        self.last, self.size = last, size

    def exponent(self, ordered: F8) -> float:
        """Exponent whose mean logarithm of the rank is the observed one: the likelihood's maximum; within [0, 6]."""
        if len(ordered) < 2:
            return 0.0
        part = np.add.reduceat(ordered, self.first)
        seen = float(np.dot(part, self.log_rank) / part.sum())
        return float(np.interp(-seen, -self.mean_log, _ZIPF_GRID))

    def distance(self, ordered: F8) -> float:
        """Largest distance between the cumulated shares and those of the fitted law."""
        weight = self.size * np.exp(-self.exponent(ordered) * self.log_rank)
        share = np.cumsum(ordered)[self.last - 1] / ordered.sum()
        return float(np.abs(share - np.cumsum(weight) / weight.sum()).max())


def _lorenz(ordered: F8) -> dict[str, list[float]]:
    """Share of requests that the smallest share of clients sends, at up to 200 points."""
    rising = np.concatenate(([0.0], np.cumsum(ordered[::-1])))
    at = np.unique(np.rint(np.linspace(0, len(ordered), _CURVE_POINTS)).astype(np.int64))
    # The steep end, where the few large clients are, in full.
    at = np.unique(np.append(at, np.arange(max(0, len(ordered) - 50), len(ordered) + 1)))
    return {"clients": (at / len(ordered)).tolist(), "requests": (rising[at] / rising[-1]).tolist()}
