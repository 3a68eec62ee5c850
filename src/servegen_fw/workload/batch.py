"""A batch: the rows of one block of one client, and the random numbers that belong to them."""

from __future__ import annotations

import functools
from collections import Counter

import attrs
import numpy as np
from numpy.random import Generator

from servegen_fw.data.arrays import F8, I8, Bool
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
    """

    label: tuple[str, ...]
    client: int
    number: int | str
    turns: Turns
    kept: Bool | None
    streams: Streams
    tally: Counter[str]

    @functools.cached_property
    def rows(self) -> I8:
        """Rows drawn for, int64[k]."""
        return np.arange(len(self.turns)) if self.kept is None else np.flatnonzero(self.kept)

    @functools.cached_property
    def at_s(self) -> F8:
        """Their planned times, float64[k]."""
        return self.turns.planned_s if self.kept is None else self.turns.planned_s[self.kept]

    def stream(self, purpose: str) -> Generator:
        """Return the stream of one purpose."""
        return self.streams.at(*self.label, purpose, self.number)

    def uniform(self, purpose: str) -> F8:
        """One uniform number for each row drawn for, float64[k]."""
        u = self.stream(purpose).random(len(self.turns))
        return u if self.kept is None else u[self.kept]
