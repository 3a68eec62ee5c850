"""NAIVE, for comparison: one arrival process of the whole recording's rate and CV, requests drawn one by one, no clients.

The definition is that of the ServeGen paper's evaluation (section 6): one arrival process for the whole workload, with
its overall rate and CV, joined with one independent and identically distributed data set.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I8
from servegen_fw.data.pool import ClientPool
from servegen_fw.data.workload import Clients, Workload
from servegen_fw.errors import InputError, Problem
from servegen_fw.hooks.protocols import GapFamily
from servegen_fw.workload.block import Block, in_blocks
from servegen_fw.workload.curve import Curve
from servegen_fw.workload.demand import Demand
from servegen_fw.workload.identity import natural_order
from servegen_fw.workload.part import Part
from servegen_fw.workload.products import CheckedFamily
from servegen_fw.workload.recorded import RecordedClients
from servegen_fw.workload.renewal import renewal
from servegen_fw.workload.scale import Scaling
from servegen_fw.workload.streams import Streams

NAIVE = "naive"
"""Name of the only client."""

MEASURED = 2_000_000
"""Requests from which the CV is measured at most, in whole windows from the beginning: 2 s of work."""

WINDOW_S = 600.0
"""Windows in which the rate and CV of recorded requests are measured, in seconds; a pool has windows of its own."""

_FAMILY = "gamma"


@attrs.frozen(eq=False)
class Aggregate:
    """Arrivals of a whole recording in the windows that a case touches.

    Attributes
    ----------
        edges_s: float64[k + 1]; edges of the windows, in the time of the case.
        count: float64[k]; requests recorded in each.
        cv: coefficient of variation of the gaps within windows, each gap in units of its window's mean gap.
        gaps: gaps that it was measured from; with fewer than 2 the CV is taken as 1.
    """

    edges_s: F8
    count: F8
    cv: float
    gaps: int

    @classmethod
    def of_times(cls, due_s: F8, edges_s: F8, count: F8) -> Aggregate:
        """Return what ascending times (float64[n]) show; those outside the windows are left out."""
        window = np.searchsorted(edges_s, due_s, side="right") - 1
        cv, gaps = gap_cv(due_s, window, (window >= 0) & (window < len(count)))
        return cls(edges_s, count, cv, gaps)

    @classmethod
    def of_pool(
        cls, part: Part, demand: Demand, families: Mapping[str, GapFamily], streams: Streams
    ) -> Aggregate:
        """Return the aggregate of a pool's clients, whose arrivals are composed for it with streams of their own."""
        pool = part.source
        assert isinstance(pool, ClientPool)  # noqa: S101 - the caller's choice, told to the type checker
        windows = windows_of(part, demand)
        total = np.asarray(pool.count[:, windows].sum(axis=0), np.float64)
        edges_s = pool.start_s - part.start_s + pool.window_s * np.arange(windows.start, windows.stop + 1)
        before = np.cumsum(total) - total
        seen = max(1, int(np.count_nonzero(before < MEASURED)))
        begin_s = pool.start_s + pool.window_s * windows.start
        clients = RecordedClients(
            pool=pool,
            members=[(index, pool.clients[index]) for index in natural_order(pool.clients)],
            group=f"{part.name}|{NAIVE}",
            start_s=begin_s,
            duration_s=seen * pool.window_s,
            intensity=Curve.constant(1.0),
            keep=None,
            families=families,
            streams=streams,
        )
        times = [block.due_s for client in range(len(clients.names)) for block in clients.blocks(client)]
        due_s = np.sort(np.concatenate(times or [np.empty(0)])) + (begin_s - part.start_s)
        found = cls.of_times(due_s, edges_s[: seen + 1], total[:seen])
        return attrs.evolve(found, edges_s=edges_s, count=total)

    def note(self, subject: str) -> str:
        """What a reader must know of a group composed so."""
        shown = (
            f"CV {self.cv:.3g} (measured from {self.gaps:,} gaps)" if self.gaps > 1 else "CV 1 (too few gaps)"
        )
        return f'{subject}: one gamma process of {shown} and i.i.d. requests, no clients (method = "naive", for comparison only)'


def windows_of(part: Part, demand: Demand) -> slice:
    """Windows of a group's pool that the case touches; for a closed load all that are left."""
    pool = part.source
    assert isinstance(pool, ClientPool)  # noqa: S101 - the caller's choice, told to the type checker
    end_s = part.start_s + demand.duration_s if demand.open else part.end_s
    first = int((part.start_s - pool.start_s) / pool.window_s)
    last = int(np.ceil((end_s - pool.start_s) / pool.window_s - 1e-9))
    return slice(first, min(max(last, first + 1), pool.count.shape[1]))


