"""Options of conversations."""

from __future__ import annotations

import attrs

from servegen_fw.plugin import Choice, setting

_THINK = "time in seconds from the end of an answer to the next turn"
_CARRIES = "whether a turn sends the earlier turns along"
_PAUSES = "default: log-normal body of median 100 s, Pareto tail, up to 12 h"


@attrs.frozen
class Geometric:
    """Options of conversations with a geometric number of turns."""

    turns: float = setting(doc="mean number of turns", ge=1, le=10_000)
    think: Choice | None = setting(None, doc=f"{_THINK}; default none", kind="length")
    carries_context: bool = setting(True, doc=_CARRIES)


@attrs.frozen
class LogNormalTurns:
    """Options of conversations with a log-normal number of turns."""

    turns: float = setting(3.54, doc="mean number of turns", ge=1, le=1_000)
    sigma: float = setting(
        1.0, doc="standard deviation of the logarithm, before rounding up to whole turns", gt=0, le=3
    )
    max_turns: int = setting(1_000, doc="no longer conversations: the law given that", ge=1, le=100_000)
    think: Choice | None = setting(None, doc=f"{_THINK}; {_PAUSES}", kind="length")
    carries_context: bool = setting(True, doc=_CARRIES)

    def __attrs_post_init__(self) -> None:
        if 1 < self.turns > self.max_turns / 2:
            raise ValueError(f"turns = {self.turns:g} is more than half of max_turns = {self.max_turns}")


@attrs.frozen
class ToolCalls:
    """Options of conversations in which tools are called."""

    turns: float = setting(2.0, doc="mean number of turns by the user, geometric", ge=1, le=10_000)
    calls: float = setting(
        doc="mean number of tool calls after each of them, geometric, perhaps none", ge=0, le=10_000
    )
    gap: Choice | None = setting(
        None,
        doc="time in seconds that a tool takes; default: log-normal of median 2 s and sigma 1",
        kind="length",
    )
    think: Choice | None = setting(
        None,
        doc=f"time in seconds from the last answer of a burst to the user's next turn; {_PAUSES}",
        kind="length",
    )
    carries_context: bool = setting(True, doc=_CARRIES)

    def __attrs_post_init__(self) -> None:
        if self.turns * (self.calls + 1) > 10_000:
            raise ValueError(f"{self.turns * (self.calls + 1):g} turns a conversation are more than 10,000")
