"""The backend against a real engine: llama.cpp's server with a 135M-parameter model."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from servegen_fw_vllm.backend import VllmBackend, make
from servegen_fw_vllm.options import Vllm

from servegen_fw.plugin import BackendError, HttpClient
from servegen_fw.testing import llama_server
from servegen_fw.testing.llamacpp import MODEL, missing

pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(missing()), reason=missing() or "installed")]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run one server for all tests here."""
    with llama_server(slots=2) as address:
        yield address


def _run(url: str, use: Callable[[VllmBackend], Coroutine[Any, Any, Any]], **options: Any) -> Any:
    async def all_of_it() -> Any:
        options.setdefault("extra", {"cache_prompt": False})
        backend = make(Vllm(url=url, **options))
        try:
            facts = await backend.start()
            return facts, await use(backend)
        finally:
            await backend.stop()

    return asyncio.run(asyncio.wait_for(all_of_it(), 120))


def test_facts(url: str) -> None:
    """The server tells its kind and its only model."""

    async def nothing(_: VllmBackend) -> None:
        """Only start and stop."""

    facts, _ = _run(url, nothing)
    assert facts["server"] == "llama.cpp"
    assert facts["model"] == MODEL


def test_unknown_model(url: str) -> None:
    """A model name that llama.cpp would silently accept is refused, with the name that is there."""

    async def nothing(_: VllmBackend) -> None:
        """Only start and stop."""

    with pytest.raises(BackendError, match=MODEL):
        _run(url, nothing, model="gpt-4")


@pytest.mark.parametrize("endpoint", ["completions", "chat"])
def test_stream(url: str, endpoint: str, sink: Any, ask: Any) -> None:
    """A stream of 16 tokens has a chunk for each visible one, exact usage, and the finish reason `length`."""
    request = ask("Once upon a time there was a small engine that", 16, keep_text=True)
    _run(url, lambda backend: backend.send(request, sink), endpoint=endpoint)
    assert sink.counts["output_tokens"] == 16
    assert sink.counts["input_tokens"] > 8
    assert 1 <= len(sink.chunks) <= 16
    assert sink.reason == "length"
    assert request.answer_text.strip()
    assert sink.stamps == sorted(sink.stamps)
    assert len(set(sink.stamps)) > 1


def test_token_ids(url: str, sink: Any, ask: Any) -> None:
    """A prompt of 20 token ids is counted as 20 tokens."""
    request = ask(list(range(1000, 1020)), 4)
    _run(url, lambda backend: backend.send(request, sink))
    assert sink.counts["input_tokens"] == 20
    assert sink.counts["output_tokens"] == 4


def test_ignore_eos_gives_the_planned_length(url: str, sink: Any, ask: Any) -> None:
    """With `ignore_eos` a chat that would end early goes on to the planned length."""
    _run(url, lambda backend: backend.send(ask("Say yes.", 40), sink), endpoint="chat")
    assert sink.counts["output_tokens"] == 40
    assert sink.reason == "length"


def test_without_a_stream(url: str, sink: Any, ask: Any) -> None:
    """A whole answer is one chunk of the planned tokens."""
    _run(url, lambda backend: backend.send(ask("Tell me", 6), sink), stream=False)
    assert sink.chunks == [(6, False)]


def test_concurrent_requests(url: str, sinks: Any, ask: Any) -> None:
    """More requests than slots are queued by the server and all come back whole."""
    made = [sinks() for _ in range(4)]

    async def use(backend: VllmBackend) -> None:
        await asyncio.gather(
            *[backend.send(ask(f"Story number {i}:", 6), sink) for i, sink in enumerate(made)]
        )

    _run(url, use)
    assert [sink.counts["output_tokens"] for sink in made] == [6] * 4


def test_prompt_beyond_the_context(url: str, sink: Any, ask: Any) -> None:
    """A prompt that does not fit is an HTTP 400 with the server's own words."""
    with pytest.raises(BackendError, match="context") as caught:
        _run(url, lambda backend: backend.send(ask([1000] * 5000, 4), sink))
    assert caught.value.code == "http-400"


def test_timings_agree(url: str) -> None:
    """Reading 64 tokens takes about as long as the server says that it took to make them."""
    # The server counts from the end of the prompt to the last token, we from the first token's read to the last one's:
    # 63 of its 64 steps. Both run on one machine, so the slack is for its load: a factor of two and 250 ms.
    stamps: list[int] = []
    events: list[bytes] = []

    def take(data: bytes) -> None:
        events.append(data)
        stamps.append(time.perf_counter_ns())

    async def use() -> None:
        fields = {
            "prompt": "Engines",
            "max_tokens": 64,
            "stream": True,
            "ignore_eos": True,
            "cache_prompt": False,
        }
        async with HttpClient(url, headers={"Content-Type": "application/json"}) as client:
            await client.stream("POST", "/v1/completions", json.dumps(fields).encode(), None, take)

    asyncio.run(asyncio.wait_for(use(), 60))
    timings = next(json.loads(data)["timings"] for data in events if b'"timings"' in data)
    assert timings["predicted_n"] == 64
    tokens = [at for data, at in zip(events, stamps, strict=True) if b'"finish_reason":null' in data]
    seen_ms = (tokens[-1] - tokens[0]) / 1e6
    assert timings["predicted_ms"] / 2 - 250 <= seen_ms <= timings["predicted_ms"] * 2 + 250
