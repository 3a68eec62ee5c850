"""The scripted server does what scripts say, as an independent client (http.client, raw sockets) sees it."""

from __future__ import annotations

import http.client
import socket
import ssl
import time

import pytest
import trustme

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


def _get(server: ScriptedServer, path: str = "/", body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("GET" if body is None else "POST", path, body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_reply_is_a_whole_http_response() -> None:
    """A plain reply carries status, length and JSON body."""
    with ScriptedServer(reply({"ok": 1}, 201)) as server:
        assert _get(server) == (201, b'{"ok": 1}')


def test_requests_are_recorded() -> None:
    """Method, path, headers and body of what came in are kept in order."""
    with ScriptedServer(reply(b"")) as server:
        _get(server, "/a?b=1")
        _get(server, "/c", b'{"x": [1]}')
    first, second = server.seen
    assert (first.method, first.path, first.body) == ("GET", "/a?b=1", b"")
    assert (second.method, second.path, second.json()) == ("POST", "/c", {"x": [1]})
    assert second.headers["content-length"] == "10"
    assert second.read_ns > first.read_ns


def test_chunked_request_bodies_are_decoded() -> None:
    """A chunked request is recorded without its framing."""
    with ScriptedServer(reply(b"")) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("POST", "/", iter([b"ab", b"cde"]), encode_chunked=True)
        connection.getresponse().read()
        connection.close()
    assert server.seen[0].body == b"abcde"


def test_connections_are_kept_alive_and_counted() -> None:
    """Two requests on one connection are numbered 0 and 1 of connection 0."""
    with ScriptedServer(reply(b"x")) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        for _ in range(2):
            connection.request("GET", "/")
            connection.getresponse().read()
        connection.close()
    assert [(seen.connection, seen.number) for seen in server.seen] == [(0, 0), (0, 1)]
    assert server.connections == 1


def test_event_stream_is_chunked_and_paced() -> None:
    """Events arrive framed, in order, and no write happens before its time."""
    script = [*event_stream([event("a"), event({"b": 2})], first_s=0.05, gap_s=0.03), END_OF_CHUNKS]
    with ScriptedServer(script) as server:
        assert _get(server) == (200, b'data: a\n\ndata: {"b":2}\n\n')
    seen = server.seen[0]
    after_s = [(wrote - seen.read_ns) / 1e9 for wrote in seen.wrote_ns]
    assert after_s[1] >= 0.05
    assert after_s[2] >= 0.08


def test_close_truncates() -> None:
    """A script that closes inside a chunked body leaves it incomplete."""
    script = [*event_stream([event("a")]), Close()]
    with ScriptedServer(script) as server, pytest.raises(http.client.IncompleteRead):
        _get(server)


def test_reset_breaks_the_connection() -> None:
    """A reset is seen as one by the peer's socket."""
    with ScriptedServer([Reset()]) as server, pytest.raises(ConnectionResetError):
        _get(server)


def test_stall_holds_until_the_client_leaves() -> None:
    """A stalled request is marked `left` once the client has closed."""
    with ScriptedServer([Send(head(200)), Stall()]) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert sock.recv(4096).startswith(b"HTTP/1.1 200 OK")
        limit = time.monotonic() + 10
        while not server.seen[0].left and time.monotonic() < limit:
            time.sleep(0.01)
        assert server.seen[0].left


def test_stop_ends_stalled_connections() -> None:
    """Leaving the context closes connections that a script holds open."""
    with socket.socket() as sock:
        sock.settimeout(10)
        with ScriptedServer([Stall()]) as server:
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while not server.seen:
                time.sleep(0.01)
        assert sock.recv(1) == b""


def test_on_connect_plays_before_reading() -> None:
    """A greeting script may send bytes nobody asked for."""
    with (
        ScriptedServer([], on_connect=[Send(b"hello"), Close()]) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock,
    ):
        assert sock.recv(100) == b"hello"
    assert server.seen == []


def test_answer_function_sees_the_request() -> None:
    """A function chooses the script by what was asked."""

    def answer(seen: Seen) -> Script:
        return reply({"path": seen.path})

    with ScriptedServer(answer) as server:
        assert _get(server, "/here") == (200, b'{"path": "/here"}')


def test_failing_answer_function_is_told() -> None:
    """An exception in the answer function comes out when the server stops."""

    def answer(seen: Seen) -> Script:
        raise LookupError(seen.path)

    with (
        pytest.raises(LookupError, match="/x"),
        ScriptedServer(answer) as server,
        pytest.raises(http.client.RemoteDisconnected),
    ):
        _get(server, "/x")


def test_own_failure_is_not_hidden_by_the_servers() -> None:
    """An exception in the with block outranks one from the answer function."""

    def answer(seen: Seen) -> Script:
        raise LookupError(seen.path)

    with pytest.raises(http.client.RemoteDisconnected), ScriptedServer(answer) as server:
        _get(server)


def test_tls() -> None:
    """With a context the server speaks TLS and says so in its URL."""
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    with ScriptedServer(reply(b"secret"), tls=server_side) as server:
        assert server.url.startswith("https://127.0.0.1:")
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=client_side, timeout=10)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"secret"
        connection.close()


def test_ipv6_url() -> None:
    """An IPv6 loopback address stands in brackets in the URL."""
    try:
        server = ScriptedServer(reply(b""), host="::1").start()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    server.stop()
    assert server.url == f"http://[::1]:{server.port}"


def test_sleeps_add_up_absolutely() -> None:
    """Sleep steps count from when the request was read, so that they do not drift."""
    script = [Sleep(0.02), Sleep(0.02), *reply(b"")]
    with ScriptedServer(script) as server:
        _get(server)
    seen = server.seen[0]
    assert seen.wrote_ns[0] - seen.read_ns >= 38_000_000
