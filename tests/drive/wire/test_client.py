"""The client against a scripted server: every way a response can come, on both event loops."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from typing import Any

import pytest

from servegen_fw.drive.wire import client as client_module
from servegen_fw.drive.wire.client import HttpClient, Limits
from servegen_fw.errors import BackendError, InputError
from servegen_fw.testing import (
    END_OF_CHUNKS,
    Close,
    OpenAIAnswers,
    Script,
    ScriptedServer,
    Seen,
    Send,
    Sleep,
    event,
    event_stream,
    framed,
    head,
    reply,
)


def _ignore(data: bytes) -> None:
    """Take an event and do nothing with it."""


async def _stream(server: ScriptedServer, sink: Any = None, **options: Any) -> tuple[list[bytes], Any]:
    events: list[bytes] = []
    async with HttpClient(server.url, **options) as client:
        response = await client.stream("POST", "/s", b"{}", sink, events.append)
    return events, response


def test_request_and_response(run: Any) -> None:
    """A plain request carries its body and headers, and its response comes back whole."""

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url, headers={"Authorization": "Bearer x"}) as client:
            response = await client.request("POST", "/p", b"hello", headers={"X-Row": "7"})
        assert (response.status, response.body, response.streamed) == (200, b'{"a": 1}', False)
        assert response.headers["content-type"] == "application/json"

    with ScriptedServer(reply({"a": 1})) as server:
        run(talk(server))
    seen = server.seen[0]
    assert (seen.method, seen.path, seen.body) == ("POST", "/p", b"hello")
    assert seen.headers["authorization"] == "Bearer x"
    assert seen.headers["x-row"] == "7"
    assert seen.headers["content-length"] == "5"


def test_get_has_no_length(run: Any) -> None:
    """A GET without a body sends no content length."""

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url + "/base") as client:
            await client.request("GET", "/v1/models")

    with ScriptedServer(reply({})) as server:
        run(talk(server))
    assert server.seen[0].path == "/base/v1/models"
    assert "content-length" not in server.seen[0].headers


def test_stream_hands_on_events(run: Any, sink: Any) -> None:
    """Events of a chunked stream come in order; the response then says that it was streamed."""
    script = [*event_stream([event("1"), event("2") + event("3"), b": ping\n\n"]), END_OF_CHUNKS]
    with ScriptedServer(script) as server:
        events, response = run(_stream(server, sink))
    assert events == [b"1", b"2", b"3"]
    assert response.streamed
    assert response.body == b""


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_events_cut_over_chunks_and_reads(run: Any, size: int) -> None:
    """Events survive being cut by transfer chunks and by reads of a few bytes."""
    body = b"".join(event(f"event {i}", end="\r\n" if i % 2 else "\n") for i in range(4))
    pieces = [framed(body[i : i + size]) for i in range(0, len(body), size)]
    kind = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
    wire = head(200, kind) + b"".join(pieces) + framed(b"")
    half = len(wire) // 2
    steps = [Send(wire[:half]), Sleep(0.01), Send(wire[half : half + 1]), Sleep(0.01), Send(wire[half + 1 :])]
    with ScriptedServer(steps) as server:
        events, _ = run(_stream(server))
    assert events == [f"event {i}".encode() for i in range(4)]


def test_stream_with_content_length(run: Any) -> None:
    """An event stream with a content length ends there."""
    body = event("a") + event("b")
    script = reply(body, headers={"Content-Type": "text/event-stream"})
    with ScriptedServer(script) as server:
        events, response = run(_stream(server))
    assert events == [b"a", b"b"]
    assert response.streamed


def test_stream_ended_by_close(run: Any) -> None:
    """A body without length or chunks ends when the server closes."""
    script = [Send(head(200, {"Content-Type": "text/event-stream"}) + event("a")), Sleep(0.01), Close()]
    with ScriptedServer(script) as server:
        events, _ = run(_stream(server))
    assert events == [b"a"]


def test_json_instead_of_a_stream_is_handed_over(run: Any) -> None:
    """A JSON body under 200 where a stream was asked for reaches the caller, and no event is made of it."""
    with ScriptedServer(reply({"error": "no"})) as server:
        events, response = run(_stream(server))
    assert events == []
    assert not response.streamed
    assert json.loads(response.body) == {"error": "no"}


def test_reads_are_stamped_before_parsing(run: Any) -> None:
    """Each event follows the stamp of its read, which lies after the server's write before it."""
    calls: list[tuple[str, int]] = []

    class Stamps:
        def sent(self) -> None:
            calls.append(("sent", 0))

        def read(self, t_ns: int) -> None:
            calls.append(("read", t_ns))

    async def talk(server: ScriptedServer) -> None:
        stamps: Any = Stamps()
        async with HttpClient(server.url) as client:
            await client.stream("POST", "/s", b"{}", stamps, lambda data: calls.append(("event", int(data))))

    script = [*event_stream([event(str(i)) for i in range(5)], first_s=0.02, gap_s=0.02), END_OF_CHUNKS]
    with ScriptedServer(script) as server:
        run(talk(server))
    assert calls[0] == ("sent", 0)
    at = [i for i, call in enumerate(calls) if call[0] == "event"]
    assert [calls[i][1] for i in at] == [0, 1, 2, 3, 4]
    stamps = [max(call[1] for call in calls[:i] if call[0] == "read") for i in at]
    assert stamps == sorted(stamps)
    # Event i is write i + 1, which began after write i was stamped.
    assert all(stamp >= wrote for stamp, wrote in zip(stamps, server.seen[0].wrote_ns[:5], strict=True))


