"""The reference tool's arrivals, with their defects, for comparison: every window on its own, filled with a rounded count.

Written from a description of what that tool does: in each window each client has ceil(rate * window) gaps of its
family with the recorded parameter, which are rescaled to fill the window, beginning at its start.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I8
from servegen_fw.workload.block import Block, in_blocks
from servegen_fw.workload.recorded import PoolClients

_HAIR = 1e-9
"""Rounding of a rate times a window that does not make a request more."""

_INSIDE_S = 1e-6
"""How long before the end of a window its last request comes, where rounding leaves it inside: a tick of the clock."""

NOTE = "the reference tool's method with its defects: rounded counts, windows that restart, one number for all fields"


@attrs.frozen(eq=False)
class ReferenceClients(PoolClients):
    """Clients whose windows are filled one by one, as the reference tool fills them.

    The last gap of a window ends where the window does, so that rounding decides whether its arrival is still inside:
    here a coin. A single gap always ends outside, which is why a client of one expected request in a window is silent.
    """

    def blocks(self, client: int) -> Iterator[Block]:
        """Arrivals of one client in fixed blocks of rows."""
        index, name = self.members[client]
        windows = np.arange(*self.span)
        expected = np.asarray(self.pool.count[index, windows], np.float64) * self.factor[windows]
        count = np.ceil(expected - _HAIR).astype(np.int64)
        windows, count = windows[count > 0], count[count > 0]
        if len(windows):
            yield from in_blocks(self._fill(index, name, windows, count))

    def _fill(self, index: int, name: str, windows: I8, count: I8) -> F8:
        """Ascending arrivals of `windows` (int64[k]) with `count` gaps each."""
        number = self.pool.family[index, windows]
        gaps = np.empty(int(count.sum()))
        of = np.repeat(number, count)
        for which in np.unique(number):
            rows = number == which
            law = self.family(int(which))
            recorded = law.parameter(self.pool.cv[index, windows[rows]], np.full(rows.sum(), np.inf))
            rng = self.streams.at(self.group, name, "gaps", self.pool.families[which])
            # In the order of windows, so that a longer case draws the same numbers.
            gaps[of == which] = law.gaps(np.repeat(recorded, count[rows]), rng)
        ends = np.cumsum(count)
        length = np.add.reduceat(gaps, ends - count)
        ordinal = np.repeat(np.arange(len(windows)), count)
        share = np.cumsum(gaps / length[ordinal]) - ordinal
        last = np.zeros(len(gaps), bool)
        last[ends - 1] = True
        share[last] = 1.0
        np.clip(share, 0.0, 1.0, out=share)
        stays = ~last
        # What rounding does there differs between processors; a coin is the same everywhere.
        stays[ends - 1] = (count > 1) & (self.streams.at(self.group, name, "edge").random(len(windows)) < 0.5)
        due_s = self.edges_s[windows][ordinal] + self.pool.window_s * share
        due_s[last] -= _INSIDE_S
        return np.sort(due_s[stays])
