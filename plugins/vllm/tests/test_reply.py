"""Events of every server in the field become the right chunks, counts and finish reasons."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servegen_fw_vllm.reply import Reply
from servegen_fw_vllm.template import Forms, Template

from servegen_fw.plugin import BackendError, Request


def _chat(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    return json.dumps(
        {"id": "i", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    ).encode()


def _text(text: str, finish: str | None = None, **more: Any) -> bytes:
    return json.dumps(
        {"id": "i", "choices": [{"index": 0, "text": text, "finish_reason": finish}], **more}
    ).encode()


def _fed(sink: Any, request: Request, events: list[bytes], count: str = "none") -> Any:
    reply = Reply(sink, request, count)
    for data in events:
        reply.event(data)
    reply.close()
    return sink


USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
COUNTS = {"input_tokens": 9, "output_tokens": 4, "cached_tokens": 8, "reason_tokens": 1}


def test_vllm_chat(sink: Any, ask: Any) -> None:
    """vLLM: an empty first delta, the finish reason on the last token's chunk, usage on its own chunk."""
    events = [
        _chat({"role": "assistant", "content": ""}),
        _chat({"content": "a"}),
        _chat({"content": "b"}, "length"),
        json.dumps({"choices": [], "usage": USAGE}).encode(),
        b"[DONE]",
    ]
    _fed(sink, ask(), events)
    assert sink.calls == [
        ("chunk", None, False),
        ("chunk", None, False),
        ("finish", "length"),
        ("usage", COUNTS),
    ]


def test_llamacpp_completions(sink: Any, ask: Any) -> None:
    """llama.cpp completions: finish reason, usage and timings on an empty last chunk."""
    timings = {"cache_n": 2, "prompt_n": 7, "predicted_n": 4}
    _fed(sink, ask(), [_text("a"), _text("b"), _text("", "length", usage=USAGE, timings=timings), b"[DONE]"])
    assert sink.chunks == [(None, False)] * 2
    assert sink.counts == COUNTS
    assert sink.reason == "length"


def test_llamacpp_chat(sink: Any, ask: Any) -> None:
    """llama.cpp chat: a first delta with null content, an empty delta with the finish reason, usage on its own."""
    events = [
        _chat({"role": "assistant", "content": None}),
        _chat({"content": "a"}),
        _chat({}, "stop"),
        json.dumps({"choices": [], "usage": USAGE, "timings": {"prompt_n": 1}}).encode(),
    ]
    _fed(sink, ask(), events)
    assert sink.chunks == [(None, False)]
    assert sink.reason == "stop"
    assert sink.counts == COUNTS


def test_timings_stand_in_for_usage(sink: Any, ask: Any) -> None:
    """Without usage llama.cpp's timings tell the counts; cached tokens are part of the prompt."""
    timings = {"cache_n": 2, "prompt_n": 7, "predicted_n": 4}
    _fed(sink, ask(), [_text("a"), _text("", "length", timings=timings)])
    assert sink.counts == {"input_tokens": 9, "output_tokens": 4, "cached_tokens": 2}


def test_llama_cpp_python_truncation(sink: Any, ask: Any) -> None:
    """A stream that ends with [DONE] but without a finish reason reports no finish."""
    _fed(sink, ask(), [_chat({"role": "assistant"}), _chat({"content": "a"}), b"[DONE]"])
    assert sink.chunks == [(None, False)]
    assert sink.reason == ""


def test_transformers_serve(sink: Any, ask: Any) -> None:
    """Transformers serve: role only, then tokens, usage on the finish chunk, no [DONE]."""
    events = [_chat({"role": "assistant"}), _chat({"content": "a"}), _chat({}, "stop", usage=USAGE)]
    _fed(sink, ask(), events)
    assert sink.chunks == [(None, False)]
    assert sink.counts == COUNTS


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_reasoning_deltas(sink: Any, ask: Any, key: str) -> None:
    """Reasoning is reported as such under either name, and the answer after it as answer."""
    events = [
        _chat({"role": "assistant", "content": "", key: ""}),
        _chat({key: "hm"}),
        _chat({key: "hm hm"}),
        _chat({key: None, "content": "a"}),
        _chat({"content": "b"}),
        _chat({"content": "c"}),
    ]
    _fed(sink, ask(), events)
    assert [thinking for _, thinking in sink.chunks] == [True, True, False, False, False]