def test_small_body_is_sent_at_once(run: Any, sink: Any) -> None:
    """A small request is reported as sent before the event loop turns, also on a loop that defers writes."""

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            await client.open(1)
            task = asyncio.ensure_future(client.request("POST", "/", b"x", sink))
            await asyncio.sleep(0)
            assert [call[0] for call in sink.calls] == ["sent"]
            await task

    with ScriptedServer([Sleep(0.05), *reply(b"")]) as server:
        run(talk(server))
    assert [call[0] for call in sink.calls] == ["sent", "read"]


def test_sent_waits_for_the_last_byte(run: Any, sink: Any) -> None:
    """With a body that the socket cannot take at once, `sent` comes when the slow server has read on."""
    delay_s = 0.6
    body = b"x" * (48 << 20)

    async def talk(server: ScriptedServer) -> int:
        loop = asyncio.get_running_loop()
        async with HttpClient(server.url) as client:
            began = loop.time()
            await client.open(1)
            task = asyncio.ensure_future(client.request("POST", "/", body, sink))
            await asyncio.sleep(0.02)
            early = len(sink.calls)
            await task
            assert loop.time() - began >= delay_s
            return early

    with ScriptedServer(reply(b""), on_connect=[Sleep(delay_s)]) as server:
        assert run(talk(server)) == 0
    assert [call[0] for call in sink.calls] == ["sent", "read"]
    assert len(server.seen[0].body) == len(body)
    assert sink.named("sent")[0][1] < sink.named("read")[0][1]


def test_connections_are_reused(run: Any) -> None:
    """Requests one after the other share a connection; requests at a time do not."""

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            for _ in range(3):
                await client.request("GET", "/")
            assert server.connections == 1
            await asyncio.gather(*[client.request("GET", "/") for _ in range(3)])
            assert server.connections == 3

    with ScriptedServer([Sleep(0.02), *reply(b"x")]) as server:
        run(talk(server))


def test_last_used_connection_goes_first(run: Any) -> None:
    """Of several idle connections the one used last is taken, so that the others may age out."""

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            await client.open(3)
            for _ in range(4):
                await client.request("GET", "/")

    with ScriptedServer(reply(b"x")) as server:
        run(talk(server))
    assert len({seen.connection for seen in server.seen}) == 1
    assert server.connections == 3


def test_open_ahead(run: Any) -> None:
    """Connections opened ahead are used by the first requests."""

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            await client.open(100)
            await asyncio.gather(*[client.request("GET", "/") for _ in range(100)])
            assert server.connections == 100
            await client.open(100)
            assert server.connections == 100

    with ScriptedServer([Sleep(0.05), *reply(b"x")]) as server:
        run(talk(server))


def test_idle_connections_are_limited(run: Any) -> None:
    """No more connections are kept than asked for."""

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url, max_idle=1) as client:
            for _ in range(2):
                await asyncio.gather(*[client.request("GET", "/") for _ in range(2)])

    with ScriptedServer([Sleep(0.02), *reply(b"x")]) as server:
        run(talk(server))
    assert server.connections == 3


