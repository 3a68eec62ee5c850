"""What a scripted server does with one request: a list of steps, and the builders of the usual ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeAlias

import attrs

_PHRASES = {int(status): status.phrase for status in HTTPStatus}


@attrs.frozen
class Send:
    """Write these bytes."""

    data: bytes


@attrs.frozen
class Sleep:
    """Let this time pass.

    Steps follow an absolute schedule that starts when the request was read: a step that runs late does not delay
    the ones behind it.
    """

    seconds: float


@attrs.frozen
class Close:
    """Close the connection in good order (FIN)."""


@attrs.frozen
class Reset:
    """Break the connection (RST)."""


@attrs.frozen
class Stall:
    """Keep the connection open and silent until the client leaves or the server stops."""


Step: TypeAlias = Send | Sleep | Close | Reset | Stall
Script: TypeAlias = Sequence[Step]


@attrs.define(eq=False)
class Seen:
    """One request as the server received it.

    Attributes
    ----------
        connection: ordinal of the TCP connection, from 0.
        number: ordinal of the request on its connection, from 0.
        method: for example "POST".
        path: request target as sent.
        headers: names in lower case; of a repeated name the last value.
        body: decoded of a chunked transfer.
        read_ns: when the request had been read whole, `time.perf_counter_ns`.
        wrote_ns: when each `Send` of the answer was written.
        left: whether the client went away before the script ended.
    """

    connection: int
    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    read_ns: int
    wrote_ns: list[int] = attrs.field(factory=list)
    left: bool = False

    def json(self) -> Any:
        """Return the body, parsed."""
        return json.loads(self.body)


def head(status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a status line and headers, with the empty line that ends them."""
    phrase = _PHRASES.get(status, "Scripted")
    lines = [f"HTTP/1.1 {status} {phrase}", "Server: scripted"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def framed(data: bytes) -> bytes:
    """Return `data` as one chunk of a chunked transfer; without data, the chunk that ends the transfer."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(data: object, *, end: str = "\n") -> bytes:
    """Return one server-sent event; what is not a string is written as JSON."""
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return f"data: {text}{end}{end}".encode()


def reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Script:
    """Return the script of a plain response: bytes as they are, anything else as JSON, with its content length."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
    fields = {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}
    return [Send(head(status, fields) + data)]


def event_stream(events: Iterable[bytes], *, first_s: float = 0.0, gap_s: float = 0.0) -> list[Step]:
    """Return the script of a chunked event stream, one transfer chunk an event, without the chunk that ends it.

    The first event leaves `first_s` after the request was read, each further one `gap_s` after the one before.
    """
    kind = {"Content-Type": "text/event-stream; charset=utf-8", "Transfer-Encoding": "chunked"}
    steps: list[Step] = [Send(head(200, kind))]
    for number, data in enumerate(events):
        wait = gap_s if number else first_s
        if wait > 0:
            steps.append(Sleep(wait))
        steps.append(Send(framed(data)))
    return steps


END_OF_CHUNKS = Send(framed(b""))
"""The step that ends a chunked response in good order."""
