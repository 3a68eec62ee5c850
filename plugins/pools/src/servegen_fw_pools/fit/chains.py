"""Conversations of a log: which request follows which, after how long, and what it repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.logs.log import Log

    Bool = npt.NDArray[np.bool_]
    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]


@attrs.frozen(eq=False)
class Chains:
    """Conversations of n requests.

    Attributes
    ----------
        first: bool[n]; whether the request begins a session, or stands alone.
        parent: int64[n]; row of the turn before, -1 for first turns.
        turns: int64[sessions]; turns of each session, in the order of the first turns' rows.
        think_s: float64[later]; from the end of the parent's answer to the turn, 0 or more; by later turn.
        carried: int64[n]; tokens of the parent's prompt and answer (reasoning left out) if the prompt is at least as
            long as they are, else 0.
        waits: later turns whose think time holds the parent's latency, as the log does not tell it.
        early: later turns that came before the parent's answer ended; their think time is 0.
    """

    first: Bool
    parent: I8
    turns: I8
    think_s: F8
    carried: I8
    waits: int
    early: int

    @property
    def later(self) -> I8:
        """Rows of later turns."""
        return np.flatnonzero(self.parent >= 0)

    @property
    def sessions(self) -> bool:
        """Whether any conversation has a second turn."""
        return bool(len(self.turns) < len(self.first))

    @property
    def carrying(self) -> float:
        """Share of later turns whose prompt is at least as long as their parent's prompt and answer."""
        return float(np.mean(self.carried[self.later] > 0)) if self.sessions else 0.0

    @property
    def carries_context(self) -> bool:
        """Whether most later turns repeat the earlier ones."""
        return self.carrying >= 0.5


def chains_of(log: Log) -> Chains:
    """Conversations of a log; without session ids every request stands alone."""
    n = len(log)
    parent = np.full(n, -1, np.int64)
    if log.session is not None and n:
        turn = np.zeros(n, np.int64) if log.turn is None else log.turn
        order = np.lexsort((np.arange(n), turn, log.session))
        session = log.session[order]
        follows = np.flatnonzero((session[1:] == session[:-1]) & (session[1:] >= 0)) + 1
        parent[order[follows]] = order[follows - 1]
    first = parent < 0
    head = _heads(parent)
    turns = np.bincount(np.cumsum(first)[head] - 1, minlength=int(first.sum()))
    later = np.flatnonzero(~first)
    before = parent[later]
    think_s = np.zeros(len(later)) if log.time_s is None else log.time_s[later] - log.time_s[before]
    waits = len(later)
    if log.latency_s is not None:
        known = np.isfinite(log.latency_s[before])
        think_s = think_s - np.where(known, log.latency_s[before], 0.0)
        waits = int(np.count_nonzero(~known))
    history = log.history(before)
    carried = np.zeros(n, np.int64)
    carried[later] = np.where(log.input_tokens[later] >= history, history, 0)
    return Chains(
        first, parent, turns, np.maximum(think_s, 0.0), carried, waits, int(np.count_nonzero(think_s < 0))
    )


def _heads(parent: I8) -> I8:
    """Row of the first turn of each row's session, by doubling."""
    head = np.where(parent < 0, np.arange(len(parent)), parent)
    while True:
        further = head[head]
        if np.array_equal(further, head):
            return head
        head = further
