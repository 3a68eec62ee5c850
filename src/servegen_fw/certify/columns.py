"""Columns of requests with the law of each value: drawn again, and turned into the uniform numbers they came from."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable

import attrs
import numpy as np
from numpy.random import Generator

from servegen_fw.data.arrays import F8, I8, AnyArray
from servegen_fw.workload.fields import LONGEST
from servegen_fw.workload.quantities import Quantity

BISECTIONS = 40
"""Halvings of [0, 1]; uniform numbers are found to 1e-12."""

GRID = 1024
"""Points at which a quantile function that does not ascend, such as that of a mixture, is asked."""

GRID_ROWS = 4_000
"""Rows for which that is done."""


@attrs.frozen(eq=False)
class Owners:
    """Whose tables rows are drawn from, and when.

    Attributes
    ----------
        client: int64[n]; index in the pool, -1 for a row whose client the group does not have: it is drawn anew each
            time, in proportion to what clients send then.
        at_s: float64[n]; planned time in the case.
        pool_client: int64[C]; index in the pool of each client of the group.
        weight: float64[C, W]; what each of them sends in each window.
        edges_s: float64[W + 1]; edges of the windows; times beyond belong to the first or last one.
    """

    client: I8
    at_s: F8
    pool_client: I8
    weight: F8
    edges_s: F8

    @classmethod
    def known(cls, client: I8, at_s: F8) -> Owners:
        """Return owners of whom none is unknown."""
        return cls(client, at_s, np.empty(0, np.int64), np.empty((0, 1)), np.array([0.0, 1.0]))

    @property
    def strange(self) -> bool:
        """Whether any row's client is unknown."""
        return bool((self.client < 0).any())

    def drawn(self, rng: Generator) -> I8:
        """Index in the pool of each row's client, unknown ones drawn; int64[n]."""
        lost = np.flatnonzero(self.client < 0)
        if not len(lost):
            return self.client
        clients, windows = self.weight.shape
        window = np.clip(np.searchsorted(self.edges_s, self.at_s[lost], side="right") - 1, 0, windows - 1)
        # One search serves all windows: levels of window w lie in [w, w + 1].
        levels = (self._reach + np.arange(windows)).T.ravel()
        found = np.searchsorted(levels, window + rng.random(len(lost)), side="right")
        chosen = np.minimum(found - window * clients, clients - 1)
        client = self.client.copy()
        client[lost] = self.pool_client[chosen]
        return client

    @functools.cached_property
    def _reach(self) -> F8:
        """Share of each window's requests that clients up to each one send; a silent window's as on the whole."""
        total = self.weight.sum(axis=0)
        weight = np.where(total > 0, self.weight, self.weight.sum(axis=1, keepdims=True))
        return np.asarray(np.cumsum(weight, axis=0) / weight.sum(axis=0))

    def at(self, rows: AnyArray) -> Owners:
        """Return those of some rows."""
        return attrs.evolve(self, client=self.client[rows], at_s=self.at_s[rows])


Finish = Callable[[F8, AnyArray], F8]
"""From a drawn number and the row it belongs to (an index array into the column) to the value a workload holds."""


@attrs.frozen(eq=False)
class Column:
    """One column of a group's requests, or of their items.

    Attributes
    ----------
        name: of the column.
        unit: of its values.
        value: float64[n]; as the workload holds them.
        left: bool[n]; which of them were sent.
        owners: whose they are.
        quantile: the law's quantile function for (rows, uniform numbers, clients): float64[k].
    """

    name: str
    unit: str
    value: F8
    left: AnyArray
    owners: Owners
    quantile: Callable[[AnyArray, F8, I8], F8]

    def __len__(self) -> int:
        return len(self.value)

    def draw(self, u: F8, rng: Generator) -> F8:
        """Values at `u` (float64[n]), one a row."""
        return self.quantile(np.arange(len(self)), u, self.owners.drawn(rng))

    def at(self, rows: I8) -> Column:
        """Return some rows."""
        inner = self.quantile
        return attrs.evolve(
            self,
            value=self.value[rows],
            left=self.left[rows],
            owners=self.owners.at(rows),
            quantile=lambda part, u, client: inner(rows[part], u, client),
        )

    def some(self, most: int, rng: Generator) -> Column:
        """Return at most `most` rows, chosen at random."""
        if len(self) <= most:
            return self
        return self.at(np.sort(rng.choice(len(self), most, replace=False)))

    def ascends(self, rng: Generator) -> bool:
        """Whether the quantile function ascends everywhere, so that it can be inverted by halving."""
        if self.owners.strange:
            return False
        rows = np.unique(rng.integers(0, len(self), 64))
        u = np.tile(np.linspace(0.0, 1.0, 256, endpoint=False), len(rows))
        which = np.repeat(rows, 256)
        found = self.quantile(which, u, self.owners.client[which]).reshape(len(rows), 256)
        return bool(np.all(np.diff(found, axis=1) >= 0))


def of_quantity(quantity: Quantity, owners: Owners, finish: Finish) -> Callable[[AnyArray, F8, I8], F8]:
    """Quantile function of rows drawn from a pool's field or a suite's distribution, finished as composition does."""
    tally: Counter[str] = Counter()

    def quantile(rows: AnyArray, u: F8, client: I8) -> F8:
        return finish(quantity.draw(client, owners.at_s[rows], u, tally), rows)

    return quantile


def whole(limit: int) -> Finish:
    """Token counts: rounded, raised to 1, cut at `limit` (0 for none)."""
    longest = float(limit or LONGEST)
    return lambda drawn, _rows: np.clip(np.rint(drawn), 1.0, longest)


def uniforms(column: Column, rng: Generator) -> tuple[F8, Column]:
    """Uniform numbers that the values came from, one a row, and the rows that were looked at.

    A value x that the law takes with probability zero comes from u = F(x); one that it takes with a positive
    probability, as all whole numbers, those raised to 1 and those cut at a limit, comes from anywhere in
    [F(x-), F(x)], and is given a uniform place there. Under the law the result is exactly uniform, whatever clients
    and windows are mixed (Rosenblatt 1952; the randomised form: Ferguson 1967, section 5.3).
    """
    if not column.ascends(rng):
        column = column.some(GRID_ROWS, rng)
    low, high = all_levels(column, rng)
    return low + rng.random(len(column)) * np.maximum(high - low, 0.0), column


def all_levels(column: Column, rng: Generator) -> tuple[F8, F8]:
    """F(x-) and F(x) of every row's value, however long it takes."""
    if column.ascends(rng):
        return _by_halving(column, strict=True), _by_halving(column, strict=False)
    return _by_grid(column, rng)


def _by_halving(column: Column, *, strict: bool) -> F8:
    """F(x-) if `strict`, else F(x), of each row's value."""
    rows, client, x = np.arange(len(column)), column.owners.client, column.value
    low, high = np.zeros(len(x)), np.ones(len(x))
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        found = column.quantile(rows, middle, client)
        below = found < x if strict else found <= x
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    # What lies above every quantile has nothing left above it.
    return np.where(low > 1.0 - 2.0 ** (1 - BISECTIONS), 1.0, low)


def _by_grid(column: Column, rng: Generator) -> tuple[F8, F8]:
    """F(x-) and F(x) of each row's value, as shares of a grid of draws."""
    below, up_to = np.zeros(len(column)), np.zeros(len(column))
    for point in range(GRID):
        found = column.draw(np.full(len(column), (point + 0.5) / GRID), rng)
        below += found < column.value
        up_to += found <= column.value
    return below / GRID, up_to / GRID
