"""Arrivals of one group in three columns: simulated, generated, sent; and findings made of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import attrs
import numpy as np

from servegen_fw.certify.arrivals import Replicas
from servegen_fw.certify.finding import NAN, Finding
from servegen_fw.certify.laws import Exactly, Simulated
from servegen_fw.certify.model import GroupModel
from servegen_fw.certify.seen import Seen
from servegen_fw.certify.times import LEAST_GAPS, Figures, figures
from servegen_fw.data.arrays import F8, I8
from servegen_fw.data.certificate import ClientFigures


@attrs.frozen(eq=False)
class Arrivals:
    """Arrivals of one group: simulated, generated, sent.

    Attributes
    ----------
        model: their law.
        replicas: simulated.
        generated: figures of the workload's.
        sent: figures of those that left, at their start times; None without records.
        strangers: rows of clients that the group does not have, or that should send nothing.
    """

    model: GroupModel
    replicas: Replicas
    generated: Figures
    sent: Figures | None
    strangers: int

    @classmethod
    def of(cls, model: GroupModel, replicas: Replicas, seen: Seen, number: int) -> Arrivals:
        """Take the figures of a group's rows, over the clients and the time that were simulated."""
        rows = seen.starts(number)
        clients = len(replicas.clients)
        chosen = np.full(len(model.population.names if model.population else ()) + 1, -1)
        # A client that should send nothing is as unknown as one that the group does not have.
        chosen[:-1][model.expected(0.0, model.demand.duration_s) <= 0] = clients
        chosen[-1] = clients
        chosen[replicas.clients] = np.arange(clients)
        client = chosen[seen.places(model, rows)]
        inside = (client >= 0) & (seen.workload.due_s[rows] < replicas.horizon_s)
        starts = model.window_starts_s
        starts = starts[starts <= replicas.horizon_s - 1.0]

        def taken(client: I8, at_s: F8) -> Figures:
            none = np.zeros(len(client), np.int64)
            return figures(none, client, at_s, (1, clients), replicas.horizon_s, window_starts_s=starts)

        own, client = rows[inside], client[inside]
        generated = taken(client, seen.workload.due_s[own])
        sent = None
        if seen.records is not None:
            left = seen.left[own]
            at_s = np.clip(seen.start_s(own[left]), 0.0, np.nextafter(replicas.horizon_s, 0.0))
            sent = taken(client[left], at_s)
        return cls(model, replicas, generated, sent, int(np.count_nonzero(client == clients)))

    @property
    def expected(self) -> F8:
        """Expected arrivals of each simulated client, float64[C]."""
        return self.model.expected(0.0, self.replicas.horizon_s)[self.replicas.clients]

    def name_of(self, place: int) -> str:
        """Client at a place among the simulated ones."""
        assert self.model.population is not None  # noqa: S101 - a group with clients
        return self.model.population.names[int(self.replicas.clients[place])]

    def how(self, what: str) -> str:
        """What is simulated, how often and for how long."""
        part = ""
        if self.replicas.horizon_s < self.model.demand.duration_s:
            part = f", over the first {self.replicas.horizon_s:,.0f} s"
        return f"{what} in {len(self.replicas)} simulated workloads{part}"

    def plain(
        self, name: str, *, target: float, generated: float, unit: str, how: str, n: int | None = None
    ) -> Finding:
        """Return a figure that leaves nothing to chance."""
        n = int(self.generated.total[0]) if n is None else n
        law = Exactly(target, target)
        return Finding(
            name, self.model.name, law, how, target, generated, NAN, unit, n, measure=generated - target
        )

    def compared(
        self,
        name: str,
        take: Callable[[Figures], F8],
        how: str,
        *,
        n: int,
        sides: Literal["both", "upper"] = "both",
        log: bool = False,
        target: float | None = None,
        detail: str = "",
    ) -> Finding:
        """Return a figure of replicates, workload and records; distances are zero at best, so their target is a typical one."""
        simulated = np.asarray(take(self.replicas.figures), float)
        generated = float(take(self.generated)[0])
        typical = float(np.median(simulated)) if target is None else target
        ratio = (
            math.log(generated / typical) if log and generated > 0 and typical > 0 else generated - typical
        )
        return Finding(
            name,
            self.model.name,
            Simulated(simulated, sides, log),
            how,
            typical,
            generated,
            NAN if self.sent is None else float(take(self.sent)[0]),
            "1",
            n,
            detail,
            measure=ratio,
        )

    def clients(self) -> ClientFigures:
        """Figures of each client, most expected arrivals first."""
        simulated, expected = self.replicas.figures, self.expected
        order = np.argsort(-expected, kind="stable")
        order = order[(expected > 0)[order] | (self.generated.count[0] > 0)[order]]
        seen = expected >= LEAST_GAPS
        cv = np.where(np.isnan(simulated.cv), 1.0, simulated.cv)
        low, middle, high = np.quantile(cv, (0.005, 0.5, 0.995), axis=0)
        sent = np.full(len(expected), -1.0) if self.sent is None else self.sent.count[0]
        none = np.full(len(expected), np.nan)
        return ClientFigures(
            name=tuple(self.name_of(int(at)) for at in order),
            group=(self.model.name,) * len(order),
            target=expected[order],
            generated=self.generated.count[0, order].astype(np.int64),
            sent=sent[order].astype(np.int64),
            target_cv=np.where(seen, middle, np.nan)[order],
            low_cv=np.where(seen, low, np.nan)[order],
            high_cv=np.where(seen, high, np.nan)[order],
            generated_cv=self.generated.cv[0, order],
            sent_cv=none[order] if self.sent is None else self.sent.cv[0, order],
        )
