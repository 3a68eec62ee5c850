"""How far one pool is from another that it should equal: for round trips from a pool to a workload and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from servegen_fw.plugin import InputError, Problem

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
        "requests": _short(mine.sum() / theirs.sum() - 1),
        "share": _short(np.abs(mine / mine.sum() - weight).max()),
        "count": _short((np.abs(begun[0] - begun[1]) / np.sqrt(np.maximum(begun[1], 1))).max()),
        "cv": _cv(truth, found, order),
        "family": _family(truth, found, order),
        "fields": {
            field: _field(truth, found, order, field) for field in truth.fields if field in found.fields
        },
        "rank": {
            pair: {"max": _short(np.abs(error).max()), "mean": _short((error * weight).sum())}
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
        "bias": _short((apart * weight).sum()),
        "spread": _short(np.sqrt((apart**2 * weight).sum())),
        "windows": int(seen.sum()),
    }


def _family(truth: ClientPool, found: ClientPool, order: I8) -> float | None:
    seen = _seen(truth, found, order) & (np.abs(truth.cv - 1) >= TELLING_CV)
    if not seen.any():
        return None
    names = np.array([*truth.families, ""]), np.array([*found.families, ""])
    right = names[0][truth.family[seen]] == names[1][found.family[order][seen]]
    return _short((right * truth.count[seen]).sum() / truth.count[seen].sum())


def _field(truth: ClientPool, found: ClientPool, order: I8, field: str) -> dict[str, float]:
    ours, theirs = _drawn(found, field, order), _drawn(truth, field, np.arange(len(order)))
    both = [c for c in range(len(order)) if len(ours[c][0]) and len(theirs[c][0])]
    total = truth.requests.sum(1)
    distance = np.array([_ks(*ours[c], *theirs[c]) for c in both])
    ranked = np.argsort(distance, kind="stable")
    held = total[both][ranked]
    middle = int(np.searchsorted(np.cumsum(held), held.sum() / 2))
    a, wa = (np.concatenate([ours[c][k] for c in both]) for k in (0, 1))
    b, wb = (np.concatenate([theirs[c][k] for c in both]) for k in (0, 1))
    stated = {
        "ks": _ks(a, wa, b, wb),
        "client_ks": float(distance[ranked][middle]),
        "mean": _relative((a * wa).sum() / wa.sum(), (b * wb).sum() / wb.sum()),
    }
    for p in (50, 90, 99):
        stated[f"p{p}"] = _relative(_quantile(a, wa, p / 100), _quantile(b, wb, p / 100))
    return {name: _short(number) for name, number in stated.items()}


def _drawn(pool: ClientPool, field: str, order: I8) -> list[tuple[F8, F8]]:
    """Of each client evenly spaced quantiles of its tables, and their weights; whole numbers where tokens are meant."""
    u = (np.arange(POINTS) + 0.5) / POINTS
    requests = pool.table_requests
    table = pool.table[pool.fields.index(field)]
    whole = field not in ("reason_ratio", "think_s")
    drawn = []
    for c in order:
        used = np.flatnonzero((table[c] >= 0) & (requests[c] > 0))
        value = pool.tables.ppf(np.repeat(table[c][used], POINTS), np.tile(u, len(used)))
        drawn.append((np.rint(value) if whole else value, np.repeat(requests[c][used] / POINTS, POINTS)))
    return drawn


def _ks(a: F8, wa: F8, b: F8, wb: F8) -> float:
    """Largest difference of two weighted empirical distribution functions."""
    values, at = np.unique(np.concatenate((a, b)), return_inverse=True)
    apart = np.bincount(at[: len(a)], wa / wa.sum(), len(values))
    apart -= np.bincount(at[len(a) :], wb / wb.sum(), len(values))
    return float(np.abs(np.cumsum(apart)).max())


def _quantile(value: F8, weight: F8, p: float) -> float:
    order = np.argsort(value, kind="stable")
    total = np.cumsum(weight[order])
    return float(value[order][min(np.searchsorted(total, p * total[-1]), len(value) - 1)])


def _relative(found: float, true: float) -> float:
    return (found - true) / max(abs(true), 1e-9)


def _short(number: float) -> float:
    return float(f"{float(number):.4g}")
