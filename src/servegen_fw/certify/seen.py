"""What a certificate looks at: the workload's rows, group by group, and which of them left, and when."""

from __future__ import annotations

import functools

import attrs
import numpy as np

from servegen_fw.certify.model import GroupModel
from servegen_fw.data.arrays import F8, I8, Bool
from servegen_fw.data.records import Records
from servegen_fw.data.workload import Workload


@attrs.frozen(eq=False)
class Seen:
    """A workload and, where it was sent, its records.

    Attributes
    ----------
        workload: the requests.
        records: one row each; None if nothing was sent.
    """

    workload: Workload
    records: Records | None = None

    @functools.cached_property
    def left(self) -> Bool:
        """Whether each request left; all False without records."""
        if self.records is None:
            return np.zeros(len(self.workload), np.bool_)
        return np.asarray(self.records.start_ns >= 0)

    @functools.cached_property
    def group(self) -> I8:
        """Number of each row's group."""
        return np.asarray(self.workload.clients.group, np.int64)[self.workload.client]

    def rows(self, number: int) -> I8:
        """Rows of a group."""
        return np.flatnonzero(self.group == number)

    def starts(self, number: int) -> I8:
        """Rows of a group that are arrivals: first turns of sessions begun within the case."""
        workload = self.workload
        return np.flatnonzero((self.group == number) & (workload.turn == 0) & (workload.session >= 0))

    def places(self, model: GroupModel, rows: I8) -> I8:
        """Clients of rows by their number in the model's population; -1 for those it does not have."""
        assert model.population is not None  # noqa: S101 - asked of groups with clients
        names = self.workload.clients.names
        known = {name: place for place, name in enumerate(model.population.names)}
        own = [known.get(name.removeprefix(f"{model.name}/"), -1) for name in names]
        return np.array(own, np.int64)[self.workload.client[rows]]

    def start_s(self, rows: I8) -> F8:
        """Times at which rows left, on the case's clock."""
        assert self.records is not None  # noqa: S101 - asked where there are records
        return np.asarray(self.records.start_ns[rows] / 1e9)
