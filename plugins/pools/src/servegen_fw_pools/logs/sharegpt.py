"""ShareGPT conversations: a JSON array of ``{"id", "conversations": [{"from", "value"}]}``.

There are no times. Every answer is a request: its prompt is all that was said before. Tokens are not in the data; they
are estimated as 4/3 of the words (parts between blanks), rounded, for each message.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from servegen_fw.plugin import InputError, Place, Problem
from servegen_fw_pools.logs.gather import Rows
from servegen_fw_pools.logs.json_values import json_values
from servegen_fw_pools.logs.log import Notice

if TYPE_CHECKING:
    from servegen_fw_pools.logs.columns import Columns
    from servegen_fw_pools.logs.damage import Damage

_ANSWERS: Final = frozenset({"gpt", "assistant", "chatgpt", "model", "bard", "bing"})
TOKENS_RULE: Final = "words x 4/3"


def read_sharegpt(paths: Sequence[Path], columns: Columns, damage: Damage) -> tuple[Rows, list[Notice]]:
    """Read all conversations.

    Raises
    ------
        InputError: a file cannot be read, or columns are named.
    """
    if any(name is not None for _, name in columns.given()):
        raise InputError(Problem("sharegpt has no columns to name", who="columns", cure="leave --column out"))
    found: list[tuple[int, int, int, int, int, int]] = []
    sessions = mute = first = 0
    for number, path in enumerate(paths):
        for place, value in json_values(path, damage):
            said = _said(value, place, damage)
            if said is None:
                continue
            context = len(found)
            held = turn = 0
            for answers, tokens in said:
                if answers and held:
                    found.append((held, tokens, sessions, turn, number, place.line))
                    turn += 1
                elif answers:
                    first += 1
                held += tokens
            mute += len(found) == context
            sessions += 1
    table = np.array(found, np.int64).reshape(-1, 6)
    notices = [_estimated(len(table))]
    if mute:
        notices.append(
            Notice("no-answer", mute, f"{mute:,} conversations hold no answer to a prompt; left out")
        )
    if first:
        what = f"{first:,} answers come before any prompt; they count as context, not as requests"
        notices.append(Notice("answer-first", first, what))
    names = ("input", "output", "session", "turn")
    return (
        Rows(
            columns={name: table[:, k].astype(np.int32) for k, name in enumerate(names)},
            names={},
            blocks=None,
            file=table[:, 4].astype(np.int32),
            line=table[:, 5],
            files=tuple(paths),
            zones={},
            untold={},
        ),
        notices,
    )


def _estimated(n: int) -> Notice:
    what = (
        f"the tokens of {n:,} requests are estimated ({TOKENS_RULE}): the data hold texts; there are no times"
    )
    return Notice("estimated-tokens", n, what)


def _said(value: Any, place: Place, damage: Damage) -> list[tuple[bool, int]] | None:
    """Whether each message is an answer, and its tokens; None for what is no conversation."""
    said = value.get("conversations", value.get("messages")) if isinstance(value, dict) else None
    if isinstance(said, list) and all(isinstance(one, dict) for one in said):
        who = [str(one.get("from", one.get("role"))) in _ANSWERS for one in said]
        texts = [one.get("value", one.get("content")) for one in said]
        if all(isinstance(text, str) for text in texts):
            return [
                (answers, round(len(text.split()) * 4 / 3)) for answers, text in zip(who, texts, strict=True)
            ]
    what = "no conversation: a list `conversations` of messages with `from` and `value` is needed"
    damage.add("damaged-row", 1, [Problem(what, place=place, cure="mend the value")])
    return None
