"""From a group's clients to its requests: arrivals, sessions, fields, block by block."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I4, I8, Bool
from servegen_fw.data.pool import ClientPool
from servegen_fw.suite.model import Group
from servegen_fw.workload.batch import Batch
from servegen_fw.workload.block import Block
from servegen_fw.workload.demand import Demand
from servegen_fw.workload.draft import Draft, GroupDraft, Stretch, microseconds
from servegen_fw.workload.fields import Fields, Values
from servegen_fw.workload.part import Part
from servegen_fw.workload.pool_sessions import PoolSessions
from servegen_fw.workload.population import Population
from servegen_fw.workload.sessions import ModelSessions, Sessions, Turns, alone, context, end_sessions
from servegen_fw.workload.steady import steady, value_of
from servegen_fw.workload.streams import Streams

RUNNING = "running"
"""Label of the block of sessions begun before time 0."""


@attrs.frozen(eq=False)
class Composer:
    """Draws the requests of one group.

    Attributes
    ----------
        part: the group.
        population: its clients.
        fields: what requests are drawn from.
        demand: what the case asks.
        streams: randomness.
        tally: counts of what a reader must know.
    """

    part: Part
    population: Population
    fields: Fields
    demand: Demand
    streams: Streams
    tally: Counter[str]

    @property
    def name(self) -> str:
        """Name of the group."""
        return self.part.name

    @property
    def group(self) -> Group:
        """The group as the suite states it."""
        return self.part.group

    @functools.cached_property
    def sessions(self) -> Sessions | None:
        """How arrivals become sessions: as the suite says, else as the pool recorded; None where requests stand alone."""
        if self.part.conversation is not None:
            return ModelSessions(self.part.conversation, self.streams, self.name)
        pool = self.part.source
        if isinstance(pool, ClientPool) and pool.has_sessions:
            return PoolSessions.of(pool, self.part.start_s, self.name, self.streams, self.tally)
        return None

    def draft(self) -> GroupDraft:
        """The requests of the group, drawn as they are asked for."""
        names = self.population.names
        return GroupDraft(
            name=self.name,
            clients=names,
            flows=[self._flow(client) for client in range(len(names))],
            modalities=self.fields.modalities,
            extra=dict.fromkeys(self.fields.extra, np.dtype(float)),
            prefixes=frozenset() if self.fields.prefixes is None else self.fields.prefixes.ids(names),
            expected=self._expected,
        )

    def _expected(self, at_s: F8) -> F8:
        """Requests expected up to each of the ascending times."""
        arrivals = np.diff(self.population.mass(at_s), prepend=0.0)
        if self.population.keep is not None:
            arrivals = arrivals * self.population.keep.rate(at_s)
        return np.cumsum(arrivals) * self.part.mean_turns

    def _flow(self, client: int) -> Iterator[Stretch]:
        """Requests of one client: those of sessions begun earlier, then block by block."""
        name, recorded = self.population.names[client], self.population.recorded[client]
        sessions = self.sessions
        if sessions is not None and self.demand.open:
            turns = sessions.running(self.population.start_rate(client), recorded, name)
            if len(turns):
                yield Stretch(self._block(client, turns, self._keep_running(name, turns), RUNNING), 0)
        for block in self.population.blocks(client):
            if not len(block.due_s):
                continue
            turns = alone(block) if sessions is None else sessions.begun(block, recorded, name)
            keep = self._keep(name, block)
            if sessions is not None and keep is not None:
                keep = keep[turns.arrival]
            if keep is None or keep.any():
                # Blocks follow each other in time, and so do their sessions.
                reach_us = int(microseconds(block.due_s[-1:], self.demand.duration_s)[0])
                yield Stretch(self._block(client, turns, keep, block.number), reach_us)

    def _keep(self, client: str, block: Block) -> Bool | None:
        """Which arrivals stay; None if all do."""
        keep = (block.due_s >= 0) & (block.due_s < self.demand.duration_s)
        share = self.population.keep
        if share is not None:
            u = self.streams.at(self.name, client, "keep", block.number).random(len(keep))
            keep &= u < (share.rate(block.due_s) if share.level is None else share.level)
        return None if keep.all() else keep

    def _keep_running(self, client: str, turns: Turns) -> Bool | None:
        share = self.population.keep
        if share is None:
            return None
        u = self.streams.at(self.name, client, "keep", RUNNING).random(int(turns.arrival[-1]) + 1)
        return np.asarray((u < share.rate(np.zeros(1))[0])[turns.arrival])

    def _block(self, client: int, turns: Turns, keep: Bool | None, number: int | str) -> Draft:
        """Requests of one block; `keep` (bool[n]) marks whole sessions."""
        recorded, name = self.population.recorded[client], self.population.names[client]
        batch = Batch((self.name, name), recorded, number, turns, keep, self.streams, self.tally)
        values = self.fields.draw(batch)
        if keep is not None:
            turns = turns.select(batch.rows)
        return self._placed(client, turns, values)

    def _placed(self, client: int, turns: Turns, values: Values) -> Draft:
        if self.sessions is None:
            return self._alone(client, turns, values)
        n = len(turns)
        own, carried = values.input_tokens, np.zeros(n, np.int64)
        if self.sessions.carries_context:
            answers = (values.output_tokens - values.reason_tokens).astype(np.int64)
            carried = context(turns, own.astype(np.int64), answers)
            # Later turns repeat the first prompt, prefix and all.
            own = own[turns.first]
        rows = self._within(turns, carried + values.input_tokens)
        turns = turns.select(rows)
        head = np.ones(len(rows), bool)
        head[1:] = turns.arrival[1:] != turns.arrival[:-1]
        begin_us = microseconds(turns.planned_s[head], self.demand.duration_s)[np.cumsum(head) - 1]
        return self._draft(
            client,
            turns,
            values.select(rows),
            begin_us=begin_us,
            head=head,
            carried=carried[rows].astype(np.int32),
            own=own[rows],
        )

    def _alone(self, client: int, turns: Turns, values: Values) -> Draft:
        """Requests that are sessions of one turn each."""
        n = len(turns)
        return self._draft(
            client,
            turns,
            values,
            begin_us=microseconds(turns.planned_s, self.demand.duration_s),
            head=steady(value=True, n=n, dtype=bool),
            carried=steady(0, n, np.int32),
            own=values.input_tokens,
        )

    def _draft(
        self, client: int, turns: Turns, values: Values, *, begin_us: I8, head: Bool, carried: I4, own: I4
    ) -> Draft:
        """Requests in columns; `own` are the tokens of the prompt that begins with the shared prefix."""
        n = len(turns)
        prefix, prefix_tokens = steady(-1, n, np.int64), steady(0, n, np.int32)
        if self.fields.prefixes is not None:
            # One token at least stays the prompt's own.
            prefix_tokens = np.minimum(values.prefix_tokens, own - 1).astype(np.int32)
            prefix = np.where(prefix_tokens > 0, values.prefix, -1)
        return Draft(
            begin_us=begin_us,
            head=head,
            client=steady(client, n, np.int32),
            session=turns.session,
            turn=turns.turn,
            think_s=turns.think_s,
            input_tokens=values.input_tokens if value_of(carried) == 0 else carried + values.input_tokens,
            context_tokens=carried,
            output_tokens=values.output_tokens,
            reason_tokens=values.reason_tokens,
            prefix=prefix,
            prefix_tokens=prefix_tokens,
            items=values.items,
            extra=values.extra,
        )

    def _within(self, turns: Turns, prompt_tokens: I8) -> I8:
        """Rows that can be due in the case.

        Turns before time 0 are history. One planned for the case's end or later cannot be due within it, since servers
        take time on top. A prompt that history has made longer than `max_input` ends its session.
        """
        inside = turns.planned_s >= 0
        if self.demand.open:
            np.logical_and(inside, turns.planned_s < self.demand.duration_s, out=inside)
        if self.group.max_input:
            over = prompt_tokens > self.group.max_input
            end_sessions(inside, over, turns.first, self.group.max_input, self.tally)
        return np.flatnonzero(inside)
