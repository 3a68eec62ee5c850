"""What the tests of the wire share: both event loops, and a sink that writes down what it is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

import pytest
import uvloop

T = TypeVar("T")
Runner: TypeAlias = Callable[[Coroutine[Any, Any, T]], T]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine to its end on the event loop of this parameter."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def runner(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=factory) as made:
            return made.run(asyncio.wait_for(coroutine, 60))

    return runner


class RecordingSink:
    """Keeps every call in order: ("sent", now), ("read", stamp), ("chunk", ...) ..."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def sent(self) -> None:
        """Note when the last byte was written."""
        self.calls.append(("sent", time.perf_counter_ns()))

    def read(self, t_ns: int) -> None:
        """Note the stamp and when it was told."""
        self.calls.append(("read", t_ns, time.perf_counter_ns()))

    def chunk(self, tokens: int | None = 1, *, reasoning: bool = False) -> None:
        """Note a chunk."""
        self.calls.append(("chunk", tokens, reasoning))

    def usage(self, **counts: int | None) -> None:
        """Note token counts."""
        self.calls.append(("usage", counts))

    def finish(self, reason: str) -> None:
        """Note the finish reason."""
        self.calls.append(("finish", reason))

    def named(self, name: str) -> list[tuple[Any, ...]]:
        """Return the calls of one kind."""
        return [call for call in self.calls if call[0] == name]


@pytest.fixture
def sink() -> RecordingSink:
    """Return a fresh recording sink."""
    return RecordingSink()
