"""One response while it comes in: head, then a body that goes to the event splitter or is collected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import attrs
from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

from servegen_fw.drive.wire.failures import loss
from servegen_fw.drive.wire.sse import EventSplitter
from servegen_fw.errors import BackendError

EVENT_STREAM = "text/event-stream"

_LF, _CR = b"\n\r"
_EMPTY = len(b"data: \n\n")
_OPENINGS_AT_MOST = 4096


@attrs.frozen
class Response:
    """A response with a 2xx status.

    Attributes
    ----------
        status: for example 200.
        headers: names in lower case; values of a repeated name joined by ", ".
        body: b"" where the body was an event stream and went to the event callback.
        streamed: whether it was.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    streamed: bool = False


@attrs.frozen
class Limits:
    """Bounds on what a server can make the client keep, in bytes."""

    header_bytes: int = 64 * 1024
    event_bytes: int = 4 * 1024 * 1024
    body_bytes: int = 64 * 1024 * 1024
    error_bytes: int = 64 * 1024


def _ignore(data: bytes) -> None:
    """Take an event that nobody asked for."""


class _Openings(dict[int, bytes]):
    """How a read of so many bytes begins that is one whole chunk with one event: the size line and the field name."""

    def __missing__(self, length: int) -> bytes:
        opening = b"-" * (length + 1)  # there is no such chunk
        for digits in range(1, 9):
            size = length - digits - 4  # a chunk is the digits, CRLF, the data, CRLF
            if size > _EMPTY and len(f"{size:x}") == digits:
                opening = b"%x\r\ndata: " % size
        if len(self) < _OPENINGS_AT_MOST:
            self[length] = opening
        return opening


_OPENINGS = _Openings()


