"""A response is parsed the same however its bytes are cut, and ends exactly once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from servegen_fw.drive.wire.exchange import Exchange, Limits
from servegen_fw.errors import BackendError
from servegen_fw.testing import event, framed, head

CHUNKED = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}


@pytest.fixture
def done() -> Iterator[asyncio.Future[None]]:
    """Return a future of a loop that never runs: parsing needs no loop."""
    loop = asyncio.new_event_loop()
    yield loop.create_future()
    loop.close()


def _code(exchange: Exchange) -> str:
    return exchange.error.code if isinstance(exchange.error, BackendError) else ""


@pytest.mark.parametrize("step", [1, 2, 5, 1000])
def test_every_cut_gives_the_same(done: asyncio.Future[None], step: int) -> None:
    """Events and headers do not depend on how the bytes arrive."""
    wire = (
        head(200, CHUNKED)
        + framed(event("a"))
        + framed(event("b") + b"data:")
        + framed(b" c\n\n")
        + framed(b"")
    )
    events: list[bytes] = []
    exchange = Exchange(done, Limits(), on_event=events.append)
    for begin in range(0, len(wire), step):
        assert not done.done()
        exchange.feed(wire[begin : begin + step])
    assert events == [b"a", b"b", b"c"]
    assert done.done()
    assert exchange.error is None
    assert exchange.keep_alive
    assert exchange.received == len(wire)
    assert exchange.response().headers["content-type"] == "text/event-stream"


def test_events_are_handed_on_inside_feed(done: asyncio.Future[None]) -> None:
    """An event is out before `feed` returns: nothing is queued."""
    events: list[bytes] = []
    exchange = Exchange(done, Limits(), on_event=events.append)
    exchange.feed(head(200, CHUNKED) + framed(event("a")))
    assert events == [b"a"]
    exchange.feed(framed(event("b")))
    assert events == [b"a", b"b"]


def test_content_type_in_capitals_with_parameters(done: asyncio.Future[None]) -> None:
    """The content type is compared without case and parameters."""
    events: list[bytes] = []
    exchange = Exchange(done, Limits(), on_event=events.append)
    fields = {"content-type": "Text/Event-Stream; Charset=UTF-8", "Content-Length": "9"}
    exchange.feed(head(200, fields) + b"data: a\n\n")
    assert events == [b"a"]
    assert exchange.response().streamed


def test_missing_content_type_counts_as_a_stream(done: asyncio.Future[None]) -> None:
    """Where a stream was asked for and the server names no type, it is read as one."""
    events: list[bytes] = []
    exchange = Exchange(done, Limits(), on_event=events.append)
    exchange.feed(head(200, {"Content-Length": "9"}) + b"data: a\n\n")
    assert events == [b"a"]


def test_second_response_spoils_the_connection(done: asyncio.Future[None]) -> None:
    """Bytes behind the response are not read as events, and the connection is not kept."""
    events: list[bytes] = []
    exchange = Exchange(done, Limits(), on_event=events.append)
    one = head(200, CHUNKED) + framed(event("a")) + framed(b"")
    exchange.feed(one + one)
    assert events == [b"a"]
    assert exchange.error is None
    assert not exchange.keep_alive


def test_garbage_behind_the_response_spoils_the_connection(done: asyncio.Future[None]) -> None:
    """Garbage behind a complete response leaves the response good."""
    exchange = Exchange(done, Limits())
    exchange.feed(head(200, {"Content-Length": "1"}) + b"x\x00\x00\x00")
    assert exchange.error is None
    assert exchange.response().body == b"x"
    assert not exchange.keep_alive


def test_first_error_counts(done: asyncio.Future[None]) -> None:
    """What happens after an error does not replace it."""
    exchange = Exchange(done, Limits())
    exchange.feed(b"nonsense\r\n\r\n")
    exchange.lost(ConnectionResetError())
    exchange.fail(ValueError())
    assert _code(exchange) == "garbage"


def test_loss_after_the_end_is_no_error(done: asyncio.Future[None]) -> None:
    """A connection that ends after the response does not matter."""
    exchange = Exchange(done, Limits())
    exchange.feed(head(200, {"Content-Length": "1"}) + b"x")
    exchange.lost(ConnectionResetError())
    assert exchange.error is None


def test_reset_does_not_complete_an_open_body(done: asyncio.Future[None]) -> None:
    """A body that lasts until the connection ends is complete after FIN, not after RST."""
    exchange = Exchange(done, Limits())
    exchange.feed(head(200) + b"half")
    exchange.lost(ConnectionResetError())
    assert _code(exchange) == "reset"


def test_interrupts_pass(done: asyncio.Future[None]) -> None:
    """An interrupt inside the event callback is not swallowed as this request's failure."""

    def interrupt(data: bytes) -> None:
        raise KeyboardInterrupt(data)

    exchange = Exchange(done, Limits(), on_event=interrupt)
    with pytest.raises(KeyboardInterrupt):
        exchange.feed(head(200, CHUNKED) + framed(event("a")))


