"""Sessions: arrivals become first turns, later turns follow after think times, and some sessions run already at time 0."""

from __future__ import annotations

import functools
from collections import Counter
from typing import Protocol

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I4, I8, Bool
from servegen_fw.workload.block import LARGEST, Block
from servegen_fw.workload.products import CheckedConversation
from servegen_fw.workload.steady import steady
from servegen_fw.workload.streams import Streams

REFERENCE_BLOCKS = 16
"""Blocks of 4,096 sessions from which those running at time 0 are picked."""


@attrs.frozen(eq=False)
class Turns:
    """Rows of one block of sessions, session by session.

    Attributes
    ----------
        arrival: int64[n]; index of the row's session among the block's arrivals.
        session: int64[n]; ordinal of the session within its client, below 0 for those begun before time 0.
        turn: int32[n].
        think_s: float64[n]; 0 for first turns.
        planned_s: float64[n]; time of the turn if servers answered at once.
        size: rows for which products are called; no less than n.
    """

    arrival: I8
    session: I8
    turn: I4
    think_s: F8
    planned_s: F8
    size: int

    def __len__(self) -> int:
        return len(self.arrival)

    @property
    def first(self) -> I8:
        """Row of the first turn of each row's session, int64[n]; rows of whole sessions only."""
        return np.maximum.accumulate(np.where(self.turn == 0, np.arange(len(self)), 0))

    def select(self, rows: I8) -> Turns:
        """Return the given rows."""
        return Turns(
            self.arrival[rows],
            self.session[rows],
            self.turn[rows],
            self.think_s[rows],
            self.planned_s[rows],
            self.size,
        )


def alone(block: Block) -> Turns:
    """Every arrival a session of one turn."""
    n = len(block.due_s)
    arrival = np.arange(n)
    first, nothing = steady(0, n, np.int32), steady(0.0, n, np.float64)
    return Turns(arrival, block.first + arrival, first, nothing, block.due_s, block.size)


def expand(block: Block, conversation: CheckedConversation, streams: Streams, *label: str) -> Turns:
    """Every arrival the first turn of a session."""
    turns = np.asarray(conversation.turns(block.size, streams.at(*label, "turns", block.number)), np.int64)
    later = int(turns.sum()) - block.size
    think_s = np.asarray(conversation.think_s(later, streams.at(*label, "think", block.number)), float)
    n = len(block.due_s)
    return lay_out(block.due_s, block.first + np.arange(n), turns[:n], think_s, int(turns.sum()))


def lay_out(begin_s: F8, session: I8, turns: I8, later_think_s: F8, size: int) -> Turns:
    """Rows of sessions that begin at `begin_s` and have `turns` turns, the think times of the later ones in a row."""
    first = np.cumsum(turns) - turns
    arrival = np.repeat(np.arange(len(turns)), turns)
    turn = np.arange(len(arrival)) - np.repeat(first, turns)
    think_s = np.zeros(len(arrival))
    # Whole milliseconds, as the digest counts them, so that a written workload is the composed one to the digit.
    think_s[turn > 0] = np.rint(later_think_s[: len(arrival) - len(turns)] * 1e3) / 1e3
    since = np.cumsum(think_s)
    planned_s = np.repeat(begin_s, turns) + since - np.repeat(since[first], turns)
    return Turns(arrival, np.repeat(session, turns), turn.astype(np.int32), think_s, planned_s, size)


