"""The scripted OpenAI answers have the manners that they were given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from servegen_fw.testing import Close, OpenAIAnswers, Seen, Send, Sleep


def _asked(body: dict[str, Any], path: str = "/v1/chat/completions", method: str = "POST") -> Seen:
    return Seen(0, 0, method, path, {}, json.dumps(body).encode(), 0)


CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "a b c"}], "max_tokens": 4, "stream": True}
TEXT: dict[str, Any] = {"prompt": [1, 2], "max_tokens": 2, "stream": True}


def _events(answers: OpenAIAnswers, seen: Seen) -> list[Any]:
    """Undo the framing and parse what was sent."""
    raw = b"".join(step.data for step in answers(seen) if isinstance(step, Send))
    body = raw.partition(b"\r\n\r\n")[2]
    text = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        text += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    blocks = [block.removeprefix(b"data: ") for block in text.split(b"\n\n") if block]
    return [block.decode() if block == b"[DONE]" else json.loads(block) for block in blocks]


def _deltas(events: list[Any]) -> list[Any]:
    return [event["choices"][0]["delta"] for event in events if event != "[DONE]" and event["choices"]]


def test_chat_stream() -> None:
    """By default a chat stream is: role, tokens, an empty delta with the finish reason, [DONE]."""
    events = _events(OpenAIAnswers(), _asked(CHAT))
    assert _deltas(events) == [{"role": "assistant"}, *[{"content": " word"}] * 4, {}]
    assert events[-2]["choices"][0]["finish_reason"] == "length"
    assert events[-1] == "[DONE]"


def test_completions_stream() -> None:
    """A completions stream carries texts instead of deltas, and no role."""
    events = _events(OpenAIAnswers(), _asked(TEXT, "/v1/completions"))
    assert [event["choices"][0]["text"] for event in events[:-1]] == [" word", " word", ""]


def test_usage_only_when_asked() -> None:
    """Usage on a chunk of its own is sent to those who asked for it, with the prompt's length in words or ids."""
    assert not any("usage" in event for event in _events(OpenAIAnswers(), _asked(CHAT))[:-1])
    asked = {**CHAT, "stream_options": {"include_usage": True}}
    usage = _events(OpenAIAnswers(cached=1), _asked(asked))[-2]
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "total_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 1},
    }
    ids = {**TEXT, "stream_options": {"include_usage": True}}
    assert _events(OpenAIAnswers(), _asked(ids, "/v1/completions"))[-2]["usage"]["prompt_tokens"] == 2


@pytest.mark.parametrize(
    ("opening", "first"),
    [
        ("role", {"role": "assistant"}),
        ("empty", {"role": "assistant", "content": ""}),
        ("null", {"role": "assistant", "content": None}),
        ("none", {"content": " word"}),
    ],
)
def test_openings(opening: Any, first: dict[str, Any]) -> None:
    """Each manner of opening a chat stream can be had."""
    assert _deltas(_events(OpenAIAnswers(opening=opening), _asked(CHAT)))[0] == first


@pytest.mark.parametrize(("finish", "where"), [("own", -1), ("last", -1), ("none", None)])
def test_finish_places(finish: Any, where: int | None) -> None:
    """The finish reason stands where it was asked for, exactly once or never."""
    events = [event for event in _events(OpenAIAnswers(finish=finish), _asked(CHAT)) if event != "[DONE]"]
    reasons = [event["choices"][0]["finish_reason"] for event in events]
    assert [reason for reason in reasons if reason] == ([] if where is None else ["length"])
    if where is not None:
        assert reasons[where] == "length"
    assert len(events) == (6 if finish == "own" else 5)


def test_reasoning_then_answer() -> None:
    """Reasoning tokens come first, under the given name, never mixed with the answer in one event."""
    answers = OpenAIAnswers(reasoning=3, reasoning_key="reasoning", per_event=2, opening="none")
    deltas = _deltas(_events(answers, _asked(CHAT)))
    assert deltas == [{"reasoning": " thought thought"}, {"reasoning": " thought"}, {"content": " word"}, {}]


def test_pacing() -> None:
    """The first token comes at `first_s`, also behind an opening delta, and the others every `gap_s`."""
    steps = OpenAIAnswers(first_s=0.5, gap_s=0.25, done=False, finish="none")(_asked(CHAT))
    assert [step.seconds for step in steps if isinstance(step, Sleep)] == [0.5, 0.25, 0.25, 0.25]
    at = next(i for i, step in enumerate(steps) if isinstance(step, Sleep))
    first = steps[at + 1]
    assert isinstance(first, Send)
    assert b"role" in first.data
    assert b" word" in first.data


def test_break() -> None:
    """After `break_after` tokens the fault is played, and nothing behind it."""
    steps = OpenAIAnswers(break_after=2, fault=[Close()])(_asked(CHAT))
    assert isinstance(steps[-1], Close)
    sent = b"".join(step.data for step in steps if isinstance(step, Send))
    assert sent.count(b" word") == 2
    assert b"[DONE]" not in sent


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_length(field: str) -> None:
    """The request's own limit is the length of the output, unless the script fixes it."""
    asked = {"messages": [], "stream": True, field: 7}
    assert len(_deltas(_events(OpenAIAnswers(opening="none"), _asked(asked)))) == 8
    assert len(_deltas(_events(OpenAIAnswers(opening="none", tokens=2), _asked(asked)))) == 3


def test_whole_answers() -> None:
    """Without `stream` the answer is one JSON body with usage, and takes as long as the stream would."""
    asked = {**CHAT, "stream": False}
    sleep, send = OpenAIAnswers(reasoning=1, first_s=1.0, gap_s=0.5)(_asked(asked))
    assert isinstance(sleep, Sleep)
    assert sleep.seconds == 2.5
    assert isinstance(send, Send)
    body = json.loads(send.data.partition(b"\r\n\r\n")[2])
    message = body["choices"][0]["message"]
    assert message["content"] == " word word word"
    assert message["reasoning_content"] == " thought"
    assert body["usage"]["completion_tokens_details"] == {"reasoning_tokens": 1}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/v1/completions"), ("POST", "/v1/models")]
)
def test_other_routes_are_not_found(method: str, path: str) -> None:
    """What the API does not have is 404."""
    (step,) = OpenAIAnswers()(_asked({}, path, method))
    assert isinstance(step, Send)
    assert step.data.startswith(b"HTTP/1.1 404 ")