def gap_cv(due_s: F8, window: I8, inside: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[float, int]:
    """Sample CV of the gaps within windows, each in units of its window's mean gap, and their number.

    The squared CV is the sum of squared deviations over the number of gaps less one for each window, whose mean is
    estimated. Windows in which all requests came at one moment are left out.
    """
    due_s, window = due_s[inside], window[inside]
    same = window[1:] == window[:-1]
    gaps, of = np.diff(due_s)[same], window[1:][same]
    if not len(gaps):
        return 1.0, 0
    number = np.bincount(of)
    mean = np.bincount(of, gaps) / np.maximum(number, 1)
    used = mean[of] > 0
    free = int((number[mean > 0] - 1).sum())
    if free < 1:
        return 1.0, 0
    scaled = gaps[used] / mean[of[used]]
    return float(np.sqrt(np.sum((scaled - 1) ** 2) / free)), int(np.count_nonzero(used))


@attrs.frozen(eq=False)
class NaiveClients:
    """The one client of NAIVE: a stationary renewal process of gamma gaps, stretched to the recording's total rate.

    Attributes
    ----------
        group: name of the group, part of every stream's label.
        clock: arrivals per second over the time of the case.
        keep: probability that an arrival is kept; None to keep all.
        cv: of the gaps, before they are stretched.
        families: gap families; the gamma family is used.
        duration_s: length of the case.
        streams: randomness.
    """

    group: str
    clock: Curve
    keep: Curve | None
    cv: float
    families: Mapping[str, GapFamily]
    duration_s: float
    streams: Streams

    names = (NAIVE,)
    recorded = (0,)

    @classmethod
    def of(
        cls,
        part: Part,
        aggregate: Aggregate,
        scale: Scaling,
        demand: Demand,
        *,
        families: Mapping[str, GapFamily],
        streams: Streams,
    ) -> NaiveClients:
        """Return the client of a group."""
        per_s = aggregate.count / np.diff(aggregate.edges_s)
        return cls(
            part.name,
            scale.intensity.stepped(aggregate.edges_s, per_s),
            scale.keep,
            aggregate.cv,
            families,
            demand.duration_s,
            streams,
        )

    @functools.cached_property
    def family(self) -> CheckedFamily:
        """The gamma family.

        Raises
        ------
            InputError: no plugin offers it.
        """
        if _FAMILY not in self.families:
            raise InputError(
                Problem(
                    f"NAIVE needs the gap family {_FAMILY!r}, which no installed plugin offers",
                    who=f'workload.group "{self.group}".method',
                    cure="install servegen-fw-models",
                )
            )
        return CheckedFamily.of(self.families[_FAMILY], _FAMILY, f'workload.group "{self.group}".method')

    def start_rate(self, client: int) -> float:  # noqa: ARG002 - there is one
        """Arrivals per second at the start of the case, before `keep`."""
        return float(self.clock.rate(np.zeros(1))[0])

    def mass(self, at_s: F8) -> F8:
        """Arrivals expected up to each of the times, before `keep`; float64[n]."""
        return np.asarray(self.clock.integral(at_s) - self.clock.integral(np.zeros(1)))

    def blocks(self, client: int) -> Iterator[Block]:  # noqa: ARG002 - there is one
        """Arrivals in fixed blocks of rows; a longer case with the same CV only appends."""
        yield from in_blocks(self.times)

    @functools.cached_property
    def times(self) -> F8:
        """All arrivals, ascending float64[n] seconds."""
        horizon = self.clock.between(0.0, self.duration_s)
        if horizon <= 0:
            return np.empty(0)
        # Gaps that do not vary at all would have an infinite shape.
        shape = self.family.parameter(np.array([max(self.cv, 1e-3)]), np.array([np.inf]))
        process = renewal(
            lambda n, rng: self.family.gaps(np.repeat(shape, n), rng),
            lambda rng: float(self.family.first(shape, rng)[0]),
        )
        unit = process.unit_times(horizon, self.streams.at(self.group, NAIVE, "gaps"))
        return self.clock.inverse(unit + self.clock.integral(np.zeros(1)))


def resampled(
    part: Part, demand: Demand, scale: Scaling, families: Mapping[str, GapFamily], streams: Streams
) -> tuple[Workload, Aggregate]:
    """NAIVE of recorded requests: arrivals of the one process, each with a row that is drawn from the recording.

    Rows are drawn independently and with replacement from those whose planned time lies in the case's stretch of the
    recording, whole: prompt with its history, output, reasoning, prefix and items stay together; sessions do not.

    Raises
    ------
        InputError: nothing was recorded in the stretch, or no plugin offers the gamma family.
    """
    source = part.source
    assert isinstance(source, Workload)  # noqa: S101 - the caller's choice, told to the type checker
    planned_s = source.planned_s - part.start_s
    end_s = demand.duration_s if demand.open else part.end_s - part.start_s
    rows = np.flatnonzero((planned_s >= 0) & (planned_s < end_s))
    edges_s = np.append(np.arange(0.0, end_s, WINDOW_S), end_s)
    edges_s = edges_s if edges_s[-1] > edges_s[-2] else edges_s[:-1]
    count = np.histogram(planned_s[rows], edges_s)[0].astype(np.float64)
    aggregate = Aggregate.of_times(np.sort(planned_s[rows]), edges_s, count)
    client = NaiveClients.of(part, aggregate, scale, demand, families=families, streams=streams)
    due_s = client.times
    if not len(rows):
        raise InputError(
            Problem(
                f"nothing was recorded from {part.start_s:g} s on for {end_s:g} s, so there is nothing to draw from",
                who=part.who,
                cure="choose another `from`, or a longer case",
            )
        )
    n = len(due_s)
    # Scaled uniforms rather than drawn integers: a longer case then only appends.
    u = streams.at(part.name, NAIVE, "rows").random(n)
    taken = rows[np.minimum((u * len(rows)).astype(np.int64), len(rows) - 1)]
    drawn = attrs.evolve(
        source,
        due_s=due_s,
        client=np.zeros(n, np.int32),
        session=np.arange(n),
        turn=np.zeros(n, np.int32),
        parent=np.full(n, -1, np.int64),
        think_s=np.zeros(n),
        context_tokens=np.zeros(n, np.int32),
        **{
            name: getattr(source, name)[taken]
            for name in ("input_tokens", "output_tokens", "reason_tokens", "prefix", "prefix_tokens")
        },
        items=source.items.select(taken),
        clients=Clients((NAIVE,), np.zeros(1, np.int16), (part.name,)),
        duration_s=max(demand.duration_s, 1e-6),
        extra={name: column[taken] for name, column in source.extra.items()},
    )
    return drawn, aggregate
