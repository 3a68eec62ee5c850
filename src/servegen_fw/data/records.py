"""What happened to each request, on one clock, in columns that line up with the workload's rows."""

from __future__ import annotations

import functools
from typing import Final

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I2, I4, I8, MISSING_NS, U1

PENDING: Final = 0
OK: Final = 1
ERROR: Final = 2
TRUNCATED: Final = 3
CANCELLED: Final = 4
SKIPPED: Final = 5
STATUS_NAMES: Final = ("pending", "ok", "error", "truncated", "cancelled", "skipped")

TIME_COLUMNS: Final = ("due_ns", "start_ns", "sent_ns", "first_ns", "answer_ns", "last_ns", "done_ns")

COUNT_COLUMNS: Final = (
    "input_reported",
    "output_reported",
    "reason_reported",
    "cached_reported",
    "output_counted",
)


@attrs.frozen(eq=False)
class Chunks:
    """Arrival times of the chunks that carried tokens, as segments of one shared, ascending-per-segment time array.

    A live run has one segment a request. A simulated engine shares one array of step times between all requests that
    decode together; a preempted request then has several segments.

    Attributes
    ----------
        t_ns: int64[times].
        request: int64[segments]; row of the request, ascending; a row's segments are in time order.
        begin: int64[segments]; first index into `t_ns`.
        end: int64[segments]; one past the last index.
    """

    t_ns: I8
    request: I8
    begin: I8
    end: I8

    def gaps(self, rows: I8) -> tuple[F8, I8, F8]:
        """Inter-token gaps of the requests `rows`: (gap in s, int64 end time in ns, weight).

        Each shared gap appears once, weighted by the number of requests that waited through it, so a million requests
        that share steps cost no more than the steps.
        """
        wanted = np.zeros(int(self.request.max(initial=-1)) + 1, np.bool_)
        wanted[rows[rows < len(wanted)]] = True
        keep = wanted[self.request] & (self.end > self.begin)
        request, begin, end = self.request[keep], self.begin[keep], self.end[keep]
        cover = np.zeros(len(self.t_ns) + 1, np.int64)
        np.add.at(cover, begin + 1, 1)
        np.add.at(cover, end, -1)
        cover = np.cumsum(cover)[: len(self.t_ns)]
        inside = np.flatnonzero(cover > 0)
        seam = np.flatnonzero(request[1:] == request[:-1])
        late, early = self.t_ns[begin[seam + 1]], self.t_ns[end[seam] - 1]
        gap_ns = np.concatenate((self.t_ns[inside] - self.t_ns[inside - 1], late - early))
        at_ns = np.concatenate((self.t_ns[inside], late))
        weight = np.concatenate((cover[inside], np.ones(len(seam), np.int64)))
        return gap_ns / 1e9, at_ns, weight.astype(np.float64)


@attrs.frozen(eq=False)
class Harness:
    """How the measuring side itself fared.

    Attributes
    ----------
        clock: "monotonic" (a live run) or "virtual" (a backend that owns the event clock).
        wall_s: from the first due time to the end of the drain.
        cpu_s: processor time the driver used meanwhile; NaN if unknown.
        stall_s: float64[k]; lengths of the event loop's stalls over a millisecond.
        drained: whether every request ended before the drain limit.
        interrupted: why the run ended early ("" if it did not).
    """

    clock: str
    wall_s: float
    cpu_s: float = float("nan")
    stall_s: F8 = attrs.field(factory=lambda: np.empty(0))
    drained: bool = True
    interrupted: str = ""


@attrs.frozen(eq=False)
class Records:
    """One row per workload row. Times are int64 nanoseconds from the start of the clock, -1 where never reached.

    Attributes
    ----------
        due_ns: when the request was scheduled; for reactive turns parent's done plus think time.
        start_ns: the engine handed the request to the backend.
        sent_ns: its last byte was written to the socket.
        first_ns: first chunk with a token, reasoning or answer.
        answer_ns: first chunk with an answer token.
        last_ns: last chunk with a token.
        done_ns: the stream ended.
        status: uint8; index into `STATUS_NAMES`.
        code: int16; index into `codes`, the error code ("" for none).
        finish: int16; index into `finishes`, the server's finish reason.
        input_reported: int32; prompt tokens as the server reported, -1 if it did not.
        output_reported: int32; completion tokens as the server reported, -1.
        reason_reported: int32; reasoning tokens as the server reported, -1.
        cached_reported: int32; prompt tokens served from a prefix cache as reported, -1.
        output_counted: int32; tokens that the chunks were known to carry, -1 if any chunk's count was unknown.
        chunks_n: int32; chunks that carried tokens.
        codes: texts behind `code`; the first is "".
        finishes: texts behind `finish`; the first is "".
        harness: how the measuring side fared.
        chunks: times of every chunk, if they were kept.
    """

    due_ns: I8
    start_ns: I8
    sent_ns: I8
    first_ns: I8
    answer_ns: I8
    last_ns: I8
    done_ns: I8
    status: U1
    code: I2
    finish: I2
    input_reported: I4
    output_reported: I4
    reason_reported: I4
    cached_reported: I4
    output_counted: I4
    chunks_n: I4
    codes: tuple[str, ...]
    finishes: tuple[str, ...]
    harness: Harness
    chunks: Chunks | None = None

    def __len__(self) -> int:
        return len(self.due_ns)

    @functools.cached_property
    def output_tokens(self) -> I8:
        """Generated tokens: as reported by the server, else as counted, else chunks (int64[n])."""
        best = np.where(self.output_counted >= 0, self.output_counted, self.chunks_n)
        return np.where(self.output_reported >= 0, self.output_reported, best).astype(np.int64)

    @classmethod
    def empty(cls, n: int, harness: Harness) -> Records:
        """Return `n` pending rows; the arrays are fresh and may be filled by the engine that owns them."""
        times = {name: np.full(n, MISSING_NS, np.int64) for name in TIME_COLUMNS}
        counts = {name: np.full(n, -1, np.int32) for name in COUNT_COLUMNS}
        return cls(
            due_ns=times["due_ns"],
            start_ns=times["start_ns"],
            sent_ns=times["sent_ns"],
            first_ns=times["first_ns"],
            answer_ns=times["answer_ns"],
            last_ns=times["last_ns"],
            done_ns=times["done_ns"],
            status=np.zeros(n, np.uint8),
            code=np.zeros(n, np.int16),
            finish=np.zeros(n, np.int16),
            input_reported=counts["input_reported"],
            output_reported=counts["output_reported"],
            reason_reported=counts["reason_reported"],
            cached_reported=counts["cached_reported"],
            output_counted=counts["output_counted"],
            chunks_n=np.zeros(n, np.int32),
            codes=("",),
            finishes=("",),
            harness=harness,
        )
