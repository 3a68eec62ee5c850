"""One TCP or TLS connection: bytes out, stamped bytes in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from time import perf_counter_ns
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from servegen_fw.drive.wire.exchange import Exchange
    from servegen_fw.hooks.protocols import Sink

_JOIN_LIMIT = 64 * 1024
_EARLY_LIMIT = 4096


class Connection(asyncio.Protocol):
    """Carries one exchange at a time.

    Attributes
    ----------
        served: exchanges completed on it.
        open: whether another request may be written.
    """

    __slots__ = (
        "_early",
        "_exchange",
        "_loss",
        "_on_lost",
        "_read",
        "_sent",
        "_transport",
        "_writing_paused",
        "open",
        "served",
    )

    def __init__(self, on_lost: Callable[[Connection], None]) -> None:
        self.served = 0
        self.open = False
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._read: Callable[[int], None] | None = None
        self._sent: Callable[[], None] | None = None
        self._writing_paused = False
        self._early = b""
        self._loss: Exception | None = None

    def send(self, exchange: Exchange, head: bytes, body: bytes, sink: Sink | None) -> None:
        """Write a request whose response goes to `exchange`; `sink.sent()` follows when the socket has taken it all."""
        transport = self._transport
        if transport is None:
            raise RuntimeError("the connection was never made")
        if not self.open:
            # The server hung up, or spoke first, before anything was asked.
            if self._early:
                exchange.feed(self._early)
            exchange.lost(self._loss)
            return
        self._exchange = exchange
        self._read = sink.read if sink is not None else None
        self._sent = sink.sent if sink is not None else None
        if len(body) <= _JOIN_LIMIT:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        if not self._writing_paused:
            self._tell_sent()

    def release(self) -> bool:
        """Forget the exchange; whether the connection may carry another one."""
        exchange, self._exchange = self._exchange, None
        self._read = self._sent = None
        self.served += 1
        return exchange is not None and exchange.keep_alive and self.open and not self._writing_paused

    def abort(self) -> None:
        """Close at once; what has not been written is dropped, and nothing is reported any more."""
        self.open = False
        self._exchange = self._read = self._sent = None
        if self._transport is not None:
            self._transport.abort()

    def give_up(self, error: Exception) -> None:
        """Fail the exchange in flight, if there is one, and close at once."""
        if self._exchange is not None:
            self._exchange.fail(error)
        self.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast("asyncio.Transport", transport)
        # With a limit of zero the loop writes at once and says when the last byte has left: uvloop would otherwise
        # write at the end of its turn, and no one would tell. TLS transports compare with "at least" and not with
        # "more than"; theirs is a limit of one byte. Below TLS up to 64 KiB may still wait when `sent` is told.
        secure = transport.get_extra_info("ssl_object") is not None
        self._transport.set_write_buffer_limits(high=int(secure), low=0)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open = True

    def data_received(self, data: bytes) -> None:  # noqa: D102
        now = perf_counter_ns()
        exchange = self._exchange
        if exchange is None:
            # A server that speaks unasked cannot be trusted with the next request.
            self.open = False
            self._early = (self._early + data)[:_EARLY_LIMIT]
            return
        read = self._read  # a local variable is called faster than an attribute
        if read is not None:
            read(now)
        exchange.feed(data)

    def eof_received(self) -> bool:  # noqa: D102
        self.open = False
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        self.open = False
        self._loss = exc
        if self._exchange is not None:
            self._exchange.lost(exc)
        self._on_lost(self)

    def pause_writing(self) -> None:  # noqa: D102
        self._writing_paused = True

    def resume_writing(self) -> None:  # noqa: D102
        self._writing_paused = False
        self._tell_sent()

    def _tell_sent(self) -> None:
        sent, self._sent = self._sent, None
        if sent is not None:
            sent()
