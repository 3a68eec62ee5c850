"""The plan of one run: workload, payloads, and how the load is offered. Everything an engine needs, nothing it may decide."""

from __future__ import annotations

from typing import Literal

import attrs
import numpy as np

from servegen_fw.data.arrays import Bool
from servegen_fw.data.payload import Payloads
from servegen_fw.data.workload import Workload


@attrs.frozen(eq=False)
class Plan:
    """What one engine run does.

    Attributes
    ----------
        workload: the requests.
        payloads: their messages; None for backends that need none (the simulator).
        mode: "open": first turns leave at their due time whatever the server does. "closed": `concurrency` sessions
            are kept in flight, in workload order; a request is then due the moment its place becomes free.
        concurrency: sessions in flight in closed mode; in open mode 0.
        duration_s: no first turn leaves at or after this time (closed mode: also a limit, inf for none).
        warmup_s: requests due before this time are sent but not judged.
        drain_s: how long after the last due time requests may still end before they are cancelled.
        timeout_s: limit for one request, from start to done.
        sessions: "reactive": a later turn is due at parent's done plus think time. "planned": at the later of its
            planned time and parent's done, with latency counted from the planned time.
        history: "planned": pre-rendered answers are sent as history; "actual": the server's own words.
        keep_chunks: whether the time of every chunk is kept.
    """

    workload: Workload
    payloads: Payloads | None
    mode: Literal["open", "closed"]
    duration_s: float
    concurrency: int = 0
    warmup_s: float = 0.0
    drain_s: float = 60.0
    timeout_s: float = 600.0
    sessions: Literal["reactive", "planned"] = "reactive"
    history: Literal["planned", "actual"] = "planned"
    keep_chunks: bool = True

    def measured(self, due_ns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Bool:
        """Whether requests due at `due_ns` (int64[n], -1 for never) lie in the judged window; bool[n]."""
        begin = round(self.warmup_s * 1e9)
        end = self.duration_s * 1e9
        return np.asarray((due_ns >= begin) & (due_ns < end))
