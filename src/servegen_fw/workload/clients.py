"""From a group's clients to its requests: arrivals, sessions, fields, block by block."""

from __future__ import annotations

from collections import Counter

import attrs
import numpy as np

from servegen_fw.data.arrays import I8, Bool
from servegen_fw.hooks.protocols import Conversation
from servegen_fw.suite.model import Group
from servegen_fw.workload.batch import Batch
from servegen_fw.workload.block import Block
from servegen_fw.workload.demand import Demand
from servegen_fw.workload.draft import Draft, GroupDraft, joined, microseconds
from servegen_fw.workload.fields import Fields, Values
from servegen_fw.workload.part import Part
from servegen_fw.workload.population import Population
from servegen_fw.workload.sessions import Running, Turns, alone, context, end_sessions, expand
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

    @property
    def conversation(self) -> Conversation | None:
        """Turns of its sessions; None where requests stand alone."""
        return self.part.conversation

    def draft(self) -> GroupDraft:
        """All requests of the group."""
        parts: list[Draft] = []
        running = None
        if self.conversation is not None and self.demand.open:
            running = Running(self.conversation, self.streams, self.name)
        for client, name in enumerate(self.population.names):
            if running is not None:
                turns = running.at_start(self.population.start_rate(client), name)
                if len(turns):
                    parts.append(self._block(client, turns, self._keep_running(name, turns), RUNNING))
            for block in self.population.blocks(client):
                turns = (
                    alone(block)
                    if self.conversation is None
                    else expand(block, self.conversation, self.streams, self.name, name)
                )
                keep = self._keep(name, block)
                if self.conversation is not None and keep is not None:
                    keep = keep[turns.arrival]
                if keep is None or keep.any():
                    parts.append(self._block(client, turns, keep, block.number))
        return GroupDraft(self.name, self.population.names, joined([part for part in parts if len(part)]))

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
        n = len(turns)
        carried = np.zeros(n, np.int64)
        prefix_tokens = np.zeros(n, np.int32)
        own = values.input_tokens
        if self.conversation is not None and self.conversation.carries_context:
            carried = context(
                turns, own.astype(np.int64), (values.output_tokens - values.reason_tokens).astype(np.int64)
            )
            own = own[turns.first]
        if self.group.prefix_tokens:
            # One token at least stays the prompt's own; later turns repeat the first prompt, prefix and all.
            prefix_tokens = np.minimum(self.group.prefix_tokens, own - 1).astype(np.int32)
        rows = (
            np.arange(n) if self.conversation is None else self._within(turns, carried + values.input_tokens)
        )
        turns = turns.select(rows)
        head = np.ones(len(rows), bool)
        head[1:] = turns.arrival[1:] != turns.arrival[:-1]
        begin_us = microseconds(turns.planned_s[head], self.demand.duration_s)
        prefix = client if self.group.prefix_tokens else -1
        return Draft(
            begin_us=begin_us[np.cumsum(head) - 1] if self.conversation is not None else begin_us,
            head=head,
            client=np.full(len(rows), client, np.int32),
            session=turns.session,
            turn=turns.turn,
            think_s=turns.think_s,
            input_tokens=(carried[rows] + values.input_tokens[rows]).astype(np.int32),
            context_tokens=carried[rows].astype(np.int32),
            output_tokens=values.output_tokens[rows],
            reason_tokens=values.reason_tokens[rows],
            prefix=np.where(prefix_tokens[rows] > 0, prefix, -1),
            prefix_tokens=prefix_tokens[rows],
            items=values.items.select(rows) if len(rows) < n else values.items,
            extra={field: column[rows] for field, column in values.extra.items()},
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
