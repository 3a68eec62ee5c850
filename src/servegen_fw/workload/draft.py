"""Requests on their way to a `Workload`: the same columns, not yet sorted, parts put together as they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I2, I4, I8, AnyArray, Bool
from servegen_fw.data.workload import Clients, Items, Workload
from servegen_fw.workload.identity import apart, moved
from servegen_fw.workload.steady import all_picked, picked, put_together, value_of


@attrs.frozen(eq=False)
class Draft:
    """Requests in the order of client, session and turn; columns as in `Workload`, n rows each.

    Attributes
    ----------
        begin_us: int64; due time of the first row of the row's session, in microseconds.
        head: bool; whether the row is the first of its session here.
    """

    begin_us: I8
    head: Bool
    client: I4
    session: I8
    turn: I4
    think_s: F8
    input_tokens: I4
    context_tokens: I4
    output_tokens: I4
    reason_tokens: I4
    prefix: I8
    prefix_tokens: I4
    items: Items
    extra: Mapping[str, AnyArray] = attrs.field(factory=dict)

    def __len__(self) -> int:
        return len(self.begin_us)

    def select(self, rows: I8) -> Draft:
        """Return the given rows."""
        return attrs.evolve(
            self,
            **{name: picked(getattr(self, name), rows) for name in _COLUMNS},
            items=self.items.select(rows),
            extra={name: column[rows] for name, column in self.extra.items()},
        )


_COLUMNS = tuple(field.name for field in attrs.fields(Draft) if field.name not in {"items", "extra"})
_KEPT = tuple(name for name in _COLUMNS if name not in {"begin_us", "head", "think_s"})
"""Those that a `Workload` holds as they are."""


@attrs.frozen(eq=False)
class GroupDraft:
    """All requests of one group, `client` counting within the group, and the names of its clients."""

    name: str
    clients: Sequence[str]
    draft: Draft


def microseconds(due_s: F8, duration_s: float) -> I8:
    """Due times as whole microseconds below the duration, int64[n].

    Times are whole microseconds from here on: what the digest counts, what a file holds and what is sent are one.
    """
    last = int(np.ceil(duration_s * 1e6)) - 1 if np.isfinite(duration_s) else np.iinfo(np.int64).max
    return np.minimum(np.rint(due_s * 1e6).astype(np.int64), last)


def empty() -> Draft:
    """Return a draft without requests."""
    none = np.empty(0, np.int64)
    columns: dict[str, Any] = dict.fromkeys(_COLUMNS, none)
    columns["head"], columns["think_s"] = none.astype(bool), none.astype(float)
    for name in (
        "client",
        "turn",
        "input_tokens",
        "context_tokens",
        "output_tokens",
        "reason_tokens",
        "prefix_tokens",
    ):
        columns[name] = none.astype(np.int32)
    return Draft(**columns, items=Items.none(0))


def joined(parts: Sequence[Draft]) -> Draft:
    """Put parts together, one after the other; an extra column that a part lacks is NaN there."""
    if not parts:
        return empty()
    extras = list(dict.fromkeys(name for part in parts for name in part.extra))
    return Draft(
        **put_together({name: [getattr(part, name) for part in parts] for name in _COLUMNS}),
        items=join_items([part.items for part in parts]),
        extra={
            name: np.concatenate([part.extra.get(name, np.full(len(part), np.nan)) for part in parts])
            for name in extras
        },
    )


def join_items(parts: Sequence[Items]) -> Items:
    """Put item tables together; a modality that several name is one."""
    if not any(len(part) or part.modalities for part in parts):
        return Items.none(sum(len(part.offsets) - 1 for part in parts))
    modalities = tuple(dict.fromkeys(name for part in parts for name in part.modalities))
    number: list[I2] = []
    for part in parts:
        renumbered = np.array([modalities.index(name) for name in part.modalities], np.int16)
        number.append(renumbered[part.modality] if len(part) else np.empty(0, np.int16))
    return Items(
        offsets=np.concatenate(([0], np.cumsum(np.concatenate([part.count for part in parts])))),
        modality=np.concatenate(number),
        tokens=np.concatenate([part.tokens for part in parts]),
        width=np.concatenate([part.width for part in parts]),
        height=np.concatenate([part.height for part in parts]),
        seconds=np.concatenate([part.seconds for part in parts]),
        modalities=modalities,
    )


def in_time_order(begin_us: I8) -> tuple[I8, I8]:
    """Order of rows by time, rows of equal times as they stand, and the times in that order; int64[n] each.

    Time and row are packed into one integer where they fit, since whole integers sort ten times as fast as indices.
    """
    bits = max(1, len(begin_us) - 1).bit_length()
    if len(begin_us) and int(begin_us.max()) < 1 << (62 - bits):
        packed = begin_us << bits
        packed |= np.arange(len(begin_us))
        packed.sort()
        rows = packed & ((1 << bits) - 1)
        packed >>= bits
        return rows, packed
    rows = np.argsort(begin_us, kind="stable")
    return rows, begin_us[rows]


def _own_prefixes(groups: Sequence[GroupDraft]) -> list[Draft]:
    """Drafts whose prefix ids belong to one group each. Those of a recording are its own and may be another's too."""
    drafts = [group.draft for group in groups]
    held = [
        set(np.unique(draft.prefix).tolist()) - {-1} if _has_prefixes(draft) else set() for draft in drafts
    ]
    holders = Counter(one for ids in held for one in ids)
    return [
        attrs.evolve(draft, prefix=moved(draft.prefix, group.name))
        if any(holders[one] > 1 for one in ids)
        else draft
        for group, draft, ids in zip(groups, drafts, held, strict=True)
    ]


def _has_prefixes(draft: Draft) -> bool:
    return len(draft) > 0 and value_of(draft.prefix) != -1


def assemble(
    groups: Sequence[GroupDraft], duration_s: float, tally: Counter[str], limit: int | None = None
) -> Workload:
    """Sort the groups' requests into a workload, of which the first `limit` are kept (None: all)."""
    parts: list[Draft] = []
    names: list[str] = []
    group_of: list[int] = []
    named = apart([(group.name, group.clients) for group in groups])
    for number, (draft, own) in enumerate(zip(_own_prefixes(groups), named, strict=True)):
        first = len(names)
        parts.append(attrs.evolve(draft, client=(draft.client + first).astype(np.int32)) if first else draft)
        names += own
        group_of += [number] * len(own)
    whole = joined(parts) if len(parts) != 1 else parts[0]
    rows, begin_us = in_time_order(whole.begin_us)
    rows, begin_us = rows[:limit], begin_us[:limit]
    n, head = len(rows), picked(whole.head, rows)
    # Without sessions every row is the first of its own, and its time, parent and think time are plain.
    plain = bool(value_of(head))
    return Workload(
        due_s=begin_us / 1e6 if plain else np.where(head, begin_us / 1e6, np.nan),
        **all_picked({name: getattr(whole, name) for name in _KEPT}, rows),
        parent=np.full(n, -1) if plain else np.where(head, -1, np.arange(-1, n - 1)),
        think_s=np.zeros(n) if plain else np.where(head, 0.0, picked(whole.think_s, rows)),
        items=whole.items.select(rows) if len(whole.items) else Items.none(n),
        clients=Clients(tuple(names), np.array(group_of, np.int16), tuple(group.name for group in groups)),
        duration_s=duration_s,
        extra={name: column[rows] for name, column in whole.extra.items()},
        notes=tuple(f"{count:,} x {what}" for what, count in sorted(tally.items())),
    )
