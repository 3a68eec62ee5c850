"""The backend against scripted servers: start-up, streams, faults, cancelling."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from servegen_fw_vllm.backend import VllmBackend, make
from servegen_fw_vllm.options import Vllm

from servegen_fw.plugin import BackendError, Request
from servegen_fw.testing import (
    Close,
    OpenAIAnswers,
    Reset,
    Script,
    ScriptedServer,
    Seen,
    Send,
    Sleep,
    Stall,
    event,
    framed,
    head,
    reply,
)


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 60))


async def _with(backend: VllmBackend, use: Callable[[VllmBackend], Coroutine[Any, Any, Any]]) -> Any:
    try:
        return await use(backend)
    finally:
        await backend.stop()


async def _until(condition: Callable[[], bool]) -> None:
    """Wait until something holds; fails after ten seconds."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came to hold")


def _start(url: str, **options: Any) -> Any:
    return _run(_with(make(Vllm(url=url, **options)), lambda backend: backend.start()))


def _send(answer: Any, request: Request, sink: Any, **options: Any) -> ScriptedServer:
    """Start, send one request, stop; returns the server with what it saw."""

    async def use(backend: VllmBackend) -> None:
        await backend.start()
        await backend.send(request, sink)

    with ScriptedServer(answer) as server:
        _run(_with(make(Vllm(url=server.url, **options)), use))
    return server


def _failed(answer: Any, request: Request, sink: Any, **options: Any) -> BackendError:
    with pytest.raises(BackendError) as caught:
        _send(answer, request, sink, **options)
    return caught.value


def _models(*cards: Any) -> Script:
    return reply({"object": "list", "data": list(cards)})


def test_start_finds_the_only_model() -> None:
    """Without a name the only model listed is taken, and what the server tells about it are facts."""

    def answer(seen: Seen) -> Script:
        if seen.path == "/version":
            return reply({"version": "0.32.0"})
        return _models({"id": "m", "max_model_len": 4096})

    with ScriptedServer(answer) as server:
        facts = _start(server.url)
    assert facts == {
        "endpoint": "/v1/completions",
        "server": "scripted",
        "model": "m",
        "max_model_len": 4096,
        "version": "0.32.0",
    }


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_url_forms(suffix: str) -> None:
    """The base URL may end in a slash or in /v1."""
    with ScriptedServer(OpenAIAnswers(model="m")) as server:
        assert _start(server.url + suffix)["model"] == "m"
    assert server.seen[0].path == "/v1/models"


def test_unknown_model_names_those_that_are_there() -> None:
    """A model that the server does not list is told together with those that it has."""
    with ScriptedServer(_models({"id": "b"}, {"id": "a"})) as server, pytest.raises(BackendError) as caught:
        _start(server.url, model="c")
    assert caught.value.code == "no-model"
    assert "'c'" in caught.value.detail
    assert "a, b" in caught.value.detail


def test_several_models_need_a_choice() -> None:
    """With several models listed none is guessed."""
    with (
        ScriptedServer(_models({"id": "b"}, {"id": "a"})) as server,
        pytest.raises(BackendError, match="one of a, b"),
    ):
        _start(server.url)


def test_long_listings_are_cut() -> None:
    """A listing of hundreds of models does not flood the message."""
    cards = [{"id": f"model-{number}"} for number in range(500)]
    with ScriptedServer(_models(*cards)) as server, pytest.raises(BackendError) as caught:
        _start(server.url)
    assert len(caught.value.detail) < 500


def test_no_model() -> None:
    """A server that lists nothing is told."""
    with ScriptedServer(_models()) as server, pytest.raises(BackendError, match="serves no model"):
        _start(server.url)


def test_alias_is_a_name() -> None:
    """A model may be named by an alias; the alias is what requests carry."""
    with ScriptedServer(_models({"id": "m", "aliases": ["short"]})) as server:
        assert _start(server.url, model="short")["model"] == "short"


def test_server_without_a_listing() -> None:
    """A server that cannot list models is believed if the suite names one, and told otherwise."""
    with ScriptedServer(reply({"error": "no route"}, 404)) as server:
        assert _start(server.url, model="m")["model"] == "m"
        with pytest.raises(BackendError, match="set `model`") as caught:
            _start(server.url)
    assert caught.value.code == "http-404"


@pytest.mark.parametrize(
    "answer", [reply(b"<html>"), reply({"models": []}), reply([1]), reply({"data": [1]})]
)
def test_other_kinds_of_servers(answer: Script) -> None:
    """A server that answers something else to /v1/models is not of this kind."""
    with ScriptedServer(answer) as server, pytest.raises(BackendError, match="OpenAI") as caught:
        _start(server.url)
    assert caught.value.code == "garbage"


