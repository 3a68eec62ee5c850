"""What a backend reports into: stamps and counts of one request in flight, at a fraction of a microsecond a chunk."""

from __future__ import annotations

from array import array

from servegen_fw.data.arrays import MISSING_NS
from servegen_fw.drive.clock import now_ns

UNREPORTED = -1


class LiveSink:
    """The `Sink` of one request. All times are readings of `now_ns`; the recorder moves them to run time.

    Attributes
    ----------
        times: when each chunk that carried tokens came.
        answer_ns: first chunk with an answer token, -1 before.
        sent_ns: last byte written, -1 before.
        stamp_ns: when the bytes being parsed were read; 0 for backends that do not say.
        tokens: tokens that the chunks were known to carry.
        unknown: a chunk came whose number of tokens is not known.
        finished: the server gave a finish reason, `reason`.
        input_tokens: as the server states them, -1 if it did not; likewise the other counts.
    """

    __slots__ = (
        "_add",
        "answer_ns",
        "cached_tokens",
        "finished",
        "input_tokens",
        "output_tokens",
        "reason",
        "reason_tokens",
        "sent_ns",
        "stamp_ns",
        "times",
        "tokens",
        "unknown",
    )

    def __init__(self) -> None:
        self.times = array("q")
        self._add = self.times.append
        self.answer_ns = MISSING_NS
        self.sent_ns = MISSING_NS
        self.stamp_ns = 0
        self.tokens = 0
        self.unknown = False
        self.finished = False
        self.reason = ""
        self.input_tokens = UNREPORTED
        self.output_tokens = UNREPORTED
        self.reason_tokens = UNREPORTED
        self.cached_tokens = UNREPORTED

    def sent(self) -> None:
        """Stamp the last byte of the request."""
        self.sent_ns = now_ns()

    def read(self, t_ns: int) -> None:
        """Use `t_ns`, a reading of the monotonic clock, for what follows until the next read."""
        self.stamp_ns = t_ns

    def chunk(self, tokens: int | None = 1, *, reasoning: bool = False) -> None:
        """Stamp and count a chunk; one that carries no token is not a chunk."""
        if tokens is None:
            self.unknown = True
        elif tokens > 0:
            self.tokens += tokens
        else:
            return
        t_ns = self.stamp_ns or now_ns()
        add = self._add  # a local variable is called faster than an attribute
        add(t_ns)
        if self.answer_ns < 0 and not reasoning:
            self.answer_ns = t_ns

    def usage(
        self,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        reason_tokens: int | None = None,
        cached_tokens: int | None = None,
    ) -> None:
        """Keep the server's counts; a later report replaces an earlier one, None leaves it."""
        if input_tokens is not None:
            self.input_tokens = input_tokens
        if output_tokens is not None:
            self.output_tokens = output_tokens
        if reason_tokens is not None:
            self.reason_tokens = reason_tokens
        if cached_tokens is not None:
            self.cached_tokens = cached_tokens

    def finish(self, reason: str) -> None:
        """Keep the finish reason: the stream is whole."""
        self.finished = True
        self.reason = reason
