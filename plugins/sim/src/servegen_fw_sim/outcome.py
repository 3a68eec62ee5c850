"""From what the scheduler logged to records: every time column computed at once, from step numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw.plugin import STATUS_NAMES, Chunks, Harness, Records

if TYPE_CHECKING:
    from servegen_fw.plugin import Turn, Workload
    from servegen_fw_sim.scheduler import Scheduler

OK = STATUS_NAMES.index("ok")
ERROR = STATUS_NAMES.index("error")
CANCELLED = STATUS_NAMES.index("cancelled")
SKIPPED = STATUS_NAMES.index("skipped")

LENGTH = "length"

I8 = npt.NDArray[np.int64]


class Outcome:
    """Collects how requests ended, and turns them into `Records`."""

    def __init__(self, rows: int) -> None:
        self._records = Records.empty(rows, Harness("virtual", 0.0))
        self._codes: dict[str, int] = {"": 0}

    def end(self, turn: Turn, *, start_ns: int, done_ns: int, status: int, code: str, cached: int) -> None:
        """Write a request that ended."""
        table, row = self._records, turn.row
        table.due_ns[row] = turn.due_ns
        table.start_ns[row] = start_ns
        table.done_ns[row] = done_ns
        table.status[row] = status
        table.code[row] = self._codes.setdefault(code, len(self._codes))
        table.cached_reported[row] = cached

    def skip(self, row: int) -> None:
        """Write a turn that its session never reached."""
        self._records.status[row] = SKIPPED

    def records(
        self,
        workload: Workload,
        scheduler: Scheduler,
        *,
        api_s: float,
        keep_chunks: bool,
        harness: Harness,
    ) -> Records:
        """Return the records of the run; call once.

        Parameters
        ----------
            api_s: time from the engine to the client, added to every token's time.
            keep_chunks: whether to keep every token's time.
        """
        table = self._records
        chunks = segments(scheduler, api_s)
        cut = (table.status != OK) & (table.done_ns >= 0)
        chunks = seen(chunks, table.done_ns, cut)
        tokens = np.bincount(chunks.request, chunks.end - chunks.begin, minlength=len(table)).astype(np.int32)
        any_token = tokens > 0
        left = table.start_ns >= 0
        table.sent_ns[left] = table.start_ns[left]
        table.chunks_n[:] = tokens
        table.output_counted[left] = tokens[left]
        first = nth_token(chunks, np.flatnonzero(any_token), 0)
        table.first_ns[any_token] = first
        table.last_ns[any_token] = nth_token(chunks, np.flatnonzero(any_token), tokens[any_token] - 1)
        reason = np.minimum(workload.reason_tokens, np.maximum(workload.output_tokens, 0))
        answered = np.flatnonzero(tokens > reason)
        table.answer_ns[answered] = nth_token(chunks, answered, reason[answered])
        ok = table.status == OK
        table.input_reported[ok] = np.maximum(workload.prompt_tokens[ok], 1)
        table.output_reported[ok] = tokens[ok]
        table.reason_reported[ok] = np.minimum(reason[ok], tokens[ok])
        table.cached_reported[~ok] = -1
        table.finish[ok] = 1
        return attrs.evolve(
            table,
            codes=tuple(self._codes),
            finishes=("", LENGTH),
            chunks=chunks if keep_chunks else None,
            harness=harness,
        )


def segments(scheduler: Scheduler, api_s: float) -> Chunks:
    """Token times of all requests, as ranges of one axis: the times at which the tokens of each step reach clients.

    With asynchronous scheduling the tokens of step n leave at the end of step n + 1, so the axis is that of the step
    ends without the first, and the ranges stay those of the scheduler. A step without a successor has no time; only
    requests that were cut short have tokens in it, which nobody saw.
    """
    ends_s = scheduler.log.ends_s()[int(scheduler.limits.overlap) :]
    # Rounded down like the times of ends in `Replay`.
    t_ns = ((ends_s + api_s) * 1e9).astype(np.int64)
    count = len(scheduler.segment_end)
    row = np.frombuffer(scheduler.segment_row, np.int64, count) if count else np.empty(0, np.int64)
    begin = np.frombuffer(scheduler.segment_begin, np.int64, count) if count else np.empty(0, np.int64)
    end = np.frombuffer(scheduler.segment_end, np.int64, count) if count else np.empty(0, np.int64)
    order = np.argsort(row, kind="stable")
    last = len(t_ns)
    return Chunks(t_ns, row[order], np.minimum(begin[order], last), np.minimum(end[order], last))


def seen(chunks: Chunks, done_ns: I8, cut: npt.NDArray[np.bool_]) -> Chunks:
    """Return the chunks that reached the clients of rows with `cut` by `done_ns`; other rows keep theirs."""
    some = np.flatnonzero(cut[chunks.request])
    if len(some):
        limit = np.searchsorted(chunks.t_ns, done_ns[chunks.request[some]], side="right")
        end = chunks.end.copy()
        end[some] = np.clip(limit, chunks.begin[some], chunks.end[some])
        chunks = attrs.evolve(chunks, end=end)
    keep = chunks.end > chunks.begin
    return Chunks(chunks.t_ns, chunks.request[keep], chunks.begin[keep], chunks.end[keep])


def nth_token(chunks: Chunks, rows: I8, n: npt.ArrayLike) -> I8:
    """Time of token number `n` (from 0) of each of `rows`, all of which have that many; int64 ns."""
    length = chunks.end - chunks.begin
    before = np.cumsum(length) - length  # tokens of all segments before
    start = before[np.searchsorted(chunks.request, rows)]
    wanted = start + np.asarray(n, np.int64)
    segment = np.searchsorted(before, wanted, side="right") - 1
    return np.asarray(chunks.t_ns[chunks.begin[segment] + wanted - before[segment]])