def test_unreachable_server() -> None:
    """A server that is not there is told with its address."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with pytest.raises(BackendError, match=f"127.0.0.1:{port}") as caught:
            _start(f"http://127.0.0.1:{port}")
    assert caught.value.code == "refused"


def test_refused_key() -> None:
    """A server that wants a key gets the message that says how to give one."""
    with (
        ScriptedServer(reply({"error": "Unauthorized"}, 401)) as server,
        pytest.raises(BackendError, match="api_key_env"),
    ):
        _start(server.url)


def test_key_and_headers_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key from the environment and further headers go with every request."""
    monkeypatch.setenv("TEST_KEY", "s3cret")
    with ScriptedServer(OpenAIAnswers()) as server:
        _start(server.url, api_key_env="TEST_KEY", headers={"X-Tenant": "t"})
    assert {seen.headers["authorization"] for seen in server.seen} == {"Bearer s3cret"}
    assert {seen.headers["x-tenant"] for seen in server.seen} == {"t"}


def test_connections_ahead() -> None:
    """Connections asked for are open after the start."""
    with ScriptedServer(OpenAIAnswers()) as server:
        _start(server.url, connections=8)
    assert server.connections == 8


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
@pytest.mark.parametrize(
    "manner", [{}, {"opening": "empty"}, {"opening": "null"}, {"finish": "own", "usage": "finish"}]
)
def test_streams(sink: Any, ask: Any, endpoint: str, manner: dict[str, Any]) -> None:
    """Whatever the manner of the server, five tokens are five chunks with usage and a finish reason."""
    server = _send(OpenAIAnswers(cached=2, **manner), ask(), sink, endpoint=endpoint)
    assert sink.chunks == [(None, False)] * 5
    assert sink.counts == {"input_tokens": 3, "output_tokens": 5, "cached_tokens": 2}
    assert sink.reason == "length"
    assert sink.sents == 1
    assert sink.stamps == sorted(sink.stamps)
    sent = server.seen[-1].json()
    assert sent["max_tokens"] == 5
    assert sent["model"] == "scripted"
    assert server.seen[-1].headers["content-type"] == "application/json"


def test_finish_on_the_last_token(sink: Any, ask: Any) -> None:
    """A finish reason on the last token's chunk neither hides the token nor adds one."""
    _send(OpenAIAnswers(finish="last"), ask(), sink, endpoint="chat")
    assert len(sink.chunks) == 5
    assert sink.reason == "length"


def test_reasoning_stream(sink: Any, ask: Any) -> None:
    """Reasoning tokens come first and are counted apart."""
    _send(OpenAIAnswers(reasoning=3), ask(), sink, endpoint="chat")
    assert [thinking for _, thinking in sink.chunks] == [True, True, True, False, False]
    assert sink.counts["reason_tokens"] == 3


def test_chunks_of_several_tokens(sink: Any, ask: Any) -> None:
    """A server that sends two tokens at a time gives three chunks for five tokens, and usage says five."""
    _send(OpenAIAnswers(per_event=2), ask(), sink)
    assert len(sink.chunks) == 3
    assert sink.counts["output_tokens"] == 5


def test_usage_not_asked_for(sink: Any, ask: Any) -> None:
    """Without `usage` the request does not ask, and none is reported."""
    server = _send(OpenAIAnswers(), ask(), sink, usage=False)
    assert "stream_options" not in server.seen[-1].json()
    assert sink.counts == {}


def test_token_ids_arrive(sink: Any, ask: Any) -> None:
    """Token ids reach the server as numbers and are counted as such."""
    server = _send(OpenAIAnswers(), ask([5, 6, 7, 8]), sink)
    assert server.seen[-1].json()["prompt"] == [5, 6, 7, 8]
    assert sink.counts["input_tokens"] == 4


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
def test_without_a_stream(sink: Any, ask: Any, endpoint: str) -> None:
    """A whole answer is one chunk with the server's token count."""
    server = _send(OpenAIAnswers(), ask(), sink, endpoint=endpoint, stream=False)
    assert sink.chunks == [(5, False)]
    assert sink.reason == "length"
    assert "stream" not in server.seen[-1].json()


def test_answer_is_kept_for_the_next_turn(sink: Any, ask: Any) -> None:
    """With `keep_text` the server's words are in the request afterwards."""
    request = ask(output_tokens=3, keep_text=True)
    _send(OpenAIAnswers(), request, sink)
    assert request.answer_text == " word word word"


@pytest.mark.parametrize("done", [True, False])
def test_no_finish_reason_is_truncation(sink: Any, ask: Any, done: bool) -> None:
    """A stream without a finish reason returns without one, with or without [DONE]."""
    _send(OpenAIAnswers(finish="none", done=done), ask(), sink, endpoint="chat")
    assert len(sink.chunks) == 5
    assert sink.reason == ""