def test_chunk_with_reasoning_and_answer(sink: Any, ask: Any) -> None:
    """A delta that ends the reasoning and begins the answer is one chunk, and counts as answer."""
    _fed(sink, ask(), [_chat({"reasoning": "x", "content": "y"})])
    assert sink.chunks == [(None, False)]


def test_pattern_does_not_outlive_its_phase(sink: Any, ask: Any) -> None:
    """Going back and forth between reasoning and answer, each chunk keeps its own kind."""
    events = [
        _chat({key: "word"})
        for key in ("content", "content", "reasoning", "reasoning", "content", "reasoning")
    ]
    _fed(sink, ask(), events)
    assert [thinking for _, thinking in sink.chunks] == [False, False, True, True, False, True]


def test_tool_calls_are_tokens(sink: Any, ask: Any) -> None:
    """A tool call's pieces are generated tokens like any other."""
    _fed(sink, ask(), [_chat({"tool_calls": [{"function": {"arguments": "{"}}]}), _chat({}, "tool_calls")])
    assert sink.chunks == [(None, False)]
    assert sink.reason == "tool_calls"


def test_running_usage_counts_chunks(sink: Any, ask: Any) -> None:
    """With running usage a chunk's tokens are the increase; a token without text is a chunk, a repeat is none."""
    events = [
        _chat({"role": "assistant", "content": ""}, usage={"completion_tokens": 0}),
        _chat({"content": "ab"}, usage={"completion_tokens": 2}),
        _chat({"content": ""}, usage={"completion_tokens": 3}),
        _chat({"content": "c"}, usage={"completion_tokens": 4}),
        _chat({}, "stop", usage={"completion_tokens": 4}),
    ]
    _fed(sink, ask(), events, "usage")
    assert sink.chunks == [(2, False), (1, False), (1, False)]


def test_token_ids_count_chunks(sink: Any, ask: Any) -> None:
    """With token ids a chunk's tokens are their number."""
    events = [
        json.dumps({"choices": [{"text": text, "token_ids": ids, "finish_reason": None}]}).encode()
        for text, ids in (("a", [1]), ("bc", [2, 3]), ("", [4]), ("", []))
    ]
    _fed(sink, ask(), events, "token-ids")
    assert sink.chunks == [(1, False), (2, False), (1, False)]


def test_counting_that_the_server_ignores(sink: Any, ask: Any) -> None:
    """A server that does not state tokens although asked leaves them unknown."""
    _fed(sink, ask(), [_text("a"), _text("b")], "token-ids")
    assert sink.chunks == [(None, False)] * 2


def test_empty_thinking_token_keeps_its_phase(sink: Any, ask: Any) -> None:
    """A counted token without text inside the reasoning is no answer token."""
    events = [
        _chat({"reasoning": "x"}, usage={"completion_tokens": 1}),
        _chat({}, usage={"completion_tokens": 2}),
        _chat({"content": "y"}, usage={"completion_tokens": 3}),
    ]
    _fed(sink, ask(), events, "usage")
    assert sink.chunks == [(1, True), (1, True), (1, False)]


