"""Which column of a log says what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from servegen_fw.plugin import InputError, Problem

USUAL: Final[dict[str, tuple[str, ...]]] = {
    "timestamp": (
        "timestamp",
        "time",
        "ts",
        "arrival_time",
        "start_time",
        "created_at",
        "TIMESTAMP",
        "Timestamp",
        "due_s",
    ),
    "input": ("input_tokens", "prompt_tokens", "input_length", "ContextTokens", "Request tokens"),
    "output": ("output_tokens", "completion_tokens", "output_length", "GeneratedTokens", "Response tokens"),
    "reason": ("reason_tokens", "reasoning_tokens"),
    "client": ("client", "client_id", "user", "user_id", "tenant"),
    "session": ("session", "session_id", "conversation_id", "Session ID"),
    "turn": ("turn",),
    "latency": ("latency_s", "duration_s"),
    "image_count": ("image_count",),
    "image_tokens": ("image_tokens",),
    "audio_count": ("audio_count",),
    "audio_tokens": ("audio_tokens",),
    "video_count": ("video_count",),
    "video_tokens": ("video_tokens",),
}
"""Names by which a column is found where none is given, the first that is there."""

NEEDED: Final = ("timestamp", "input", "output")
MODALITIES: Final = ("image", "audio", "video")


@attrs.frozen
class Columns:
    """Names of a log's columns. None: by its usual names (`USUAL`), if one is there; "": the log has none.

    Attributes
    ----------
        timestamp: arrival of the request.
        input: text tokens of the whole prompt, carried history included.
        output: generated tokens, reasoning included.
        reason: reasoning tokens, a part of the output.
        client: who sent it.
        session: conversation within the client.
        turn: order within the conversation; by default the order of the times.
        latency: seconds from arrival to the end of the answer.
        image_count: images of the request.
        image_tokens: prompt tokens of all its images together, not part of the input.
        audio_count: audio clips.
        audio_tokens: their tokens together.
        video_count: videos.
        video_tokens: their tokens together.
    """

    timestamp: str | None = None
    input: str | None = None
    output: str | None = None
    reason: str | None = None
    client: str | None = None
    session: str | None = None
    turn: str | None = None
    latency: str | None = None
    image_count: str | None = None
    image_tokens: str | None = None
    audio_count: str | None = None
    audio_tokens: str | None = None
    video_count: str | None = None
    video_tokens: str | None = None

    @classmethod
    def parse(cls, given: Sequence[str]) -> Columns:
        """Read ``NAME=COLUMN`` texts, as the command line gives them.

        Raises
        ------
            InputError: a text without ``=``, a name that is none of ours, or one given twice; all at once.
        """
        names = [field.name for field in attrs.fields(cls)]
        found: dict[str, str] = {}
        problems = []
        for text in given:
            name, equals, column = text.partition("=")
            cure = f"write NAME=COLUMN, NAME one of {', '.join(names)}"
            if not equals or name not in names:
                problems.append(Problem(f"{text!r} maps no column", who="--column", cure=cure))
            elif name in found:
                problems.append(Problem(f"{name} is given twice", who="--column", cure="give it once"))
            else:
                found[name] = column
        if problems:
            raise InputError(*problems)
        return cls(**found)

    def given(self) -> Iterator[tuple[str, str | None]]:
        """Yield every role with the name given for it."""
        for field in attrs.fields(type(self)):
            yield field.name, getattr(self, field.name)
