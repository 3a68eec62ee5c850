"""Recorded requests replayed: cut to the case, thinned or sped up, with fields replaced where the suite gives models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I4, I8
from servegen_fw.data.workload import Items, Workload
from servegen_fw.errors import InputError, Problem
from servegen_fw.suite.model import Group
from servegen_fw.workload.batch import Batch
from servegen_fw.workload.copula import correlated
from servegen_fw.workload.demand import Demand
from servegen_fw.workload.draft import Draft, GroupDraft, Stretch, join_items, microseconds
from servegen_fw.workload.fields import whole
from servegen_fw.workload.identity import natural_order, prefix_id
from servegen_fw.workload.items import ModelItems, gather
from servegen_fw.workload.part import Part, who
from servegen_fw.workload.prefixes import Prefixes
from servegen_fw.workload.products import CheckedLengths, CheckedModality, CheckedReasoning
from servegen_fw.workload.resample import resampled_clients
from servegen_fw.workload.scale import Scaling
from servegen_fw.workload.sessions import Turns, context, end_sessions
from servegen_fw.workload.streams import Streams


@attrs.frozen(eq=False)
class _Rows:
    """A recording's rows in the order of client (by name), session and turn, with its clients' uniform numbers.

    Attributes
    ----------
        source: the recording in that order.
        names: clients in order; `source.client` counts them.
        bounds: int64[clients + 1]; rows of each client.
        group: name of the group.
        streams: randomness.
    """

    source: Workload
    names: Sequence[str]
    bounds: I8
    group: str
    streams: Streams

    @classmethod
    def of(cls, recording: Workload, group: str, streams: Streams, copies: float | None = None) -> _Rows:
        order = natural_order(recording.clients.names)
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        client = place[recording.client]
        rows = np.lexsort((recording.turn, recording.session, client))
        source = attrs.evolve(recording.select(rows), client=client[rows])
        names = [recording.clients.names[index] for index in order]
        if copies is not None:
            source, names = resampled_clients(source, names, copies, group, streams)
        bounds = np.searchsorted(source.client, np.arange(len(names) + 1))
        return cls(source, names, bounds, group, streams)

    def uniform(self, purpose: str) -> F8:
        """One uniform number per row, from each client's stream of that purpose; float64[n]."""
        drawn = [
            self.streams.at(self.group, name, purpose).random(int(n))
            for name, n in zip(self.names, np.diff(self.bounds), strict=True)
        ]
        return np.concatenate(drawn) if drawn else np.empty(0)


@attrs.frozen(eq=False)
class _Values:
    new_tokens: I4
    context_tokens: I4
    output_tokens: I4
    reason_tokens: I4
    items: Items


def draft_recording(
    part: Part, demand: Demand, scale: Scaling, streams: Streams, tally: Counter[str]
) -> GroupDraft:
    """Requests of a group whose source is a recorded workload.

    ``thin`` keeps whole sessions; ``rate`` runs the recording's clock faster or slower, think times as they were;
    ``clients`` takes whole clients, copies of which are turned in time (see `resampled_clients`). Sessions begun before the case are present with what is left of them.

    Raises
    ------
        InputError: run at the rate asked for, the recording is too short.
    """
    assert isinstance(part.source, Workload)  # noqa: S101 - the caller's choice, told to the type checker
    group = part.group
    rows = _Rows.of(part.source, part.name, streams, scale.copies)
    source = rows.source
    turns, head = _turns(source, part, demand, scale)
    values = _values(group, rows, turns, tally)
    inside = turns.planned_s >= 0
    np.logical_and(
        inside, (turns.planned_s if demand.open else turns.planned_s[head]) < demand.duration_s, out=inside
    )
    if scale.keep is not None:
        inside &= (rows.uniform("keep") < scale.keep.rate(turns.planned_s))[head]
    if group.max_input:
        over = values.new_tokens + values.context_tokens.astype(np.int64) > group.max_input
        end_sessions(inside, over, head, group.max_input, tally)
    kept = np.flatnonzero(inside)
    first = np.ones(len(kept), bool)
    first[1:] = head[kept][1:] != head[kept][:-1]
    begin_us = microseconds(turns.planned_s[kept][first], demand.duration_s)[np.cumsum(first) - 1]
    prefix, prefix_tokens = source.prefix, source.prefix_tokens
    if group.prefix_tokens:
        prefix_tokens = np.minimum(group.prefix_tokens, values.new_tokens[head] - 1).astype(np.int32)
        own = np.array([prefix_id(part.name, name) for name in rows.names], np.int64)
        prefix = np.where(prefix_tokens > 0, _prefixes(group, rows, own[source.client])[head], -1)
        prefix_tokens = np.where(prefix >= 0, prefix_tokens, 0).astype(np.int32)
    draft = Draft(
        begin_us=begin_us,
        head=first,
        client=source.client[kept],
        session=source.session[kept],
        turn=source.turn[kept],
        think_s=np.rint(source.think_s[kept] * 1e3) / 1e3,
        input_tokens=(values.new_tokens + values.context_tokens)[kept],
        context_tokens=values.context_tokens[kept],
        output_tokens=values.output_tokens[kept],
        reason_tokens=values.reason_tokens[kept],
        prefix=prefix[kept],
        prefix_tokens=prefix_tokens[kept],
        items=values.items.select(kept),
        extra={name: column[kept] for name, column in source.extra.items()},
    )
    planned_s = np.sort(begin_us) / 1e6
    return GroupDraft(
        name=part.name,
        clients=rows.names,
        flows=[iter([Stretch(draft, 0)])],
        modalities=draft.items.modalities,
        extra={name: column.dtype for name, column in draft.extra.items()},
        prefixes=frozenset(np.unique(draft.prefix).tolist()) - {-1},
        expected=lambda at_s: np.searchsorted(planned_s, at_s).astype(float),
        recorded=True,
    )