_ERROR = Send(framed(event({"error": {"message": "engine died", "code": 500}})))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ([_ERROR, Close()], "stream-error"),
        ([_ERROR, Stall()], "stream-error"),
        ([Send(framed(event('{"choices": [{"te')))], "garbage"),
        ([Send(b"not a chunk size\r\n")], "garbage"),
        ([Close()], "truncated"),
        ([Sleep(0.05), Reset()], "reset"),
    ],
)
def test_faults_inside_a_stream(sink: Any, ask: Any, fault: Script, code: str) -> None:
    """After two good tokens each fault has its code, and the two tokens are reported."""
    answer = OpenAIAnswers(break_after=2, fault=fault, gap_s=0.01)
    assert _failed(answer, ask(), sink).code == code
    # A reset may overtake what the client has not read yet.
    assert len(sink.chunks) == 2 or code == "reset"
    assert sink.reason == ""


def _after_start(script: Script) -> Callable[[Seen], Script]:
    def answer(seen: Seen) -> Script:
        return OpenAIAnswers()(seen) if seen.method == "GET" else script

    return answer


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        (reply({"error": {"message": "exceed_context_size"}}, 400), "http-400", "exceed_context_size"),
        (reply({"detail": "slow down"}, 429), "http-429", "slow down"),
        (reply({"error": {"message": "overloaded"}}), "stream-error", "overloaded"),
        (reply({"error": "overloaded"}), "stream-error", "overloaded"),
        (reply({"choices": []}), "garbage", "application/json"),
        (reply(b"<html>", headers={"Content-Type": "text/html"}), "garbage", "text/html"),
        ([Send(b"\x00\x01\x02"), Close()], "garbage", ""),
        ([Send(head(200, {"Content-Type": "text/event-stream"})), Close()], "", ""),
    ],
)
def test_faults_instead_of_a_stream(sink: Any, ask: Any, script: Script, code: str, said: str) -> None:
    """Whatever comes instead of tokens has its code and the server's words; an empty stream has no finish."""
    if not code:
        _send(_after_start(script), ask(), sink)
        assert sink.calls == []
        return
    failure = _failed(_after_start(script), ask(), sink)
    assert failure.code == code
    assert said in failure.detail
    assert sink.chunks == []


def test_token_ids_to_chat_fail_before_sending(sink: Any, ask: Any) -> None:
    """Token ids for a chat endpoint are refused without a request."""
    failure = _failed(OpenAIAnswers(), ask([1, 2]), sink, endpoint="chat")
    assert failure.code == "form"
    assert sink.sents == 0


def test_cancelling_hangs_up(sink: Any, ask: Any) -> None:
    """Cancelling a send closes its stream, so that the server stops generating; others go on."""

    async def use(backend: VllmBackend, server: ScriptedServer) -> None:
        await backend.start()
        task = asyncio.ensure_future(backend.send(ask(output_tokens=500), sink))
        await _until(lambda: bool(sink.chunks))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _until(lambda: server.seen[-1].left)

    with ScriptedServer(OpenAIAnswers(gap_s=0.01)) as server:
        _run(_with(make(Vllm(url=server.url)), lambda backend: use(backend, server)))


def test_many_streams_at_once(sinks: Any, ask: Any) -> None:
    """A hundred streams at a time each get their own tokens."""

    async def use(backend: VllmBackend) -> list[Any]:
        await backend.start()
        made = [sinks() for _ in range(100)]
        sends = [backend.send(ask(output_tokens=1 + i % 7), sink) for i, sink in enumerate(made)]
        await asyncio.gather(*sends)
        return made

    with ScriptedServer(OpenAIAnswers(gap_s=0.005)) as server:
        made = _run(_with(make(Vllm(url=server.url)), use))
    assert [len(sink.chunks) for sink in made] == [1 + i % 7 for i in range(100)]
    assert [sink.counts["output_tokens"] for sink in made] == [1 + i % 7 for i in range(100)]


def test_stamps_follow_the_servers_pace(sink: Any, ask: Any) -> None:
    """No chunk is stamped before the server began to write it, and the first not before its time."""
    server = _send(OpenAIAnswers(first_s=0.05, gap_s=0.02), ask(), sink)
    seen = server.seen[-1]
    assert sink.stamps[0] - seen.read_ns >= 50_000_000
    # The head is write 0, token i is write i + 1, which began after write i was stamped.
    assert all(stamp >= before for stamp, before in zip(sink.stamps, seen.wrote_ns[:5], strict=True))


def test_scripted_models_listing() -> None:
    """The scripted server's own listing is what the backend expects of a real one."""
    seen = Seen(0, 0, "GET", "/v1/models", {}, b"", 0)
    (step,) = OpenAIAnswers(model="x")(seen)
    assert isinstance(step, Send)
    assert json.loads(step.data.partition(b"\r\n\r\n")[2])["data"][0]["id"] == "x"
