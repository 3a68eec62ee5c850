"""Clients of a pool as stationary processes that run on across the recording's windows.

A client's clock advances by its expected number of requests, so that on this clock its process has rate 1 and the
exact inverse of the clock gives the times. Within a window gaps are drawn with that window's family and parameter.
Where they change, the time still to run until the next arrival (the residual) is carried over *by rank*: draw M
equilibrium residuals of the old process and M + 1 of the new one; if r of the old draws are below the actual
residual, the r-th smallest (from 0) of the new draws takes its place.

Why this is exact. In a stationary process the residual at a fixed moment has the equilibrium distribution, so it
is exchangeable with the M draws and its rank r is uniform on 0..M. An order statistic of M + 1 draws at a uniform,
independent rank is distributed as one draw: the new residual has exactly the new equilibrium distribution, and what
follows is again stationary. Hence the mean intensity is the recorded rate at every moment, the first second of a
window included, while a long wait stays a long wait: memory runs on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy as np
from numpy.random import Generator

from servegen_fw.data.arrays import F8, I8
from servegen_fw.hooks.protocols import GapFamily
from servegen_fw.workload.block import Block, in_blocks
from servegen_fw.workload.recorded import PoolClients

CARRY_DRAWS = 32
"""M above: how finely a residual's rank is kept."""


@attrs.frozen(eq=False)
class Stretch:
    """A part of a client's clock with one law of gaps.

    Attributes
    ----------
        mass: its length on the clock: expected arrivals.
        family: of its gaps.
        parameter: of the family.
        spread: recorded CV, from which the number of gaps to draw at once is guessed.
    """

    mass: float
    family: GapFamily
    parameter: float
    spread: float = 1.0


@attrs.frozen(eq=False)
class ProcessClients(PoolClients):
    """Clients whose counts are those of a process: as dispersed as their gaps imply, and on across windows."""

    def blocks(self, client: int) -> Iterator[Block]:
        """Arrivals of one client from the start of the case on, in fixed blocks of rows."""
        index, name = self.members[client]
        first, end = self.span
        windows = np.arange(first, end)
        edges = self.edges_s[first : end + 1]
        clock = self.intensity.stepped(
            edges, np.asarray(self.pool.count[index, windows], float) / self.pool.window_s
        )
        # Whole windows are run even if the case ends within one, so that a longer case draws the same numbers.
        at = clock.integral(np.append(0.0, edges[1:]))
        active = np.flatnonzero(np.diff(at) > 0)
        stretches = self._stretches(index, windows[active], np.diff(at)[active])
        arrivals = run_on(
            stretches, self.streams.at(self.group, name, "gaps"), self.streams.at(self.group, name, "carry")
        )
        due_s = clock.inverse(at[0] + arrivals)
        yield from in_blocks(due_s[: np.searchsorted(due_s, self.duration_s)])

    def _stretches(self, index: int, windows: I8, mass: F8) -> list[Stretch]:
        parameter = self.parameters(index, windows)
        return [
            Stretch(
                float(m),
                self.family(int(self.pool.family[index, w])),
                float(p),
                float(self.pool.cv[index, w]),
            )
            for w, m, p in zip(windows, mass, parameter, strict=True)
        ]


def run_on(stretches: Sequence[Stretch], rng: Generator, carry_rng: Generator) -> F8:
    """Arrivals, on the clock, of one process through stretches of different law; ascending float64[n]."""
    parts: list[F8] = [np.empty(0)]
    begin, residual = 0.0, float("nan")
    before: Stretch | None = None
    for now in stretches:
        if before is None:
            residual = float(now.family.first(np.array([now.parameter]), rng)[0])
        elif (before.family, before.parameter) != (now.family, now.parameter):
            residual = carry(residual, before, now, carry_rng)
        times, residual = _arrivals(now, residual, rng)
        parts.append(begin + times)
        begin, before = begin + now.mass, now
    return np.concatenate(parts)


def carry(residual: float, before: Stretch, now: Stretch, rng: Generator) -> float:
    """Residual under the law of `now` at the rank that `residual` has under the law of `before`; see the module."""
    old = before.family.first(np.full(CARRY_DRAWS, before.parameter), rng)
    new = np.sort(now.family.first(np.full(CARRY_DRAWS + 1, now.parameter), rng))
    # Equal values (underflow to 0) share their ranks evenly.
    below, equal = int(np.sum(old < residual)), int(np.sum(old == residual))
    return float(new[below + int(rng.random() * (equal + 1))])


def _arrivals(stretch: Stretch, residual: float, rng: Generator) -> tuple[F8, float]:
    """Arrivals within a stretch whose first comes after `residual`, and the residual at its end."""
    parts: list[F8] = []
    chunk = int(stretch.mass + 4 * stretch.spread * np.sqrt(stretch.mass)) + 8
    at = residual
    while at < stretch.mass:
        gaps = stretch.family.gaps(np.full(chunk, stretch.parameter), rng)
        times = at + np.concatenate(([0.0], np.cumsum(gaps)))
        inside = int(np.searchsorted(times, stretch.mass))
        parts.append(times[: min(inside, chunk)])
        # The last time opens the next chunk; all of a chunk may lie inside.
        at = float(times[min(inside, chunk)])
    return (np.concatenate(parts) if parts else np.empty(0)), at - stretch.mass
