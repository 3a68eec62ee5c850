"""Some clients of a pool, or some of its hours."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import attrs
import numpy as np

from servegen_fw.plugin import ClientPool, InputError, Problem
from servegen_fw_pools.pool.parts import clients_of, hours_of


def filtered(
    pool: ClientPool,
    *,
    clients: Sequence[str] = (),
    from_s: float | None = None,
    to_s: float | None = None,
    min_requests: int | None = None,
    top: int | None = None,
) -> ClientPool:
    """Keep the hours, then of the clients that are named those with enough requests, then the busiest of them.

    A client that sends nothing in the hours kept is left out; ``meta["left_out"]`` counts all that were.

    Raises
    ------
        InputError: nothing is asked for, an id is unknown, the hours lie outside the recording, or nobody is left.
    """
    if not clients and from_s is None and to_s is None and min_requests is None and top is None:
        cure = "give --client, --from, --to, --min-requests or --top"
        raise InputError(Problem("nothing to filter by", who="pool filter", cure=cure))
    unknown = [name for name in clients if name not in pool.clients]
    if unknown:
        raise InputError(*(_no_client(pool, name) for name in unknown[:20]))
    whole = len(pool.clients)
    if from_s is not None or to_s is not None:
        pool = hours_of(
            pool,
            pool.start_s if from_s is None else from_s,
            pool.start_s + pool.duration_s if to_s is None else to_s,
        )
    total = pool.requests.sum(1)
    kept = total > 0
    if clients:
        kept &= np.isin(pool.clients, list(clients))
    if min_requests is not None:
        kept &= total >= min_requests
    rows = np.flatnonzero(kept)
    if top is not None:
        rows = np.sort(rows[np.argsort(-total[rows], kind="stable")[:top]])
    if not len(rows):
        floor = f" (the busiest has {total.max():,.0f} requests)" if min_requests is not None else ""
        raise InputError(Problem(f"no client is left{floor}", who=pool.name, cure="filter less"))
    left = clients_of(pool, rows)
    return attrs.evolve(left, meta={**pool.meta, "left_out": {"clients": whole - len(rows)}})


def _no_client(pool: ClientPool, name: str) -> Problem:
    near = difflib.get_close_matches(name, pool.clients, 1)
    some = ", ".join(pool.clients[:5])
    cure = f"did you mean {near[0]!r}?" if near else f"its clients are {some} ... (see `pool show`)"
    return Problem(f"has no client {name!r}", who=pool.name, cure=cure)