@pytest.mark.parametrize("version", ["close", "http/1.0"])
def test_connection_close_is_obeyed(run: Any, version: str) -> None:
    """A response that announces the end of its connection is complete, and the next request takes another one."""
    answer = (
        head(200, {"Content-Length": "1", **({"Connection": "close"} if version == "close" else {})}) + b"x"
    )
    if version == "http/1.0":
        answer = answer.replace(b"HTTP/1.1", b"HTTP/1.0")

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            for _ in range(2):
                assert (await client.request("GET", "/")).body == b"x"

    with ScriptedServer([Send(answer), Close()]) as server:
        run(talk(server))
    assert server.connections == 2


def test_interim_responses_are_passed_over(run: Any) -> None:
    """100 and 103 responses before the real one change nothing."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    with ScriptedServer([Send(interim), Sleep(0.01), *reply({"ok": 1})]) as server:
        _, response = run(_stream(server))
    assert response.body == b'{"ok": 1}'
    assert "link" not in response.headers


def test_head_and_no_content(run: Any) -> None:
    """HEAD with a length but no body, and 204 without a length, are complete and keep the connection."""

    def answer(seen: Seen) -> Script:
        return [Send(head(200, {"Content-Length": "500"}) if seen.method == "HEAD" else head(204))]

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            assert (await client.request("HEAD", "/")).headers["content-length"] == "500"
            assert (await client.request("POST", "/", b"x")).status == 204
            assert (await client.request("HEAD", "/")).status == 200

    with ScriptedServer(answer) as server:
        run(talk(server))
    assert server.connections == 1


def test_repeated_and_empty_headers(run: Any) -> None:
    """Repeated headers are joined, empty ones kept, trailers not mixed in."""
    raw = (
        b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-Empty:\r\nx-a: 2\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/json\r\n\r\n2\r\n{}\r\n0\r\nX-Trailer: t\r\n\r\n"
    )
    with ScriptedServer([Send(raw)]) as server:
        _, response = run(_stream(server))
    assert response.headers["x-a"] == "1, 2"
    assert response.headers["x-empty"] == ""
    assert "x-trailer" not in response.headers


def test_error_in_the_callback_ends_the_request(run: Any) -> None:
    """What the event callback raises comes out of `stream`, and the connection is not used again."""

    def refuse(data: bytes) -> None:
        raise BackendError("stream-error", data.decode())

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            with pytest.raises(BackendError, match="stream-error: boom"):
                await client.stream("POST", "/s", b"", None, refuse)
            await client.request("GET", "/")

    def answer(seen: Seen) -> Script:
        return (
            [*event_stream([event("boom"), event("more")]), END_OF_CHUNKS]
            if seen.path == "/s"
            else reply(b"")
        )

    with ScriptedServer(answer) as server:
        run(talk(server))
    assert server.connections == 2


def test_bugs_in_the_callback_are_not_disguised(run: Any) -> None:
    """An exception that is no `BackendError` comes out as it is."""

    def broken(data: bytes) -> None:
        raise ZeroDivisionError(data)

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            with pytest.raises(ZeroDivisionError):
                await client.stream("POST", "/s", b"", None, broken)

    with ScriptedServer([*event_stream([event("x")]), END_OF_CHUNKS]) as server:
        run(talk(server))


def test_cancelling_closes_the_connection(run: Any) -> None:
    """A cancelled stream hangs up on the server, reports nothing more, and leaves the client usable."""
    events: list[bytes] = []

    async def talk(server: ScriptedServer) -> None:
        first = asyncio.Event()

        def take(data: bytes) -> None:
            events.append(data)
            first.set()

        async with HttpClient(server.url) as client:
            task = asyncio.ensure_future(client.stream("POST", "/s", b"", None, take))
            await asyncio.wait_for(first.wait(), 20)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            had = len(events)
            for _ in range(400):
                if server.seen[0].left:
                    break
                await asyncio.sleep(0.01)
            assert server.seen[0].left
            assert len(events) == had
            assert (await client.request("GET", "/")).status == 200

    def answer(seen: Seen) -> Script:
        return event_stream([event("x")] * 400, gap_s=0.01) if seen.path == "/s" else reply(b"")

    with ScriptedServer(answer) as server:
        run(talk(server))
    assert server.connections == 2


def test_close_ends_requests_in_flight(run: Any) -> None:
    """Closing the client fails what is in flight instead of leaving it waiting for ever."""

    async def talk(server: ScriptedServer) -> None:
        client = HttpClient(server.url)
        task = asyncio.ensure_future(client.request("GET", "/"))
        await asyncio.sleep(0.05)
        await client.close()
        with pytest.raises(BackendError, match="the client was closed"):
            await task
        assert server.connections == 1

    with ScriptedServer([Sleep(0.2), *reply(b"")]) as server:
        run(talk(server))


def test_limits(run: Any) -> None:
    """Endless heads, events and bodies are cut off with a code of their own."""
    endless: dict[str, Script] = {
        "/head": [Send(b"HTTP/1.1 200 OK\r\n" + b"X-Y: zzzzzzzz\r\n" * 300)],
        "/event": [*event_stream([b"data: " + b"x" * 5000]), END_OF_CHUNKS],
        "/body": reply(b"x" * 5000),
    }

    async def talk(server: ScriptedServer) -> None:
        limits = Limits(header_bytes=2000, event_bytes=2000, body_bytes=2000)
        async with HttpClient(server.url, limits=limits) as client:
            for path in endless:
                with pytest.raises(BackendError) as caught:
                    await client.stream("POST", path, b"", None, _ignore)
                assert caught.value.code == "too-large", path

    with ScriptedServer(lambda seen: endless[seen.path]) as server:
        run(talk(server))


def test_nothing_waits_for_the_garbage_collector(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Good and failed requests free their parsers and errors at once, since a run may turn the collector off."""
    alive: list[weakref.ref[Any]] = []

    class Watched(client_module.Exchange):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            alive.append(weakref.ref(self))

    def refuse(data: bytes) -> None:
        raise BackendError("stream-error", data.decode())

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(server.url) as client:
            for path in ("/good", "/cut", "/bad", "/junk", "/refused"):
                try:
                    await client.stream("POST", path, b"", None, refuse if path == "/refused" else _ignore)
                except BackendError as error:
                    alive.append(weakref.ref(error))

    scripts: dict[str, Script] = {
        "/good": [*event_stream([event("a")]), END_OF_CHUNKS],
        "/refused": [*event_stream([event("a")]), END_OF_CHUNKS],
        "/cut": [*event_stream([event("a")]), Close()],
        "/bad": reply({"error": "no"}, 500),
        "/junk": [Send(b"junk\r\n\r\n"), Close()],
    }
    monkeypatch.setattr(client_module, "Exchange", Watched)
    with ScriptedServer(lambda seen: scripts[seen.path]) as server:
        gc.collect()
        gc.disable()
        try:
            run(talk(server))
            assert len(alive) >= 9
            assert [ref() for ref in alive] == [None] * len(alive)
        finally:
            gc.enable()


