"""A response is parsed the same however its bytes are cut, and ends exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

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