def test_text_is_kept_when_asked(sink: Any, ask: Any) -> None:
    """The answer's text, without the reasoning, is handed over for the next turn."""
    request = ask(keep_text=True)
    words = ["a", " b", " c", "\n", " é", " d"]
    _fed(sink, request, [_chat({"reasoning": "hm"}), *[_chat({"content": word}) for word in words]])
    assert request.answer_text == "a b c\n é d"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"error": {"message": "CUDA out of\\nmemory", "code": 500}}', "CUDA out of memory"),
        (b'{"error": "Model is overloaded", "error_type": "overloaded"}', "Model is overloaded"),
        (b'{"object": "error", "message": "bad", "code": 400}', "bad"),
        (b'{"error": {"code": 500}}', "500"),
    ],
)
def test_errors_inside_the_stream(sink: Any, ask: Any, data: bytes, said: str) -> None:
    """An error event under HTTP 200 is an error, with the server's words."""
    with pytest.raises(BackendError, match=said) as caught:
        _fed(sink, ask(), [_text("a"), data])
    assert caught.value.code == "stream-error"


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"hello",
        b"[1]",
        b"3",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"choices": 3}',
        b'{"choices": [3]}',
        b'{"choices": [{"delta": []}]}',
        b'{"choices": [{"delta": "x"}]}',
        b'{"choices": [], "usage": [1]}',
        b'{"choices": [], "usage": {"prompt_tokens_details": 3}}',
        b"[" * 100_000,
    ],
)
def test_garbage(sink: Any, ask: Any, data: bytes) -> None:
    """Events that are no answer of this API are garbage, shown in part."""
    with pytest.raises(BackendError) as caught:
        _fed(sink, ask(), [data])
    assert caught.value.code == "garbage"
    assert len(caught.value.detail) < 400


@pytest.mark.parametrize("text", ["\\ud800", "\\u0000", "é", "\\\\", '\\"', "😀"])
def test_strange_texts_are_tokens(sink: Any, ask: Any, text: str) -> None:
    """Lone surrogates, control characters, escapes and emoji are texts like any other, every time they come."""
    data = b'{"choices":[{"text":"' + text.encode() + b'"}]}'
    _fed(sink, ask(), [data] * 3)
    assert sink.chunks == [(None, False)] * 3


@pytest.mark.parametrize("value", [True, -1, 1.5, "9", None])
def test_counts_must_be_counts(sink: Any, ask: Any, value: Any) -> None:
    """A token count that is no whole number is passed over."""
    _fed(
        sink,
        ask(),
        [json.dumps({"choices": [], "usage": {"prompt_tokens": value, "completion_tokens": 4}}).encode()],
    )
    assert sink.counts == {"output_tokens": 4}


