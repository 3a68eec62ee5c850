"""How far one pool is from another that it should equal: for round trips from a pool to a workload and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from servegen_fw.plugin import InputError, Problem
from servegen_fw_pools.characterize.sample import is_whole
from servegen_fw_pools.characterize.words import rounded
from servegen_fw_pools.quantiles import distance, quantiles, slices

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw.plugin import ClientPool

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

POINTS: Final = 1024
"""Quantiles by which a table is compared: distances below 1 / 1024 are not told."""

LEAST_REQUESTS: Final = 30
TELLING_CV: Final = 0.2


def pool_error(truth: ClientPool, found: ClientPool) -> dict[str, Any]:
    """Errors of `found` against `truth`, whose clients (by id) and windows agree.

    Returns
    -------
        requests: relative error of their number.
        share: largest error of a client's share of all requests.
        count: largest error of a client's number of requests (of sessions, where pools have them), in its Poisson
            standard errors.
        cv: of windows with `LEAST_REQUESTS` requests in both, weighted by requests: "bias", mean of log(found / true),
            "spread", its root mean square, and "windows".
        family: share of windows (as for cv, whose true CV differs from 1 by `TELLING_CV` or more) with the true
            family, by requests; None if there are none.
        fields: for each field both have, over all requests: "ks", "mean", "p50", "p90", "p99" (relative), and
            "client_ks", the median over requests of the distance of a client's law.
        rank: for each pair both have, the largest error of a client and the request-weighted mean error.
        carries_context: whether both say the same.

    Raises
    ------
        InputError: clients or windows differ.
    """
    if set(truth.clients) != set(found.clients) or truth.count.shape != found.count.shape:
        what = f"pools {truth.name!r} and {found.name!r} differ in clients or windows"
        raise InputError(Problem(what, cure="fit with the ids kept and with the windows of the other"))
    order = np.array([found.clients.index(client) for client in truth.clients])
    mine, theirs = found.requests[order].sum(1), truth.requests.sum(1)
    begun = found.count[order].sum(1), truth.count.sum(1)
    pairs = [pair for pair in truth.pairs if pair in found.pairs]
    weight = theirs / theirs.sum()
    ranks = {
        ", ".join(pair): found.rank[found.pairs.index(pair)][order] - truth.rank[truth.pairs.index(pair)]
        for pair in pairs
    }
    return {
        "requests": rounded(mine.sum() / theirs.sum() - 1),
        "share": rounded(np.abs(mine / mine.sum() - weight).max()),
        "count": rounded((np.abs(begun[0] - begun[1]) / np.sqrt(np.maximum(begun[1], 1))).max()),
        "cv": _cv(truth, found, order),
        "family": _family(truth, found, order),
        "fields": {
            field: _field(truth, found, order, field) for field in truth.fields if field in found.fields
        },
        "rank": {
            pair: {"max": rounded(np.abs(error).max()), "mean": rounded((error * weight).sum())}
            for pair, error in ranks.items()
        },
        "carries_context": truth.carries_context == found.carries_context,
    }


def _seen(truth: ClientPool, found: ClientPool, order: I8) -> npt.NDArray[np.bool_]:
    return np.asarray((truth.count >= LEAST_REQUESTS) & (found.count[order] >= LEAST_REQUESTS))


def _cv(truth: ClientPool, found: ClientPool, order: I8) -> dict[str, float]:
    seen = _seen(truth, found, order)
    if not seen.any():
        return {"bias": 0.0, "spread": 0.0, "windows": 0}
    apart = np.log(found.cv[order][seen] / truth.cv[seen])
    weight = truth.count[seen] / truth.count[seen].sum()
    return {
        "bias": rounded((apart * weight).sum()),
        "spread": rounded(np.sqrt((apart**2 * weight).sum())),
        "windows": int(seen.sum()),
    }


def _family(truth: ClientPool, found: ClientPool, order: I8) -> float | None:
    seen = _seen(truth, found, order) & (np.abs(truth.cv - 1) >= TELLING_CV)
    if not seen.any():
        return None
    names = np.array([*truth.families, ""]), np.array([*found.families, ""])
    right = names[0][truth.family[seen]] == names[1][found.family[order][seen]]
    return rounded((right * truth.count[seen]).sum() / truth.count[seen].sum())


def _field(truth: ClientPool, found: ClientPool, order: I8, field: str) -> dict[str, float]:
    ours, theirs = _drawn(found, field, order), _drawn(truth, field, np.arange(len(order)))
    both = [c for c in range(len(order)) if len(ours[c][0]) and len(theirs[c][0])]
    total = truth.requests.sum(1)
    apart = np.array([distance(*ours[c], *theirs[c]) for c in both])
    a, wa = (np.concatenate([ours[c][k] for c in both]) for k in (0, 1))
    b, wb = (np.concatenate([theirs[c][k] for c in both]) for k in (0, 1))
    stated = {
        "ks": distance(a, wa, b, wb),
        "client_ks": quantiles(apart, total[both], 0.5)[0],
        "mean": _relative((a * wa).sum() / wa.sum(), (b * wb).sum() / wb.sum()),
    }
    shares = (0.5, 0.9, 0.99)
    for p, mine, right in zip(shares, quantiles(a, wa, *shares), quantiles(b, wb, *shares), strict=True):
        stated[f"p{100 * p:.0f}"] = _relative(mine, right)
    return {name: rounded(number) for name, number in stated.items()}


def _drawn(pool: ClientPool, field: str, order: I8) -> list[tuple[F8, F8]]:
    """Of each client evenly spaced quantiles of its tables, and their weights; whole numbers where tokens are meant."""
    requests = pool.table_requests
    table = pool.table[pool.fields.index(field)]
    drawn = []
    for c in order:
        used = np.flatnonzero((table[c] >= 0) & (requests[c] > 0))
        value, weight = slices(pool.tables, table[c][used], requests[c][used], POINTS)
        drawn.append((np.rint(value) if is_whole(field) else value, weight))
    return drawn


def _relative(found: float, true: float) -> float:
    return (found - true) / max(abs(true), 1e-9)
