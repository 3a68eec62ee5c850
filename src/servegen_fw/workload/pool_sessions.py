"""Conversations as a pool recorded them: turns and think times of each client and table window."""

from __future__ import annotations

from collections import Counter

import attrs
import numpy as np
from numpy.random import Generator

from servegen_fw.data.arrays import F8
from servegen_fw.data.pool import ClientPool
from servegen_fw.workload.block import Block
from servegen_fw.workload.curve import Curve
from servegen_fw.workload.quantities import PoolField
from servegen_fw.workload.sessions import Turns, lay_out
from servegen_fw.workload.streams import Streams


@attrs.frozen(eq=False)
class PoolSessions:
    """Sessions whose turns and think times come from a pool's tables, those of the window in which a session begins.

    At time 0 some sessions are under way. With s starts per second, E[T] turns and think times of mean E[X], each
    independent of the others, they are Poisson in number with mean s E[T - 1] E[X] (Palm-Khinchin). Seen at a fixed
    moment a session's number of pauses T - 1 is size-biased, the moment falls in each of its pauses with equal
    probability, and that pause is length-biased, its age uniform within it; the other pauses are as ever. Laws are
    those of the window at time 0.

    Attributes
    ----------
        turns: field of turns of a session.
        think_s: field of seconds before a later turn.
        carries_context: whether prompts repeat the earlier turns.
        group: name of the group, part of every stream's label.
        streams: randomness.
        tally: counts of what a reader must know.
        curves: quantile functions that were turned into curves, by field and table.
    """

    turns: PoolField
    think_s: PoolField
    carries_context: bool
    group: str
    streams: Streams
    tally: Counter[str]
    curves: dict[tuple[str, int], Curve] = attrs.field(factory=dict)

    @classmethod
    def of(
        cls, pool: ClientPool, start_s: float, group: str, streams: Streams, tally: Counter[str]
    ) -> PoolSessions:
        """Return the sessions of a pool that has them; `start_s` is where on its clock the case begins."""
        turns, think_s = (PoolField.of(pool, field, start_s) for field in ("turns", "think_s"))
        return cls(turns, think_s, pool.carries_context, group, streams, tally)

    def begun(self, block: Block, recorded: int, client: str) -> Turns:
        """Every arrival of a block the first turn of a session."""
        n = len(block.due_s)
        u = self.streams.at(self.group, client, "turns", block.number).random(n)
        turns = np.maximum(np.rint(self.turns.draw(recorded, block.due_s, u, self.tally)), 1.0).astype(
            np.int64
        )
        began_s = np.repeat(block.due_s, turns - 1)
        u = self.streams.at(self.group, client, "think", block.number).random(len(began_s))
        think_s = np.maximum(self.think_s.draw(recorded, began_s, u, self.tally), 0.0)
        return lay_out(block.due_s, block.first + np.arange(n), turns, think_s, int(turns.sum()))

    def running(self, starts_per_s: float, recorded: int, client: str) -> Turns:
        """Rows of the client's sessions begun before time 0 and not over, past rows included."""
        pauses, length = self._curve(self.turns, recorded), self._curve(self.think_s, recorded)
        mean = pauses.between(0.0, 1.0) * length.between(0.0, 1.0)
        rng = self.streams.at(self.group, client, "running")
        count = int(rng.poisson(starts_per_s * mean)) if mean > 0 else 0
        u = _biased(pauses, count, rng)
        turns = np.maximum(np.rint(self.turns.draw(recorded, np.zeros(count), u, self.tally)), 2.0)
        later = turns.astype(np.int64) - 1
        first = np.cumsum(later) - later
        u = rng.random(int(later.sum()))
        # The pause in which time 0 falls.
        now = first + np.floor(rng.random(count) * later).astype(np.int64)
        u[now] = _biased(length, count, rng)
        think_s = np.maximum(self.think_s.draw(recorded, np.zeros(len(u)), u, self.tally), 0.0)
        think_s = np.rint(think_s * 1e3) / 1e3
        since = np.cumsum(think_s) - think_s
        age_s = since[now] - since[first] + rng.random(count) * think_s[now]
        return lay_out(-age_s, np.arange(-count, 0), later + 1, think_s, len(think_s) + count)

    def _curve(self, field: PoolField, recorded: int) -> Curve:
        """Quantile function of a client's table at time 0 over [0, 1]: of think times, or of the turns after the first."""
        table = field.table_at_start(recorded)
        key = field.field, table
        if key not in self.curves:
            if table >= 0:
                edges, left, right = _pieces(field, table)
            else:
                # The mixture of all clients' tables: each serves a part of [0, 1].
                low = np.append(0.0, field.reach[:-1])
                parts = [_pieces(field, donor) for donor in field.donors.tolist()]
                spans = zip(parts, low, field.reach - low, strict=True)
                edges = np.concatenate(
                    [[0.0], *(begin + width * ends[1:] for (ends, _, _), begin, width in spans)]
                )
                left, right = (np.concatenate([part[side] for part in parts]) for side in (1, 2))
            wide = np.flatnonzero(np.diff(edges) > 0)
            self.curves[key] = Curve(np.append(0.0, edges[1:][wide]), left[wide], right[wide])
        return self.curves[key]


def _pieces(field: PoolField, table: int) -> tuple[F8, F8, F8]:
    """Quantile function of one table as linear pieces: levels float64[k + 1] from 0 to 1, values at both ends of each."""
    tables = field.pool.tables
    if field.field == "turns":
        turns, level = tables.whole_steps(table)
        return np.append(0.0, level), turns - 1.0, turns - 1.0
    value, level = tables.knots(table)
    value = np.maximum(value, 0.0)
    if tables.linear:
        return np.append(0.0, level[1:]), value[:-1], value[1:]
    return np.append(0.0, level), value, value


def _biased(quantiles: Curve, n: int, rng: Generator) -> F8:
    """Levels u of n values drawn with probability proportional to their size, float64[n]."""
    mass = rng.random(n) * quantiles.between(0.0, 1.0)
    return np.minimum(quantiles.inverse(mass), 1.0 - 2.0**-53)
