"""The client against servers that refuse, hang up, lie or break: a code for each, and never a hang."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from servegen_fw.drive.wire.client import HttpClient
from servegen_fw.errors import BackendError
from servegen_fw.testing import (
    END_OF_CHUNKS,
    Close,
    Reset,
    Script,
    ScriptedServer,
    Seen,
    Send,
    Sleep,
    Stall,
    event,
    event_stream,
    head,
    reply,
)


async def _code(url: str, events: list[bytes] | None = None, **options: Any) -> BackendError:
    kept: list[bytes] = [] if events is None else events
    async with HttpClient(url, **options) as client:
        with pytest.raises(BackendError) as caught:
            await client.stream("POST", "/s", b"{}", None, kept.append)
    return caught.value


async def _until(condition: Callable[[], bool]) -> None:
    """Wait until something holds; fails after ten seconds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came to hold")


def test_refused(run: Any) -> None:
    """A port where nothing listens is refused, by name."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        failure = run(_code(f"http://127.0.0.1:{port}"))
    assert failure.code == "refused"
    assert f"127.0.0.1:{port}" in failure.detail


def test_unknown_host(run: Any) -> None:
    """A host name that does not resolve has the code dns."""

    async def talk() -> BackendError:
        async def fail(*_: Any, **__: Any) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        client = HttpClient("http://no-such-host.invalid:1")
        client._pool._resolve = fail  # type: ignore[method-assign,assignment]
        with pytest.raises(BackendError) as caught:
            await client.request("GET", "/")
        return caught.value

    assert run(talk()).code == "dns"


def test_connect_timeout(run: Any) -> None:
    """A server whose backlog is full does not hold the client longer than its limit."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fill = [socket.socket() for _ in range(3)]
        try:
            for sock in fill:
                sock.setblocking(False)
                sock.connect_ex(address)
            failure = run(_code(f"http://127.0.0.1:{address[1]}", connect_timeout_s=0.2))
        finally:
            for sock in fill:
                sock.close()
    assert failure.code == "connect-timeout"
    assert "0.2 s" in failure.detail


def test_tls_handshake_counts_towards_the_connect_limit(run: Any) -> None:
    """A server that accepts but never shakes hands runs into the connect limit."""
    with ScriptedServer([], on_connect=[Sleep(30)]) as server:
        url = server.url.replace("http://", "https://")
        assert run(_code(url, insecure=True, connect_timeout_s=0.3)).code == "connect-timeout"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ([Close()], "closed"),
        ([Reset()], "reset"),
        ([Send(b"HTTP/1.1 200"), Close()], "truncated"),
        ([Send(head(200, {"Content-Length": "10"}) + b"abc"), Close()], "truncated"),
        ([*event_stream([event("a")]), Close()], "truncated"),
        ([*event_stream([event("a")]), Sleep(0.02), Reset()], "reset"),
        ([Send(b"\x16\x03\x01 what is this?\r\n\r\n"), Close()], "garbage"),
        ([Send(b"SSH-2.0-OpenSSH_9.2\r\n"), Close()], "garbage"),
        ([Send(head(200, {"Transfer-Encoding": "chunked"}) + b"zz\r\n")], "garbage"),
        ([Send(head(200, {"Content-Length": "x"}))], "garbage"),
        ([Send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")], "garbage"),
        (reply(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), "garbage"),
        (reply({"error": {"message": "slow down"}}, 429), "http-429"),
        (reply({"error": {"message": "slow down"}}, 503, {"Content-Type": "text/event-stream"}), "http-503"),
        ([Send(head(500, {"Content-Length": "10"}) + b"abc"), Close()], "http-500"),
        (reply(b"", 302, {"Location": "/elsewhere"}), "http-302"),
    ],
)
def test_faults_have_codes(run: Any, script: Script, code: str) -> None:
    """Each fault of a server becomes its own stable code."""
    with ScriptedServer(script) as server:
        assert run(_code(server.url)).code == code
    assert len(server.seen) == 1


def test_events_before_a_fault_are_kept(run: Any) -> None:
    """What came before a truncation was handed on."""
    events: list[bytes] = []
    with ScriptedServer([*event_stream([event("a"), event("b")]), Close()]) as server:
        run(_code(server.url, events))
    assert events == [b"a", b"b"]