def _prefixes(group: Group, rows: _Rows, own: I8) -> I8:
    """Id of the prefix that each row would begin with as the head of a session, int64[n]; `own` are its client's."""
    prefixes = Prefixes.of(group, rows.group, None, ())
    if prefixes is None or (not group.prefixes and group.prefix_share == 1):
        return own
    return prefixes.chosen(own, np.stack((rows.uniform("prefix"), rows.uniform("prefix-choice")), axis=1))


def _turns(source: Workload, part: Part, demand: Demand, scale: Scaling) -> tuple[Turns, I8]:
    """Rows with their planned time in the case, and the row of each one's session head."""
    n = len(source)
    head = np.maximum.accumulate(np.where(source.parent < 0, np.arange(n), 0))
    recorded_s = source.planned_s - part.start_s
    begin_s = recorded_s[head]
    clock = scale.intensity
    if demand.rate is not None and (clock.level is None or abs(clock.level - 1) > 1e-12):
        needed, left = clock.between(0.0, demand.duration_s), part.end_s - part.start_s
        if demand.open and needed > left + 1e-6:
            raise InputError(
                Problem(
                    f"at the rate asked for the case uses up {needed:.6g} s of the recording, but only {left:.6g} s are left of it",
                    who=part.who,
                    cure="lower the rate, shorten the case, or begin earlier",
                )
            )
        inside = (begin_s >= 0) & (begin_s < needed)
        at = np.full(n, float(demand.duration_s))
        at[inside] = clock.inverse(begin_s[inside] + clock.integral(np.zeros(1)))
        at[begin_s < 0] = begin_s[begin_s < 0]
        recorded_s = at + (recorded_s - begin_s)
    return Turns(head, source.session, source.turn, source.think_s, recorded_s, n), head


def _values(group: Group, rows: _Rows, turns: Turns, tally: Counter[str]) -> _Values:
    """Recorded fields, or those of the suite's models where it gives them."""
    source, asked = rows.source, who(rows.group)
    fresh: F8 = (source.input_tokens - source.context_tokens).astype(float)
    output: F8 = source.output_tokens.astype(float)
    u_input = rows.uniform("input_tokens") if group.input is not None or group.correlation else np.empty(0)
    if group.input is not None:
        fresh = CheckedLengths.of(group.input, f"{asked}.input").ppf(u_input)
    if group.output is not None:
        u = rows.uniform("output_tokens")
        output = CheckedLengths.of(group.output, f"{asked}.output").ppf(
            correlated(u_input, u, group.correlation)
        )
    new_tokens = whole(fresh, group.max_input, "input", tally)
    output_tokens = whole(output, group.max_output, "output", tally)
    reason = np.minimum(source.reason_tokens, output_tokens)
    if group.reasoning is not None:
        model = CheckedReasoning.of(group.reasoning, f"{asked}.reasoning")
        reason = model.split(output_tokens, rows.uniform("reason_tokens"))
    carried = source.context_tokens
    if carried.any():
        # Turns here are whole sessions from the recording's first row of each on, which may be a later turn.
        told = attrs.evolve(
            turns, turn=np.where(turns.arrival == np.arange(len(turns)), 0, 1).astype(np.int32)
        )
        again = context(told, new_tokens.astype(np.int64), (output_tokens - reason).astype(np.int64))
        changed = not (
            np.array_equal(new_tokens, fresh) and np.array_equal(output_tokens, source.output_tokens)
        )
        if changed or group.reasoning is not None:
            carried = np.where(carried > 0, again, 0).astype(np.int32)
    return _Values(
        new_tokens, carried, output_tokens, reason.astype(np.int32), _items(group, rows, turns, tally)
    )


def _items(group: Group, rows: _Rows, turns: Turns, tally: Counter[str]) -> Items:
    """Recorded items, or those of the suite's modality models."""
    if not group.modality:
        return rows.source.items
    models = [
        ModelItems(CheckedModality.of(choice, f"{who(rows.group)}.modality")) for choice in group.modality
    ]
    parts = []
    for name, low, high in zip(rows.names, rows.bounds[:-1].tolist(), rows.bounds[1:].tolist(), strict=True):
        own = turns.select(np.arange(low, high))
        own = attrs.evolve(own, size=high - low)
        batch = Batch((rows.group, name), 0, 0, own, None, rows.streams, tally)
        drawn = [model.draw(batch) for model in models]
        parts.append(gather(drawn, high - low, tuple(model.modality for model in models)))
    return join_items(parts)
