"""Laws of a session's turns and think times: the suite's conversation, or what a pool recorded."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import attrs
import numpy as np
from numpy.random import Generator

from servegen_fw.data.arrays import F8, I8
from servegen_fw.workload.products import CheckedConversation
from servegen_fw.workload.quantities import PoolField


class TurnLaw(Protocol):
    """Turns and think times of sessions; `client` (int64[n]) counts in the pool, `begun_s` is when each session begins."""

    def turns(self, client: I8, begun_s: F8, rng: Generator) -> I8:
        """Turns of each session, int64[n]."""
        ...

    def think_s(self, client: I8, begun_s: F8, rng: Generator) -> F8:
        """Time before a later turn of each session, float64[n] seconds."""
        ...


@attrs.frozen(eq=False)
class ConversationLaw:
    """A suite's conversation, alike for all clients."""

    conversation: CheckedConversation

    def turns(self, client: I8, begun_s: F8, rng: Generator) -> I8:  # noqa: ARG002 - alike for all
        """Turns of each session."""
        return np.asarray(self.conversation.turns(len(client), rng), np.int64)

    def think_s(self, client: I8, begun_s: F8, rng: Generator) -> F8:  # noqa: ARG002 - alike for all
        """Time before a later turn of each session."""
        return np.asarray(self.conversation.think_s(len(client), rng), float)


@attrs.frozen(eq=False)
class PoolLaw:
    """Turns and think times as a pool recorded them, by client and the window in which a session begins."""

    turn_field: PoolField
    think_field: PoolField

    def turns(self, client: I8, begun_s: F8, rng: Generator) -> I8:
        """Turns of each session."""
        drawn = self.turn_field.draw(client, begun_s, rng.random(len(client)), Counter())
        return np.asarray(np.maximum(np.rint(drawn), 1.0).astype(np.int64))

    def think_s(self, client: I8, begun_s: F8, rng: Generator) -> F8:
        """Time before a later turn of each session."""
        return np.maximum(self.think_field.draw(client, begun_s, rng.random(len(client)), Counter()), 0.0)