def test_error_detail_is_the_servers(run: Any) -> None:
    """The message of an error body is shown to the reader."""
    with ScriptedServer(reply({"error": {"message": "slow down"}}, 429)) as server:
        assert run(_code(server.url)).detail == "slow down"


def test_error_body_is_read_in_bounds(run: Any) -> None:
    """An error page without end is cut, and the status told."""
    page = [Send(head(502, {"Content-Type": "text/html"}))] + [Send(b"<p>" * 20_000)] * 10
    with ScriptedServer([*page, Stall()]) as server:
        failure = run(_code(server.url))
    assert failure.code == "http-502"
    assert len(failure.detail) <= 300


def test_connection_survives_an_error_status(run: Any) -> None:
    """After an error response with a length the connection is used again."""

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            for _ in range(2):
                with pytest.raises(BackendError, match="http-400"):
                    await client.request("POST", "/", b"x")

    with ScriptedServer(reply({"message": "no"}, 400)) as server:
        run(talk(server))
    assert server.connections == 1


def test_early_answer_to_an_unfinished_request(run: Any) -> None:
    """A server that answers before it has read the whole request is heard, and its connection given up."""

    async def talk(server: ScriptedServer) -> BackendError:
        async with HttpClient(server.url) as client:
            with pytest.raises(BackendError) as caught:
                await client.request("POST", "/", b"x" * (32 << 20))
            return caught.value

    early = [Send(head(413, {"Content-Length": "2"}) + b"no"), Stall()]
    with ScriptedServer([], on_connect=early) as server:
        assert run(talk(server)).code == "http-413"


def test_stale_connection_is_replaced(run: Any, sink: Any) -> None:
    """A kept connection that the server closes on the next request is replaced once, unnoticed."""

    def answer(seen: Seen) -> Script:
        return reply(b"x") if seen.number == 0 else [Close()]

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            await client.request("GET", "/")
            assert (await client.request("POST", "/2", b"x", sink)).body == b"x"

    with ScriptedServer(answer) as server:
        run(talk(server))
    assert [(seen.connection, seen.path) for seen in server.seen] == [(0, "/"), (0, "/2"), (1, "/2")]
    assert [call[0] for call in sink.calls] == ["sent", "sent", "read"]


def test_connection_closed_while_idle_is_not_used(run: Any) -> None:
    """A connection that the server closed between requests is left alone."""

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            await client.request("GET", "/")
            await asyncio.sleep(0.1)
            await client.request("GET", "/")

    with ScriptedServer([*reply(b"x"), Sleep(0.02), Close()]) as server:
        run(talk(server))
    assert [seen.connection for seen in server.seen] == [0, 1]


@pytest.mark.parametrize("fault", [Close(), Reset()])
def test_no_second_try_on_a_fresh_connection(run: Any, fault: Close | Reset) -> None:
    """A connection made for the request is not replaced: the server saw it and hung up."""
    with ScriptedServer([fault]) as server:
        run(_code(server.url))
    assert len(server.seen) == 1


def test_no_second_try_after_the_first_byte(run: Any) -> None:
    """Once a byte of the response has come on a kept connection, its end is an error."""

    def answer(seen: Seen) -> Script:
        return reply(b"x") if seen.number == 0 else [Send(b"H"), Close()]

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            await client.request("GET", "/")
            with pytest.raises(BackendError, match="truncated"):
                await client.request("GET", "/2")

    with ScriptedServer(answer) as server:
        run(talk(server))
    assert len(server.seen) == 2


def test_only_one_second_try(run: Any) -> None:
    """If the replacement is closed as well, the request fails."""

    def answer(seen: Seen) -> Script:
        return reply(b"x") if seen.path == "/" else [Close()]

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            await client.request("GET", "/")
            with pytest.raises(BackendError, match="closed"):
                await client.request("GET", "/2")

    with ScriptedServer(answer) as server:
        run(talk(server))
    assert len(server.seen) == 3


def test_unasked_bytes_spoil_a_connection(run: Any) -> None:
    """A connection on which the server says more than it was asked is not used again."""

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            for _ in range(2):
                assert (await client.request("GET", "/")).body == b"x"
                await _until(lambda: client._pool.idle == 0)

    extra = [*reply(b"x"), Sleep(0.01), Send(b"HTTP/1.1 408 Request Timeout\r\n\r\n"), Stall()]
    with ScriptedServer(extra) as server:
        run(talk(server))
    assert server.connections == 2


