"""Requests in slices of time: all clients' requests that begin in it, in order, while what comes later is not drawn yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I8
from servegen_fw.data.workload import Clients, Workload
from servegen_fw.workload.draft import Draft, GroupDraft, Stretch, assemble, in_time_order, joined
from servegen_fw.workload.identity import apart, moved
from servegen_fw.workload.steady import steady, value_of

SLICE_ROWS = 1 << 18
"""Requests in a slice, about."""

UNCUT_ROWS = 1 << 21
"""Requests up to which a workload that is wanted whole is not cut: to join slices takes time."""

_GRID = 8192
_LAST = np.iinfo(np.int64).max


@attrs.define(eq=False)
class _Flow:
    """One flow of stretches, drawn from as far as need be.

    Attributes
    ----------
        stretches: those not drawn yet.
        first_client: number of the group's first client in the workload.
        moved_for: name of the group if its prefix ids must be told from those of others; empty to leave them.
        pending: what was drawn and not given away, each in time order.
        reach_us: whatever is not drawn yet begins at this time or later.
    """

    stretches: Iterator[Stretch]
    first_client: int
    moved_for: str
    pending: list[Draft] = attrs.field(factory=list)
    reach_us: int = -1

    def before(self, edge_us: int) -> list[Draft]:
        """Requests that begin before `edge_us` and were not given away yet, in the order in which they were drawn."""
        while self.reach_us < edge_us:
            drawn = next(self.stretches, None)
            self.reach_us = _LAST if drawn is None else drawn.reach_us
            if drawn is not None and len(drawn.draft):
                self.pending.append(self._own(drawn.draft, sort=edge_us < _LAST))
        if not self.pending:
            return []
        found, self.pending, waiting = [], [], self.pending
        for draft in waiting:
            end = len(draft) if edge_us == _LAST else int(np.searchsorted(draft.begin_us, edge_us))
            if end:
                found.append(draft if end == len(draft) else draft.cut(0, end))
            if end < len(draft):
                self.pending.append(draft.cut(end, len(draft)) if end else draft)
        return found

    def _own(self, draft: Draft, *, sort: bool) -> Draft:
        """The draft with clients as the workload counts them, in time order if it will be cut."""
        changes: dict[str, Any] = {}
        if self.first_client:
            value = value_of(draft.client)
            changes["client"] = (
                (draft.client + self.first_client).astype(np.int32)
                if value is None
                else steady(value + self.first_client, len(draft), np.int32)
            )
        if self.moved_for:
            changes["prefix"] = moved(draft.prefix, self.moved_for)
        draft = attrs.evolve(draft, **changes) if changes else draft
        if sort and np.any(draft.begin_us[1:] < draft.begin_us[:-1]):
            return draft.select(in_time_order(draft.begin_us)[0])
        return draft


@attrs.define(eq=False)
class Slices:
    """All groups' requests as workloads of consecutive stretches of time, whole sessions each.

    A slice holds the sessions that begin in it, later turns included, and parents count its own rows. What is drawn
    does not hang on where slices are cut: put together they are the workload. The memory needed is that of a slice
    and, for each client, of the block of rows that it is in.

    Attributes
    ----------
        groups: what to draw.
        duration_s: length of the case.
        rows: requests in a slice, about.
        uncut: requests up to which there is one slice only.
        requests: drawn so far, of each group.
    """

    groups: Sequence[GroupDraft]
    duration_s: float
    rows: int = SLICE_ROWS
    uncut: int = 0
    requests: list[int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.requests = [0] * len(self.groups)

    @property
    def clients(self) -> Clients:
        """Clients of all groups."""
        named = apart([(group.name, group.clients) for group in self.groups])
        return Clients(
            names=tuple(name for own in named for name in own),
            group=np.repeat(np.arange(len(named)), [len(own) for own in named]).astype(np.int16),
            groups=tuple(group.name for group in self.groups),
        )

    def __iter__(self) -> Iterator[Workload]:
        flows = self._flows()
        modalities = tuple(dict.fromkeys(name for group in self.groups for name in group.modalities))
        extra = self._extra()
        clients = self.clients
        for edge_us in (*self._edges().tolist(), _LAST):
            parts: list[Draft] = []
            for number, own in enumerate(flows):
                of_group = [draft for flow in own for draft in flow.before(edge_us)]
                self.requests[number] += sum(len(draft) for draft in of_group)
                parts += of_group
            whole = joined(parts, modalities, extra) if len(parts) != 1 else parts[0]
            if whole.items.modalities != modalities or list(whole.extra) != list(extra):
                whole = joined([whole], modalities, extra)
            del parts, of_group
            part = assemble(whole, clients, self.duration_s)
            del whole
            yield part
            del part

    def _flows(self) -> list[list[_Flow]]:
        """Flows of each group."""
        found, first = [], 0
        for group in self.groups:
            others = (other.prefixes for other in self.groups if other is not group)
            apart_for = group.name if group.recorded and any(ids & group.prefixes for ids in others) else ""
            found.append([_Flow(stretches, first, apart_for) for stretches in group.flows])
            first += len(group.clients)
        return found

    def _extra(self) -> dict[str, np.dtype[Any]]:
        """Further columns and the dtypes that all their values fit in; a column that a group lacks is NaN there."""
        found: dict[str, np.dtype[Any]] = {}
        for name in dict.fromkeys(name for group in self.groups for name in group.extra):
            held = [group.extra.get(name, np.dtype(float)) for group in self.groups]
            found[name] = np.result_type(*held)
        return found

    def _edges(self) -> I8:
        """Times, in microseconds, that cut the case into slices of about equally many expected requests."""
        grid = np.linspace(0.0, self.duration_s, _GRID + 1)
        expected: F8 = np.sum([group.expected(grid) for group in self.groups], axis=0)
        total = float(expected[-1])
        if total <= max(1.5 * self.rows, self.uncut):
            return np.empty(0, np.int64)
        levels = np.arange(self.rows, total - self.rows / 2, self.rows)
        at_s = np.interp(levels, expected, grid)
        return np.unique(np.rint(at_s * 1e6).astype(np.int64))
