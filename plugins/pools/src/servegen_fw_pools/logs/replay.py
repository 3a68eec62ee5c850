"""From columns of a log to a recorded `Workload`: clients, sessions and turns in the order the contract asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs
import numpy as np

from servegen_fw.plugin import Clients, Items, Workload

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

EVERYONE = "all"
"""Name of the one client of a log without client ids."""


@attrs.frozen(eq=False, kw_only=True)
class Log:
    """What a log says, one entry a request, in any order.

    Attributes
    ----------
        time_s: float64[n]; arrival, in seconds from any origin.
        input_tokens: int64[n]; the whole prompt.
        output_tokens: int64[n]; reasoning included.
        reason_tokens: int64[n], or None.
        client: n names, or None.
        session: n ids of conversations within the client ("" for none), or None.
        turn: int64[n]; order within the session, or None for the order of the times.
        latency_s: float64[n]; how long the request took, or None if unknown.
        prefix: int64[n]; ids of shared prefixes, -1 for none, or None.
        prefix_tokens: int64[n], or None.
    """

    time_s: F8
    input_tokens: I8
    output_tokens: I8
    reason_tokens: I8 | None = None
    client: Sequence[str] | None = None
    session: Sequence[str] | None = None
    turn: I8 | None = None
    latency_s: F8 | None = None
    prefix: I8 | None = None
    prefix_tokens: I8 | None = None


def replay(log: Log, who: str) -> Workload:
    """Return the log as a workload that begins with its first request.

    A session's first request is due when it arrived; a later one waits for its parent, with the recorded time between
    the two arrivals, less the parent's latency where the log tells it, as think time. A later turn's prompt carries
    the session's history if it is longer than its parent's prompt and answer together; otherwise it stands alone.
    Counts of 0 tokens are raised to 1 and reason tokens cut at the output; `notes` says how many.
    """
    n = len(log.time_s)
    names, client = _clients(log, n)
    order, first = _order(log, client)
    at = np.arange(n)
    turn = at - np.maximum.accumulate(np.where(first, at, 0))
    parent = np.where(first, 0, at - 1)
    client, time_s = client[order], log.time_s[order] - log.time_s.min(initial=np.inf)
    notes: list[str] = []
    tokens = {
        name: _at_least_1(getattr(log, f"{name}_tokens")[order], name, notes) for name in ("input", "output")
    }
    reason = np.zeros(n, np.int64) if log.reason_tokens is None else log.reason_tokens[order]
    if over := int((reason > tokens["output"]).sum()):
        notes.append(f"{over:,} x reason tokens above the output, cut")
    carried = np.where(first, 0, tokens["input"][parent] + tokens["output"][parent])
    gap_s = np.where(first, 0.0, time_s - time_s[parent])
    if log.latency_s is not None:
        gap_s = gap_s - np.where(first, 0.0, log.latency_s[order][parent])
    elif not first.all():
        notes.append(
            f"{int((~first).sum()):,} think times hold the parent's latency, which the log does not tell"
        )
    return Workload(
        due_s=np.where(first, time_s, np.nan),
        client=client.astype(np.int32),
        session=_ordinals(client, first),
        turn=turn.astype(np.int32),
        parent=np.where(first, -1, parent).astype(np.int64),
        think_s=np.maximum(gap_s, 0.0),
        input_tokens=tokens["input"].astype(np.int32),
        context_tokens=np.where(carried < tokens["input"], carried, 0).astype(np.int32),
        output_tokens=tokens["output"].astype(np.int32),
        reason_tokens=np.minimum(reason, tokens["output"]).astype(np.int32),
        prefix=np.full(n, -1, np.int64) if log.prefix is None else log.prefix[order],
        prefix_tokens=np.zeros(n, np.int32)
        if log.prefix_tokens is None
        else log.prefix_tokens[order].astype(np.int32),
        items=Items.none(n),
        clients=Clients(names, np.zeros(len(names), np.int16), (who,)),
        duration_s=float(np.floor(time_s.max(initial=0.0)) + 1),
        notes=tuple(notes),
    )


def _clients(log: Log, n: int) -> tuple[tuple[str, ...], I8]:
    """Names in natural order, and each request's client as an index into them."""
    if log.client is None:
        return (EVERYONE,), np.zeros(n, np.int64)
    names = tuple(sorted(set(log.client), key=_natural))
    number = {name: index for index, name in enumerate(names)}
    return names, np.array([number[name] for name in log.client], np.int64)


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text) if part]


def _order(log: Log, client: I8) -> tuple[I8, npt.NDArray[np.bool_]]:
    """Rows in a workload's order, and which of them, in that order, begin a session."""
    rows = np.arange(len(client))
    key = rows
    if log.session is not None:
        _, code = np.unique(np.asarray(log.session, str), return_inverse=True)
        alone = np.array([not name for name in log.session], np.bool_)
        key = np.where(alone, -1 - rows, client * (code.max(initial=0) + 1) + code)
    within = log.time_s if log.turn is None else log.turn
    grouped = np.lexsort((rows, within, key))
    begins = np.flatnonzero(np.append(True, np.diff(key[grouped]) != 0))[: len(rows)]
    leader = np.repeat(grouped[begins], np.diff(np.append(begins, len(rows))))
    final = np.lexsort((rows, leader, client[leader], log.time_s[leader]))
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


def _at_least_1(tokens: I8, name: str, notes: list[str]) -> I8:
    if low := int((tokens < 1).sum()):
        notes.append(f"{low:,} x {name} of 0 tokens, raised to 1")
    return np.maximum(tokens, 1)