def test_greeting_is_heard(run: Any) -> None:
    """What a server says before it is asked counts as its answer: garbage is garbage, a status a status."""

    async def talk(server: ScriptedServer) -> BackendError:
        async with HttpClient(server.url) as client:
            connection = await client._pool.connect()
            await _until(lambda: not connection.open)
            client._pool.connect = lambda: asyncio.sleep(0, connection)  # type: ignore[method-assign,assignment]
            with pytest.raises(BackendError) as caught:
                await client.request("GET", "/")
            return caught.value

    with ScriptedServer([], on_connect=[Send(b"220 mail ready\r\n"), Close()]) as server:
        assert run(talk(server)).code == "garbage"
    busy = head(503, {"Content-Length": "4"}) + b"busy"
    with ScriptedServer([], on_connect=[Send(busy), Close()]) as server:
        assert run(talk(server)).code == "http-503"
    with ScriptedServer([], on_connect=[Close()]) as server:
        assert run(talk(server)).code == "closed"


def test_many_faults_at_once(run: Any) -> None:
    """Two hundred requests to a server that fails in five ways each get their own answer."""
    scripts: list[Script] = [
        reply(b"x"),
        [Close()],
        [Reset()],
        [Send(b"junk\r\n\r\n"), Close()],
        [*event_stream([event("a")]), Close()],
    ]
    wanted = ["ok", "closed", "reset", "garbage", "truncated"]

    async def one(client: HttpClient, number: int) -> str:
        try:
            await client.request("GET", f"/{number}")
        except BackendError as error:
            return error.code
        return "ok"

    async def talk(server: ScriptedServer) -> list[str]:
        async with HttpClient(server.url) as client:
            found: list[str] = []
            for begin in range(0, 200, 50):
                # A fresh pool each time, so that no kept connection hides a fault behind a second try.
                await client.close()
                found += await asyncio.gather(*[one(client, begin + i) for i in range(50)])
            return found

    with ScriptedServer(lambda seen: scripts[int(seen.path[1:]) % 5]) as server:
        assert run(talk(server)) == wanted * 40


@pytest.fixture
def authority() -> trustme.CA:
    """Return a certificate authority of this test."""
    return trustme.CA()


def _server_side(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_tls_with_own_authority(run: Any, authority: trustme.CA, tmp_path: Path) -> None:
    """A stream over TLS is read like any other if the authority is trusted."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    events: list[bytes] = []

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url, ca_file=str(path)) as client:
            for _ in range(2):
                await client.stream("POST", "/s", b"x" * 100_000, None, events.append)

    script = [*event_stream([event("a"), event("b")]), END_OF_CHUNKS]
    with ScriptedServer(script, tls=_server_side(authority, "127.0.0.1")) as server:
        run(talk(server))
    assert events == [b"a", b"b"] * 2
    assert server.connections == 1
    assert len(server.seen[1].body) == 100_000


def test_tls_unknown_authority(run: Any, authority: trustme.CA) -> None:
    """A certificate of an unknown authority is refused, unless asked not to look."""
    with ScriptedServer(reply({"ok": 1}), tls=_server_side(authority, "127.0.0.1")) as server:
        failure = run(_code(server.url))
        assert failure.code == "tls"
        assert "certificate refused" in failure.detail

        async def talk() -> int:
            async with HttpClient(server.url, insecure=True) as client:
                return (await client.request("GET", "/")).status

        assert run(talk()) == 200


def test_tls_wrong_name(run: Any, authority: trustme.CA, tmp_path: Path) -> None:
    """A certificate for another name is refused."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    with ScriptedServer(reply(b""), tls=_server_side(authority, "other.example")) as server:
        assert run(_code(server.url, ca_file=str(path))).code == "tls"


def test_tls_to_a_plain_server(run: Any) -> None:
    """TLS spoken to a server that has none is a TLS failure, not a crash."""
    greeting = [Send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Close()]
    with ScriptedServer([], on_connect=greeting) as server:
        failure = run(_code(server.url.replace("http://", "https://"), insecure=True))
    assert failure.code in {"tls", "reset"}


def test_tls_truncation(run: Any, authority: trustme.CA) -> None:
    """A TLS stream that is cut off is an error like a plain one."""
    script = [*event_stream([event("a")]), Sleep(0.02), Reset()]
    with ScriptedServer(script, tls=_server_side(authority, "127.0.0.1")) as server:
        assert run(_code(server.url, insecure=True)).code in {"reset", "truncated"}
