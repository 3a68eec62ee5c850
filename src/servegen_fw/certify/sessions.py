"""Sessions held against their law: how many turns, how long between them, how many run already, what prompts repeat."""

from __future__ import annotations

import math

import attrs
import numpy as np

from servegen_fw.certify.field_checks import AGAIN
from servegen_fw.certify.finding import NAN, Finding, missing
from servegen_fw.certify.laws import Exactly, Kolmogorov, Simulated, distance_to_uniform
from servegen_fw.certify.model import GroupModel
from servegen_fw.certify.seen import Seen
from servegen_fw.data.arrays import F8, I8, AnyArray
from servegen_fw.workload.fields import Fields
from servegen_fw.workload.products import CheckedConversation
from servegen_fw.workload.sessions import Running
from servegen_fw.workload.streams import Streams

SESSIONS = 5_000
"""Sessions that are drawn again."""

REFERENCE = 65_536
"""Think times that stand for their law."""


@attrs.frozen(eq=False)
class Sessions:
    """Sessions of one group.

    Attributes
    ----------
        model: the group.
        conversation: law of its turns.
        seen: the workload.
        number: of the group.
    """

    model: GroupModel
    conversation: CheckedConversation
    seen: Seen
    number: int

    @property
    def end_s(self) -> float:
        """Turns planned for this time or later are left out; none are for a closed load."""
        return self.model.demand.duration_s if self.model.demand.open else math.inf

    def findings(self, streams: Streams) -> list[Finding]:
        """All checks of turns and of the time between them."""
        group = self.model.name
        names = ("turns per session", "single-turn sessions", "inter-turn time", "sessions running at 0 s")
        if self.model.part.group.max_input and self.conversation.carries_context:
            return [
                missing(name, group, "max_input ends sessions that have grown too long") for name in names
            ]
        return [*self._turns(streams), self._think(streams), *self._running(streams)]

    def _turns(self, streams: Streams) -> list[Finding]:
        group, workload = self.model.name, self.seen.workload
        heads = self.seen.starts(self.number)
        if not len(heads):
            return [missing("turns per session", group, "no session begins within the case")]
        rng = streams.at("certificate", "turns", group)
        head = np.maximum.accumulate(np.where(workload.parent < 0, np.arange(len(workload)), 0))
        seen = np.bincount(head, minlength=len(workload))
        left = np.bincount(head[self.seen.left], minlength=len(workload))
        heads = np.sort(rng.choice(heads, min(len(heads), SESSIONS), replace=False))
        drawn = [self._drawn(workload.due_s[heads], rng) for _ in range(AGAIN)]
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

    def _drawn(self, begin_s: F8, rng: np.random.Generator) -> I8:
        """Turns within the case of sessions that begin at `begin_s`, drawn again; int64[n]."""
        turns = np.asarray(self.conversation.turns(len(begin_s), rng), np.int64)
        later = turns - 1
        think_s = np.asarray(self.conversation.think_s(int(later.sum()), rng), float)
        owner = np.repeat(np.arange(len(begin_s)), later)
        total = np.cumsum(think_s)
        before = np.concatenate(([0.0], total))[np.cumsum(later) - later]
        inside = begin_s[owner] + total - before[owner] < self.end_s
        return 1 + np.bincount(owner[inside], minlength=len(begin_s))

    def _think(self, streams: Streams) -> Finding:
        """A turn is there only if it is due in time, so a think time has its law cut at what was left of the case."""
        group, workload = self.model.name, self.seen.workload
        rows = self.seen.rows(self.number)
        rows = rows[(workload.parent[rows] >= 0) & (workload.session[rows] >= 0)]
        if not len(rows):
            return missing("inter-turn time", group, "no session has a second turn within the case")
        rng = streams.at("certificate", "think", group)
        law = np.sort(np.rint(np.asarray(self.conversation.think_s(REFERENCE, rng), float) * 1e3) / 1e3)
        think_s, left_s = workload.think_s[rows], self.end_s - workload.planned_s[workload.parent[rows]]
        whole = np.maximum(np.searchsorted(law, left_s, side="left"), 1)
        low = np.searchsorted(law, think_s, side="left") / whole
        high = np.searchsorted(law, think_s, side="right") / whole
        u = np.clip(low + rng.random(len(rows)) * (high - low), 0.0, 1.0)
        sent = self.seen.left[rows]
        distance = distance_to_uniform(u)
        least = 1.0 / (1.0 / len(rows) + 1.0 / REFERENCE)
        return Finding(
            "inter-turn time",
            group,
            Kolmogorov(least),
            "KS distance to the law of think times, given that the turn is due within the case",
            0.0,
            distance,
            distance_to_uniform(u[sent]) if sent.any() else NAN,
            "1",
            len(rows),
            f"median {float(np.median(think_s)):.3g} s generated",
            sent_law=Kolmogorov(1.0 / (1.0 / sent.sum() + 1.0 / REFERENCE))
            if 0 < sent.sum() < len(rows)
            else None,
            measure=distance,
        )

    def _running(self, streams: Streams) -> list[Finding]:
        population, group, workload = self.model.population, self.model.name, self.seen.workload
        if not self.model.demand.open or population is None:
            return []
        rate = sum(population.start_rate(client) for client in range(len(population.names)))
        if population.keep is not None:
            rate *= float(population.keep.rate(np.zeros(1))[0])
        running = Running(
            self.conversation,
            Streams(int(streams.at("certificate", "running", group).integers(2**63))),
            group,
        )
        drawn = []
        for number in range(AGAIN):
            turns = running.at_start(rate, str(number))
            inside = (turns.planned_s >= 0) & (turns.planned_s < self.end_s)
            drawn.append(float(len(np.unique(turns.arrival[inside]))))
        rows = self.seen.rows(self.number)
        rows = rows[(workload.session[rows] < 0) & (workload.parent[rows] < 0)]
        simulated = np.array(drawn)
        sent = float(self.seen.left[rows].sum()) if self.seen.records is not None else NAN
        return [
            Finding(
                "sessions running at 0 s",
                group,
                Simulated(simulated),
                f"begun before the case, with a turn in it; in {AGAIN} simulated workloads",
                float(simulated.mean()),
                float(len(rows)),
                sent,
                "sessions",
                len(rows),
                measure=float(len(rows) - simulated.mean()),
            )
        ]


