"""A batch: the rows of one block of one client, and the random numbers that belong to them."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable

import attrs
import numpy as np
from numpy.random import Generator

from servegen_fw.data.arrays import F8, I8, AnyArray, Bool
from servegen_fw.workload.coupling import Coupling
from servegen_fw.workload.sessions import Turns
from servegen_fw.workload.streams import Streams


@attrs.frozen(eq=False)
class Batch:
    """What fields are drawn for.

    Attributes
    ----------
        label: (group, client), the head of every stream's label.
        client: index of the client in its pool.
        number: of the block, the tail of every stream's label.
        turns: all rows of the block.
        kept: bool[n], the rows that are drawn for; None for all. Random numbers are drawn for every row, kept or
            not, so that what is kept does not depend on what is not.
        streams: randomness.
        tally: counts of what a reader must know.
        drawn: uniform numbers of the block by purpose, kept since several columns may need them.
        coupling: what columns depend on each other; None if none do.
        comonotone: whether one uniform number serves all columns of a row.
        places: pool client (int64) and time (float64) of every row of the block, at which its tables are asked, where
            they are not the batch's client and the row's planned time.
    """

    label: tuple[str, ...]
    client: int
    number: int | str
    turns: Turns
    kept: Bool | None
    streams: Streams
    tally: Counter[str]
    drawn: dict[str, F8] = attrs.field(factory=dict)
    coupling: Coupling | None = None
    comonotone: bool = False
    places: tuple[I8, F8] | None = None

    @functools.cached_property
    def rows(self) -> I8:
        """Rows drawn for, int64[k]."""
        return np.arange(len(self.turns)) if self.kept is None else np.flatnonzero(self.kept)

    @functools.cached_property
    def whose(self) -> int | I8:
        """Pool client whose tables they are drawn from: one for all, or int64[k]."""
        return self.client if self.places is None else self._kept(self.places[0])

    @functools.cached_property
    def at_s(self) -> F8:
        """The times at which tables are asked, float64[k]."""
        return self._kept(self.turns.planned_s if self.places is None else self.places[1])

    def stream(self, purpose: str) -> Generator:
        """Return the stream of one purpose."""
        return self.streams.at(*self.label, purpose, self.number)

    def uniform(self, purpose: str) -> F8:
        """One uniform number for each row drawn for, float64[k]."""
        return self._column(purpose, lambda name: self._kept(self._drawn(name)), self.whose)

    def uniform_of_all(self, purpose: str) -> F8:
        """One uniform number for every row of the block, float64[n]."""
        return self._column(purpose, self._drawn, self.client if self.places is None else self.places[0])

    def uniform_of_each(self, purpose: str, owner: I8) -> F8:
        """One uniform number for each of several parts of rows, float64[m]; `owner` (int64[m]) is each one's row of the block."""
        if self.comonotone:
            return self._drawn(_TOGETHER)[owner]
        return self.stream(purpose).random(len(owner))

    def _column(self, purpose: str, drawn: Callable[[str], F8], client: int | I8) -> F8:
        if self.comonotone:
            return drawn(_TOGETHER)
        return drawn(purpose) if self.coupling is None else self.coupling.column(purpose, drawn, client)

    def _drawn(self, purpose: str) -> F8:
        """Independent numbers of one purpose for all rows of the block."""
        if purpose not in self.drawn:
            self.drawn[purpose] = self.stream(purpose).random(len(self.turns))
        return self.drawn[purpose]

    def _kept(self, column: AnyArray) -> AnyArray:
        return column if self.kept is None else column[self.kept]


_TOGETHER = "fields"
"""Purpose of the one number that drives all columns of a comonotone row."""
