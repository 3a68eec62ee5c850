"""Where numbers of a request come from: a pool's tables, or a distribution that a suite gives instead."""

from __future__ import annotations

import functools
from collections import Counter
from typing import Protocol

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I8
from servegen_fw.data.pool import SESSION_FIELDS, ClientPool
from servegen_fw.hooks.protocols import Lengths


class Quantity(Protocol):
    """One number per request, by its quantile."""

    def draw(self, client: int | I8, at_s: F8, u: F8, tally: Counter[str]) -> F8:
        """Quantiles at `u` (float64[n]) for requests of pool client `client` (one, or int64[n]) at `at_s` (float64[n], case time)."""
        ...


@attrs.frozen(eq=False)
class Given:
    """A distribution of the suite, the same for every client at every time."""

    lengths: Lengths

    def draw(self, client: int | I8, at_s: F8, u: F8, tally: Counter[str]) -> F8:  # noqa: ARG002 - the same everywhere
        """Quantiles at `u`."""
        return self.lengths.ppf(u)


@attrs.frozen(eq=False)
class PoolField:
    """A field of a pool, with what to do where a client has no table for it.

    Such a client borrows from its own nearest table window; if it has none at all, from the mixture of all clients'
    tables, weighted by their recorded requests. Both are counted.

    Attributes
    ----------
        pool: the recording.
        field: name of the field.
        start_s: where on the recording's clock the case begins.
        table: int64[C, V]; index into the pool's tables, -1 for the mixture.
        own: bool[C, V]; whether the table is the one recorded for that window.
        donors: tables of the mixture.
        reach: float64[donors]; upper end of the part of [0, 1) that each donor serves.
    """

    pool: ClientPool
    field: str
    start_s: float
    table: I8
    own: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
    donors: I8
    reach: F8

    @classmethod
    def of(cls, pool: ClientPool, field: str, start_s: float) -> PoolField:
        """Return the field, with the windows that lack a table filled in."""
        recorded = np.asarray(pool.table[pool.fields.index(field)], np.int64)
        filled = (recorded >= 0) & (np.diff(pool.tables.offsets)[recorded] > 0)
        donors, reach = np.empty(0, np.int64), np.empty(0)
        table = np.where(filled, recorded, -1)
        if not filled.all():
            window = np.arange(table.shape[1])
            far = np.where(filled[:, None, :], np.abs(window[:, None] - window), len(window))
            table = np.take_along_axis(table, far.argmin(axis=2), axis=1)
            of_sessions = field in SESSION_FIELDS
            weight = (pool.in_table_windows(pool.count) if of_sessions else pool.table_requests)[filled]
            if weight.sum() > 0:
                donors = recorded[filled][weight > 0]
                reach = np.cumsum(weight[weight > 0]) / weight.sum()
        return cls(pool, field, start_s, table, filled, donors, reach)

    @property
    def drawable(self) -> bool:
        """Whether any client has a table at all."""
        return bool(self.own.any())

    @functools.cached_property
    def _complete(self) -> list[bool]:
        """Whether each client has a table of its own in every window, so that none is borrowed; C of them."""
        return [bool(own.all()) for own in self.own]

    def _window(self, at_s: F8) -> I8:
        """Table window of each time, int64[n]; one for all where all lie in the same, as those of a busy client do."""
        if not len(at_s):
            return np.empty(0, np.int64)
        # Multiplied, since dividing with a floor takes ten times as long; an edge missed by one bit is no edge missed.
        per_s, offset_s = 1.0 / self.pool.table_window_s, self.start_s - self.pool.start_s
        last = self.own.shape[1] - 1
        first, final = (int((end + offset_s) * per_s) for end in (float(at_s.min()), float(at_s.max())))
        if first == final or final <= 0 or first >= last:
            return np.array(min(max(first, 0), last))
        at = at_s + offset_s
        at *= per_s
        window = at.astype(np.int64)
        return window if first >= 0 and final <= last else np.clip(window, 0, last)

    def table_at_start(self, client: int) -> int:
        """Table of `client` at time 0 of the case; -1 for the mixture."""
        return int(self.table[client, self._window(np.zeros(1))].flat[0])

    def draw(self, client: int | I8, at_s: F8, u: F8, tally: Counter[str]) -> F8:
        """Quantiles at `u` of the tables of `client` for the times `at_s`."""
        window = self._window(at_s)
        # Taken rather than indexed twice, where one client is asked: in half the time.
        table = self.table[client].take(window) if isinstance(client, int) else self.table[client, window]
        if table.min(initial=0) < 0:
            # A client has either some table for every window or none for any.
            bare = np.broadcast_to(table < 0, u.shape)
            tally[
                f"{self.field} of clients without any recorded in pool {self.pool.name}: drawn from all its clients"
            ] += int(np.count_nonzero(bare))
            donor = np.minimum(np.searchsorted(self.reach, u, side="right"), len(self.donors) - 1)
            low = np.where(donor > 0, self.reach[donor - 1], 0.0)
            part = np.clip((u - low) / (self.reach[donor] - low), 0.0, 1.0 - 2.0**-53)
            table, u = np.where(bare, self.donors[donor], table), np.where(bare, part, u)
            if bare.all():
                return self.pool.tables.ppf(table, u)
        elif isinstance(client, int) and self._complete[client]:
            return self.pool.tables.ppf(table, u)
        foreign = np.asarray(~self.own[client, window] & (self.table[client, window] >= 0))
        borrowed = int(np.count_nonzero(foreign)) if foreign.ndim else int(foreign) * len(u)
        if borrowed:
            tally[
                f"{self.field} in windows without any recorded in pool {self.pool.name}: drawn from the client's nearest window"
            ] += borrowed
        return self.pool.tables.ppf(table, u)
