"""The one shape that every log is read into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw.plugin import Items

    F8 = npt.NDArray[np.float64]
    I4 = npt.NDArray[np.int32]
    I8 = npt.NDArray[np.int64]


@attrs.frozen
class Notice:
    """Something odd that a reader must know of: counted, named, and what was done about it.

    Attributes
    ----------
        code: what it is: "damaged-row", "negative-length" (skipped); "unsorted", "duplicate-time", "mixed-zones", "gap",
            "zero-tokens", "missing-value", "no-client", "reason-above-output", "shared-item-tokens",
            "forked-conversation" (kept); "not-a-request", "no-answer", "answer-first", "not-sent", "failed" (of OTel,
            ShareGPT and our own results); "columns", "time-unit", "estimated-tokens", "workload-note" (how it was read).
        count: how many rows (or gaps) it is about.
        what: one sentence, with what was done ("skipped", "sorted", "kept").
        where: up to five places, ``file:line:col`` or ``file:line``.
    """

    code: str
    count: int
    what: str
    where: tuple[str, ...] = ()


@attrs.frozen(eq=False)
class Blocks:
    """Hashes of prompts' token blocks; equal leading ids mean equal leading tokens.

    Attributes
    ----------
        offsets: int64[n + 1]; request i has the blocks offsets[i]:offsets[i + 1].
        ids: int64[blocks].
        tokens: tokens behind one id; the last block of a prompt may be partly filled.
    """

    offsets: I8
    ids: I8
    tokens: int


@attrs.frozen(eq=False, kw_only=True)
class Log:
    """Requests of a log, n rows in the order of their times. A column that the log does not tell is None.

    Attributes
    ----------
        name: for titles and for the pool made of it; mostly the file's stem.
        time_s: float64[n]; arrival in seconds from the first request, ascending; None if the log has no times.
        start: instant of time 0, ISO 8601 in UTC; "" if the log tells none.
        input_tokens: int32[n]; text tokens of the whole prompt, carried history included; 0 is possible.
        output_tokens: int32[n]; reasoning included; 0 is possible.
        reason_tokens: int32[n], within `output_tokens`.
        client: int32[n]; index into `clients`.
        clients: names of the clients.
        session: int64[n]; id of the conversation, unique over all clients; -1 for a request that stands alone.
        turn: int32[n]; from 0 within the session: by the numbers that the log tells, else in the order of its times. A
            session of our own workloads that began before the log keeps its turns' numbers and begins above 0.
        latency_s: float64[n]; from arrival to the end of the answer; NaN where unknown.
        items: images, audio, video.
        blocks: hashes of the prompts' blocks.
        notices: what was odd, and what was done about it.
    """

    name: str
    input_tokens: I4
    output_tokens: I4
    time_s: F8 | None = None
    start: str = ""
    reason_tokens: I4 | None = None
    client: I4 | None = None
    clients: tuple[str, ...] = ()
    session: I8 | None = None
    turn: I4 | None = None
    latency_s: F8 | None = None
    items: Items | None = None
    blocks: Blocks | None = None
    notices: tuple[Notice, ...] = ()

    def __len__(self) -> int:
        return len(self.input_tokens)

    @property
    def duration_s(self) -> float:
        """Time from the first request to the last; 0 without times."""
        return 0.0 if self.time_s is None or not len(self.time_s) else float(self.time_s[-1])

    def history(self, rows: I8) -> I8:
        """Tokens that a later turn repeats of the requests `rows`: their prompts and answers, reasoning left out; int64[k]."""
        tokens = self.input_tokens[rows].astype(np.int64) + self.output_tokens[rows]
        return tokens if self.reason_tokens is None else tokens - self.reason_tokens[rows]
