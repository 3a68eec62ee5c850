"""A finished run as metrics, gates and reporters see it, and what a metric returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I2, I8, Bool
from servegen_fw.data.plan import Plan
from servegen_fw.data.records import OK, Records
from servegen_fw.data.workload import Workload

Better = Literal["lower", "higher"]


@attrs.frozen(eq=False)
class Observations:
    """What observers sampled: one row a sample.

    Attributes
    ----------
        t_ns: int64[k]; on the run's clock.
        target: int16[k]; index into `targets`.
        series: int16[k]; index into `names`.
        value: float64[k].
        targets: names of targets.
        names: names of series.
        units: unit of each series, aligned with `names`.
    """

    t_ns: I8
    target: I2
    series: I2
    value: F8
    targets: tuple[str, ...]
    names: tuple[str, ...]
    units: tuple[str, ...]

    @classmethod
    def none(cls) -> Observations:
        """Return the table of a run without observers."""
        return cls(
            np.empty(0, np.int64), np.empty(0, np.int16), np.empty(0, np.int16), np.empty(0), (), (), ()
        )


@attrs.frozen(eq=False)
class Run:
    """One finished run and the rows under judgement.

    Attributes
    ----------
        plan: what was asked.
        records: what happened, one row per workload row.
        rows: int64[k]; the rows judged here: those due in the measured window, cut down further by a `where`.
        observations: samples of observers.
        facts: facts about target and harness, for example the accelerator, the price, the server's version.
        scope: int64[j]; rows that match the `where`, judged or not, for figures that count what happened in the
            window rather than what was due in it (throughput); None for all rows.
        good: bool[n]; whether each row met every per-request objective; None without such objectives.
    """

    plan: Plan
    records: Records
    rows: I8
    observations: Observations = attrs.field(factory=Observations.none)
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    scope: I8 | None = None
    good: Bool | None = None

    @property
    def workload(self) -> Workload:
        """The plan's workload."""
        return self.plan.workload

    @property
    def ok(self) -> I8:
        """Judged rows that succeeded, int64[j]."""
        return np.asarray(self.rows[self.records.status[self.rows] == OK])

    @property
    def ready_ns(self) -> I8:
        """Earliest time at which each request could leave, int64[n]: its due time, but never before its parent's end.

        The two differ only for turns sent at planned times (``sessions = "planned"``): what such a turn waits for an
        earlier answer is the server's doing and not the driver's lag.
        """
        parent, records = self.workload.parent, self.records
        ended = np.where(parent >= 0, records.done_ns[parent], -1)
        return np.asarray(np.maximum(records.due_ns, ended))

    @property
    def window_s(self) -> float:
        """Length of the measured window in seconds: the planned one, or up to the last end in closed mode."""
        if self.plan.mode == "open":
            return self.plan.duration_s - self.plan.warmup_s
        ends = self.records.done_ns[self.rows]
        return max(0.0, float(ends.max(initial=0)) / 1e9 - self.plan.warmup_s)

    @classmethod
    def measured(cls, plan: Plan, records: Records, **more: Any) -> Run:
        """Return the run over all rows due in the measured window."""
        return cls(plan, records, np.flatnonzero(plan.measured(records.due_ns)), **more)

    @property
    def scoped(self) -> I8:
        """Rows that match the `where`, judged or not, int64[j]."""
        return np.arange(len(self.records)) if self.scope is None else self.scope

    def at(self, rows: I8) -> Run:
        """Return the same run judged on `rows` only."""
        return attrs.evolve(self, rows=rows)

    def only(self, member: Bool) -> Run:
        """Return the same run cut down to the requests that `member` (bool[n]) marks."""
        return attrs.evolve(self, rows=self.rows[member[self.rows]], scope=self.scoped[member[self.scoped]])


@attrs.frozen(eq=False)
class Series:
    """A metric with a value per request, or per event of a request.

    Attributes
    ----------
        values: float64[m] in `unit`.
        at_s: float64[m]; when each value belongs to on the run's clock, for statistics that respect time order.
        unit: SI ("s", "tokens/s", "1").
        better: direction.
        weight: float64[m], how often each value counts; None for once each.
        requests: number of requests behind the values (for ITL far less than m).
        rows: int64[m]; the workload row of each value, None where values are not one per request. With it the
            metric counts for goodput and a missed objective names its requests.
    """

    values: F8
    at_s: F8
    unit: str
    better: Better
    weight: F8 | None = None
    requests: int = -1
    rows: I8 | None = None


@attrs.frozen
class Scalar:
    """A metric with one value per run; `low` and `high` are the interval its maker can justify, or NaN.

    `n` is what it was computed from (requests, samples), for the reader; `n_effective` the same allowing for
    autocorrelation, NaN if unknown; `method` how the interval was made.
    """

    value: float
    unit: str
    better: Better
    n: int = 0
    low: float = float("nan")
    high: float = float("nan")
    n_effective: float = float("nan")
    method: str = ""
