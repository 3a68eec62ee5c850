"""Per-client figures, vectorised over all clients at once, and how evenly clients were served."""

from __future__ import annotations

import math

import numpy as np

from servegen_fw.data.arrays import F8, I4, I8
from servegen_fw.data.records import OK
from servegen_fw.data.report import ClientTable
from servegen_fw.data.run import Run

LEAST_FOR_FAIRNESS = 10
"""Successful requests below which a client's mean is mostly noise and stays out of the fairness index."""

_PROMPT_CLASSES = 16


def table(run: Run) -> ClientTable:
    """Figures of every client with a judged request, most requests first, then in the workload's order."""
    rows, records, clients = run.rows, run.records, run.workload.clients
    owner = run.workload.client[rows].astype(np.int64)
    size = len(clients)
    requests = np.bincount(owner, minlength=size)
    succeeded = records.status[rows] == OK
    failed = np.bincount(owner[~succeeded], minlength=size)
    ok, first = run.ok, records.first_ns
    timed = ok[first[ok] >= 0]
    ttft_s = (first[timed] - records.due_ns[timed]) / 1e9
    several = timed[records.output_tokens[timed] > 1]
    tpot_s = (records.last_ns[several] - first[several]) / 1e9 / (records.output_tokens[several] - 1)
    ttft = quantiles(run.workload.client[timed], ttft_s, size, (0.5, 0.99))
    tpot = quantiles(run.workload.client[several], tpot_s, size, (0.5,))
    good = np.full(size, np.nan)
    if run.good is not None:
        sums = np.bincount(owner, run.good[rows].astype(np.float64), size)
        good = np.divide(sums, requests, out=good, where=requests > 0)
    made = np.bincount(owner, records.output_tokens[rows].astype(np.float64), size)
    shown = np.flatnonzero(requests)
    shown = shown[np.argsort(-requests[shown], kind="stable")]
    cv = gaps_cv(owner, records.due_ns[rows], size)
    return ClientTable(
        name=tuple(clients.names[at] for at in shown),
        group=tuple(clients.groups[clients.group[at]] for at in shown),
        requests=requests[shown].astype(np.int64),
        failed=failed[shown].astype(np.int64),
        cv=cv[shown],
        ttft_p50_s=ttft[0][shown],
        ttft_p99_s=ttft[1][shown],
        tpot_p50_s=tpot[0][shown],
        goodput=good[shown],
        output_tokens=np.rint(made[shown]).astype(np.int64),
    )


def quantiles(owner: I4, values: F8, size: int, shares: tuple[float, ...]) -> list[F8]:
    """Type 1 quantiles of `values` (float64[m]) per owner (int[m] in [0, size)); float64[size] each, NaN without values.

    One sort serves all owners: the key is the owner, then the rank of the value.
    """
    m = len(values)
    by_value = np.argsort(values)
    key = np.sort(owner[by_value].astype(np.int64) * max(m, 1) + np.arange(m))
    grouped = values[by_value[key % max(m, 1)]]
    count = np.bincount(owner, minlength=size)
    begin = np.cumsum(count) - count
    found = []
    for share in shares:
        rank = np.clip(np.ceil(share * count * (1 - 1e-12)).astype(np.int64) - 1, 0, None)
        at = np.minimum(begin + rank, max(m - 1, 0))
        found.append(np.where(count > 0, grouped[at] if m else np.nan, np.nan))
    return found


def gaps_cv(owner: I8, due_ns: I8, size: int) -> F8:
    """Coefficient of variation of the gaps between due times per owner, float64[size]; NaN under 3 requests.

    The population form (divided by the number of gaps), in which n gaps can reach sqrt(n - 1) at most.
    """
    order = np.lexsort((due_ns, owner))
    owner, due_ns = owner[order], due_ns[order]
    same = owner[1:] == owner[:-1]
    gap, who = np.diff(due_ns)[same] / 1e9, owner[1:][same]
    count = np.bincount(who, minlength=size).astype(np.float64)
    result = np.full(size, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(who, gap, size) / count
        variance = np.bincount(who, (gap - mean[who]) ** 2, size) / count
        cv = np.sqrt(variance) / mean
    enough = (count >= 2) & (mean > 0)
    result[enough] = cv[enough]
    return result


def jain(run: Run) -> float:
    """Jain's fairness index (1984) over clients' mean normalised TTFT: 1 if all are served alike, 1/k if one bears all.

    A request's TTFT is divided by the median of requests with prompts of similar length (16 classes of equal count),
    so that a client with long prompts does not count as badly served. Clients with fewer than ten successful
    requests are left out; NaN with fewer than two clients.
    """
    records = run.records
    rows = run.ok[records.first_ns[run.ok] >= 0]
    owner = run.workload.client[rows]
    count = np.bincount(owner, minlength=len(run.workload.clients))
    rows = rows[count[owner] >= LEAST_FOR_FAIRNESS]
    if not len(rows):
        return math.nan
    ttft_s = (records.first_ns[rows] - records.due_ns[rows]) / 1e9
    prompt = run.workload.prompt_tokens[rows]
    classes = min(_PROMPT_CLASSES, max(1, len(rows) // 50))
    borders = np.quantile(prompt, np.arange(1, classes) / classes)
    kind = np.searchsorted(borders, prompt, side="right").astype(np.int32)
    typical = quantiles(kind, ttft_s, classes, (0.5,))[0]
    scaled = ttft_s / np.maximum(typical[kind], 1e-9)
    owner = run.workload.client[rows]
    count = np.bincount(owner)
    mean = np.bincount(owner, scaled)[count > 0] / count[count > 0]
    if len(mean) < 2 or not mean.any():
        return math.nan
    return float(mean.sum() ** 2 / (len(mean) * np.sum(mean**2)))
