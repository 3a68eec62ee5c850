"""Arrivals held against their law: how many, whose, how bursty, at which scale, and where in a window."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import attrs
import numpy as np

from servegen_fw.certify.arrivals import Replicas
from servegen_fw.certify.finding import NAN, Finding, missing
from servegen_fw.certify.laws import Exactly, Simulated
from servegen_fw.certify.model import GroupModel
from servegen_fw.certify.seen import Seen
from servegen_fw.certify.times import LEAST_BINS, LEAST_GAPS, SCALES_S, Figures, figures
from servegen_fw.data.arrays import F8, I8
from servegen_fw.data.certificate import ClientFigures
from servegen_fw.workload.process import ProcessClients
from servegen_fw.workload.recorded import RecordedClients


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

    def findings(self) -> list[Finding]:
        """All checks of arrivals."""
        found = [self._strangers(), *self._rounding(), *self._copies(), *self._rates(), *self._gaps()]
        found += [self._dispersion(at) for at in range(len(SCALES_S))]
        return [*found, self._first_second(), self._course()]

    # --- who ---

    def _strangers(self) -> Finding:
        return self._plain(
            "known clients",
            target=0,
            generated=self.strangers,
            unit="requests",
            how="every client is one of the group's own that sends at that time",
        )

    def _copies(self) -> list[Finding]:
        copies = self.model.copies
        if copies is None or self.model.pool is None:
            return []
        clients = len(self.model.pool.clients)
        share = copies - math.floor(copies)
        rng = np.random.default_rng(clients)
        drawn = clients * math.floor(copies) + rng.binomial(clients, share, 2000).astype(float)
        return [
            Finding(
                "clients taken",
                self.model.name,
                Simulated(drawn),
                f"each of {clients} clients is copied {copies:.3g} times on average: a binomial number",
                clients * copies,
                self.model.taken,
                unit="clients",
                n=clients,
                measure=self.model.taken / (clients * copies) - 1.0,
            )
        ]

    # --- how many ---

    def _rounding(self) -> list[Finding]:
        """Recorded counts that nothing thins hold to the request, but for the rounding of a fraction."""
        population = self.model.population
        if not isinstance(population, RecordedClients) or population.keep is not None:
            return []
        first, last = population.span
        window = np.arange(first, last)
        edges = population.edges_s
        whole = (edges[window] >= 0) & (edges[window + 1] <= self.replicas.horizon_s + 1e-9)
        of = np.asarray(population.recorded)[self.replicas.clients]
        expected = (np.asarray(population.pool.count, float)[of] * population.factor)[:, window[whole]].sum(
            axis=1
        )
        low = (np.floor(np.asarray(population.pool.count, float)[of] * population.factor))[
            :, window[whole]
        ].sum(axis=1)
        active = (expected > 0).sum() if whole.any() else 0
        if not whole.all() or not active:
            return []
        windows = len(window)
        short = self.generated.count[0] < low - 1e-9
        above = self.generated.count[0] > low + windows + 1e-9
        wrong = int(np.count_nonzero(short | above))
        return [
            self._plain(
                "recorded counts",
                target=0,
                generated=wrong,
                unit="clients",
                how="each client sends its recorded numbers, a fraction rounded up or down in each window",
                n=int(active),
            )
        ]

    def _rates(self) -> list[Finding]:
        horizon, expected = self.replicas.horizon_s, self.expected
        simulated = self.replicas.figures
        total = float(expected.sum())
        if total <= 0:
            return [missing("total rate", self.model.name, "the group sends nothing in this case")]
        share = expected / total
        spread = np.sqrt(np.maximum(simulated.count.var(axis=0, ddof=1), 1e-3))

        def worst(f: Figures) -> F8:
            return np.asarray((np.abs(f.count - expected) / spread).max(axis=1))

        def shares(f: Figures) -> F8:
            own = f.count / np.maximum(f.total, 1.0)[:, None]
            return np.asarray(0.5 * (np.abs(own - share).sum(axis=1) + 1.0 - own.sum(axis=1)))

        at = int((np.abs(self.generated.count[0] - expected) / spread).argmax())
        name = self._name(at)
        rate = Finding(
            "total rate",
            self.model.name,
            Simulated(simulated.total / horizon),
            self._how("arrivals a second"),
            total / horizon,
            float(self.generated.total[0] / horizon),
            NAN if self.sent is None else float(self.sent.total[0] / horizon),
            "1/s",
            int(self.generated.total[0]),
            measure=float(self.generated.total[0] / total - 1.0),
        )
        return [
            rate,
            self._both(
                "client shares",
                shares,
                "half the sum of |share - target|, against that of the simulated workloads",
                sides="upper",
                n=int(self.generated.total[0]),
            ),
            self._both(
                "client rates, worst",
                worst,
                "largest |arrivals - expected| of any client, in its standard deviations",
                sides="upper",
                n=len(expected),
                detail=f"{name}: {self.generated.count[0, at]:,.0f} where {expected[at]:,.1f} are expected",
            ),
        ]

    # --- how bursty ---

    def _gaps(self) -> list[Finding]:
        weight = np.where(self.expected >= LEAST_GAPS, self.expected, 0.0)
        if not np.any(weight):
            why = f"no client is expected to send {LEAST_GAPS} requests"
            return [missing("IAT CV, pooled per client", self.model.name, why)]
        clients = np.flatnonzero(weight)
        simulated = self._log_cv(self.replicas.figures)[:, clients]
        middle, spread = simulated.mean(axis=0), np.maximum(simulated.std(axis=0, ddof=1), 1e-6)

        def worst(f: Figures) -> F8:
            return np.asarray((np.abs(self._log_cv(f)[:, clients] - middle) / spread).max(axis=1))

        own = self._log_cv(self.generated)[0, clients]
        at = int((np.abs(own - middle) / spread).argmax())
        pooled = self._both(
            "IAT CV, pooled per client",
            lambda f: f.pooled_cv(weight),
            "root mean square over clients, weighted by expected arrivals; " + self._how("its law"),
            log=True,
            n=int(self.generated.count[0, clients].sum()),
        )
        return [
            pooled,
            self._both(
                "IAT CV, worst client",
                worst,
                "largest |log CV - its mean| of any client, in its standard deviations",
                sides="upper",
                n=len(clients),
                detail=f"{self._name(int(clients[at]))}: CV {math.exp(own[at]):.3g} where {math.exp(middle[at]):.3g} is typical",
            ),
        ]

    @staticmethod
    def _log_cv(f: Figures) -> F8:
        return np.log(np.where(np.isnan(f.cv) | (f.cv <= 0), 1.0, f.cv))

    def _dispersion(self, at: int) -> Finding:
        name = f"dispersion at {SCALES_S[at]} s"
        if math.isnan(float(self.generated.dispersion[0, at])):
            need = LEAST_BINS * SCALES_S[at]
            why = f"needs {need:,} s of arrivals for {LEAST_BINS} bins, there are {self.replicas.horizon_s:,.0f} s"
            return missing(name, self.model.name, why)
        return self._both(
            name,
            lambda f: f.dispersion[:, at],
            "variance over mean of counts; " + self._how("its law"),
            log=True,
            n=int(self.replicas.horizon_s) // SCALES_S[at],
        )

    def _first_second(self) -> Finding:
        name = "first second of windows"
        starts = self.model.window_starts_s
        starts = starts[starts <= self.replicas.horizon_s - 1.0]
        if not isinstance(self.model.population, RecordedClients | ProcessClients):
            return missing(name, self.model.name, "a synthetic group has no windows")
        expected = sum(
            float(self.model.expected(t, t + 1.0)[self.replicas.clients].sum()) for t in starts.tolist()
        )
        if not len(starts) or expected <= 0:
            return missing(name, self.model.name, "no window of the recording begins within the case")
        return self._both(
            name,
            lambda f: f.first_second / expected,
            f"arrivals in the first second of {len(starts)} windows over those expected there",
            n=len(starts),
            target=1.0,
        )

    def _course(self) -> Finding:
        simulated = self.replicas.figures.course
        if not simulated.shape[1]:
            return missing("course over time", self.model.name, "the case lasts a second")
        middle = simulated.mean(axis=0)
        return self._both(
            "course over time",
            lambda f: np.abs(f.course - middle).max(axis=1),
            "largest difference of the share of arrivals before any moment, against that of the simulated workloads",
            sides="upper",
            n=int(self.generated.total[0]),
        )

    # --- words and columns ---

    def _name(self, place: int) -> str:
        assert self.model.population is not None  # noqa: S101 - a group with clients
        return self.model.population.names[int(self.replicas.clients[place])]

    def _how(self, what: str) -> str:
        part = ""
        if self.replicas.horizon_s < self.model.demand.duration_s:
            part = f", over the first {self.replicas.horizon_s:,.0f} s"
        return f"{what} in {len(self.replicas)} simulated workloads{part}"

    def _plain(
        self, name: str, *, target: float, generated: float, unit: str, how: str, n: int | None = None
    ) -> Finding:
        n = int(self.generated.total[0]) if n is None else n
        law = Exactly(target, target)
        return Finding(
            name, self.model.name, law, how, target, generated, NAN, unit, n, measure=generated - target
        )

    def _both(
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
        """A figure of replicates, workload and records; distances are zero at best, so their target is a typical one."""
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
            name=tuple(self._name(int(at)) for at in order),
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
