"""A scripted HTTP server on loopback, for tests of whatever speaks HTTP: it sends what the script says, faults included."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TypeAlias

from servegen_fw.testing.script import Close, Reset, Script, Seen, Send, Sleep, Stall

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

Answer: TypeAlias = Script | Callable[[Seen], Script]

_START_LIMIT_S = 10.0
_BACKLOG = 1024


class ScriptedServer:
    """Answers every request with a script, from a thread of its own with its own event loop.

    Connections are kept alive: a script that ends without `Close`, `Reset` or `Stall` is followed by the next request.

    Example::

        with ScriptedServer(reply({"ok": True})) as server:
            ...  # talk to server.url
        assert server.seen[0].path == "/health"

    Parameters
    ----------
        answer: the script for every request, or a function from the request to its script. The function runs in the
            server's thread.
        on_connect: a script played on every new connection before anything is read from it, for example
            ``[Sleep(0.2)]`` for a server that is slow to read or ``[Reset()]`` for one that hangs up.
        tls: serve TLS with this context.
        host: loopback address to bind, "127.0.0.1" or "::1".

    Attributes
    ----------
        seen: the requests in the order in which they had been read.
        connections: number of connections accepted.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        on_connect: Script = (),
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self.port = 0
        self._answer = answer
        self._on_connect = on_connect
        self._tls = tls
        self._host = host
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scripted-server", daemon=True)

    @property
    def url(self) -> str:
        """Base URL, for example ``http://127.0.0.1:41234``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http{'s' if self._tls else ''}://{host}:{self.port}"

    def start(self) -> Self:
        """Listen on a free port; returns once it accepts connections.

        Raises
        ------
            OSError: the address cannot be bound.
        """
        self._thread.start()
        if not self._ready.wait(_START_LIMIT_S):
            raise TimeoutError("the scripted server did not start")
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """Close every connection and end the thread.

        Raises
        ------
            Exception: the first one that an `answer` function raised.
        """
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and self._thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        self._thread.join(_START_LIMIT_S)
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except Exception:
            if error is None:
                raise

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that starts or stops the server
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        with socket.create_server((self._host, 0), family=family, backlog=_BACKLOG) as listener:
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            self._ready.set()
            self._loop.add_reader(listener, self._accept, listener)
            await self._stop.wait()
            self._loop.remove_reader(listener)
            await _turns()  # connections just accepted get to their first step
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await _turns()  # and aborted ones close their socket

    def _accept(self, listener: socket.socket) -> None:
        # Not asyncio.start_server, nor sock_accept: both can lose a connection that came just before the end.
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        sock.setblocking(False)
        task = asyncio.ensure_future(self._serve(sock, self.connections))
        self.connections += 1
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, sock: socket.socket, connection: int) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=self._tls)
        except (OSError, asyncio.CancelledError):
            sock.close()  # the handshake failed
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            await self._converse(connection, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except Exception as error:  # noqa: BLE001 - an answer function failed; told by `stop`
            self._failure = self._failure or error
        finally:
            writer.transport.abort() if writer.is_closing() else writer.close()

    async def _converse(
        self, connection: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not await _play(self._on_connect, None, reader, writer):
            return
        for number in itertools.count():
            seen = await _read_request(connection, number, reader)
            if seen is None:
                return
            self.seen.append(seen)
            script = self._answer(seen) if callable(self._answer) else self._answer
            try:
                if not await _play(script, seen, reader, writer):
                    return
            except ConnectionError:
                seen.left = True
                return


async def _turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _read_request(connection: int, number: int, reader: asyncio.StreamReader) -> Seen | None:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    request, *lines = raw[:-4].decode("latin-1").split("\r\n")
    method, path, _ = request.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunked(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(connection, number, method, path, headers, body, time.perf_counter_ns())


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


async def _play(
    script: Script, seen: Seen | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Play a script; whether the connection goes on."""
    due = time.perf_counter()
    for step in script:
        match step:
            case Sleep(seconds):
                due += seconds
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            case Send(data):
                if reader.at_eof():
                    raise ConnectionResetError
                writer.write(data)
                await writer.drain()
                if seen is not None:
                    seen.wrote_ns.append(time.perf_counter_ns())
            case Close():
                writer.close()
                return False
            case Reset():
                _linger_zero(writer)
                writer.transport.abort()
                return False
            case Stall():
                await reader.read(1)
                raise ConnectionResetError
    return True


def _linger_zero(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
