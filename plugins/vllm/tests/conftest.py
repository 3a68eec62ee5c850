"""What the tests of the backend share: requests, and a sink that writes down what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from servegen_fw.plugin import Request


class RecordingSink:
    """Keeps chunks, usage and finish reasons in order; `reads` and `sents` count the rest."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.stamps: list[int] = []
        self.stamp = 0
        self.reads = 0
        self.sents = 0

    def sent(self) -> None:
        """Count the last bytes written."""
        self.sents += 1

    def read(self, t_ns: int) -> None:
        """Keep the stamp for the chunks that follow."""
        self.reads += 1
        self.stamp = t_ns

    def chunk(self, tokens: int | None = 1, *, reasoning: bool = False) -> None:
        """Keep a chunk and its stamp."""
        self.calls.append(("chunk", tokens, reasoning))
        self.stamps.append(self.stamp)

    def usage(self, **counts: int | None) -> None:
        """Keep token counts, without those that are not known."""
        self.calls.append(("usage", {key: count for key, count in counts.items() if count is not None}))

    def finish(self, reason: str) -> None:
        """Keep the finish reason."""
        self.calls.append(("finish", reason))

    @property
    def chunks(self) -> list[tuple[Any, Any]]:
        """Return (tokens, reasoning) of every chunk."""
        return [call[1:] for call in self.calls if call[0] == "chunk"]  # type: ignore[misc]

    @property
    def counts(self) -> dict[str, int]:
        """Return the last usage."""
        return next((call[1] for call in reversed(self.calls) if call[0] == "usage"), {})

    @property
    def reason(self) -> str:
        """Return the finish reason, "" without one."""
        return next((call[1] for call in self.calls if call[0] == "finish"), "")


@pytest.fixture
def sink() -> RecordingSink:
    """Return a fresh recording sink."""
    return RecordingSink()


@pytest.fixture
def sinks() -> Callable[[], RecordingSink]:
    """Return the maker of recording sinks, for tests that need several."""
    return RecordingSink


@pytest.fixture
def ask() -> Callable[..., Request]:
    """Return a maker of requests: one user message and a length."""

    def made(user: Any = "one two three", output_tokens: int = 5, **more: Any) -> Request:
        form = "text" if isinstance(user, str) else "token-ids"
        fields: dict[str, Any] = {"row": 0, "client": 0, "session": 0, "turn": 0, "form": form, "history": []}
        fields |= {"input_tokens": 3, "reason_tokens": 0, "prefix_tokens": 0}
        return Request(**{**fields, "user": user, "output_tokens": output_tokens, **more})

    return made
