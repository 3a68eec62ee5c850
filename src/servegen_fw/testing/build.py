"""Small workloads and records by hand, for tests of metrics, backends and reporters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from servegen_fw.data.workload import Clients, Items, Workload


def make_workload(
    due_s: Sequence[float] | npt.NDArray[np.float64],
    *,
    input_tokens: int | Sequence[int] = 100,
    output_tokens: int | Sequence[int] = 10,
    reason_tokens: int | Sequence[int] = 0,
    client: Sequence[int] | None = None,
    clients: Sequence[str] = ("client-0",),
    turns: int = 1,
    think_s: float = 1.0,
    items: Items | None = None,
    duration_s: float | None = None,
) -> Workload:
    """Return a workload with one session per due time.

    Parameters
    ----------
        due_s: ascending due times of the sessions' first turns.
        input_tokens: new prompt tokens of every turn, or one number per row (sessions times turns).
        output_tokens: the same for outputs.
        reason_tokens: the same for the reasoning part of outputs.
        client: index of each session's client; default all 0.
        clients: names.
        turns: turns of every session; later ones carry the earlier prompts and answers as context.
        think_s: think time before later turns.
        items: images, audio, video; default none.
        duration_s: default just after the last due time.
    """
    starts = np.asarray(due_s, np.float64)
    n = len(starts) * turns
    turn = np.tile(np.arange(turns, dtype=np.int32), len(starts))
    first = turn == 0
    new = np.broadcast_to(np.asarray(input_tokens, np.int32), n)
    output = np.broadcast_to(np.asarray(output_tokens, np.int32), n).astype(np.int32)
    reason = np.broadcast_to(np.asarray(reason_tokens, np.int32), n).astype(np.int32)
    carried = (new + output - reason).reshape(-1, turns)
    context = (
        (np.cumsum(carried, axis=1) - carried).reshape(-1).astype(np.int32) if n else np.empty(0, np.int32)
    )
    owner = np.zeros(len(starts), np.int32) if client is None else np.asarray(client, np.int32)
    session = np.zeros(len(starts), np.int64)
    for one in np.unique(owner):
        session[owner == one] = np.arange(np.count_nonzero(owner == one))
    last = float(starts[-1]) if len(starts) else 0.0
    return Workload(
        due_s=np.where(first, np.repeat(starts, turns), np.nan),
        client=np.repeat(owner, turns),
        session=np.repeat(session, turns),
        turn=turn,
        parent=np.where(first, -1, np.arange(n) - 1),
        think_s=np.where(first, 0.0, think_s),
        input_tokens=(new + context).astype(np.int32),
        context_tokens=context,
        output_tokens=output,
        reason_tokens=reason,
        prefix=np.full(n, -1, np.int64),
        prefix_tokens=np.zeros(n, np.int32),
        items=Items.none(n) if items is None else items,
        clients=Clients(tuple(clients), np.zeros(len(clients), np.int16), ("group-1",)),
        duration_s=last + 1.0 if duration_s is None else duration_s,
    )
