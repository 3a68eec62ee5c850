"""From a log to a recorded `Workload`: clients, sessions and turns in the order the contract asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servegen_fw.plugin import Clients, InputError, Items, Problem, Workload
from servegen_fw_pools.logs.prefixes import prefixes

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.logs.log import Log

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

_TOLD_OTHERWISE = {"columns", "zero-tokens"}

EVERYONE = "all"
"""Name of the one client of a log without client ids."""


def replay(log: Log, who: str) -> Workload:
    """Return the log as a workload of the group `who` that begins with the log's first request.

    A session's first request is due when it arrived; a later one waits for its parent, with the recorded time between
    the two arrivals, less the parent's latency where the log tells it, as think time. A later turn's prompt carries
    the session's history if it is longer than its parent's prompt and answer together; otherwise it stands alone.
    Hashes of blocks become shared prefixes. Counts of 0 tokens are raised to 1; `notes` says how many, and holds the
    log's notices.

    Raises
    ------
        InputError: the log has no times.
    """
    if log.time_s is None:
        raise InputError(Problem("a log without times cannot be replayed", who=log.name))
    n = len(log)
    names = log.clients if log.client is not None else (EVERYONE,)
    client = np.zeros(n, np.int64) if log.client is None else log.client.astype(np.int64)
    order, first = _order(log, client, log.time_s)
    at = np.arange(n)
    turn = at - np.maximum.accumulate(np.where(first, at, 0))
    parent = np.where(first, 0, at - 1)
    client, time_s = client[order], log.time_s[order]
    notes = [notice.what for notice in log.notices if notice.code not in _TOLD_OTHERWISE]
    inputs = _at_least_1(log.input_tokens[order], "input", notes)
    outputs = _at_least_1(log.output_tokens[order], "output", notes)
    reason = np.zeros(n, np.int32) if log.reason_tokens is None else log.reason_tokens[order]
    # Reasoning is not sent back, as in composed conversations.
    carried = np.where(first, 0, inputs.astype(np.int64)[parent] + outputs[parent] - reason[parent])
    gap_s = np.where(first, 0.0, time_s - time_s[parent])
    if log.latency_s is not None:
        took_s = log.latency_s[order][parent]
        told = ~np.isnan(took_s)
        gap_s = gap_s - np.where(first | ~told, 0.0, took_s)
        untold = int((~first & ~told).sum())
    else:
        untold = int((~first).sum())
    if untold:
        notes.append(f"{untold:,} think times hold the parent's latency, which the log does not tell")
    prefix, prefix_tokens = np.full(n, -1, np.int64), np.zeros(n, np.int64)
    if log.blocks is not None:
        prefix, prefix_tokens = prefixes(log.blocks, log.input_tokens)
    return Workload(
        due_s=np.where(first, time_s, np.nan),
        client=client.astype(np.int32),
        session=_ordinals(client, first),
        turn=turn.astype(np.int32),
        parent=np.where(first, -1, parent).astype(np.int64),
        think_s=np.maximum(gap_s, 0.0),
        input_tokens=inputs,
        context_tokens=np.where(carried < inputs, carried, 0).astype(np.int32),
        output_tokens=outputs,
        reason_tokens=reason,
        prefix=prefix[order],
        prefix_tokens=prefix_tokens[order].astype(np.int32),
        items=Items.none(n) if log.items is None else log.items.select(order),
        clients=Clients(names, np.zeros(len(names), np.int16), (who,)),
        duration_s=float(np.floor(time_s.max(initial=0.0)) + 1),
        notes=tuple(notes),
    )


def _order(log: Log, client: I8, time_s: F8) -> tuple[I8, npt.NDArray[np.bool_]]:
    """Rows in a workload's order, and which of them, in that order, begin a session."""
    rows = np.arange(len(client))
    if log.session is None:
        return np.lexsort((rows, client, time_s)), np.ones(len(rows), np.bool_)
    key = np.where(log.session < 0, -1 - rows, log.session)
    grouped = np.lexsort((rows if log.turn is None else log.turn, key))
    begins = np.flatnonzero(np.append(True, np.diff(key[grouped]) != 0))[: len(rows)]
    leader = np.repeat(grouped[begins], np.diff(np.append(begins, len(rows))))
    final = np.lexsort((rows, leader, client[leader], time_s[leader]))
    order = grouped[final]
    return order, leader[final] == order


def _ordinals(client: I8, first: npt.NDArray[np.bool_]) -> I8:
    """Number of each row's session within its client, from 0; sessions stand whole and in order."""
    by_client = np.argsort(client, kind="stable")
    begun = np.cumsum(first[by_client])
    _, starts, owner = np.unique(client[by_client], return_index=True, return_inverse=True)
    ordinal = np.empty(len(client), np.int64)
    ordinal[by_client] = begun - begun[starts][owner]
    return ordinal


def _at_least_1(tokens: npt.NDArray[np.int32], name: str, notes: list[str]) -> npt.NDArray[np.int32]:
    if low := int((tokens < 1).sum()):
        notes.append(f"{low:,} x {name} of 0 tokens, raised to 1")
    return np.maximum(tokens, 1)