@pytest.mark.parametrize("status", [200, 404])
def test_error_bodies_are_never_events(done: asyncio.Future[None], status: int) -> None:
    """An event stream under an error status is collected, not handed on."""
    events: list[bytes] = []
    exchange = Exchange(done, Limits(), on_event=events.append)
    exchange.feed(head(status, CHUNKED) + framed(event("a")) + framed(b""))
    assert events == ([b"a"] if status == 200 else [])
    assert exchange.response().body == (b"" if status == 200 else b"data: a\n\n")


class _Parsed(Exchange):
    """An exchange whose every byte goes to the parser."""

    @property
    def _between(self) -> bool:
        return False

    @_between.setter
    def _between(self, value: bool) -> None:
        pass


class _Told:
    """An event callback that raises at its `limit`-th event."""

    def __init__(self, limit: int) -> None:
        self.events: list[bytes] = []
        self._limit = limit

    def __call__(self, data: bytes) -> None:
        self.events.append(data)
        if len(self.events) == self._limit:
            raise BackendError("stream-error", "told so")


_BLOCKS = st.sampled_from(
    [
        b"data: token\n\n",
        b"data: {}\n\n",
        b"data: " + b"x" * 230 + b"\n\n",
        b"data: \n\n",
        b"data:tight\n\n",
        b"data: a\ndata: b\n\n",
        b"data: a\n\ndata: b\n\n",
        b"data: cr\r\n\r\n",
        b"data: old\r\r",
        b"data: c\rdata: d\n\n",
        b": ping\n\n",
        b"event: e\ndata: f\n\n",
        b"data: no end",
        b"\n\n",
        b"\n",
        b"data: a\n\n\r\n",
        b"\xef\xbb\xbfdata: bom\n\n",
    ]
)
_FRAMES = st.one_of(
    _BLOCKS.map(framed),
    _BLOCKS.map(lambda block: b"%X\r\n%b\r\n" % (len(block), block)),
    _BLOCKS.map(lambda block: b"0%x\r\n%b\r\n" % (len(block), block)),
    _BLOCKS.map(lambda block: b"%x;a=b\r\n%b\r\n" % (len(block), block)),
    st.tuples(_BLOCKS, st.integers(-1, 1)).map(
        lambda pair: b"%x\r\n%b\r\n" % (max(0, len(pair[0]) + pair[1]), pair[0])
    ),
    st.sampled_from([b"0\r\n\r\n", b"0\r\n", b"X: y\r\n\r\n", b"8\r\ndata: a\n", b"zz\r\n", b"\r\n"]),
)
_HEADS = st.sampled_from(
    [
        head(200, CHUNKED),
        head(200, CHUNKED),
        head(200, CHUNKED),
        head(200, {"Content-Type": "text/event-stream", "Content-Length": "100"}),
        head(200),
        head(404, CHUNKED),
    ]
)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(
    top=_HEADS,
    frames=st.lists(_FRAMES, max_size=8),
    cuts=st.lists(st.integers(0, 400), max_size=4),
    together=st.sets(st.integers(0, 8), max_size=3),
    limit=st.integers(1, 12),
)
@example(head(200, CHUNKED), [framed(b"data: a\n\n")] * 3 + [framed(b"")], [], set(), 12)
@example(head(200, CHUNKED), [framed(b"data: a\n\n")] * 3, [], set(), 2)
def test_short_way_and_parser_agree(
    top: bytes, frames: list[bytes], cuts: list[int], together: set[int], limit: int
) -> None:
    """Whatever comes, cut anywhere, is told the same with and without the short way for single events."""
    wire, ends = top, {len(top)}
    for frame in frames:
        wire += frame
        ends.add(len(wire))
    # Reads end where frames do, which opens the short way, but for a few; and in a few other places.
    ordered = sorted(ends)
    kept = {end for i, end in enumerate(ordered) if i not in together} | {
        cut for cut in cuts if cut < len(wire)
    }
    places = sorted(kept | {0, len(wire)})
    loop = asyncio.new_event_loop()
    told = [_Told(limit), _Told(limit)]
    exchanges = [
        kind(loop.create_future(), Limits(), on_event=one)
        for kind, one in zip((Exchange, _Parsed), told, strict=True)
    ]
    for begin, end in itertools.pairwise(places):
        seen = []
        for exchange, one in zip(exchanges, told, strict=True):
            exchange.feed(wire[begin:end])
            seen.append(
                (
                    list(one.events),
                    exchange.done.done(),
                    str(exchange.error),
                    exchange.status,
                    exchange.keep_alive,
                    exchange.received,
                    exchange.response(),
                )
            )
        assert seen[0] == seen[1]
    for exchange in exchanges:
        exchange.lost(None)
    assert str(exchanges[0].error) == str(exchanges[1].error)
    loop.close()