def _mean(turns: I8) -> float:
    return float(turns.mean())


def _single(turns: I8) -> float:
    return float((turns == 1).mean())


def shared_input(model: GroupModel, fields: Fields, carries: bool, seen: Seen, number: int) -> list[Finding]:
    """Realised prefix sharing: input tokens that repeat earlier turns or a shared prefix, exactly as the rules say."""
    workload, rows, group = seen.workload, seen.rows(number), model.name
    told = workload.input_tokens + workload.output_tokens - workload.reason_tokens
    parent = workload.parent[rows]
    context = workload.context_tokens[rows]
    # A session begun before the case has a history that the workload does not hold.
    known = (parent >= 0) | (workload.turn[rows] == 0)
    due = np.where(parent >= 0, told[parent] if carries else 0, 0)
    due = np.where(known, due, context)
    prefix, asked = workload.prefix_tokens[rows], workload.prefix_tokens[rows]
    if fields.prefixes is None:
        asked = np.zeros_like(prefix)
    elif fields.prefixes.recorded is None:
        first = (parent < 0) & known if carries else np.ones(len(rows), np.bool_)
        fresh = workload.input_tokens[rows] - context
        own = np.where(workload.prefix[rows] >= 0, np.minimum(fields.prefixes.tokens, fresh - 1), 0)
        asked = np.where(first, own, np.where(parent >= 0, workload.prefix_tokens[parent], prefix))
    wrong = int(np.count_nonzero((due != context) | (asked != prefix)))
    if not (due.any() or asked.any() or wrong):
        return []
    total = max(1, int(workload.input_tokens[rows].sum(dtype=np.int64)))
    left = seen.left[rows]

    def share(context: AnyArray, prefix: AnyArray, part: I8) -> float:
        return float(np.maximum(context, prefix)[part].sum(dtype=np.int64) / total)

    everyone = np.arange(len(rows))
    sent = np.flatnonzero(left)
    target = share(due, asked, everyone)
    return [
        Finding(
            "shared input tokens",
            group,
            Exactly(target - 1e-12, target + 1e-12),
            "history and shared prefixes, row by row as the rules say, over all input tokens",
            target,
            share(context, prefix, everyone),
            share(context, prefix, sent) if len(sent) else NAN,
            "ratio",
            len(rows),
            f"{wrong:,} rows depart from the rules" if wrong else "",
            measure=float(wrong),
            judged="generated",
        ),
        Finding(
            "rows that repeat as they should",
            group,
            Exactly(0, 0),
            "history is what earlier turns said, a prefix is as long as asked",
            0,
            wrong,
            NAN,
            "requests",
            len(rows),
            measure=float(wrong),
        ),
    ]
