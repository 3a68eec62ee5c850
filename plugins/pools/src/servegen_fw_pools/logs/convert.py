"""A workload as a log, so that what was generated can be looked at like what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servegen_fw_pools.logs.assemble import factorize
from servegen_fw_pools.logs.log import Log, Notice
from servegen_fw_pools.logs.replay import replay

if TYPE_CHECKING:
    from servegen_fw.plugin import Workload

__all__ = ["log_of", "replay"]


def log_of(workload: Workload, name: str) -> Log:
    """Return a workload as a log; `replay` is the other direction.

    Times are those that servers would see who answer at once (`Workload.planned_s`), from the first request. Sessions
    are told if any has a later turn; one that ran at time 0 keeps its turns' numbers, so that it begins with a later turn.
    Prefix ids and further columns have no place in a log.
    """
    order = np.argsort(workload.planned_s, kind="stable")
    planned_s = workload.planned_s[order]
    session = None
    if np.any(workload.parent >= 0):
        first = np.maximum.accumulate(np.where(workload.parent < 0, np.arange(len(workload)), 0))
        session = factorize(first[order])
    reason = workload.reason_tokens[order]
    return Log(
        name=name,
        time_s=planned_s - planned_s[0] if len(planned_s) else planned_s,
        input_tokens=workload.input_tokens[order],
        output_tokens=workload.output_tokens[order],
        reason_tokens=reason if reason.any() else None,
        client=workload.client[order],
        clients=workload.clients.names,
        session=session,
        turn=None if session is None else workload.turn[order],
        items=workload.items.select(order) if len(workload.items) else None,
        notices=tuple(Notice("workload-note", 1, note) for note in workload.notes),
    )
