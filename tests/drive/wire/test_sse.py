"""Server-sent events come out whole, once and in order, however the stream was cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servegen_fw.drive.wire.sse import EventSplitter
from servegen_fw.errors import BackendError


def _events(*chunks: bytes, limit: int = 1 << 20) -> list[bytes]:
    found: list[bytes] = []
    splitter = EventSplitter(found.append, limit)
    for chunk in chunks:
        splitter.feed(chunk)
    return found


def _reference(stream: bytes) -> list[bytes]:
    """The standard's algorithm, one character at a time, as plainly as it can be written."""
    stream = stream.removeprefix(b"\xef\xbb\xbf")
    lines, line, position = [], b"", 0
    while position < len(stream):
        sign = stream[position : position + 1]
        position += 1
        if sign in {b"\r", b"\n"}:
            if sign == b"\r" and stream[position : position + 1] == b"\n":
                position += 1
            lines.append(line)
            line = b""
        else:
            line += sign
    events, data = [], b""
    for line in lines:
        name, colon, value = line.partition(b":")
        if not line:
            if data:
                events.append(data[:-1])
            data = b""
        elif name == b"data":
            data += (value[1:] if colon and value[:1] == b" " else value) + b"\n"
    return [event for event in events if event]


def test_one_event() -> None:
    """The data of an event is what follows the field name and one blank."""
    assert _events(b"data: hello\n\n") == [b"hello"]


def test_only_one_blank_is_dropped() -> None:
    """Blanks beyond the first belong to the data; without a blank nothing is dropped."""
    assert _events(b"data:  two\n\ndata:none\n\n") == [b" two", b"none"]


def test_many_events_in_one_read() -> None:
    """All events of a read are handed on, in order."""
    assert _events(b"\n", b"data: 1\n\ndata: 2\n\ndata: 3\n\n") == [b"1", b"2", b"3"]


def test_lines_are_joined() -> None:
    """Several data lines make one event, joined by LF."""
    assert _events(b"data: a\ndata: b\ndata:\ndata: c\n\n") == [b"a\nb\n\nc"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends(end: bytes) -> None:
    """LF, CRLF and CR end lines alike."""
    stream = b"data: a" + end + b"data: b" + end + end + b"data: c" + end + end + b": end" + end
    assert _events(stream) == [b"a\nb", b"c"]


def test_crlf_cut_in_two() -> None:
    """A CR at the end of one read and its LF at the start of the next are one line end."""
    assert _events(b"data: a\r", b"\n\r", b"\ndata: b\r\n", b"\r\n") == [b"a", b"b"]


def test_event_is_not_held_back_for_an_lf() -> None:
    """After CR CR an event is complete; it does not wait for the next byte."""
    found: list[bytes] = []
    EventSplitter(found.append, 100).feed(b"data: a\r\r")
    assert found == [b"a"]


def test_comments_and_other_fields_are_read_over() -> None:
    """Keep-alive comments, event names, ids and retry times yield nothing of their own."""
    stream = b": ping\n\nevent: delta\nid: 7\nretry: 10\ndata: x\n\n:\n\nevent: alone\n\n"
    assert _events(b"\n", stream) == [b"x"]


def test_empty_data_is_no_event() -> None:
    """An event whose data is empty is not handed on."""
    assert _events(b"\n", b"data:\n\ndata: \n\ndata\n\n", b"data: x\n\n") == [b"x"]


def test_similar_field_names_are_not_data() -> None:
    """Only the exact field name counts."""
    assert _events(b"database: x\nDATA: y\n data: z\n\n") == []


def test_unfinished_event_is_dropped() -> None:
    """An event without its empty line is not handed on, as the standard says."""
    assert _events(b"data: a\n\ndata: b\n") == [b"a"]


@pytest.mark.parametrize("cut", range(4))
def test_byte_order_mark(cut: int) -> None:
    """A leading byte-order mark is dropped, also when it comes in pieces."""
    stream = b"\xef\xbb\xbfdata: a\n\n"
    assert _events(stream[:cut], stream[cut:]) == [b"a"]


def test_byte_order_mark_only_at_the_start() -> None:
    """A byte-order mark later on is part of its line."""
    assert _events(b"data: a\n\n", b"\xef\xbb\xbfdata: b\n\n") == [b"a"]


def test_limit_of_one_event() -> None:
    """A line that never ends is refused before it fills the memory."""
    with pytest.raises(BackendError, match="too-large"):
        _events(*[b"data: " + b"x" * 100] * 20, limit=1000)


def test_limit_counts_data_lines() -> None:
    """Many short data lines without an end count towards the limit, too."""
    with pytest.raises(BackendError, match="too-large"):
        _events(*[b"data: 0123456789\n"] * 200, limit=1000)


def test_limit_is_per_event() -> None:
    """A long stream of short events is within the limit."""
    assert len(_events(*[b"data: 0123456789\n\n"] * 500, limit=100)) == 500


def test_errors_of_the_callback_come_out() -> None:
    """What the callback raises ends the feeding."""

    def refuse(data: bytes) -> None:
        raise LookupError(data)

    with pytest.raises(LookupError):
        EventSplitter(refuse, 100).feed(b"data: a\n\n")


_PIECES = st.lists(
    st.sampled_from(
        [
            b"data: ",
            b"data:",
            b"data",
            b"event: x",
            b": c",
            b"\n",
            b"\r",
            b"\r\n",
            b"\n\n",
            b"{}",
            b" ",
            b"\xef\xbb\xbf",
        ]
    ),
    max_size=40,
).map(b"".join)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(stream=_PIECES, cuts=st.lists(st.integers(0, 200), max_size=8))
def test_equals_the_standard_for_every_cut(stream: bytes, cuts: list[int]) -> None:
    """For any stream and any cutting, the events are those of the standard's algorithm."""
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[a:b] for a, b in itertools.pairwise(places)]
    assert _events(*chunks) == _reference(stream)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(stream=_PIECES)
def test_byte_by_byte_equals_the_standard(stream: bytes) -> None:
    """One byte at a time gives the standard's events."""
    assert _events(*[stream[i : i + 1] for i in range(len(stream))]) == _reference(stream)