def test_proxies_are_ignored(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxy variables do not turn requests away from the server that is named."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with ScriptedServer(reply({"ok": 1})) as server:
        _, response = run(_stream(server))
    assert response.status == 200


def test_ipv6_literal(run: Any) -> None:
    """An IPv6 address in brackets is spoken to, and stands in brackets in the Host header."""
    try:
        server = ScriptedServer(reply(b""), host="::1").start()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    try:
        run(_stream(server))
    finally:
        server.stop()
    assert server.seen[0].headers["host"] == f"[::1]:{server.port}"


def test_name_with_several_addresses(run: Any) -> None:
    """A host name whose first address refuses is tried at the next one."""

    async def talk(server: ScriptedServer) -> None:
        async with HttpClient(f"http://localhost:{server.port}") as client:
            client._pool._addresses = ["127.0.0.2", "127.0.0.1"]
            await client.open(2)
            assert client._pool._addresses[0] == "127.0.0.1"
            assert (await client.request("GET", "/")).status == 200

    with ScriptedServer(reply(b"")) as server:
        run(talk(server))


def test_openai_stream_end_to_end(run: Any, sink: Any) -> None:
    """A scripted chat stream arrives event by event, closed by [DONE]."""

    async def talk(server: ScriptedServer) -> list[bytes]:
        events: list[bytes] = []
        body = json.dumps({"messages": [{"role": "user", "content": "a b"}], "max_tokens": 3, "stream": True})
        async with HttpClient(server.url) as client:
            await client.stream("POST", "/v1/chat/completions", body.encode(), sink, events.append)
        return events

    with ScriptedServer(OpenAIAnswers()) as server:
        events = run(talk(server))
    assert events[-1] == b"[DONE]"
    words = [json.loads(data)["choices"][0]["delta"].get("content") for data in events[:-1]]
    assert words == [None, " word", " word", " word", None]


def test_bad_url_is_refused_at_once() -> None:
    """A client for something that is no URL cannot be made."""
    with pytest.raises(InputError):
        HttpClient("nowhere")
