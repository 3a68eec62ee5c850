"""Bodies carry exactly what was planned."""

from __future__ import annotations

import json
from typing import Any

import pytest
from servegen_fw_vllm.body import BodyMaker
from servegen_fw_vllm.options import Vllm

from servegen_fw.plugin import BackendError


def _body(request: Any, **options: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(BodyMaker(Vllm(url="http://h", **options), "m").make(request))
    return made


def test_completions_body(ask: Any) -> None:
    """A completions request has prompt, length, model, greedy sampling and a stream with usage."""
    assert _body(ask('hello é " \\ \n', 7)) == {
        "model": "m",
        "prompt": 'hello é " \\ \n',
        "max_tokens": 7,
        "temperature": 0.0,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    "text", ["plain", 'hello é " \\ \n\t\x00\x7f', "%s %d {}", "\ud83d\ude00 \ud800", "😀", ""]
)
def test_single_chat_turn(ask: Any, text: str) -> None:
    """A chat request without history has one message with the user's very words."""
    assert _body(ask(text), endpoint="chat")["messages"] == json.loads(json.dumps(ask(text).messages()))


def test_token_ids(ask: Any) -> None:
    """Token ids go out as a list of numbers, whatever sequence they came in."""
    assert _body(ask([1, 2, 3]))["prompt"] == [1, 2, 3]
    assert _body(ask((1, 2, 3)))["prompt"] == [1, 2, 3]


def test_history_is_joined_for_completions(ask: Any) -> None:
    """Earlier turns stand before the new one in a completions prompt."""
    assert _body(ask("c", history=[("a", "b")]))["prompt"] == "abc"
    assert _body(ask([3], history=[([1], [2])]))["prompt"] == [1, 2, 3]


def test_chat_messages(ask: Any) -> None:
    """Chat requests carry earlier turns with their roles."""
    messages = _body(ask("c", history=[("a", "b")]), endpoint="chat")["messages"]
    assert messages == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]


def test_chat_refuses_token_ids(ask: Any) -> None:
    """Token ids cannot go to a chat endpoint; the error says what to change."""
    with pytest.raises(BackendError, match="completions") as caught:
        _body(ask([1, 2]), endpoint="chat")
    assert caught.value.code == "form"


def test_plain_servers(ask: Any) -> None:
    """Without stream, usage and ignore_eos nothing is sent that a strict server might refuse."""
    body = _body(ask(), stream=False, usage=False, ignore_eos=False)
    assert set(body) == {"model", "prompt", "max_tokens", "temperature"}


def test_extra_fields(ask: Any) -> None:
    """Extra fields are merged in and may override sampling."""
    body = _body(ask(), extra={"cache_prompt": False, "temperature": 1.0, "ignore_eos": False})
    assert body["cache_prompt"] is False
    assert body["temperature"] == 1.0
    assert body["ignore_eos"] is False


def test_length_field(ask: Any) -> None:
    """The field that limits the output can be renamed."""
    body = _body(ask(output_tokens=9), length_field="max_completion_tokens")
    assert body["max_completion_tokens"] == 9
    assert "max_tokens" not in body


@pytest.mark.parametrize(
    ("count", "found"),
    [
        ("usage", {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}),
        ("token-ids", {"return_token_ids": True}),
    ],
)
def test_counting_is_asked_for(ask: Any, count: str, found: dict[str, Any]) -> None:
    """Each way of counting tokens per chunk asks the server for what it needs."""
    assert found.items() <= _body(ask(), count=count).items()
