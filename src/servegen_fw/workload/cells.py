"""Cells of a pool, one client in one table window each: where requests without a client of their own are drawn from."""

from __future__ import annotations

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I8
from servegen_fw.data.pool import ClientPool
from servegen_fw.workload.batch import Batch


@attrs.frozen(eq=False)
class Cells:
    """A joint law of all fields: a cell is picked in proportion to its requests, and all fields come from its tables.

    Attributes
    ----------
        client: int64[m]; index of the cell's client in the pool.
        at_s: float64[m]; a time in the cell's window, in the time of the case.
        reach: float64[m]; upper end of the part of [0, 1) that picks each cell.
    """

    client: I8
    at_s: F8
    reach: F8

    @classmethod
    def of(cls, pool: ClientPool, windows: slice, start_s: float) -> Cells:
        """Return the cells of some of a pool's rate windows; `start_s` is where on its clock the case begins."""
        at, where = np.unique(pool.table_window[windows], return_inverse=True)
        requests = np.zeros((len(at), len(pool.clients)))
        np.add.at(requests, where, np.asarray(pool.count[:, windows], np.float64).T)
        used, client = np.nonzero(requests)
        weight = requests[used, client]
        at_s = pool.start_s - start_s + (at[used] + 0.5) * pool.table_window_s
        reach = np.cumsum(weight) / weight.sum() if len(weight) else weight
        return cls(client.astype(np.int64), np.asarray(at_s, np.float64), reach)

    def places(self, batch: Batch) -> tuple[I8, F8]:
        """Pool client and time of the cell of every row of the batch's block, int64[n] and float64[n]."""
        u = batch.stream("cell").random(len(batch.turns))
        cell = np.minimum(np.searchsorted(self.reach, u, side="right"), len(self.reach) - 1)
        return self.client[cell], self.at_s[cell]
