"""The section on clients: how many, how unequal, how steady, and which of them move the whole workload.

Its figure ``table`` (``clients.table`` in characterization.json) is described in `client_table`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servegen_fw.plugin import ClientPool
from servegen_fw_pools.characterize import client_plots, decomposition, population, stability
from servegen_fw_pools.characterize.client_lines import lines_of
from servegen_fw_pools.characterize.client_means import pool_means, window_means
from servegen_fw_pools.characterize.client_table import table
from servegen_fw_pools.characterize.counts import MOST_BINS
from servegen_fw_pools.characterize.section import Number, Section
from servegen_fw_pools.characterize.skew import TOPS, skew

if TYPE_CHECKING:
    from servegen_fw_pools.characterize.decomposition import Parts
    from servegen_fw_pools.characterize.population import Population
    from servegen_fw_pools.characterize.stability import Variation
    from servegen_fw_pools.logs.log import Log

KEY, TITLE = "clients", "Clients"
WINDOW_S = 300.0

_BIN_S = 10.0
_LEAST_WHOLE = 5
_LEAST_BINS = 5


def section_of(source: Log | ClientPool, window_s: float = WINDOW_S) -> Section:
    """Describe the clients of a log or a pool; of a log without client ids, say what that hides.

    Parameters
    ----------
        source: a log or a pool, which brings its own windows.
        window_s: length of a window.
    """
    if isinstance(source, ClientPool):
        people = population.of_pool(source)
        if not people.names:
            return Section(KEY, TITLE, cannot=("Clients: the pool recorded no requests.",))
        return _section(
            people, pool_means(source, people), _pool_parts(people), table(people, None, {}), _POOL
        )
    if not len(source):
        return Section(KEY, TITLE, cannot=("Clients: the log has no requests.",))
    known = source.client is not None
    client = np.asarray(source.client if known else np.zeros(len(source)), np.int32)
    names = source.clients if known else ("all",)
    time_s = np.zeros(len(source)) if source.time_s is None else np.asarray(source.time_s, np.float64)
    people = population.of_log(source, time_s, client, names, window_s)
    owner = np.minimum(people.rank, people.large)[client]
    lengths = {
        name: column
        for name in ("input_tokens", "output_tokens", "reason_tokens")
        if (column := getattr(source, name)) is not None
    }
    listed = table(people, owner, lengths)
    if not known:
        return Section(KEY, TITLE, {"known": False, "table": listed}, (), (), _UNKNOWN)
    means = window_means(people, time_s, owner, lengths)
    cannot = () if source.time_s is not None else ("Steadiness and bursts of clients: the log has no times.",)
    return _section(people, means, _log_parts(people, time_s, people.rank[client]), listed, cannot)


_UNKNOWN = (
    (
        "How many clients there are, how unequal and how steady they are, and which of them make the workload burst and "
        "shift: the log does not say who sent a request. A column with a client, user, API key or tenant would tell "
        "(--column client=...); a hash of it does as well."
    ),
    (
        "Lengths, bursts and shifts of single clients: what the other sections say is of the mixture of all clients. A pool "
        "fitted from this log has one client; its bursts thin out, and its lengths mix, as those of one sender would."
    ),
)
_POOL = (
    (
        "Bursts of clients at scales below a window from requests: the shares given follow from recorded counts and CVs, "
        "taking each client's gaps as independent. A log of requests would tell."
    ),
)


def _section(
    people: Population,
    means: dict[str, Variation],
    parts: dict[str, Parts],
    listed: dict[str, Any],
    cannot: tuple[str, ...],
) -> Section:
    requests = people.requests.sum(1)
    figures: dict[str, Any] = {"known": True, **skew(people.requests)}
    whole = slice(0, people.whole)
    large = slice(0, people.large)
    told = list(cannot)
    if people.whole >= _LEAST_WHOLE:
        count, cv = people.count[large, whole], people.cv[large, whole]
        varied = {
            "rate": stability.of_rate(count, cv),
            "cv": stability.of_cv(cv, people.gaps[large, whole]),
            **means,
        }
        figures["stability"] = {
            name: found
            for name, one in varied.items()
            if (found := _steadiness(one, requests[large], float(requests.sum())))
        }
        total = people.count[:, whole].sum(0, keepdims=True)
        of_total = stability.of_rate(total, np.ones(total.shape))
        if of_total.seen[0] >= 0:
            figures["total_rate_variation"] = Number(float(of_total.real[0]), "", people.whole)
    else:
        told.append(
            f"Steadiness over time and which clients explain shifts: there are {people.whole} whole windows, and it needs "
            f"{_LEAST_WHOLE}. A longer log or shorter windows (--window) would tell."
        )
    for name, one in parts.items():
        found, why = _explained(one, people, requests)
        if found:
            figures[name] = found
        if why:
            told.append(f"Which clients explain {name}: {why}")
    figures["table"] = listed
    shown = client_plots.plots(figures, people)
    return Section(KEY, TITLE, figures, lines_of(figures), shown, tuple(told))


def _log_parts(people: Population, time_s: Any, rank: Any) -> dict[str, Parts]:
    if people.whole < _LEAST_WHOLE:
        return {}
    sent = decomposition.Sent(time_s, rank, len(people.names))
    bins = max(_LEAST_BINS, min(round(people.window_s / _BIN_S), MOST_BINS // people.whole))
    return {
        "shifts": decomposition.shifts_of(sent, people.window_s, people.whole, people.blocks),
        "bursts": decomposition.bursts_of(sent, people.window_s / bins, bins, people.whole, people.blocks),
    }


def _pool_parts(people: Population) -> dict[str, Parts]:
    if people.whole < _LEAST_WHOLE:
        return {}
    return {
        "shifts": decomposition.shifts(people.count, people.blocks, people.window_s),
        "bursts": decomposition.bursts_of_windows(people.count, people.cv, people.blocks, people.window_s),
    }


def _steadiness(one: Variation, requests: Any, total: float) -> dict[str, Any]:
    """Medians over clients weighted by requests; {} if no client has enough windows."""
    told = one.seen >= 0
    if not told.any():
        return {}
    clients = int(told.sum())
    return {
        "seen": Number(stability.middle(one.seen, requests), "", clients),
        "noise": Number(stability.middle(one.noise, requests), "", clients),
        "real": Number(stability.middle(one.real, requests), "", clients),
        "clients": clients,
        "requests_share": float(requests[told].sum() / total),
    }


def _explained(one: Parts, people: Population, requests: Any) -> tuple[dict[str, Any], str]:
    excess = one.excess
    if float(one.whole.sum()) <= 0 or (excess.low is not None and excess.low <= 0):
        return (
            {},
            f"counts in {one.scale_s:g} s vary no more than those of Poisson clients, within what chance explains.",
        )
    top = np.arange(len(people.names))
    found = {
        "scale_s": one.scale_s,
        "method": one.method,
        "leaders": decomposition.leaders(one, people.names, requests),
        "share_of_top": {str(k): one.share(top[:k]) for k in TOPS if k < len(top)},
        "sum": float(one.shares.sum()),
    }
    return found, ""