@attrs.frozen(eq=False)
class Running:
    """Sessions of one group that are under way at time 0, in the steady state of their rate.

    A session takes the sum of its think times; how long servers will take is not known when a workload is composed
    and counts as nothing. In a steady state of s session starts per second s E[D] sessions are under way, a Poisson
    number where starts are Poisson or come from many clients (Palm-Khinchin); their durations D are length-biased
    and their ages uniform over them. So each client has Poisson(s mean D) sessions, each picked from 65,536 drawn
    ones with probability proportional to its duration, at a uniform age. The expected number of turns per second is
    then the nominal rate from the first second on.
    """

    conversation: CheckedConversation
    streams: Streams
    group: str

    @functools.cached_property
    def _reference(self) -> tuple[I8, F8, I8, F8]:
        """Turns, think times of later turns, index of each session's first think time, running sum of durations."""
        turns, think_s = [], []
        for block in range(REFERENCE_BLOCKS):
            rng = self.streams.at(self.group, "running-turns", block)
            turns.append(np.asarray(self.conversation.turns(LARGEST, rng), np.int64))
            rng = self.streams.at(self.group, "running-think", block)
            think_s.append(np.asarray(self.conversation.think_s(int(turns[-1].sum()) - LARGEST, rng), float))
        all_turns, thinks = np.concatenate(turns), np.concatenate(think_s)
        end = np.cumsum(all_turns - 1)
        first = end - (all_turns - 1)
        total = np.concatenate(([0.0], np.cumsum(thinks)))
        return all_turns, thinks, first, np.cumsum(total[end] - total[first])

    @property
    def mean_duration_s(self) -> float:
        """Mean sum of think times of a session."""
        sums = self._reference[3]
        return float(sums[-1] / len(sums))

    def at_start(self, starts_per_s: float, client: str) -> Turns:
        """Rows of the client's sessions begun before time 0, those in the past included; `planned_s` < 0 marks them."""
        turns, thinks, first, sums = self._reference
        rng = self.streams.at(self.group, client, "running")
        count = int(rng.poisson(starts_per_s * self.mean_duration_s))
        # Strictly below the last sum, so that no session without a duration is picked.
        picked = np.minimum(rng.random(count) * sums[-1], np.nextafter(sums[-1], 0.0))
        age = rng.random(count)
        session = np.searchsorted(sums, picked, side="right")
        later = turns[session] - 1
        rows = np.repeat(first[session] - np.cumsum(later) + later, later) + np.arange(int(later.sum()))
        duration_s = np.add.reduceat(
            np.append(np.rint(thinks[rows] * 1e3) / 1e3, 0.0), np.cumsum(later) - later
        )
        # Ordinals rise to -1, so that rows stay in the order of client, session, turn.
        ordinal = np.arange(-count, 0)
        return lay_out(-age * duration_s, ordinal, turns[session], thinks[rows], int(turns[session].sum()))


class Sessions(Protocol):
    """How the arrivals of a group's clients become sessions."""

    @property
    def carries_context(self) -> bool:
        """Whether prompts repeat the earlier turns."""
        ...

    def begun(self, block: Block, recorded: int, client: str) -> Turns:
        """Every arrival of a block of `client`, which is number `recorded` of its pool, the first turn of a session."""
        ...

    def running(self, starts_per_s: float, recorded: int, client: str) -> Turns:
        """Rows of the sessions of `client` begun before time 0 and not over, numbered up to -1; past rows included."""
        ...


@attrs.frozen(eq=False)
class ModelSessions:
    """Sessions of a conversation that the suite gives, alike for all clients."""

    conversation: CheckedConversation
    streams: Streams
    group: str

    @property
    def carries_context(self) -> bool:
        """Whether prompts repeat the earlier turns."""
        return self.conversation.carries_context

    @functools.cached_property
    def _steady(self) -> Running:
        return Running(self.conversation, self.streams, self.group)

    def begun(self, block: Block, recorded: int, client: str) -> Turns:  # noqa: ARG002 - alike for all
        """Every arrival of a block the first turn of a session."""
        return expand(block, self.conversation, self.streams, self.group, client)

    def running(self, starts_per_s: float, recorded: int, client: str) -> Turns:  # noqa: ARG002 - alike for all
        """Rows of the client's sessions begun before time 0."""
        return self._steady.at_start(starts_per_s, client)


def context(turns: Turns, new_tokens: I8, answer_tokens: I8) -> I8:
    """Tokens of earlier turns that each prompt repeats: their new tokens and their answers, reasoning left out; int64[n]."""
    told = np.cumsum(new_tokens + answer_tokens)
    before = told - new_tokens - answer_tokens
    return np.asarray(before - before[turns.first])


def end_sessions(inside: Bool, over: Bool, first: I8, limit: int, tally: Counter[str]) -> None:
    """Take out of `inside` (bool[n], changed in place) every row from its session's first `over` one on, and count them.

    `first` is the row of each row's first turn. A history that has outgrown a server's context cannot be sent in part:
    the earlier turns are what they are.
    """
    seen = np.cumsum(over)
    ended = seen - np.where(first > 0, seen[first - 1], 0) > 0
    cut = int(np.count_nonzero(inside & ended))
    if cut:
        tally[f"turn left out: history made its prompt longer than max_input = {limit}"] += cut
    np.logical_and(inside, ~ended, out=inside)