def test_whole_chat_answer(sink: Any, ask: Any) -> None:
    """Without a stream the answer is one chunk of as many tokens as the server states."""
    body = {
        "choices": [{"message": {"content": "a b", "reasoning": "hm"}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
    request = ask(keep_text=True)
    reply = Reply(sink, request)
    reply.whole(json.dumps(body).encode())
    reply.close()
    assert sink.calls == [("chunk", 4, False), ("finish", "stop"), ("usage", COUNTS)]
    assert request.answer_text == "a b"


@pytest.mark.parametrize(
    ("body", "chunks"),
    [
        ({"choices": [{"text": "a b", "finish_reason": "stop"}]}, [(None, False)]),
        ({"choices": [{"message": {"content": None, "reasoning": "x"}}]}, [(None, True)]),
        ({"choices": [{"text": "", "finish_reason": "stop"}]}, []),
    ],
)
def test_whole_answer_without_usage(sink: Any, ask: Any, body: dict[str, Any], chunks: list[Any]) -> None:
    """Without usage the tokens of a whole answer are unknown, and an empty answer has none."""
    Reply(sink, ask()).whole(json.dumps(body).encode())
    assert sink.chunks == chunks


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'{"choices": [1]}'])
def test_whole_garbage(sink: Any, ask: Any, body: bytes) -> None:
    """A whole answer of another shape is garbage."""
    with pytest.raises(BackendError) as caught:
        Reply(sink, ask()).whole(body)
    assert caught.value.code == "garbage"


def test_patterns_are_used(sink: Any, ask: Any, monkeypatch: Any) -> None:
    """After the first token of a stream the plain ones are read by pattern, without parsing."""
    reply = Reply(sink, ask())
    for number in range(10):
        reply.event(_chat({"content": f" word{number}"}))
        monkeypatch.setattr("servegen_fw_vllm.reply.json.loads", None)
    assert len(sink.chunks) == 10


def test_what_one_request_learnt_the_next_one_knows(sink: Any, ask: Any, monkeypatch: Any) -> None:
    """Token events that differ in id, time of creation and text alone are parsed for the first request only."""
    forms = Forms()

    def fed(name: str, created: int) -> None:
        reply = Reply(sink, ask(), forms=forms)
        for key in ("reasoning", "content"):
            for word in ("a", " b"):
                reply.event(_chat({key: word}, id=name, created=created))
        reply.close()

    fed("chatcmpl-1", 1_763_800_000)
    told = list(sink.calls)
    assert told == [("chunk", None, True)] * 2 + [("chunk", None, False)] * 2
    monkeypatch.setattr("servegen_fw_vllm.reply.json.loads", None)
    fed("chatcmpl-2", 1_763_800_007)
    fed("cmpl 3", 9)
    assert sink.calls == told * 3


_WORDS = st.sampled_from(["a", " word", "", "\n", "é", '"', "\\", "x y", "\x7f", "😀"])
_EVENTS = st.lists(
    st.one_of(
        st.builds(lambda word: _chat({"content": word}), _WORDS),
        st.builds(lambda word: _chat({"reasoning": word}), _WORDS),
        st.builds(lambda word: _chat({"reasoning_content": word, "content": None}), _WORDS),
        st.builds(lambda word, other: _chat({"reasoning": word, "content": other}), _WORDS, _WORDS),
        st.builds(_text, _WORDS),
        st.builds(lambda word: _text(word, "stop"), _WORDS),
        st.builds(lambda word, n: _text(word, usage={"completion_tokens": n}), _WORDS, st.integers(0, 3)),
        st.builds(lambda word, n: _text(word, timings={"predicted_n": n}), _WORDS, st.integers(0, 3)),
        st.builds(lambda word, n: _chat({"content": word}, created=n), _WORDS, st.integers(0, 2)),
        st.builds(lambda word: _chat({"content": word, "tool_calls": [{"x": word}]}), _WORDS),
        st.just(b"[DONE]"),
        st.just(_chat({"role": "assistant", "content": "", "reasoning": ""})),
    ),
    max_size=30,
)


class _Never(Template):
    """A pattern that never matches, so that every event is parsed."""

    __slots__ = ()

    def take(self, data: bytes, begin: int, end: int, *, reasoning: bool) -> None:
        """Learn nothing."""


class _Forgetful(Forms):
    """Forms that no event is recalled by."""

    __slots__ = ()

    def recall(self, data: bytes, template: Template) -> bool:  # noqa: ARG002
        return False


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    streams=st.lists(st.tuples(_EVENTS, st.sampled_from(["i", "j", "a", "}", 'q"', ""])), max_size=3),
    count=st.sampled_from(["none", "usage", "token-ids"]),
)
def test_patterns_change_nothing(streams: list[tuple[list[bytes], str]], count: str) -> None:
    """For any requests and events, what sinks are told and texts kept are the same with and without patterns and forms."""
    forms = Forms()
    for events, name in streams:
        # The next request to the same server: other id, same forms.
        own = json.dumps(name).encode()
        _check_patterns([event.replace(b'"id": "i"', b'"id": ' + own) for event in events], count, forms)


def _check_patterns(events: list[bytes], count: str, forms: Forms) -> None:
    told = []
    for patterns in (True, False):
        request = Request(
            row=0,
            client=0,
            session=0,
            turn=0,
            form="text",
            history=[],
            user="u",
            input_tokens=1,
            output_tokens=1,
            reason_tokens=0,
            prefix_tokens=0,
            keep_text=True,
        )
        calls: list[Any] = []

        class Sink:
            """Writes down what it is told."""

            def chunk(
                self, tokens: int | None = 1, *, reasoning: bool = False, calls: list[Any] = calls
            ) -> None:
                calls.append((tokens, reasoning))

            def usage(self, calls: list[Any] = calls, **counts: int | None) -> None:
                calls.append(counts)

            def finish(self, reason: str, calls: list[Any] = calls) -> None:
                calls.append(reason)

        reply = Reply(Sink(), request, count, forms if patterns else _Forgetful())  # type: ignore[arg-type]
        if not patterns:
            reply._template = _Never()
        for data in events:
            reply.event(data)
        reply.close()
        told.append((calls, request.answer_text))
    assert told[0] == told[1]
