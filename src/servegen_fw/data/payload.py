"""What goes over the wire: the texts or token ids of every turn, made before the clock starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

Segment: TypeAlias = str | Sequence[int]
"""One message: a text, or token ids."""


@attrs.frozen(eq=False)
class Payloads:
    """Messages per workload row.

    A row's `user` segment holds the new tokens of its turn: `input_tokens - context_tokens` where the row has a
    parent, all `input_tokens` where it has none. `answer` is the pre-rendered answer of a turn that another one
    follows (the same history for every vendor), "" elsewhere.

    Attributes
    ----------
        form: "text" or "token-ids"; the type of all segments.
        user: n segments.
        answer: n segments.
        exact: whether segments hold exactly the tokens asked for; False where the count is the maker's estimate.
        facts: how they were made, for the result (tokenizer, corpus ...).
    """

    form: Literal["text", "token-ids"]
    user: Sequence[Segment]
    answer: Sequence[Segment]
    exact: bool = False
    facts: Mapping[str, str] = attrs.field(factory=dict)


@attrs.define(eq=False)
class Request:
    """One request as a backend sees it, alive only while it is in flight.

    Attributes
    ----------
        row: in the workload; unique in a run.
        client: index of the client.
        session: ordinal of the session within the client.
        turn: number of the turn.
        form: "text" or "token-ids".
        history: (user, answer) segments of the session's earlier turns, oldest first.
        user: the new segment.
        input_tokens: text tokens of the whole prompt.
        output_tokens: tokens to generate, reasoning included; at least 1.
        reason_tokens: the part that is reasoning.
        prefix_tokens: leading tokens shared with other sessions.
        answer_text: filled by the backend if `keep_text` asks for it: the server's own words.
        keep_text: whether the session's next turn needs the answer's text (`history = "actual"`).
    """

    row: int
    client: int
    session: int
    turn: int
    form: Literal["text", "token-ids"]
    history: list[tuple[Segment, Segment]]
    user: Segment
    input_tokens: int
    output_tokens: int
    reason_tokens: int
    prefix_tokens: int
    keep_text: bool = False
    answer_text: str = ""

    def prompt(self) -> Segment:
        """Return the whole prompt as one segment: history and the new turn, joined without separators."""
        if not self.history:
            return self.user
        parts: list[Segment] = []
        for user, answer in self.history:
            parts += (user, answer)
        parts.append(self.user)
        if self.form == "text":
            return "".join(str(part) for part in parts)
        return [int(token) for part in parts for token in part]

    def messages(self) -> list[dict[str, str]]:
        """Return the prompt as chat messages.

        Raises
        ------
            ValueError: the segments are token ids, which chat endpoints do not take.
        """
        if self.form != "text":
            raise ValueError("chat messages need text prompts, these are token ids")
        turns: list[dict[str, str]] = []
        for user, answer in self.history:
            turns.append({"role": "user", "content": str(user)})
            turns.append({"role": "assistant", "content": str(answer)})
        turns.append({"role": "user", "content": str(self.user)})
        return turns
