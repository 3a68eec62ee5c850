"""From who sends what, and how fast, to the requests of one case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import attrs

from servegen_fw.data.pool import ClientPool
from servegen_fw.data.workload import Workload
from servegen_fw.errors import InputError, Problem
from servegen_fw.hooks.protocols import GapFamily
from servegen_fw.suite.model import Group, Load, WorkloadSpec
from servegen_fw.workload.cells import Cells
from servegen_fw.workload.clients import Composer
from servegen_fw.workload.collected import collected
from servegen_fw.workload.curve import Curve
from servegen_fw.workload.demand import Demand, demands
from servegen_fw.workload.draft import GroupDraft
from servegen_fw.workload.fields import fields_of
from servegen_fw.workload.identity import natural_order
from servegen_fw.workload.naive import NAIVE, Aggregate, NaiveClients, resampled, windows_of
from servegen_fw.workload.part import Part, ready
from servegen_fw.workload.population import Population
from servegen_fw.workload.process import ProcessClients
from servegen_fw.workload.recorded import RecordedClients
from servegen_fw.workload.reference import NOTE, ReferenceClients
from servegen_fw.workload.scale import copies_of, scaling
from servegen_fw.workload.slices import SLICE_ROWS, UNCUT_ROWS, Slices
from servegen_fw.workload.streams import Streams
from servegen_fw.workload.synthetic import SyntheticClients
from servegen_fw.workload.told import scale_note
from servegen_fw.workload.trace import draft_recording


@attrs.frozen(eq=False)
class Means:
    """What composing draws on: randomness, gap families, and what a reader must know, counted and in words."""

    streams: Streams
    families: Mapping[str, GapFamily]
    tally: Counter[str] = attrs.field(factory=Counter)
    notes: list[str] = attrs.field(factory=list)


def compose(spec: WorkloadSpec, load: Load, streams: Streams, families: Mapping[str, GapFamily]) -> Workload:
    """Compose the requests of one case.

    The same spec, load and seed give the same workload on every machine with the same numpy minor version. Every
    client, purpose and block of rows has a random stream of its own, so that adding a client or a column changes no
    other, a longer case only appends sessions, and turns at the ends of sessions (as long as the factor between the
    rate asked for and the recorded one is the same), and a lower rate keeps, under ``scale = "thin"``, a subset of the
    requests of a higher one.

    Parameters
    ----------
        spec: groups of clients.
        load: rate and length of the case, or the number of requests of a closed load.
        streams: randomness.
        families: gap families by the names that client pools use; `Registry.families()`.

    Raises
    ------
        PluginError: what a plugin made breaks its contract.
        InputError: a source cannot be read or does not hold what is asked of it, or the case is not fully stated.
    """
    means = Means(streams, families)
    parts = [ready(group, number) for number, group in enumerate(spec.groups)]
    if load.kind == "closed":
        return _closed(parts, load, means)
    return collected(_sliced(parts, load, _duration_s(load), means))


def compose_stream(
    spec: WorkloadSpec,
    load: Load,
    streams: Streams,
    families: Mapping[str, GapFamily],
    *,
    slice_rows: int = SLICE_ROWS,
) -> Iterator[Workload]:
    """Compose the requests of one case as slices of time, so that a workload of any length fits in memory.

    Put together, with parents counted on, the slices are what `compose` returns, to the bit. Each is a workload of
    the sessions that begin in it, later turns included; there is at least one, and the last one carries the notes.
    Memory holds one slice, the recordings, and for each client the block of rows that it is in; times of synthetic
    clients, and of processes, take 8 bytes a request. A closed load, and a recorded workload, are composed at once.

    Parameters
    ----------
        spec: groups of clients.
        load: rate and length of the case, or the number of requests of a closed load.
        streams: randomness.
        families: gap families by the names that client pools use.
        slice_rows: requests in a slice, about.

    Raises
    ------
        PluginError: what a plugin made breaks its contract.
        InputError: as `compose`, some of it only as the slices are drawn.
    """
    means = Means(streams, families)
    parts = [ready(group, number) for number, group in enumerate(spec.groups)]
    if load.kind == "closed":
        yield _closed(parts, load, means)
    else:
        yield from _sliced(parts, load, _duration_s(load), means, slice_rows)


def _duration_s(load: Load) -> float:
    if load.duration_s is None:
        raise InputError(
            Problem("an open load needs a duration", who="case.load", cure='give duration = "20min"')
        )
    return float(load.duration_s)


def _sliced(
    parts: Sequence[Part], load: Load, duration_s: float, means: Means, slice_rows: int = 0
) -> Iterator[Workload]:
    """Compose `duration_s` seconds of all groups in slices, of `slice_rows` or to be joined; the last one carries the notes."""
    asked = demands(parts, load, duration_s)
    drafts = [_draft(part, demand, means) for part, demand in zip(parts, asked, strict=True)]
    slices = Slices(drafts, duration_s, slice_rows or SLICE_ROWS, 0 if slice_rows else UNCUT_ROWS)
    before: Workload | None = None
    for now in slices:
        if before is not None:
            yield before
        before = now
    assert before is not None  # noqa: S101 - there is one slice at least
    scaled = (
        scale_note(part, demand, alone=len(parts) == 1, taken=len(draft.clients), requests=requests)
        for part, demand, draft, requests in zip(parts, asked, drafts, slices.requests, strict=True)
    )
    told = (f"{count:,} x {what}" for what, count in sorted(means.tally.items()))
    own = (note for part in parts for note in part.notes)
    yield attrs.evolve(before, notes=(*filter(None, scaled), *means.notes, *told, *own))


def _draft(part: Part, demand: Demand, means: Means) -> GroupDraft:
    """Compose one group."""
    if part.group.method == "naive" and part.counts_sessions:
        part = _sent(part, demand, means)
    if part.group.method == "reference" and isinstance(part.source, ClientPool) and part.counts_sessions:
        part = attrs.evolve(part, source=part.source.without_sessions(), mean_turns=1.0)
        means.notes.append(
            f"{part.name}: the reference tool knows no conversations; prompts are without history"
        )
    if isinstance(part.source, Workload):
        return _replayed(part, demand, means)
    population = (
        SyntheticClients.of(part, demand, means.streams)
        if part.source is None
        else _recorded(part, part.source, demand, means)
    )
    fields = fields_of(part.group, part.name, part.source, part.start_s)
    if isinstance(part.source, ClientPool) and part.group.method == "naive":
        cells = Cells.of(part.source, windows_of(part, demand), part.start_s)
        fields = attrs.evolve(fields, cells=cells)
    means.notes.extend(fields.notes)
    return Composer(part, population, fields, demand, means.streams, means.tally).draft()


def _sent(part: Part, demand: Demand, means: Means) -> Part:
    """Return a group of recorded conversations with, as its source, what its clients send in the stretch of the case.

    Prompts with their history are then as a log would show them; a pool holds the new tokens of each turn.
    """
    duration_s = demand.duration_s if demand.open else part.end_s - part.start_s
    streams = Streams(int(means.streams.at(part.name, NAIVE, "log").integers(0, 2**63)))
    clients = attrs.evolve(part, group=attrs.evolve(part.group, method="clients", scale="thin"))
    load = Load(duration_s=duration_s)
    sent = collected(_sliced([clients], load, duration_s, Means(streams, means.families)))
    group = Group(
        source=part.group.source, method="naive", scale=part.group.scale, max_input=part.group.max_input
    )
    return attrs.evolve(part, group=group, source=sent, start_s=0.0, mean_turns=1.0)


def _replayed(part: Part, demand: Demand, means: Means) -> GroupDraft:
    """Recorded requests, or what NAIVE makes of them."""
    scale = scaling(part, demand)
    if part.group.method == "naive":
        drawn, aggregate = resampled(part, demand, scale, means.families, means.streams)
        means.notes.append(aggregate.note(part.name))
        part = attrs.evolve(part, source=drawn, start_s=0.0, mean_turns=1.0)
        demand = attrs.evolve(demand, rate=None)
        scale = attrs.evolve(scale, intensity=Curve.constant(1.0), copies=None)
    return draft_recording(part, demand, scale, means.streams, means.tally)


def _recorded(part: Part, pool: ClientPool, demand: Demand, means: Means) -> Population:
    """Clients of a pool, scaled to what is asked."""
    scale = scaling(part, demand)
    if part.group.method == "naive":
        aggregate = Aggregate.of_pool(part, demand, means.families, means.streams)
        means.notes.append(aggregate.note(part.name))
        return NaiveClients.of(part, aggregate, scale, demand, families=means.families, streams=means.streams)
    order = natural_order(pool.clients)
    members = copies_of(pool.clients, order, scale.copies, part.name, means.streams)
    kind: type[ProcessClients | RecordedClients | ReferenceClients] = (
        ProcessClients if part.group.counts == "process" else RecordedClients
    )
    if part.group.method == "reference":
        means.notes.append(f'{part.name}: {NOTE} (method = "reference", for comparison only)')
        kind = ReferenceClients
    return kind(
        pool=pool,
        members=members,
        group=part.name,
        start_s=part.start_s,
        duration_s=demand.duration_s,
        intensity=scale.intensity,
        keep=scale.keep,
        families=means.families,
        streams=means.streams,
        # Models are asked for whole blocks; how many turns one holds, only all of its sessions say.
        whole=bool(part.counts_sessions and part.conversation is None and part.group.modality),
    )


def _closed(parts: Sequence[Part], load: Load, means: Means) -> Workload:
    """Compose exactly `load.requests` requests, in the order in which they would arrive."""
    if load.requests is None:
        raise InputError(
            Problem("a closed load needs a number of requests", who="case.load", cure="give requests = 1000")
        )
    available_s = min(part.end_s - part.start_s for part in parts)
    asked = demands(parts, load, 1.0)
    per_s = sum(demand.recorded if demand.rate is None else demand.rate.mean(0.0, 1.0) for demand in asked)
    horizon_s = min(available_s, 1.25 * load.requests / per_s if per_s > 0 else 60.0)
    while True:
        means.tally.clear()
        means.notes.clear()
        workload = collected(_sliced(parts, load, horizon_s, means), load.requests)
        if len(workload) == load.requests:
            return workload
        if horizon_s >= available_s:
            raise InputError(
                Problem(
                    f"{load.requests} requests are asked for, but the recording yields {len(workload)} from there on",
                    who="case.load.requests",
                    cure="ask for fewer requests, or begin earlier in the recording",
                )
            )
        horizon_s = min(available_s, 2.0 * horizon_s)
