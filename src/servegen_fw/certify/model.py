"""What a suite claims of each group of a case, made ready to be simulated and tested."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from servegen_fw.data.arrays import F8
from servegen_fw.data.pool import ClientPool
from servegen_fw.data.workload import Workload
from servegen_fw.hooks.protocols import GapFamily
from servegen_fw.suite.model import Load, WorkloadSpec
from servegen_fw.workload.demand import Demand, demands
from servegen_fw.workload.identity import natural_order
from servegen_fw.workload.part import Part, ready
from servegen_fw.workload.population import Population
from servegen_fw.workload.process import ProcessClients
from servegen_fw.workload.recorded import RecordedClients
from servegen_fw.workload.scale import Scaling, scaling
from servegen_fw.workload.streams import Streams
from servegen_fw.workload.synthetic import SyntheticClients

_COPY = re.compile(r"(?P<name>.*)~(?P<copy>\d+)")
_GRID = 64


@attrs.frozen(eq=False)
class GroupModel:
    """The law of one group, whatever method made its requests: its clients, their arrivals, their fields.

    Attributes
    ----------
        part: the group, read.
        demand: what the case asks of it.
        population: its clients; None for recorded requests.
        first: number of its first client in the workload's dictionary.
        copies: expected copies of each client of the pool, under ``scale = "clients"``; None elsewhere.
        taken: copies found in the workload.
    """

    part: Part
    demand: Demand
    scale: Scaling | None
    population: Population | None
    first: int
    copies: float | None = None
    taken: int = 0

    @property
    def name(self) -> str:
        """Name of the group."""
        return self.part.name

    @property
    def pool(self) -> ClientPool | None:
        """Its pool; None for synthetic clients and recorded requests."""
        return self.part.source if isinstance(self.part.source, ClientPool) else None

    @property
    def has_sessions(self) -> bool:
        """Whether arrivals are sessions of several turns."""
        recorded = self.pool is not None and self.pool.has_sessions
        return self.part.conversation is not None or recorded

    @property
    def carries_context(self) -> bool:
        """Whether later turns repeat the earlier ones."""
        if self.part.conversation is not None:
            return self.part.conversation.carries_context
        return self.has_sessions and self.pool is not None and self.pool.carries_context

    @property
    def window_starts_s(self) -> F8:
        """Starts of the recording's windows within the case, with a second to follow; empty without a pool."""
        if not isinstance(self.population, RecordedClients | ProcessClients):
            return np.empty(0)
        edges = self.population.edges_s
        return edges[(edges >= 0) & (edges <= self.demand.duration_s - 1.0)]

    def expected(self, begin_s: float, end_s: float) -> F8:
        """Expected arrivals of each client in [begin_s, end_s) of the case, float64[clients]."""
        population = self.population
        if isinstance(population, SyntheticClients):
            return population.share * population.rate.between(begin_s, end_s)
        if not isinstance(population, RecordedClients | ProcessClients):
            return np.empty(0)
        edges = population.edges_s
        # Each window in strips, exact for constant factors and by the midpoint rule for the product of two curves.
        low, high = np.clip(edges[:-1], begin_s, end_s), np.clip(edges[1:], begin_s, end_s)
        at = low[:, None] + (high - low)[:, None] * (np.arange(_GRID) + 0.5) / _GRID
        density = population.intensity.rate(at.ravel())
        if population.keep is not None:
            density = density * population.keep.rate(at.ravel())
        share = density.reshape(at.shape).mean(axis=1) * (high - low) / population.pool.window_s
        return np.asarray(np.asarray(population.pool.count, float)[population.recorded] @ share)

    @property
    def sending(self) -> tuple[F8, F8]:
        """What each client sends in each window, relative to the others: float64[clients, W]; the windows' edges."""
        population = self.population
        if isinstance(population, RecordedClients | ProcessClients):
            return np.asarray(population.pool.count, float)[population.recorded], population.edges_s
        whole = self.expected(0.0, self.demand.duration_s)
        return whole[:, None], np.array([0.0, self.demand.duration_s])

    def cut(self, horizon_s: float, streams: Streams | None = None) -> Population:
        """Return the population up to `horizon_s`, with randomness of its own if given."""
        assert self.population is not None  # noqa: S101 - callers ask groups with clients
        changed = {"duration_s": horizon_s} | ({} if streams is None else {"streams": streams})
        return attrs.evolve(self.population, **changed)  # type: ignore[misc]  # all populations are attrs classes


def models(
    spec: WorkloadSpec,
    load: Load,
    workload: Workload,
    families: Mapping[str, GapFamily],
    streams: Streams,
) -> list[GroupModel]:
    """Laws of all groups of a case; a workload names the clients that a resampled population has taken.

    `streams` are the simulation's, never those the workload was made with.

    Raises
    ------
        PluginError: a plugin is broken.
        InputError: a source cannot be read.
    """
    parts = [ready(group, number) for number, group in enumerate(spec.groups)]
    asked = demands(
        parts,
        load,
        float(load.duration_s) if load.kind == "open" and load.duration_s else workload.duration_s,
    )
    found, first = [], 0
    for number, (part, demand) in enumerate(zip(parts, asked, strict=True)):
        names = _names(workload, number, part.name)
        found.append(_model(part, demand, names, first, families=families, streams=streams))
        first += len(names)
    return found


def _names(workload: Workload, number: int, group: str) -> list[str]:
    """Clients of a group as the workload calls them, less the group's name where that was put before."""
    own = np.flatnonzero(workload.clients.group == number)
    return [workload.clients.names[at].removeprefix(f"{group}/") for at in own.tolist()]


def _model(
    part: Part,
    demand: Demand,
    names: Sequence[str],
    first: int,
    *,
    families: Mapping[str, GapFamily],
    streams: Streams,
) -> GroupModel:
    if isinstance(part.source, Workload):
        return GroupModel(part, demand, scaling(part, demand), None, first)
    if part.source is None:
        return GroupModel(part, demand, None, SyntheticClients.of(part, demand, streams), first)
    scale = scaling(part, demand)
    order = natural_order(part.source.clients)
    members = [(index, part.source.clients[index]) for index in order]
    if scale.copies is not None:
        index_of = {name: index for index, name in members}
        members = [
            (index_of[base], name) for name in names if (base := _original(name, index_of)) in index_of
        ]
    kind = ProcessClients if part.group.counts == "process" else RecordedClients
    population = kind(
        pool=part.source,
        members=members,
        group=part.name,
        start_s=part.start_s,
        duration_s=demand.duration_s,
        intensity=scale.intensity,
        keep=scale.keep,
        families=families,
        streams=streams,
    )
    return GroupModel(part, demand, scale, population, first, scale.copies, len(members))


def _original(name: str, known: Mapping[str, int]) -> str:
    """Name of the client of which `name` is a copy."""
    found = _COPY.fullmatch(name)
    return found["name"] if found and name not in known else name
