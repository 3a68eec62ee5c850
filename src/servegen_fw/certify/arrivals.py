"""Arrivals of a group simulated many times: the sampling law that a workload's own arrivals are held against.

Recorded counts are simulated here, many replicates of a client at once, by steps written apart from composition's:
an error of the one is not repeated by the other. Processes and synthetic clients are run again with other streams.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.random import Generator

from servegen_fw.certify.model import GroupModel
from servegen_fw.certify.times import Figures, figures
from servegen_fw.data.arrays import F8, I8
from servegen_fw.workload.population import Population
from servegen_fw.workload.recorded import RecordedClients
from servegen_fw.workload.streams import Streams

BUDGET = 2_000_000
"""Simulated arrivals, about, of the replicates of one group; some tenths of a second."""

FEWEST, MOST = 60, 300
"""Replicates: never fewer, or tails are unknown, and no more than tolerances gain by."""

CALL = 3_000
"""Arrivals that take as long to simulate as one call for one client."""

TOGETHER = 2_000_000
"""Arrivals, and seconds, of the replicates held in memory at once."""


@attrs.frozen(eq=False)
class Replicas:
    """Simulated arrivals of a group.

    Attributes
    ----------
        horizon_s: they cover [0, horizon_s) of the case.
        clients: int64[C]; the clients that were simulated, by their number in the population.
        figures: of R replicates.
    """

    horizon_s: float
    clients: I8
    figures: Figures

    def __len__(self) -> int:
        return len(self.figures.count)


@attrs.frozen
class Extent:
    """How much of a group is simulated within the budget."""

    replicates: int
    horizon_s: float
    clients: I8 = attrs.field(eq=False)


def extent(model: GroupModel, effort: float = 1.0) -> Extent:
    """Replicates, length and clients for `effort` times the budget; a small group is simulated whole."""
    budget = effort * BUDGET
    duration_s, expected = model.demand.duration_s, _effort(model)
    total, clients = float(expected.sum()), np.flatnonzero(expected > 0)
    together = isinstance(model.population, RecordedClients)
    per_call = CALL / MOST if together else CALL
    most = int(2 * budget / (FEWEST * per_call))
    if len(clients) > most:
        clients = np.sort(np.argsort(-expected, kind="stable")[:most])
        total = float(expected[clients].sum())
    cost = total + per_call * len(clients)
    replicates = int(np.clip(budget / max(cost, 1.0), FEWEST, MOST))
    share = min(1.0, 2 * budget / (FEWEST * max(total, 1.0)))
    return Extent(replicates, duration_s if share >= 1 else max(60.0, share * duration_s), clients)


def _effort(model: GroupModel) -> F8:
    """Arrivals to draw for each client, those not kept included, float64[clients]."""
    keep = None if model.population is None else model.population.keep
    expected = model.expected(0.0, model.demand.duration_s)
    share = 1.0 if keep is None else max(keep.mean(0.0, model.demand.duration_s), 1e-6)
    return expected / share


def replicas(model: GroupModel, streams: Streams, effort: float = 1.0) -> Replicas:
    """Simulate a group within `effort` times the budget; `streams` are the simulation's own."""
    size = extent(model, effort)
    starts = model.window_starts_s
    starts = starts[starts <= size.horizon_s - 1.0]
    per = float(_effort(model)[size.clients].sum()) * size.horizon_s / model.demand.duration_s
    chunk = int(np.clip(TOGETHER / max(per, size.horizon_s, 1.0), 1, size.replicates))
    parts = []
    for begin in range(0, size.replicates, chunk):
        many = min(chunk, size.replicates - begin)
        rows = _simulate(model, size, begin, many, streams)
        parts.append(figures(*rows, (many, len(size.clients)), size.horizon_s, window_starts_s=starts))
    return Replicas(size.horizon_s, size.clients, Figures.joined(parts))