def test_single_events_take_the_short_way(
    done: asyncio.Future[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first event, reads of one chunk with one event do not reach the parser; the rest does, in good order."""
    events: list[bytes] = []
    exchange = Exchange(done, Limits(), on_event=events.append)
    parsed: list[bytes] = []
    parse = exchange._parse

    def noted(data: bytes) -> None:
        parsed.append(data)
        parse(data)

    monkeypatch.setattr(exchange, "_parse", noted)
    first, odd, last = head(200, CHUNKED) + framed(event("a")), framed(event("d") + event("e")), framed(b"")
    for data in (first, framed(event("b")), framed(event("c" * 300)), odd, framed(event("f")), last):
        exchange.feed(data)
    assert events == [b"a", b"b", b"c" * 300, b"d", b"e", b"f"]
    assert parsed == [first, odd, last]
    assert done.done()
    assert exchange.error is None
    assert exchange.keep_alive


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(b"1", id="inside a size line"),
        pytest.param(b"40\r\n", id="after a size line"),
        pytest.param(b"40\r\ndata: x\n\n\r\n", id="inside a chunk, after a line break"),
        pytest.param(b"0\r\n", id="before the trailers"),
    ],
)
def test_what_looks_like_a_chunk_elsewhere_is_not_taken_for_one(before: bytes) -> None:
    """A read that would be a whole chunk between chunks is left to the parser where the last read ended elsewhere."""
    loop = asyncio.new_event_loop()
    told = []
    for kind in (Exchange, _Parsed):
        events: list[bytes] = []
        exchange = kind(loop.create_future(), Limits(), on_event=events.append)
        for data in (head(200, CHUNKED), framed(event("a")), framed(event("b")) + before):
            exchange.feed(data)
        for _ in range(8):
            exchange.feed(framed(event("c")))
        told.append((events, str(exchange.error), exchange.keep_alive))
    loop.close()
    assert told[0] == told[1]
    assert told[0][0][:2] == [b"a", b"b"]
