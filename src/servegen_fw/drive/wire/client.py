"""The HTTP/1.1 client of every HTTP backend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Self

from servegen_fw.drive.wire.exchange import Exchange, Limits, Response
from servegen_fw.drive.wire.failures import status_failure
from servegen_fw.drive.wire.origin import Origin, header_fields, tls_context
from servegen_fw.drive.wire.pool import Pool
from servegen_fw.errors import BackendError

if TYPE_CHECKING:
    from types import TracebackType

    from servegen_fw.drive.wire.connection import Connection
    from servegen_fw.hooks.protocols import Sink

__all__ = ["HttpClient", "Limits", "Response"]


_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class _Call(NamedTuple):
    """One request, ready to be written, perhaps twice."""

    head: bytes
    body: bytes
    sink: Sink | None
    on_event: Callable[[bytes], None] | None
    bodiless: bool


class HttpClient:
    """Talks to one server over kept-alive connections; one request in flight per connection, as many as are asked for.

    Each read of a socket is stamped once, before it is parsed, with `sink.read`; events are then handed on inside the
    same call. There is no time limit on a response: the engine cancels, and cancelling closes the connection. Proxy
    variables of the environment are ignored on purpose: a benchmark talks to the server it names. Redirects are not
    followed. A kept-alive connection that the server closed before any byte of a response is replaced once.

    Parameters
    ----------
        base_url: ``http://HOST:PORT`` or ``https://HOST``, with a path if the routes lie below one.
        headers: sent with every request.
        ca_file: PEM file with the authorities to trust instead of the system's.
        insecure: accept any certificate.
        connect_timeout_s: limit for the name look-up, TCP and TLS together.
        max_idle: connections kept for later requests.
        limits: bounds on what a server can make the client keep.

    Raises
    ------
        InputError: the URL, a header or the certificate file cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        ca_file: str = "",
        insecure: bool = False,
        connect_timeout_s: float = 10.0,
        max_idle: int = 16384,
        limits: Limits | None = None,
    ) -> None:
        self._origin = Origin.parse(base_url)
        self._fields = header_fields(headers or {})
        self._limits = limits or Limits()
        tls = tls_context(ca_file, insecure) if self._origin.secure else None
        self._pool = Pool(self._origin, tls, connect_timeout_s, max_idle)

    @property
    def where(self) -> str:
        """Host and port, for messages."""
        return self._origin.where

    async def open(self, count: int) -> None:
        """Open connections ahead until `count` are idle, so that none of the first requests pays for connecting.

        Raises
        ------
            BackendError: one of them cannot be opened.
        """
        await self._pool.open(count)

    async def stream(
        self,
        method: str,
        path: str,
        body: bytes,
        sink: Sink | None,
        on_event: Callable[[bytes], None],
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request and hand on the server-sent events of its response as they come.

        A 2xx response of another content type than ``text/event-stream`` is collected instead: `Response.body` holds
        it and `Response.streamed` is False.

        Parameters
        ----------
            method: for example "POST".
            path: below the base URL, with its leading slash.
            body: of the request.
            sink: told of reads and of the last byte written.
            on_event: called with the data of each event; an exception it raises ends the request and comes out here.
            headers: in addition to the client's.

        Raises
        ------
            BackendError: ``http-NNN`` for a status that is not 2xx (detail: the server's words); connecting failed (see
                `Pool.connect`); ``closed`` or ``reset`` before or ``truncated`` or ``reset`` inside the response;
                ``garbage`` for what is not HTTP; ``too-large``.
        """
        head = self._head(method, path, len(body), headers)
        return await self._ask(_Call(head, body, sink, on_event, bodiless=method == "HEAD"))

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        sink: Sink | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request and return its whole response; parameters and errors as for `stream`."""
        head = self._head(method, path, len(body), headers)
        return await self._ask(_Call(head, body, sink, None, bodiless=method == "HEAD"))

    async def close(self) -> None:
        """Close every connection, those in use included."""
        await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _head(self, method: str, path: str, size: int, headers: Mapping[str, str] | None) -> bytes:
        fields = self._fields + header_fields(headers) if headers else self._fields
        head = self._origin.head(method, path, fields)
        if not size and method in _BODILESS:
            return head + b"\r\n"
        return b"%bContent-Length: %d\r\n\r\n" % (head, size)

    async def _ask(self, call: _Call) -> Response:
        connection = self._pool.take()
        exchange = await self._carry(connection, call) if connection is not None else None
        if exchange is None or _was_stale(exchange):
            exchange = await self._carry(await self._pool.connect(), call)
        error, exchange.error = exchange.error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # its traceback refers to this frame
        response = exchange.response()
        if not 200 <= response.status < 300:
            raise status_failure(response.status, response.headers.get("location", ""), response.body)
        return response

    async def _carry(self, connection: Connection, call: _Call) -> Exchange:
        """Run one exchange to its end, good or bad, and settle what becomes of the connection."""
        done = asyncio.get_running_loop().create_future()
        exchange = Exchange(done, self._limits, on_event=call.on_event, bodiless=call.bodiless)
        try:
            connection.send(exchange, call.head, call.body, call.sink)
            await done
            if connection.release():
                self._pool.give_back(connection)
            else:
                connection.abort()
        except BaseException:
            connection.abort()
            raise
        finally:
            exchange.close()
        return exchange


def _was_stale(exchange: Exchange) -> bool:
    """Whether a kept connection turned out to be closed: no byte came, so the server cannot have begun to answer."""
    error = exchange.error
    return isinstance(error, BackendError) and exchange.received == 0 and error.code in {"closed", "reset"}
