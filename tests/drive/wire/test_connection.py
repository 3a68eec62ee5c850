"""A connection stamps reads, tells the last byte written, and carries one exchange at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from servegen_fw.drive.wire.connection import Connection
from servegen_fw.drive.wire.exchange import Exchange, Limits
from servegen_fw.errors import BackendError
from servegen_fw.testing import head


class Wire:
    """A transport that keeps what is written and calls back as told."""

    def __init__(self, connection: Connection, *, secure: bool = False, full: bool = False) -> None:
        self.connection = connection
        self.secure = secure
        self.full = full
        self.written: list[bytes] = []
        self.limits: tuple[int, int] = (-1, -1)
        self.aborted = False

    def get_extra_info(self, name: str) -> Any:
        """Say whether TLS is spoken; there is no socket."""
        return object() if name == "ssl_object" and self.secure else None

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        """Keep the limits."""
        self.limits = (high, low)

    def write(self, data: bytes) -> None:
        """Take data; a full wire asks to pause."""
        self.written.append(data)
        if self.full:
            self.connection.pause_writing()

    def abort(self) -> None:
        """Note the end."""
        self.aborted = True


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    """Return an exchange whose loop never runs."""
    loop = asyncio.new_event_loop()
    yield Exchange(loop.create_future(), Limits())
    loop.close()


def _connected(lost: list[Connection] | None = None, **manner: bool) -> tuple[Connection, Wire]:
    connection = Connection((lost if lost is not None else []).append)
    wire = Wire(connection, **manner)
    connection.connection_made(wire)  # type: ignore[arg-type]
    return connection, wire


@pytest.mark.parametrize(("secure", "limits"), [(False, (0, 0)), (True, (1, 0))])
def test_write_limits(secure: bool, limits: tuple[int, int]) -> None:
    """The transport is told to report every byte that it could not write."""
    _, wire = _connected(secure=secure)
    assert wire.limits == limits


def test_small_requests_are_one_write(exchange: Exchange, sink: Any) -> None:
    """Head and a small body leave in one piece, and are reported as sent at once."""
    connection, wire = _connected()
    connection.send(exchange, b"head", b"body", sink)
    assert wire.written == [b"headbody"]
    assert len(sink.named("sent")) == 1


def test_sent_waits_for_a_full_wire(exchange: Exchange, sink: Any) -> None:
    """A request that the wire does not take at once is sent when it has drained, and told once."""
    connection, wire = _connected(full=True)
    connection.send(exchange, b"head", b"x" * 100_000, sink)
    assert len(wire.written) == 2
    assert sink.calls == []
    connection.resume_writing()
    connection.pause_writing()
    connection.resume_writing()
    assert len(sink.named("sent")) == 1


def test_reads_are_stamped_when_they_come(exchange: Exchange, sink: Any) -> None:
    """The stamp lies between the call and the report, and every read has one."""
    connection, _ = _connected()
    connection.send(exchange, b"", b"", sink)
    before = time.perf_counter_ns()
    connection.data_received(head(200, {"Content-Length": "2"}))
    connection.data_received(b"x")
    reads = sink.named("read")
    assert len(reads) == 2
    assert before <= reads[0][1] <= reads[0][2] <= reads[1][1]


def test_release_keeps_good_connections(exchange: Exchange) -> None:
    """After a complete response the connection may be used again."""
    connection, _ = _connected()
    connection.send(exchange, b"", b"", None)
    connection.data_received(head(200, {"Content-Length": "1"}) + b"x")
    assert connection.release()


@pytest.mark.parametrize("why", ["unfinished request", "closing server", "said so"])
def test_release_gives_up_spoilt_connections(exchange: Exchange, why: str) -> None:
    """A connection is not kept if its request was not sent whole, the server closed, or announced that it would."""
    connection, _ = _connected(full=why == "unfinished request")
    connection.send(exchange, b"head", b"", None)
    fields = {"Content-Length": "1", **({"Connection": "close"} if why == "said so" else {})}
    connection.data_received(head(200, fields) + b"x")
    if why == "closing server":
        connection.eof_received()
    assert not connection.release()


def test_unasked_bytes_close_an_idle_connection() -> None:
    """A server that speaks while nothing was asked loses the next request."""
    connection, _ = _connected()
    connection.data_received(b"hello")
    assert not connection.open


def test_early_bytes_answer_the_request(exchange: Exchange) -> None:
    """What came before the request was written is its answer, and the request is not written."""
    connection, wire = _connected()
    connection.data_received(head(503, {"Content-Length": "4"}))
    connection.data_received(b"busy")
    connection.send(exchange, b"head", b"", None)
    assert wire.written == []
    assert exchange.status == 503
    assert exchange.response().body == b"busy"


def test_loss_before_the_request_is_told(exchange: Exchange) -> None:
    """A connection that was lost before the request fails it at once instead of waiting."""
    lost: list[Connection] = []
    connection, _ = _connected(lost)
    connection.connection_lost(ConnectionResetError())
    connection.send(exchange, b"head", b"", None)
    assert lost == [connection]
    assert isinstance(exchange.error, BackendError)
    assert exchange.error.code == "reset"


def test_abort_silences(exchange: Exchange, sink: Any) -> None:
    """After an abort nothing is reported any more, whatever still comes."""
    connection, wire = _connected(full=True)
    connection.send(exchange, b"head", b"", sink)
    connection.abort()
    connection.resume_writing()
    connection.data_received(b"late")
    connection.connection_lost(None)
    assert wire.aborted
    assert sink.calls == []
    assert exchange.error is None


def test_give_up_fails_the_exchange(exchange: Exchange) -> None:
    """Giving a connection up ends what is in flight with the given error."""
    connection, wire = _connected()
    connection.send(exchange, b"head", b"", None)
    error = BackendError("closed")
    connection.give_up(error)
    assert exchange.error is error
    assert wire.aborted


def test_use_before_connecting_is_a_defect(exchange: Exchange) -> None:
    """Sending on a connection that was never made is refused."""
    with pytest.raises(RuntimeError, match="never made"):
        Connection(lambda _: None).send(exchange, b"", b"", None)
