"""Open connections to one server: made when needed, kept when idle, last used first out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

from servegen_fw.drive.wire.connection import Connection
from servegen_fw.drive.wire.failures import connect_failure
from servegen_fw.drive.wire.origin import Origin
from servegen_fw.errors import BackendError

_OPENING_AT_ONCE = 64
_CLOSE_LIMIT_S = 5.0


class Pool:
    """The connections of one client. There is no upper limit on those in use: the engine decides the load."""

    def __init__(
        self, origin: Origin, tls: ssl.SSLContext | None, connect_timeout_s: float, max_idle: int
    ) -> None:
        self._origin = origin
        self._tls = tls
        self._connect_timeout_s = connect_timeout_s
        self._max_idle = max_idle
        self._idle: list[Connection] = []
        self._alive: set[Connection] = set()
        self._addresses: list[str] = []
        self._emptied: asyncio.Event | None = None

    @property
    def idle(self) -> int:
        """Connections that wait for a request."""
        return sum(connection.open for connection in self._idle)

    def take(self) -> Connection | None:
        """Return the connection that was used last, None if there is no open one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
            connection.abort()
        return None

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next request, or close it where enough are kept."""
        if len(self._idle) >= self._max_idle:
            self._idle = [kept for kept in self._idle if kept.open]
        if len(self._idle) < self._max_idle:
            self._idle.append(connection)
        else:
            connection.abort()

    async def open(self, count: int) -> None:
        """Open connections ahead until `count` are idle.

        Raises
        ------
            BackendError: one of them cannot be opened.
        """
        while (missing := min(count, self._max_idle) - self.idle) > 0:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._try()) for _ in range(min(missing, _OPENING_AT_ONCE))]
            for made in [task.result() for task in tasks]:
                if isinstance(made, BackendError):
                    raise made
                self._idle.append(made)

    async def _try(self) -> Connection | BackendError:
        # Returned, not raised: a task group would wrap it.
        try:
            return await self.connect()
        except BackendError as error:
            return error

    async def connect(self) -> Connection:
        """Open a connection.

        Raises
        ------
            BackendError: ``refused``, ``dns``, ``connect-timeout``, ``tls``, ``reset``, ``no-sockets`` or ``connect``.
        """
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                return await self._connect()
        except (OSError, TimeoutError) as error:  # ssl.SSLError and socket.gaierror are OSErrors
            raise connect_failure(error, self._origin.where, self._connect_timeout_s) from error

    async def _connect(self) -> Connection:
        if not self._addresses:
            self._addresses = await self._resolve()
        loop = asyncio.get_running_loop()
        name = self._origin.host if self._tls is not None else None
        failure: OSError | None = None
        for address in self._addresses:
            connection = Connection(self._forget)
            self._alive.add(connection)
            try:
                await loop.create_connection(
                    lambda made=connection: made,
                    address,
                    self._origin.port,
                    ssl=self._tls,
                    server_hostname=name,
                )
            except BaseException as error:
                self._forget(connection)
                if not isinstance(error, OSError) or isinstance(error, ssl.SSLError):
                    raise
                failure = failure or error
                continue
            if address != self._addresses[0]:
                # The address that answered goes first from now on.
                self._addresses = [address, *(other for other in self._addresses if other != address)]
            return connection
        raise failure or OSError("the host name has no address")

    async def _resolve(self) -> list[str]:
        # Once for the whole run: a look-up takes a thread, and a run should not move to another server midway.
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._origin.host, self._origin.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def close(self) -> None:
        """Close every connection, also those in use, and wait until the event loop has let go of them."""
        self._idle.clear()
        self._emptied = asyncio.Event()
        for connection in list(self._alive):
            connection.give_up(
                BackendError("closed", "the client was closed while the request was in flight")
            )
        if self._alive:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), _CLOSE_LIMIT_S)

    def _forget(self, connection: Connection) -> None:
        self._alive.discard(connection)
        if self._emptied is not None and not self._alive:
            self._emptied.set()
