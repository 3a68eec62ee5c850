"""A population of clients in columns: what each one did in each time window, and the tables its requests are drawn from."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I2, I4, I8, AnyArray

SESSION_FIELDS = ("turns", "think_s", "prefix_tokens")
"""Fields that are drawn for sessions, not for each request."""


@attrs.frozen(eq=False)
class Tables:
    """Many one-dimensional distributions in one compressed-row structure, drawn from by their quantile function.

    A *step* table holds a probability mass function: `value[j]` is drawn for u in [cdf[j-1], cdf[j]). A *linear*
    table holds quantile knots: the value is interpolated between (cdf[j-1], value[j-1]) and (cdf[j], value[j]), and
    its first knot has cdf 0.

    Attributes
    ----------
        offsets: int64[tables + 1]; table k has knots offsets[k]:offsets[k + 1].
        value: float64[knots], ascending within a table.
        cdf: float64[knots], ascending within a table, the last one 1.
        linear: whether the knots are interpolated.
    """

    offsets: I8
    value: F8
    cdf: F8
    linear: bool = False

    @classmethod
    def of(cls, parts: Sequence[tuple[F8, F8]], *, linear: bool = False) -> Tables:
        """Put tables together, given as (value, cdf) each."""
        none = [np.empty(0)]
        return cls(
            np.cumsum([0, *(len(value) for value, _ in parts)], dtype=np.int64),
            np.concatenate([value for value, _ in parts] or none),
            np.concatenate([cdf for _, cdf in parts] or none),
            linear,
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def knots(self, table: int) -> tuple[F8, F8]:
        """Return values and levels of one table, float64[k] each; views."""
        part = slice(int(self.offsets[table]), int(self.offsets[table + 1]))
        return self.value[part], self.cdf[part]

    @functools.cached_property
    def _levels(self) -> F8:
        """All tables' levels in one ascending row: table k's lie in [k, k + 1]; an end mark follows."""
        owner = np.repeat(np.arange(len(self), dtype=np.float64), np.diff(self.offsets))
        return np.concatenate((owner + self.cdf, [np.inf]))

    @functools.cached_property
    def _guide(self) -> tuple[I8, I8, I4]:
        """Cells of each table (a power of two), where its cells begin, and the first knot that a cell's answers can have.

        Four to eight cells a knot, so that most draws are answered by their cell alone; fewer in very large pools.
        """
        knots = np.maximum(np.diff(self.offsets), 1)
        cells = np.left_shift(4, np.ceil(np.log2(knots)).astype(np.int64))
        while cells.sum() > _GUIDE_CELLS and cells.max() > 1:
            cells = np.maximum(cells >> 1, 1)
        begin = np.concatenate(([0], np.cumsum(cells)))
        owner = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        # A knot is behind every draw of the cells after its own. A level of 1 is behind none of its table's.
        cell = begin[owner] + np.minimum((self.cdf * cells[owner]).astype(np.int64), cells[owner] - 1)
        behind = np.bincount(cell, minlength=int(begin[-1]))
        return cells, begin[:-1], (np.cumsum(behind) - behind).astype(np.int32)

    def _find(self, table: I8, u: F8) -> I8:
        """Index of the first level of each `table` (int64[n], none empty) above each `u` (float64[n]); int64[n].

        Indexed search (Chen and Asau 1974): a cell gives a start at or below the answer, a few steps lead to it, and
        bisection serves the rest.
        """
        cdf, (cells, begin, start) = self._ended, self._guide
        at = start.take(begin.take(table) + (u * cells.take(table)).astype(np.int64)).astype(np.int64)
        left = np.flatnonzero(cdf.take(at) <= u)
        for _ in range(_GUIDE_STEPS):
            step = at.take(left) + 1
            at[left] = step
            left = left[cdf.take(step) <= u.take(left)]
        if len(left):
            which = np.broadcast_to(table, u.shape)[left]
            found = np.searchsorted(self._levels, which + u[left], side="right")
            at[left] = np.minimum(found, self.offsets[which + 1] - 1)
        return at

    @functools.cached_property
    def _ended(self) -> F8:
        """The levels with an end mark that no draw reaches."""
        return np.append(self.cdf, np.inf)

    def ppf(self, table: AnyArray, u: F8) -> F8:
        """Quantiles at `u` (float64[n] in [0, 1)) of the tables `table` (int[n], or one for all); float64[n].

        A table without knots, and a `table` of -1, give NaN. One search serves all tables, with levels resolved to
        2**-52 times the number of tables.
        """
        table = np.asarray(table, np.int64)
        u = np.asarray(u, np.float64)
        if not len(self.value):
            return np.full(len(u), np.nan)
        bare = None
        if not self._plain or table.min(initial=0) < 0:
            table = np.broadcast_to(table, u.shape)
            first, last = self.offsets[table], self.offsets[table + 1] - 1
            bare = (last < first) | (table < 0)
            first[bare] = last[bare] = 0
            table = np.where(bare, int(np.argmax(np.diff(self.offsets) > 0)), table)
            at = np.clip(self._find(table, u), first, last)
        else:
            at = self._find(table, u)
        if self.linear:
            begin, level, slope = self._segments
            value = begin[at] + slope[at] * np.maximum(u - level[at], 0.0)
        else:
            value = self.value.take(at)
        if bare is not None:
            value[bare] = np.nan
        return value

    def whole_steps(self, table: int) -> tuple[F8, F8]:
        """What the quantiles of one table are once rounded to whole numbers of at least 1: values and upper levels, float64[k] each."""
        value, cdf = self.knots(table)
        if self.linear:
            low, high = np.maximum(np.rint(value[[0, -1]]), 1.0)
            whole = np.arange(low, high + 1)
            return whole, np.append(np.interp(whole[:-1] + 0.5, value, cdf), 1.0)
        return np.maximum(np.rint(value), 1.0), cdf

    @functools.cached_property
    def _plain(self) -> bool:
        """Whether every table has knots and ends at level 1, so that no search leaves its table."""
        return bool(np.all(np.diff(self.offsets) > 0) and np.all(self.cdf[self.offsets[1:] - 1] >= 1))

    @functools.cached_property
    def _segments(self) -> tuple[F8, F8, F8]:
        """Of the line that ends at each knot: value and level where it begins, and its slope; float64[knots] each."""
        begin, level, slope = self.value.copy(), self.cdf.copy(), np.zeros(len(self.value))
        width = np.diff(self.cdf)
        inner = np.ones(len(width), np.bool_)
        inner[(self.offsets[1:-1] - 1)[(self.offsets[1:-1] > 0) & (self.offsets[1:-1] < len(self.value))]] = (
            False
        )
        knot = np.flatnonzero(inner & (width > 0))
        begin[knot + 1], level[knot + 1] = self.value[knot], self.cdf[knot]
        slope[knot + 1] = (self.value[knot + 1] - self.value[knot]) / width[knot]
        return begin, level, slope


# Cells and steps of the indexed search: memory of at most 4 bytes a cell.
_GUIDE_CELLS = 1 << 22
_GUIDE_STEPS = 2


@attrs.frozen(eq=False)
class ClientPool:
    """Recorded client windows plus the tables of their requests' fields.

    C clients, W rate windows of `window_s` seconds, V table windows of `table_window_s` seconds, F fields.

    Attributes
    ----------
        name: of the population, for example "deepseek-r1".
        clients: C stable ids.
        start_s: time of the first window's start, in seconds (0 = midnight of the recording's first day).
        window_s: length of a rate window in seconds.
        count: float64[C, W]; requests recorded in the window (a fraction where a fit smoothed it). Where the pool has
            the field "turns" these are the sessions begun in it, each of which brings its later turns along.
        cv: float64[C, W]; coefficient of variation of the recorded inter-arrival times; 0 where inactive.
        family: int16[C, W]; index into `families`, -1 where inactive.
        families: names of arrival entries that offer a gap family, for example ("gamma", "weibull").
        fields: names of F request fields: "input_tokens", "output_tokens", "reason_ratio", "image_count", "image_tokens",
            "prefix_tokens" (leading tokens that are those of the client's own prefix) ...; and of sessions: "turns", and
            "think_s", the seconds from the end of an answer to the next turn, both of the table window in which the
            session begins. A pool has both of them or neither.
        tables: the distributions.
        table: int32[F, C, V]; index into `tables`, -1 where the client has none for that window.
        table_window_s: length of a table window in seconds; the first begins at `start_s`.
        carries_context: whether the turns of a session repeat the earlier ones; "input_tokens" are then a turn's new ones.
        pairs: P pairs of fields whose values depend on each other within a client.
        rank: float64[P, C]; Spearman rank correlation of each pair for each client.
        meta: source, licence, excerpt, error of a fit, and what was missing or borrowed; JSON-able.
    """

    name: str
    clients: tuple[str, ...]
    start_s: float
    window_s: float
    count: F8
    cv: F8
    family: I2
    families: tuple[str, ...]
    fields: tuple[str, ...]
    tables: Tables
    table: I4
    table_window_s: float
    carries_context: bool = False
    pairs: tuple[tuple[str, str], ...] = ()
    rank: F8 = attrs.field(factory=lambda: np.empty((0, 0)))
    meta: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds."""
        return float(self.count.shape[1] * self.window_s)

    @property
    def has_sessions(self) -> bool:
        """Whether `count` counts sessions begun, which bring their later turns along."""
        return "turns" in self.fields

    @property
    def table_window(self) -> I8:
        """Table window in which each rate window begins, int64[W]."""
        begin_s = self.window_s * np.arange(self.count.shape[1])
        return np.minimum((begin_s // self.table_window_s).astype(np.int64), max(self.table.shape[2] - 1, 0))

    @functools.cached_property
    def mean_turns(self) -> F8:
        """Mean turns of the sessions that a client begins in a table window, float64[C, V]; 1 in a pool without sessions.

        Where a client has no table, what composition takes instead: that of its nearest window, or for a client
        without any the mean of all clients' tables, weighted by their sessions.
        """
        if not self.has_sessions:
            return np.ones((len(self.clients), self.table.shape[2]))
        table = np.asarray(self.table[self.fields.index("turns")], np.int64)
        filled = (table >= 0) & (np.diff(self.tables.offsets)[table] > 0)
        mean = np.full(table.shape, np.nan)
        for one in np.unique(table[filled]).tolist():
            turns, level = self.tables.whole_steps(one)
            mean[filled & (table == one)] = turns @ np.diff(level, prepend=0.0)
        sessions = self.in_table_windows(self.count)
        weight = sessions[filled].sum()
        common = float(mean[filled] @ sessions[filled] / weight) if weight > 0 else 1.0
        window = np.arange(table.shape[1])
        far = np.where(filled[:, None, :], np.abs(window[:, None] - window), len(window))
        mean = np.take_along_axis(mean, far.argmin(axis=2), axis=1)
        return np.where(np.isnan(mean), common, mean)

    @functools.cached_property
    def requests(self) -> F8:
        """Requests of the sessions begun in each window, float64[C, W]: `count` times their mean number of turns."""
        count = np.asarray(self.count, np.float64)
        return count * self.mean_turns[:, self.table_window] if self.has_sessions else count

    @functools.cached_property
    def table_requests(self) -> F8:
        """Requests per client and table window, later turns of sessions included, float64[C, V]."""
        return self.in_table_windows(self.requests)

    def in_table_windows(self, count: AnyArray) -> F8:
        """Sum what is counted by rate window ([C, W]) over the rate windows that begin in each table window; float64[C, V]."""
        total = np.zeros((len(self.clients), self.table.shape[2]))
        filled, first = np.unique(self.table_window, return_index=True)
        if len(filled):
            total[:, filled] = np.add.reduceat(np.asarray(count, np.float64), first, axis=1)
        return total

    def without_sessions(self) -> ClientPool:
        """Return the same clients with every turn a request of its own: `count` counts requests, prompts hold no history."""
        kept = [number for number, field in enumerate(self.fields) if field not in {"turns", "think_s"}]
        return attrs.evolve(
            self,
            count=self.requests,
            fields=tuple(self.fields[number] for number in kept),
            table=self.table[kept],
            carries_context=False,
        )

    @property
    def rate(self) -> float:
        """Mean requests per second of the whole population, later turns of sessions included."""
        return float(self.requests.sum() / self.duration_s)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Kinds of items its requests carry: every X with the fields X_count and X_tokens."""
        return tuple(
            field.removesuffix("_count")
            for field in self.fields
            if field.endswith("_count") and field.removesuffix("_count") + "_tokens" in self.fields
        )
