"""Sessions held against their law: how many turns, how long between them, how many run already, what prompts repeat."""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter

import attrs
import numpy as np
from numpy.random import Generator

from servegen_fw.certify.columns import Column, Owners, all_levels, of_quantity
from servegen_fw.certify.field_checks import AGAIN
from servegen_fw.certify.finding import NAN, Finding, missing
from servegen_fw.certify.laws import Kolmogorov, Simulated, distance_to_uniform
from servegen_fw.certify.model import GroupModel
from servegen_fw.certify.seen import Seen
from servegen_fw.certify.turn_laws import ConversationLaw, PoolLaw
from servegen_fw.data.arrays import F8, I8
from servegen_fw.workload.pool_sessions import PoolSessions
from servegen_fw.workload.quantities import PoolField
from servegen_fw.workload.sessions import ModelSessions
from servegen_fw.workload.streams import Streams

SESSIONS = 5_000
"""Sessions that are drawn again."""

REFERENCE = 65_536
"""Think times that stand for their law."""

RUNNING_CALLS = 4_000
"""Draws of one client's running sessions."""


@attrs.frozen(eq=False)
class Sessions:
    """Sessions of one group.

    Attributes
    ----------
        model: the group.
        seen: the workload.
        number: of the group.
    """

    model: GroupModel
    seen: Seen
    number: int

    @property
    def end_s(self) -> float:
        """Turns planned for this time or later are left out; none are for a closed load."""
        return self.model.demand.duration_s if self.model.demand.open else math.inf

    @functools.cached_property
    def law(self) -> ConversationLaw | PoolLaw:
        """Law of turns and think times."""
        part, pool = self.model.part, self.model.pool
        if part.conversation is not None:
            return ConversationLaw(part.conversation)
        assert pool is not None  # noqa: S101 - asked of groups with sessions
        turns, think_s = (PoolField.of(pool, field, part.start_s) for field in ("turns", "think_s"))
        return PoolLaw(turns, think_s)

    @functools.cached_property
    def head(self) -> I8:
        """Row of the first turn of each row's session, int64[n]."""
        workload = self.seen.workload
        return np.maximum.accumulate(np.where(workload.parent < 0, np.arange(len(workload)), 0))

    def findings(self, streams: Streams) -> list[Finding]:
        """All checks of turns and of the time between them."""
        group = self.model.name
        names = ("turns per session", "single-turn sessions", "inter-turn time", "sessions running at 0 s")
        if self.model.part.group.max_input and self.model.carries_context:
            return [
                missing(name, group, "max_input ends sessions that have grown too long") for name in names
            ]
        return [*self._turns(streams), self._think(streams), *self._running(streams)]

    def _clients(self, rows: I8) -> tuple[I8, I8]:
        """Rows whose client the group has, and its number in the pool."""
        assert self.model.population is not None  # noqa: S101 - a group with clients
        place = self.seen.places(self.model, rows)
        known = place >= 0
        return rows[known], np.asarray(self.model.population.recorded, np.int64)[place[known]]

    def _turns(self, streams: Streams) -> list[Finding]:
        group, workload = self.model.name, self.seen.workload
        heads, client = self._clients(self.seen.starts(self.number))
        if not len(heads):
            return [
                missing("turns per session", group, "no session of a known client begins within the case")
            ]
        rng = streams.at("certificate", "turns", group)
        seen = np.bincount(self.head, minlength=len(workload))
        left = np.bincount(self.head[self.seen.left], minlength=len(workload))
        some = np.sort(rng.choice(len(heads), min(len(heads), SESSIONS), replace=False))
        heads, client = heads[some], client[some]
        drawn = [self._drawn(client, workload.due_s[heads], rng) for _ in range(AGAIN)]
        out = []
        for name, unit, take in (
            ("turns per session", "1", _mean),
            ("single-turn sessions", "ratio", _single),
        ):
            law = Simulated(np.array([take(turns) for turns in drawn]))
            target, found = float(law.replicates.mean()), take(seen[heads])
            out.append(
                Finding(
                    name,
                    group,
                    law,
                    f"turns planned within the case, of {len(heads):,} sessions drawn {AGAIN} times again",
                    target,
                    found,
                    take(left[heads]) if self.seen.records is not None else NAN,
                    unit,
                    len(heads),
                    "later turns are skipped where one before them failed",
                    measure=found - target,
                    judged="generated",
                )
            )
        return out

    def _drawn(self, client: I8, begun_s: F8, rng: Generator) -> I8:
        """Turns within the case of sessions that begin at `begun_s`, drawn again; int64[n]."""
        later = self.law.turns(client, begun_s, rng) - 1
        owner = np.repeat(np.arange(len(begun_s)), later)
        think_s = self.law.think_s(client[owner], begun_s[owner], rng)
        total = np.cumsum(think_s)
        before = np.concatenate(([0.0], total))[np.cumsum(later) - later]
        inside = begun_s[owner] + total - before[owner] < self.end_s
        return 1 + np.bincount(owner[inside], minlength=len(begun_s))

    def _think(self, streams: Streams) -> Finding:
        """A turn is there only if it is due in time, so a think time has its law cut at what was left of the case."""
        group, workload = self.model.name, self.seen.workload
        rows = self.seen.rows(self.number)
        rows, client = self._clients(rows[(workload.parent[rows] >= 0) & (workload.session[rows] >= 0)])
        if not len(rows):
            return missing(
                "inter-turn time", group, "no session of a known client has a second turn within the case"
            )
        rng = streams.at("certificate", "think", group)
        some = np.sort(rng.choice(len(rows), min(len(rows), SESSIONS), replace=False))
        rows, client = rows[some], client[some]
        left_s = self.end_s - workload.planned_s[workload.parent[rows]]
        low, high, whole, reference = self._levels(rows, client, left_s, rng)
        u = (low + rng.random(len(low)) * (high - low)) / np.maximum(whole, 1e-12)
        u = np.clip(u, 0.0, 1.0)
        sent = self.seen.left[rows][: len(u)]
        distance = distance_to_uniform(u)
        return Finding(
            "inter-turn time",
            group,
            Kolmogorov(1.0 / (1.0 / len(u) + reference)),
            "KS distance to the law of think times, given that the turn is due within the case",
            0.0,
            distance,
            distance_to_uniform(u[sent]) if sent.any() else NAN,
            "1",
            len(u),
            f"median {float(np.median(workload.think_s[rows])):.3g} s generated",
            sent_law=Kolmogorov(1.0 / (1.0 / sent.sum() + reference)) if 0 < sent.sum() < len(u) else None,
            measure=distance,
        )

    def _levels(self, rows: I8, client: I8, left_s: F8, rng: Generator) -> tuple[F8, F8, F8, float]:
        """F(x-) and F(x) of think times x, F(left-) of what was left of the case, and 1 / draws that stand for F."""
        think_s, law = self.seen.workload.think_s[rows], self.law
        if isinstance(law, ConversationLaw):
            none = np.zeros(REFERENCE, np.int64)
            drawn = np.sort(np.rint(law.think_s(none, np.zeros(REFERENCE), rng) * 1e3) / 1e3)
            below, up_to = np.searchsorted(drawn, think_s), np.searchsorted(drawn, think_s, "right")
            whole = np.searchsorted(drawn, left_s)
            return below / REFERENCE, up_to / REFERENCE, whole / REFERENCE, 1.0 / REFERENCE
        begun_s = self.seen.workload.due_s[self.head[rows]]
        owners = Owners.known(client, begun_s)
        # As composition does: none below 0, whole milliseconds.
        quantile = of_quantity(
            law.think_field, owners, lambda drawn, _rows: np.rint(np.maximum(drawn, 0.0) * 1e3) / 1e3
        )
        both = Column(
            "think_s",
            "s",
            np.concatenate((think_s, left_s)),
            np.ones(2 * len(rows), np.bool_),
            attrs.evolve(owners, client=np.tile(client, 2), at_s=np.tile(begun_s, 2)),
            lambda part, u, whose: quantile(part % len(rows), u, whose),
        )
        low, high = all_levels(both, rng)
        return low[: len(rows)], high[: len(rows)], low[len(rows) :], 0.0

    def _running(self, streams: Streams) -> list[Finding]:
        population, group, workload = self.model.population, self.model.name, self.seen.workload
        if not self.model.demand.open or population is None:
            return []
        rate = np.array([population.start_rate(client) for client in range(len(population.names))])
        if population.keep is not None:
            rate *= float(population.keep.rate(np.zeros(1))[0])
        again = Streams(int(streams.at("certificate", "running", group).integers(2**63)))
        sessions, pool = self._again(again), self.model.pool
        chosen = [(0, float(rate.sum()))]
        if isinstance(sessions, PoolSessions) and pool is not None:
            chosen = [(population.recorded[at], float(rate[at])) for at in np.flatnonzero(rate).tolist()]
        many = int(np.clip(RUNNING_CALLS // max(1, len(chosen)), AGAIN // 4, AGAIN))
        simulated = np.zeros(many)
        for number, (index, per_s) in itertools.product(range(many), chosen):
            turns = sessions.running(per_s, index, f"{index}-{number}")
            inside = (turns.planned_s >= 0) & (turns.planned_s < self.end_s)
            simulated[number] += len(np.unique(turns.arrival[inside]))
        rows = self.seen.rows(self.number)
        rows = rows[(workload.session[rows] < 0) & (workload.parent[rows] < 0)]
        sent = float(self.seen.left[rows].sum()) if self.seen.records is not None else NAN
        return [
            Finding(
                "sessions running at 0 s",
                group,
                Simulated(simulated),
                f"begun before the case, with a turn in it; in {many} simulated workloads",
                float(simulated.mean()),
                float(len(rows)),
                sent,
                "sessions",
                len(rows),
                measure=float(len(rows) - simulated.mean()),
            )
        ]

    def _again(self, streams: Streams) -> ModelSessions | PoolSessions:
        """Composition's own sessions with other streams."""
        part = self.model.part
        if part.conversation is not None:
            return ModelSessions(part.conversation, streams, part.name)
        assert self.model.pool is not None  # noqa: S101 - asked of groups with sessions
        return PoolSessions.of(self.model.pool, part.start_s, part.name, streams, Counter())


def _mean(turns: I8) -> float:
    return float(turns.mean())


def _single(turns: I8) -> float:
    return float((turns == 1).mean())
