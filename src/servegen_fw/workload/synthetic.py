"""Synthetic clients: a stationary arrival process each, warped to the client's own rate curve."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import attrs
import numpy as np

from servegen_fw.data.arrays import F8
from servegen_fw.hooks.protocols import Modulation
from servegen_fw.workload.block import Block, in_blocks
from servegen_fw.workload.curve import Curve
from servegen_fw.workload.demand import Demand
from servegen_fw.workload.part import Part
from servegen_fw.workload.products import CheckedArrivals, CheckedModulation
from servegen_fw.workload.streams import Streams


@attrs.frozen(eq=False)
class SyntheticClients:
    """Clients that share one model and differ in rate, by Zipf's law: that of client k is proportional to k^-skew.

    Attributes
    ----------
        count: number of clients.
        skew: Zipf exponent.
        group: name of the group, part of every stream's label.
        arrivals: process of each client.
        modulation: rate modulation of each client, drawn for each one; None for none.
        rate: arrivals per second of all clients together, over the time of the case.
        duration_s: length of the case.
        streams: randomness.
    """

    count: int
    skew: float
    group: str
    arrivals: CheckedArrivals
    modulation: Modulation | None
    rate: Curve
    duration_s: float
    streams: Streams
    keep: None = None

    @classmethod
    def of(cls, part: Part, demand: Demand, streams: Streams) -> SyntheticClients:
        """Return the clients of a group at the rate asked, which counts requests, so that sessions arrive less often."""
        group = part.group
        assert group.arrival is not None  # noqa: S101 - `ready` has refused it
        assert demand.rate is not None  # noqa: S101 - `demands` has refused it
        return cls(
            count=group.clients,
            skew=group.skew,
            group=part.name,
            arrivals=CheckedArrivals.of(group.arrival, f"{part.who}.arrival"),
            modulation=None
            if group.modulation is None
            else CheckedModulation.of(group.modulation, f"{part.who}.modulation"),
            rate=demand.rate.scaled(1.0 / part.mean_turns),
            duration_s=demand.duration_s,
            streams=streams,
        )

    @functools.cached_property
    def names(self) -> list[str]:
        """GROUP-1, the fastest, to GROUP-count."""
        return [f"{self.group}-{k + 1}" for k in range(self.count)]

    @functools.cached_property
    def recorded(self) -> list[int]:
        """Zeros: there is no pool."""
        return [0] * self.count

    @functools.cached_property
    def share(self) -> F8:
        """Share of each client in the rate, float64[clients]."""
        weight = np.arange(1.0, self.count + 1) ** -self.skew
        return np.asarray(weight / weight.sum())

    def start_rate(self, client: int) -> float:
        """Arrivals per second at the start of the case, without modulation."""
        return float(self.share[client] * self.rate.rate(np.zeros(1))[0])

    def mass(self, at_s: F8) -> F8:
        """Arrivals of all clients expected up to each of the times, float64[n]."""
        return self.rate.integral(at_s) - self.rate.integral(np.zeros(1))

    def curve(self, client: int) -> Curve:
        """Arrivals per second of one client, its modulation included."""
        curve = self.rate.scaled(float(self.share[client]))
        if self.modulation is None:
            return curve
        rng = self.streams.at(self.group, self.names[client], "modulation")
        breaks, levels = self.modulation.path(self.duration_s, rng)
        return curve.stepped(np.append(breaks, max(self.duration_s, breaks[-1]) + 1.0), levels)

    def blocks(self, client: int) -> Iterator[Block]:
        """Arrivals of one client in fixed blocks of rows."""
        yield from in_blocks(self._times(client))

    def _times(self, client: int) -> F8:
        name, curve = self.names[client], self.curve(client)
        rng = self.streams.at(self.group, name, "gaps")
        if self.arrivals.timescale == "physical":
            return self._physical(curve, name, rng)
        mass = curve.between(0.0, self.duration_s)
        if mass <= 0:
            return np.empty(0)
        unit = self.arrivals.unit_times(mass, rng)
        return curve.inverse(unit + curve.integral(np.zeros(1)))

    def _physical(self, curve: Curve, name: str, rng: np.random.Generator) -> F8:
        """Times of a process whose memory is in seconds: run at the highest rate, thinned to the curve."""
        peak = curve.peak(0.0, self.duration_s)
        if peak <= 0:
            return np.empty(0)
        times = self.arrivals.times(self.duration_s, peak, rng)
        if curve.level is not None:
            return times
        keep = self.streams.at(self.group, name, "level").random(len(times)) * peak < curve.rate(times)
        return times[keep]
