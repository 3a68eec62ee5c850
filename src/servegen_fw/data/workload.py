"""The workload: what is asked of a server, one row a request, independent of any server."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I2, I4, I8, AnyArray
from servegen_fw.data.digest import Digest

COLUMNS: Final = {
    "due_s": "f8",
    "client": "i4",
    "session": "i8",
    "turn": "i4",
    "parent": "i8",
    "think_s": "f8",
    "input_tokens": "i4",
    "context_tokens": "i4",
    "output_tokens": "i4",
    "reason_tokens": "i4",
    "prefix": "i8",
    "prefix_tokens": "i4",
}
"""Columns of a `Workload` with a value per request, and their dtypes."""

ITEM_COLUMNS: Final = {"modality": "i2", "tokens": "i4", "width": "i4", "height": "i4", "seconds": "f8"}
"""Columns of `Items`, and their dtypes."""


@attrs.frozen(eq=False)
class Items:
    """Images, audio clips and videos of the requests, as one table with an offset per request (CSR).

    Attributes
    ----------
        offsets: int64[n + 1]; the items of request i are rows offsets[i]:offsets[i + 1].
        modality: int16[m]; index into `modalities`.
        tokens: int32[m]; prompt tokens of the item, not counted in `Workload.input_tokens`.
        width: int32[m] in pixels, 0 where it does not apply.
        height: int32[m] in pixels, 0 where it does not apply.
        seconds: float64[m], 0 where it does not apply.
        modalities: names, for example ("image", "audio").
    """

    offsets: I8
    modality: I2
    tokens: I4
    width: I4
    height: I4
    seconds: F8
    modalities: tuple[str, ...] = ()

    @classmethod
    def none(cls, n: int) -> Items:
        """Return the table for `n` requests without items."""
        return cls(
            offsets=np.zeros(n + 1, np.int64),
            modality=np.empty(0, np.int16),
            tokens=np.empty(0, np.int32),
            width=np.empty(0, np.int32),
            height=np.empty(0, np.int32),
            seconds=np.empty(0, np.float64),
        )

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def count(self) -> I8:
        """Items per request, int64[n]."""
        return np.diff(self.offsets)

    @functools.cached_property
    def request_tokens(self) -> I8:
        """Item tokens per request, int64[n]."""
        total = np.concatenate(([0], np.cumsum(self.tokens, dtype=np.int64)))
        return np.asarray(total[self.offsets[1:]] - total[self.offsets[:-1]])

    def select(self, rows: I8) -> Items:
        """Return the items of the requests `rows`, in that order."""
        count = self.count[rows]
        offsets = np.concatenate(([0], np.cumsum(count)))
        take = np.repeat(self.offsets[rows] - offsets[:-1], count) + np.arange(offsets[-1])
        return Items(
            offsets,
            self.modality[take],
            self.tokens[take],
            self.width[take],
            self.height[take],
            self.seconds[take],
            self.modalities,
        )


@attrs.frozen(eq=False)
class Clients:
    """Who sends: the dictionary behind `Workload.client`.

    Attributes
    ----------
        names: stable client ids; a client's random streams hang on its name, not on its position.
        group: int16[clients]; index into `groups`.
        groups: names of the workload groups.
    """

    names: tuple[str, ...]
    group: I2
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


@attrs.frozen(eq=False)
class Workload:
    """Requests in columns, sorted by the due time of their session's first turn, then client, session, turn.

    A longer case therefore only appends sessions, and turns at the ends of sessions. All columns have n rows.

    Attributes
    ----------
        due_s: float64; planned time in seconds from the start; NaN for a turn that waits for its parent.
        client: int32; index into `clients`.
        session: int64; ordinal of the conversation within its client (unique as the pair client, session); below 0 for
            one that was already running at time 0.
        turn: int32; 0 for the first turn. A session already running at time 0 begins with a later one.
        parent: int64; row of the previous turn, -1 if there is none in this workload.
        think_s: float64; time between the end of the parent and this turn; 0 for rows without a parent.
        input_tokens: int32; text tokens of the whole prompt, carried history and shared prefix included.
        context_tokens: int32; the part of `input_tokens` that repeats earlier turns of the session.
        output_tokens: int32; tokens to generate, reasoning included.
        reason_tokens: int32; the part of `output_tokens` that is reasoning.
        prefix: int64; id of a prefix shared with other sessions, -1 for none.
        prefix_tokens: int32; its length, part of `input_tokens`.
        items: images, audio, video.
        clients: names and groups of the clients.
        duration_s: length of the planned window; due times lie in [0, duration_s).
        extra: further columns by name, n rows each: fields of a pool that the kernel has no column for.
        notes: what composition had to decide and a reader must know (tokens raised to 1, borrowed lengths ...).
    """

    due_s: F8
    client: I4
    session: I8
    turn: I4
    parent: I8
    think_s: F8
    input_tokens: I4
    context_tokens: I4
    output_tokens: I4
    reason_tokens: I4
    prefix: I8
    prefix_tokens: I4
    items: Items
    clients: Clients
    duration_s: float
    extra: Mapping[str, AnyArray] = attrs.field(factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.due_s)

    @property
    def prompt_tokens(self) -> I8:
        """Text and item tokens of each prompt, int64[n]."""
        return np.asarray(self.input_tokens + self.items.request_tokens)

    @functools.cached_property
    def child(self) -> I8:
        """Row of the next turn of the same session, -1 at a session's end, int64[n]."""
        child = np.full(len(self), -1, np.int64)
        rows = np.flatnonzero(self.parent >= 0)
        child[self.parent[rows]] = rows
        return child

    @functools.cached_property
    def planned_s(self) -> F8:
        """Time of every turn if servers answered at once: its session's due time plus all think times, float64[n]."""
        total = np.cumsum(self.think_s)
        first = np.maximum.accumulate(np.where(self.parent < 0, np.arange(len(self)), 0))
        return np.asarray(self.due_s[first] + (total - total[first])) if len(self) else self.due_s

    @functools.cached_property
    def digest(self) -> str:
        """sha256 over the integers of the workload; equal digests mean the same requests at the same times.

        Covers due times in microseconds, think times in milliseconds, tokens, client, session, turn, prefix and
        items; not names, and nothing in floating point, so that it does not hang on a processor's last bit.
        """
        digest = Digest()
        digest.add(self)
        return digest.value

    def select(self, rows: I8) -> Workload:
        """Return the requests `rows` (ascending, whole sessions or their leading turns), parents renumbered."""
        position = np.full(len(self) + 1, -1, np.int64)
        position[rows] = np.arange(len(rows))
        parent = self.parent[rows]
        return attrs.evolve(
            self,
            **{name: getattr(self, name)[rows] for name in COLUMNS if name != "parent"},
            parent=np.where(parent < 0, -1, position[parent]),
            items=self.items.select(rows),
            extra={name: column[rows] for name, column in self.extra.items()},
        )