class Exchange:
    """Parses one response. `done` resolves when the exchange is over; `error` then says whether it went well.

    The instance is the parser's callback object: `on_header`, `on_headers_complete`, `on_body`, `on_chunk_header`,
    `on_chunk_complete`, `on_message_begin` and `on_message_complete` are names that httptools looks for.

    Most reads of a stream are one chunk with one event, and most of the cost of a token would be in the layers between:
    such a read is taken apart right here and kept from the parser, which stands between two chunks before and after it,
    as the event splitter stands between two events. Any other read goes to the parser, and a body that is not chunked
    goes there as a whole.

    Attributes
    ----------
        done: resolved when the response has ended, in whatever way.
        error: why it failed, None if it is complete.
        status: 0 until the head is complete.
        headers: as in `Response`.
        keep_alive: whether the connection may carry another request.
        received: bytes of the response that came.
        streamed: whether the body goes to the event callback.
    """

    __slots__ = (
        "_between",
        "_bodiless",
        "_body",
        "_body_size",
        "_chunk_over",
        "_complete",
        "_ends_with_connection",
        "_limits",
        "_on_event",
        "_parse",
        "_parser",
        "_splitter",
        "_take",
        "_wants_events",
        "done",
        "error",
        "headers",
        "keep_alive",
        "received",
        "status",
        "streamed",
    )

    def __init__(
        self,
        done: asyncio.Future[None],
        limits: Limits,
        *,
        on_event: Callable[[bytes], None] | None = None,
        bodiless: bool = False,
    ) -> None:
        self.done = done
        self.error: Exception | None = None
        self.status = 0
        self.headers: dict[str, str] = {}
        self.keep_alive = False
        self.received = 0
        self.streamed = False
        self._limits = limits
        self._on_event = on_event or _ignore
        self._wants_events = on_event is not None
        self._bodiless = bodiless  # the request was HEAD
        self._ends_with_connection = False
        self._complete = False
        self._body: list[bytes] = []
        self._body_size = 0
        self._take: Callable[[bytes], None] = self._collect
        self._splitter: EventSplitter | None = None
        self._chunk_over = False  # no size line came after the last chunk, as far as it is complete
        self._between = False  # parser and splitter stand where a whole chunk and a whole event may begin
        self._parser = HttpResponseParser(self)
        self._parse = self._parser.feed_data

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the connection; every complete event is handed on before this returns."""
        size = len(data)
        self.received += size
        if self._between:
            # Here and below: comparing a slice is cheaper than startswith, looking for a number than for a byte string,
            # and calling a local variable than calling an attribute.
            opening = _OPENINGS[size]
            begin = len(opening)
            if data[:begin] == opening and data[-4:] == b"\n\n\r\n":
                event = data[begin:-4]
                if _LF not in event and _CR not in event:
                    on_event = self._on_event
                    try:
                        on_event(event)
                    except Exception as error:  # whatever it is, it is this request's  # noqa: BLE001
                        self.fail(error)
                    return
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        try:
            self._parse(data)
        except HttpParserCallbackError as error:
            # httptools wraps what its callbacks raise.
            cause = error.__context__ or error
            try:
                if not isinstance(cause, Exception):
                    raise cause from None  # an interrupt is not this request's
                self.fail(cause)
            finally:
                del cause  # its traceback refers to this frame
        except (HttpParserError, HttpParserUpgrade) as error:
            self.keep_alive = False
            self.fail(BackendError("garbage", f"not an HTTP response: {error}"))
        if not self.status and self.received > self._limits.header_bytes:
            limit = self._limits.header_bytes
            self.fail(BackendError("too-large", f"the response head exceeds {limit} bytes"))
        # The parser calls at every size line. If it did not since a chunk was complete, the line break that it saw last
        # is that chunk's: within a size line there is none.
        self._between = (
            self._chunk_over
            and not self._complete
            and self._splitter is not None
            and self._splitter.between
            and data.endswith(b"\r\n")
        )

    def lost(self, error: Exception | None) -> None:
        """Take note that the connection ended; an orderly end completes a body that has no other mark of its end."""
        if self._complete:
            return
        orderly = error is None and self._ends_with_connection
        if orderly or self.status >= 300:  # a bad status says more than the way it ended
            self._finish()
        else:
            self.fail(loss(error, self.received, "body" if self.status else "head"))

    def fail(self, error: Exception) -> None:
        """End the exchange with an error; the first one counts."""
        self.keep_alive = False
        if not self._complete:
            self.error = error
            self._finish()

    def close(self) -> None:
        """Let go of the parser, which refers back to here: a run may go without the garbage collector for long."""
        del self._parser, self._parse, self._take
        self._splitter = None
        self._between = False
        self._on_event = _ignore

    def response(self) -> Response:
        """Return the complete response."""
        return Response(self.status, self.headers, b"".join(self._body), self.streamed)

    def on_message_begin(self) -> None:  # noqa: D102
        if self._complete:
            self.keep_alive = False  # bytes that nobody asked for

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: D102
        if self.status:
            return  # a trailer
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1").strip()
        before = self.headers.get(key)
        self.headers[key] = text if before is None else f"{before}, {text}"

    def on_headers_complete(self) -> None:  # noqa: D102
        status = self._parser.get_status_code()
        if self._complete:
            return
        if status == 101:
            raise BackendError("garbage", "the server switched protocols unasked")
        if status < 200:
            self.headers.clear()
            return
        self.status = status
        self._check_encoding()
        chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        plain_end = chunked or "content-length" in self.headers
        self._ends_with_connection = not plain_end and status not in {204, 304}
        kind = self.headers.get("content-type", EVENT_STREAM).partition(";")[0].strip().lower()
        if self._wants_events and 200 <= status < 300 and kind == EVENT_STREAM:
            self.streamed = True
            self._splitter = EventSplitter(self._on_event, self._limits.event_bytes)
            self._take = self._splitter.feed
        if self._bodiless:
            self.keep_alive = self._parser.should_keep_alive()
            self._finish()

    def _check_encoding(self) -> None:
        encoding = self.headers.get("content-encoding", "identity").lower()
        if encoding not in {"identity", ""}:
            raise BackendError(
                "garbage", f"the server answered with {encoding} although identity was asked for"
            )

    def on_body(self, data: bytes) -> None:  # noqa: D102
        if not self._complete:
            self._take(data)

    def on_chunk_header(self) -> None:  # noqa: D102
        self._chunk_over = False

    def on_chunk_complete(self) -> None:  # noqa: D102
        self._chunk_over = True

    def on_message_complete(self) -> None:  # noqa: D102
        if self.status and not self._complete:
            self.keep_alive = self._parser.should_keep_alive()
            self._finish()

    def _finish(self) -> None:
        self._complete = True
        self._between = False
        if not self.done.done():
            self.done.set_result(None)

    def _collect(self, data: bytes) -> None:
        self._body.append(data)
        self._body_size += len(data)
        if self.status >= 300:
            if self._body_size > self._limits.error_bytes:
                self._finish()  # enough to tell what is wrong; the connection is not used again
        elif self._body_size > self._limits.body_bytes:
            raise BackendError("too-large", f"the response exceeds {self._limits.body_bytes} bytes")
