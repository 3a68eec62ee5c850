"""Reading an event by its pattern is the same as parsing it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servegen_fw_vllm.template import Forms, Template

CHAT = b'{"id":"x","choices":[{"index":0,"delta":{"content":" a"},"finish_reason":null}],"usage":null}'
TEXT = b'{"id":"x","choices":[{"index":0,"text":" a","finish_reason":null}]}'


def _learnt(data: bytes, key: str = "content") -> Template:
    template = Template()
    template.learn(data, json.loads(data), key)
    return template


@pytest.mark.parametrize(("data", "key"), [(CHAT, "content"), (TEXT, "text")])
def test_another_text_matches(data: bytes, key: str) -> None:
    """An event that differs in its text alone is matched and gives that text."""
    assert _learnt(data, key).match(data.replace(b'" a"', b'" another token"')) == b" another token"


@pytest.mark.parametrize(
    "data",
    [
        CHAT.replace(b'" a"', b'""'),
        CHAT.replace(b'" a"', b'"\\n"'),
        CHAT.replace(b'" a"', b'"x","role":"y"'),
        CHAT.replace(b'" a"', b'"\xc3\xa9"'),
        CHAT.replace(b'" a"', b'"\t"'),
        CHAT.replace(b'" a"', b"null"),
        CHAT.replace(b'"finish_reason":null', b'"finish_reason":"stop"'),
        CHAT.replace(b'"id":"x"', b'"id":"y"'),
        CHAT[:-1],
        b"[DONE]",
        b"",
    ],
)
def test_anything_else_is_left_to_the_parser(data: bytes) -> None:
    """Empty texts, escapes, other bytes than plain ASCII and any other difference do not match."""
    template = _learnt(CHAT)
    assert template.before
    assert template.match(data) == b""


def test_overlapping_ends_do_not_match() -> None:
    """An event too short to hold both ends and a text does not match."""
    template = _learnt(b'{"choices":[{"text":"aa"}]}', "text")
    assert template.match(template.before + template.after[1:]) == b""
    assert template.match(template.before + template.after) == b""


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices":[{"text":"a","note":"a","text":"a"}],"text":"a"}',
        b'{"choices":[{"text":"a"}],"x":{"text":"a"}}',
        b'{"choices":[{"\\u0074ext":"a"}]}',
    ],
)
def test_lookalikes_are_not_taken(data: bytes) -> None:
    """Where another string could be mistaken for the text, either the right one is taken or none."""
    template = _learnt(data, "text")
    if template.before:
        found = json.loads(template.before + b"new" + template.after)
        assert found["choices"][0]["text"] == "new"
        assert {**json.loads(data), "choices": 0} == {**found, "choices": 0}


def test_gives_up_on_streams_that_never_repeat() -> None:
    """After a few patterns without a match no more are learnt, so that such a stream is not parsed twice."""
    template = Template()
    learnt = []
    for number in range(10):
        data = CHAT.replace(b'"id":"x"', b'"id":"%d"' % number)
        template.learn(data, json.loads(data), "content")
        learnt.append(bool(template.before))
    assert learnt[0]
    assert not learnt[-1]


def test_matches_keep_it_learning() -> None:
    """As long as patterns pay off, a new one is learnt when events change, for example with the second."""
    template = Template()
    for number in range(20):
        data = CHAT.replace(b'"id":"x"', b'"id":"%d"' % number)
        template.learn(data, json.loads(data), "content")
        assert template.match(data) == b" a"
        template.hit = True


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text('ab"\\é ', max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abtex", max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
_PLAIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=8)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    outer=st.dictionaries(st.sampled_from(["id", "text", "content", "x"]), _JSON, max_size=3),
    beside=st.dictionaries(st.sampled_from(["index", "note", "logprobs", "x"]), _JSON, max_size=3),
    first=_PLAIN,
    second=_PLAIN | st.text(max_size=5),
    ascii_only=st.booleans(),
)
def test_a_match_is_what_parsing_gives(
    outer: dict[str, Any], beside: dict[str, Any], first: str, second: str, ascii_only: bool
) -> None:
    """For any surrounding object and any texts, a match gives exactly the text that parsing gives."""

    def written(text: str) -> bytes:
        message = {**outer, "choices": [{**beside, "text": text}], "end": 1}
        return json.dumps(message, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")

    template = _learnt(written(first), "text")
    found = template.match(written(second))
    if found:
        parsed = json.loads(template.before + found + template.after)
        assert parsed == {**outer, "choices": [{**beside, "text": second}], "end": 1}
        assert found.decode() == second


def _forms(data: bytes, key: str = "content") -> Forms:
    message = json.loads(data)
    template, forms = Template(), Forms()
    assert template.learn(data, message, key)
    forms.note(data, message, key, template)
    return forms


FULL = b'{"id": "cmpl-1", "created" :17638, "choices":[{"index":0,"delta":{"content":"17638"}}], "model":"cmpl-1"}'


@pytest.mark.parametrize(
    ("data", "known"),
    [
        (FULL, True),
        (FULL.replace(b'"id": "cmpl-1"', b'"id": "other 2"'), True),
        (FULL.replace(b":17638,", b":9,"), True),
        (FULL.replace(b'"17638"', b'"x y"'), True),
        (FULL.replace(b'"model":"cmpl-1"', b'"model":"other"'), False),
        (FULL.replace(b'"id": "cmpl-1"', b'"id": "a\\"'), False),
        (FULL.replace(b'"id": "cmpl-1"', b'"id": "a","error":"x"'), False),
        (FULL.replace(b":17638,", b":017,"), False),
        (FULL.replace(b":17638,", b":1.5,"), False),
        (FULL.replace(b":17638,", b":null,"), False),
        (FULL.replace(b'"17638"', b'""'), False),
        (FULL[:-1], False),
        (FULL + b"\n", False),
    ],
)
def test_a_form_is_open_in_three_places(data: bytes, known: bool) -> None:
    """An event of a known form may differ in id, time of creation and text, and in nothing else."""
    template = Template()
    assert _forms(FULL).recall(data, template) is known
    assert bool(template.before) is known
    if known:
        assert template.match(data).decode() == json.loads(data)["choices"][0]["delta"]["content"]


@pytest.mark.parametrize(
    "data",
    [
        FULL.replace(b'"index":0', b'"id":"nested"'),
        FULL.replace(b'"id": "cmpl-1"', b'"id": 7'),
        FULL.replace(b'"id": "cmpl-1"', b'"\\u0069d": "cmpl-1"'),
        FULL.replace(b":17638,", b":17638.0,"),
        FULL.replace(b":17638,", b":-17638,"),
        FULL.replace(b'"index":0', b'"created":1'),
        FULL.replace(b'"id": "cmpl-1"', b'"id": "probe of servegen-fw"'),
    ],
)
def test_no_form_where_a_place_is_not_certain(data: bytes) -> None:
    """Where the id or the time of creation cannot be told apart for sure, no form is made."""
    assert not _forms(data).recall(data, Template())


def test_few_forms_are_kept() -> None:
    """A server whose events never look the same twice does not fill memory with forms, nor time with trying them."""
    forms = Forms()
    for number in range(50):
        data = FULL.replace(b'"index":0', b'"index":%d' % number)
        message, template = json.loads(data), Template()
        assert template.learn(data, message, "content")
        forms.note(data, message, "content", template)
    assert len(forms._known) == 4


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    fields=st.lists(
        st.sampled_from(
            ["id", "created", "choices", "choices", "choices", "x", "object", "system_fingerprint"]
        ),
        max_size=6,
    ),
    values=st.lists(_JSON | st.sampled_from(["id", '"id":"a"', 7, "7290153846", "created"]), min_size=6),
    names=st.tuples(_PLAIN | st.text(max_size=5), _PLAIN | st.text(max_size=5)),
    times=st.tuples(*[st.integers(0, 10**12) | st.just(7290153846)] * 2),
    words=st.tuples(_PLAIN, _PLAIN | st.text(max_size=5)),
)
def test_a_known_form_is_what_parsing_gives(
    fields: list[str],
    values: list[Any],
    names: tuple[str, str],
    times: tuple[int, int],
    words: tuple[str, str],
) -> None:
    """For objects of any fields in any order, an event of a known form parses to the expected object and text."""

    def written(turn: int) -> tuple[bytes, dict[str, Any]]:
        message: dict[str, Any] = {}
        for name, value in zip(fields, values, strict=False):
            message[name] = {"id": names[turn], "created": times[turn]}.get(name, value)
        message["choices"] = [{"text": words[turn], "note": values[0]}]
        return json.dumps(message).encode("utf-8", "surrogatepass"), message

    data, message = written(0)
    template, forms = Template(), Forms()
    if template.learn(data, message, "text"):
        forms.note(data, message, "text", template)
    data, message = written(1)
    if forms.recall(data, template):
        assert template.match(data).decode() == words[1]
        probed = json.loads(template.before + b"new" + template.after)
        assert probed["choices"][0].pop("text") == "new"
        message["choices"][0].pop("text")
        assert probed == message