def _simulate(model: GroupModel, size: Extent, begin: int, many: int, streams: Streams) -> tuple[I8, I8, F8]:
    """Replicate, client and time of the arrivals of `many` replicates from number `begin` on."""
    population = model.cut(size.horizon_s)
    rows: list[tuple[I8, I8, F8]] = []
    if isinstance(population, RecordedClients):
        for place, client in enumerate(size.clients.tolist()):
            rng = streams.at("certificate", "recorded", model.name, population.names[client], begin)
            replicate, at_s = recorded(population, client, many, rng)
            rows.append((replicate, np.full(len(at_s), place), at_s))
    else:
        for number in range(many):
            seed = int(streams.at("certificate", "again", model.name, begin + number).integers(2**63))
            again = model.cut(size.horizon_s, Streams(seed))
            for place, client in enumerate(size.clients.tolist()):
                at_s = once_more(again, client, size.horizon_s, Streams(seed))
                rows.append((np.full(len(at_s), number), np.full(len(at_s), place), at_s))
    if not rows:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    columns = list(zip(*rows, strict=True))
    return np.concatenate(columns[0]), np.concatenate(columns[1]), np.concatenate(columns[2])


def once_more(population: Population, client: int, horizon_s: float, streams: Streams) -> F8:
    """Arrivals of one client of a population in [0, horizon_s), thinned as it asks; float64[n]."""
    parts = [block.due_s for block in population.blocks(client)]
    at_s = np.concatenate(parts) if parts else np.empty(0)
    at_s = at_s[(at_s >= 0) & (at_s < horizon_s)]
    if population.keep is not None:
        u = streams.at("certificate", "keep", population.names[client]).random(len(at_s))
        at_s = at_s[u < population.keep.rate(at_s)]
    return at_s


def recorded(population: RecordedClients, client: int, many: int, rng: Generator) -> tuple[I8, F8]:
    """Replicate and time of the arrivals of `many` replicates of one client with recorded counts, within the case.

    Each window holds its recorded number times the factor, the fraction settled by a draw; its gaps of the window's
    family go around a circle at a uniform angle; a request is kept with the probability that holds at its time.
    """
    index = population.recorded[client]
    first, last = population.span
    window = np.arange(first, last)
    expected = np.asarray(population.pool.count[index, window], float) * population.factor[window]
    window, expected = window[expected > 0], expected[expected > 0]
    if not len(window):
        return np.empty(0, np.int64), np.empty(0)
    whole = np.floor(expected)
    n = (whole + (rng.random((many, len(window))) < expected - whole)).astype(np.int64).ravel()
    parameter = population.parameters(index, window)
    owner = np.repeat(np.arange(len(n)), n)
    if not len(owner):
        return np.empty(0, np.int64), np.empty(0)
    at_window = owner % len(window)
    family = population.pool.family[index, window][at_window]
    gap = np.empty(len(owner))
    for number in np.unique(family).tolist():
        mine = family == number
        gap[mine] = population.family(int(number)).gaps(parameter[at_window[mine]], rng)
    # Position on the circle: the share of the window's gaps up to this one, turned.
    total = np.bincount(owner, gap, len(n))
    run = np.cumsum(gap)
    before = np.concatenate(([0.0], run))[np.cumsum(n) - n]
    share = np.divide(run - before[owner], total[owner], out=np.zeros(len(owner)), where=total[owner] > 0)
    place = (share + rng.random(len(n))[owner]) % 1.0
    edges = population.edges_s
    if population.intensity.level is not None:
        at_s = edges[window][at_window] + place * population.pool.window_s
    else:
        mass = population.intensity.integral(edges)
        low, width = mass[window][at_window], np.diff(mass)[window][at_window]
        at_s = population.intensity.inverse(low + place * width)
    inside = (at_s >= 0) & (at_s < population.duration_s)
    if population.keep is not None:
        inside &= rng.random(len(at_s)) < population.keep.rate(at_s)
    return (owner // len(window))[inside], at_s[inside]
