"""Requests on their way to a `Workload`: the same columns, not yet sorted, parts put together as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I2, I4, I8, AnyArray, Bool
from servegen_fw.data.workload import COLUMNS, ITEM_COLUMNS, Clients, Items, Workload
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

    def cut(self, begin: int, end: int) -> Draft:
        """Return the rows [begin, end) without a copy."""
        first, last = int(self.items.offsets[begin]), int(self.items.offsets[end])
        return attrs.evolve(
            self,
            **{name: getattr(self, name)[begin:end] for name in _COLUMNS},
            items=attrs.evolve(
                self.items,
                offsets=self.items.offsets[begin : end + 1] - first,
                **{name: getattr(self.items, name)[first:last] for name in ITEM_COLUMNS},
            ),
            extra={name: column[begin:end] for name, column in self.extra.items()},
        )


_COLUMNS = tuple(field.name for field in attrs.fields(Draft) if field.name not in {"items", "extra"})
_KEPT = tuple(name for name in _COLUMNS if name not in {"begin_us", "head", "think_s"})
"""Those that a `Workload` holds as they are."""


@attrs.frozen(eq=False)
class Stretch:
    """Some requests, and how far they reach: what comes after them begins at `reach_us` or later."""

    draft: Draft
    reach_us: int


@attrs.frozen(eq=False)
class GroupDraft:
    """The requests of one group as they come to be, and what is known of them before.

    Attributes
    ----------
        name: of the group.
        clients: names of its clients; `Draft.client` counts them.
        flows: requests in stretches, those of one client, or of all that a recording holds, in each flow.
        modalities: of its items.
        extra: dtypes of further columns.
        prefixes: ids of the prefixes that its requests share.
        expected: requests expected up to each of the times given, float64[n] of float64[n] seconds.
        recorded: whether its prefixes were recorded, so that ids that are another group's too must give way.
    """

    name: str
    clients: Sequence[str]
    flows: Sequence[Iterator[Stretch]]
    modalities: tuple[str, ...] = ()
    extra: Mapping[str, np.dtype[Any]] = attrs.field(factory=dict)
    prefixes: AbstractSet[int] = frozenset()
    expected: Callable[[F8], F8] = np.zeros_like
    recorded: bool = False


def microseconds(due_s: F8, duration_s: float) -> I8:
    """Due times as whole microseconds below the duration, int64[n].

    Times are whole microseconds from here on: what the digest counts, what a file holds and what is sent are one.
    """
    last = int(np.ceil(duration_s * 1e6)) - 1 if np.isfinite(duration_s) else np.iinfo(np.int64).max
    return np.minimum(np.rint(due_s * 1e6).astype(np.int64), last)


def empty() -> Draft:
    """Return a draft without requests."""
    dtypes = {"begin_us": "i8", "head": "?", **COLUMNS}
    columns: dict[str, Any] = {name: np.empty(0, dtypes[name]) for name in _COLUMNS}
    return Draft(**columns, items=Items.none(0))


def joined(
    parts: Sequence[Draft], modalities: tuple[str, ...] = (), extra: Mapping[str, np.dtype[Any]] | None = None
) -> Draft:
    """Put parts together, one after the other; an extra column that a part lacks is NaN there.

    Parameters
    ----------
        parts: what to put together.
        modalities: names in the order in which items count them; those that are missing come behind.
        extra: further columns and their dtypes; default: all that any part has.
    """
    if extra is None:
        extra = dict.fromkeys((name for part in parts for name in part.extra), np.dtype(float))
    if not parts:
        none = attrs.evolve(Items.none(0), modalities=modalities)
        return attrs.evolve(
            empty(), items=none, extra={name: np.empty(0, dtype) for name, dtype in extra.items()}
        )
    return Draft(
        **put_together({name: [getattr(part, name) for part in parts] for name in _COLUMNS}),
        items=join_items([part.items for part in parts], modalities),
        extra={
            name: np.concatenate([part.extra.get(name, np.full(len(part), np.nan)) for part in parts]).astype(
                dtype, copy=False
            )
            for name, dtype in extra.items()
        },
    )


def join_items(parts: Sequence[Items], modalities: tuple[str, ...] = ()) -> Items:
    """Put item tables together; a modality that several name is one. Those of `modalities` are counted first."""
    if not modalities and not any(len(part) or part.modalities for part in parts):
        return Items.none(sum(len(part.offsets) - 1 for part in parts))
    modalities = tuple(dict.fromkeys((*modalities, *(name for part in parts for name in part.modalities))))
    number: list[I2] = []
    for part in parts:
        if part.modalities == modalities[: len(part.modalities)]:
            number.append(part.modality)
        else:
            renumbered = np.array([modalities.index(name) for name in part.modalities], np.int16)
            number.append(renumbered[part.modality])
    return Items(
        offsets=np.concatenate(([0], np.cumsum(np.concatenate([np.diff(part.offsets) for part in parts])))),
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


def assemble(draft: Draft, clients: Clients, duration_s: float, limit: int | None = None) -> Workload:
    """Sort requests into a workload, of which the first `limit` are kept (None: all)."""
    rows, begin_us = in_time_order(draft.begin_us)
    rows, begin_us = rows[:limit], begin_us[:limit]
    n, head = len(rows), picked(draft.head, rows)
    # Without sessions every row is the first of its own, and its time, parent and think time are plain.
    plain = bool(value_of(head))
    return Workload(
        due_s=begin_us / 1e6 if plain else np.where(head, begin_us / 1e6, np.nan),
        **all_picked({name: getattr(draft, name) for name in _KEPT}, rows),
        parent=np.full(n, -1) if plain else np.where(head, -1, np.arange(-1, n - 1)),
        think_s=np.zeros(n) if plain else np.where(head, 0.0, picked(draft.think_s, rows)),
        items=draft.items.select(rows)
        if len(draft.items)
        else attrs.evolve(Items.none(n), modalities=draft.items.modalities),
        clients=clients,
        duration_s=duration_s,
        extra={name: column[rows] for name, column in draft.extra.items()},
        notes=(),
    )
