"""Recorded requests replayed, held against the recording: the same rows, at the same times, as many as asked."""

from __future__ import annotations

import attrs
import numpy as np

from servegen_fw.certify.columns import Column, Owners, of_quantity, whole
from servegen_fw.certify.field_checks import distance_finding
from servegen_fw.certify.finding import NAN, Finding, missing
from servegen_fw.certify.laws import Exactly, Simulated
from servegen_fw.certify.model import GroupModel
from servegen_fw.certify.seen import Seen
from servegen_fw.certify.times import SCALES_S, figures
from servegen_fw.data.arrays import F8, I8, AnyArray
from servegen_fw.data.workload import Workload
from servegen_fw.workload.products import CheckedLengths
from servegen_fw.workload.quantities import Given
from servegen_fw.workload.streams import Streams

THINNED = 300
"""Times that a recording is thinned again."""

CANDIDATES = 20_000
"""Sessions that are thinned again, the first of the case where there are more."""

TIME_S = 2e-6
"""Two roundings to whole microseconds."""


@attrs.frozen(eq=False)
class Recording:
    """One group of recorded requests.

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
    def source(self) -> Workload:
        """The recording."""
        assert isinstance(self.model.part.source, Workload)  # noqa: S101 - the caller's choice
        return self.model.part.source

    def findings(self, streams: Streams) -> list[Finding]:
        """All checks against the recording."""
        rows = self.seen.rows(self.number)
        at = self._found(rows)
        out = [
            self._none(
                "rows of the recording",
                int(np.count_nonzero(at < 0)),
                len(rows),
                "client, session and turn are recorded ones",
            )
        ]
        rows, at = rows[at >= 0], at[at >= 0]
        out += [self._tokens(rows, at), self._times(rows, at), *self._replaced(rows, streams)]
        return [*out, *self._kept(streams)]

    def _found(self, rows: I8) -> I8:
        """Row of the recording that each row is, -1 for none; int64[n]."""
        workload, source = self.seen.workload, self.source
        place = {name: at for at, name in enumerate(source.clients.names)}
        strip = f"{self.model.name}/"
        client = np.array(
            [place.get(name.removeprefix(strip), -1) for name in workload.clients.names], np.int64
        )
        sessions, session = np.unique(
            np.concatenate((source.session, workload.session[rows])), return_inverse=True
        )
        turns = 1 + int(max(source.turn.max(initial=0), workload.turn[rows].max(initial=0)))

        def code(client: AnyArray, session: I8, turn: AnyArray) -> I8:
            return np.asarray((client.astype(np.int64) * len(sessions) + session) * turns + turn)

        recorded = code(source.client, session[: len(source)], source.turn)
        own = code(client[workload.client[rows]], session[len(source) :], workload.turn[rows])
        order = np.argsort(recorded)
        if not len(order):
            return np.full(len(rows), -1)
        at = order[np.minimum(np.searchsorted(recorded[order], own), len(order) - 1)]
        return np.where(recorded[at] == own, at, -1)

    def _tokens(self, rows: I8, at: I8) -> Finding:
        workload, source, group = self.seen.workload, self.source, self.model.part.group
        wrong = np.zeros(len(rows), np.bool_)
        if group.input is None:
            fresh, recorded = (w.input_tokens - w.context_tokens for w in (workload, source))
            limit = group.max_input or np.iinfo(np.int32).max
            wrong |= fresh[rows] != np.clip(recorded[at], 1, limit)
        if group.output is None:
            limit = group.max_output or np.iinfo(np.int32).max
            wrong |= workload.output_tokens[rows] != np.clip(source.output_tokens[at], 1, limit)
        how = "new prompt tokens and outputs are the recorded ones, but for what the suite replaces or cuts"
        return self._none("recorded lengths", int(np.count_nonzero(wrong)), len(rows), how)

    def _times(self, rows: I8, at: I8) -> Finding:
        workload = self.seen.workload
        due = workload.parent[rows] < 0
        expected, found = self._planned_s()[at[due]], workload.due_s[rows[due]]
        wrong = int(np.count_nonzero(np.abs(expected - found) > TIME_S))
        how = "sessions begin when the recording says, on the clock that the rate asked for makes of it"
        return self._none("recorded times", wrong, len(found), how)

    def _planned_s(self) -> F8:
        """Planned time in the case of every recorded row, float64[n]."""
        source, model = self.source, self.model
        at_s = source.planned_s - model.part.start_s
        if model.demand.rate is None or model.part.group.scale != "rate" or model.scale is None:
            return np.asarray(at_s)
        head = np.maximum.accumulate(np.where(source.parent < 0, np.arange(len(source)), 0))
        clock, begin_s = model.scale.intensity, at_s[head]
        mapped = begin_s.copy()
        later = begin_s >= 0
        mapped[later] = clock.inverse(begin_s[later] + clock.integral(np.zeros(1)))
        return np.asarray(mapped + (at_s - begin_s))

    def _replaced(self, rows: I8, streams: Streams) -> list[Finding]:
        """Distances of lengths that the suite's models give."""
        group, workload = self.model.part.group, self.seen.workload
        owners = Owners.known(np.zeros(len(rows), np.int64), workload.planned_s[rows])
        out = []
        for name, choice, value, limit in (
            (
                "input",
                group.input,
                workload.input_tokens[rows] - workload.context_tokens[rows],
                group.max_input,
            ),
            ("output", group.output, workload.output_tokens[rows], group.max_output),
        ):
            if choice is not None:
                law = of_quantity(
                    Given(CheckedLengths.of(choice, f"{self.model.part.who}.{name}")), owners, whole(limit)
                )
                column = Column(
                    f"{name}_tokens", "tokens", value.astype(float), self.seen.left[rows], owners, law
                )
                rng = streams.at("certificate", "uniforms", self.model.name, name)
                out.append(distance_finding(column, self.model.name, rng, ""))
        return out

    def _kept(self, streams: Streams) -> list[Finding]:
        """How many sessions there are, and their dispersion, against the recording thinned again."""
        model, demand, name = self.model, self.model.demand, self.model.name
        if not demand.open:
            return [missing("sessions kept", name, "a closed load takes as many as it needs")]
        if model.part.group.max_input:
            return [missing("sessions kept", name, "max_input ends sessions, some before their first turn")]
        source, planned = self.source, self._planned_s()
        head = np.maximum.accumulate(np.where(source.parent < 0, np.arange(len(source)), 0))
        inside = (planned >= 0) & (planned < demand.duration_s)
        seen = np.unique(head[inside])
        # The first turn within the case stands for its session.
        first = np.full(len(source), np.inf)
        np.minimum.at(first, head[inside], planned[inside])
        at_s = first[seen]
        order = np.argsort(at_s, kind="stable")
        seen, at_s = seen[order], at_s[order]
        if not len(seen):
            return [missing("sessions kept", name, "nothing was recorded in this time")]
        rows = self.seen.rows(self.number)
        roots = rows[self.seen.workload.parent[rows] < 0]
        horizon = demand.duration_s
        if len(seen) > CANDIDATES:
            horizon = float(max(at_s[CANDIDATES], 1.0))
            seen, at_s = seen[at_s < horizon], at_s[at_s < horizon]
        keep = None if model.scale is None else model.scale.keep
        p = np.ones(len(seen)) if keep is None else np.clip(keep.rate(planned[seen]), 0.0, 1.0)
        rng = streams.at("certificate", "thinned", name)
        replicate, which = np.nonzero(rng.random((THINNED, len(seen))) < p)
        again = figures(replicate, np.zeros(len(which), np.int64), at_s[which], (THINNED, 1), horizon)
        due_s = self.seen.workload.due_s[roots]
        roots, due_s = roots[due_s < horizon], due_s[due_s < horizon]

        def taken(at_s: F8) -> tuple[float, F8]:
            none = np.zeros(len(at_s), np.int64)
            made = figures(none, none, np.clip(at_s, 0.0, np.nextafter(horizon, 0.0)), (1, 1), horizon)
            return float(made.total[0]), made.dispersion[0]

        (count, dispersion), (sent, sent_dispersion) = taken(due_s), (NAN, np.full(len(SCALES_S), NAN))
        left = self.seen.left[roots]
        if self.seen.records is not None:
            sent, sent_dispersion = taken(self.seen.start_s(roots[left]))
        how = f"the recording, thinned {THINNED} times again" if keep is not None else "as recorded"
        out = [
            Finding(
                "sessions kept",
                name,
                Simulated(again.total),
                how,
                float(p.sum()),
                count,
                sent,
                "sessions",
                len(seen),
                measure=count / max(float(p.sum()), 1e-9) - 1.0,
            )
        ]
        for at, scale in enumerate(SCALES_S):
            if not np.isnan(dispersion[at]):
                law = Simulated(again.dispersion[:, at], log=True)
                target = float(np.median(law.replicates))
                out.append(
                    Finding(
                        f"dispersion at {scale} s",
                        name,
                        law,
                        how,
                        target,
                        float(dispersion[at]),
                        float(sent_dispersion[at]),
                        "1",
                        int(horizon) // scale,
                        measure=float(np.log(dispersion[at] / target))
                        if target > 0 and dispersion[at] > 0
                        else 0.0,
                    )
                )
        return out

    def _none(self, name: str, wrong: int, n: int, how: str) -> Finding:
        return Finding(
            name,
            self.model.name,
            Exactly(0, 0),
            f"{how}; rows that are not",
            0,
            wrong,
            NAN,
            "requests",
            n,
            measure=float(wrong),
        )
