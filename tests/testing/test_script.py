"""The builders of scripts write correct HTTP."""

from __future__ import annotations

import json

from servegen_fw.testing import END_OF_CHUNKS, Send, Sleep, event, event_stream, framed, head, reply


def test_head() -> None:
    """A head has the status with its phrase, the headers, and one empty line."""
    assert head(404, {"A": "b"}) == b"HTTP/1.1 404 Not Found\r\nServer: scripted\r\nA: b\r\n\r\n"


def test_unknown_status() -> None:
    """A status without a standard phrase gets one."""
    assert head(299).startswith(b"HTTP/1.1 299 Scripted\r\n")


def test_framing_is_hexadecimal() -> None:
    """Chunk sizes are written in hexadecimal, and the last chunk is empty."""
    assert framed(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert framed(b"") == b"0\r\n\r\n"
    assert Send(b"0\r\n\r\n") == END_OF_CHUNKS


def test_event() -> None:
    """Strings are sent as they are, anything else as JSON, closed by an empty line."""
    assert event("[DONE]") == b"data: [DONE]\n\n"
    assert event({"a": [1]}) == b'data: {"a":[1]}\n\n'
    assert event("x", end="\r\n") == b"data: x\r\n\r\n"


def test_reply() -> None:
    """A reply states its type and length, which headers may override."""
    (step,) = reply({"a": "é"}, 201, {"X-Y": "z"})
    assert isinstance(step, Send)
    lines, _, body = step.data.partition(b"\r\n\r\n")
    assert json.loads(body) == {"a": "é"}
    fields = dict(line.split(": ", 1) for line in lines.decode().split("\r\n")[1:])
    assert fields["Content-Length"] == str(len(body))
    assert fields["Content-Type"] == "application/json"
    assert fields["X-Y"] == "z"
    (raw,) = reply(b"x", headers={"Content-Type": "text/event-stream"})
    assert isinstance(raw, Send)
    assert b"Content-Type: text/event-stream\r\n" in raw.data


def test_event_stream() -> None:
    """The first event waits for `first_s`, the others for `gap_s`, each in a chunk of its own."""
    steps = event_stream([b"a", b"b", b"c"], first_s=1.0, gap_s=0.5)
    assert steps[1:] == [
        Sleep(1.0),
        Send(framed(b"a")),
        Sleep(0.5),
        Send(framed(b"b")),
        Sleep(0.5),
        Send(framed(b"c")),
    ]


def test_unpaced_stream_has_no_sleeps() -> None:
    """Without times all events leave at once."""
    assert not any(isinstance(step, Sleep) for step in event_stream([b"a", b"b"]))
