"""Clients of a pool with their recorded counts: so many requests in each window, placed there without favour.

The n requests of a window are put on a circle: n gaps of the window's family around a circumference of one window,
turned by a uniform angle. Every moment of the window is then equally likely, whatever the shape of the gaps: nothing
piles up at the window's start and nothing is lost at its end.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I2, I8
from servegen_fw.data.pool import ClientPool
from servegen_fw.errors import InputError, PluginError, Problem
from servegen_fw.hooks.protocols import GapFamily
from servegen_fw.workload.block import Block
from servegen_fw.workload.curve import Curve
from servegen_fw.workload.products import CheckedFamily
from servegen_fw.workload.streams import Streams

BLOCK = 16_384
"""Requests expected in a block of windows, about. Larger than blocks of rows, since no product is called for more."""


TOGETHER = 64
"""Clients whose parameters are counted in one go."""


@attrs.frozen(eq=False)
class PoolClients:
    """Clients taken from a pool; what both ways of counting share.

    Attributes
    ----------
        pool: the recording.
        members: (index in the pool, name) of each client.
        group: name of the group, part of every stream's label.
        start_s: where in the recording, on its clock, the case begins.
        duration_s: length of the case.
        intensity: factor on recorded rates, over the time of the case.
        keep: probability that an arrival is kept, over the time of the case; None to keep all.
        families: gap families by the names that pools use.
        streams: randomness.
        whole: whether blocks reach past the case's end, to their own.
    """

    pool: ClientPool
    members: Sequence[tuple[int, str]]
    group: str
    start_s: float
    duration_s: float
    intensity: Curve
    keep: Curve | None
    families: Mapping[str, GapFamily]
    streams: Streams
    whole: bool = False

    @functools.cached_property
    def names(self) -> list[str]:
        """Stable ids."""
        return [name for _, name in self.members]

    @functools.cached_property
    def recorded(self) -> list[int]:
        """Index of each client in the pool."""
        return [index for index, _ in self.members]

    @functools.cached_property
    def edges_s(self) -> F8:
        """Edges of the pool's windows in the case's time, float64[W + 1]; negative before the case."""
        return self.pool.start_s - self.start_s + self.pool.window_s * np.arange(self.pool.count.shape[1] + 1)

    @functools.cached_property
    def span(self) -> tuple[int, int]:
        """First window that the case touches and the one after the last."""
        first = np.searchsorted(self.edges_s, 0.0, side="right") - 1
        return int(first), min(int(np.searchsorted(self.edges_s, self.duration_s)), len(self.edges_s) - 1)

    @functools.cached_property
    def factor(self) -> F8:
        """Mean of `intensity` in each window, float64[W]."""
        return np.diff(self.intensity.integral(self.edges_s)) / self.pool.window_s

    def mass(self, at_s: F8) -> F8:
        """Arrivals of all clients expected up to each of the times, before `keep`; float64[n]."""
        taken = np.bincount(self.recorded, minlength=len(self.pool.clients)).astype(float)
        total = np.concatenate(([0.0], np.cumsum(taken @ self.pool.count * self.factor)))
        return np.interp(at_s, self.edges_s, total) - np.interp(0.0, self.edges_s, total)

    def start_rate(self, client: int) -> float:
        """Arrivals per second at the start of the case, before `keep`."""
        recorded = self.pool.count[self.recorded[client], self.span[0]] / self.pool.window_s
        return float(recorded * self.intensity.rate(np.zeros(1))[0])

    def parameters(self, index: int | I8, windows: I8) -> F8:
        """Family parameter of the given active windows of pool client `index` (one for all, or int64[k]); float64[k].

        It is that of the process which, over the recorded number of gaps, shows the recorded sample CV. Fewer than two
        requests have shown no CV; they are taken as Poisson.
        """
        found = np.empty(len(windows))
        index = np.broadcast_to(index, windows.shape)
        which = self.pool.family[index, windows]
        for number in np.unique(which):
            rows = np.flatnonzero(which == number)
            of = index[rows], windows[rows]
            count = np.asarray(self.pool.count[of], float)
            seen = count >= 2
            found[rows] = self.family(int(number)).parameter(
                np.where(seen, self.pool.cv[of], 1.0), np.where(seen, count, np.inf)
            )
        return found

    def family(self, number: int) -> GapFamily:
        """Gap family by its number in the pool.

        Raises
        ------
            InputError: the pool names none there, or one that no plugin offers.
        """
        name = self.pool.families[number] if 0 <= number < len(self.pool.families) else ""
        try:
            family = self.families[name]
        except (KeyError, PluginError) as error:
            offered = ", ".join(sorted(self.families)) or "none"
            cure = error.problems[0].cure if isinstance(error, PluginError) else ""
            raise InputError(
                Problem(
                    f"an active window of the pool {self.pool.name!r} has gap family {name!r}; offered are: {offered}",
                    who=f'workload.group "{self.group}"',
                    cure=cure
                    or "install a plugin that offers the family (servegen-fw-models has gamma and weibull)",
                )
            ) from error
        return CheckedFamily.of(family, name, f'workload.group "{self.group}".source')


@attrs.frozen(eq=False)
class RecordedClients(PoolClients):
    """Clients whose windows hold their recorded counts times the scale.

    Fractions are settled by floor plus one Bernoulli draw. Windows are worked off in fixed blocks, each a run of
    windows in which about 16,384 requests are expected; a block's numbers hang on the client's recording and the
    factor on it, and on nothing else, so a window holds the same requests whichever case looks at it. Under ``thin``
    the factor is 1, whatever the rate.
    """

    def blocks(self, client: int) -> Iterator[Block]:
        """Arrivals of one client, whole blocks of windows at a time."""
        index, name = self.members[client]
        expected, numbers, bounds = self._blocks_of(index)
        count = np.floor(expected).astype(np.int64)
        settle = self.streams.at(self.group, name, "counts").random(len(count))
        count += settle < expected - count
        before = np.cumsum(count) - count
        parameter = self._parameters_of(client)
        for block, low, high in zip(numbers.tolist(), bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            # Draws are in the order of windows, so those past the case's end can be left out.
            windows = low + np.flatnonzero(count[low : self._until(high)])
            if len(windows):
                angle = self.streams.at(self.group, name, "rotation", block).random(len(windows))
                # Windows of one family stand together, so that its gaps are drawn into one stretch.
                order = np.argsort(self.pool.family[index, windows], kind="stable")
                windows, angle = windows[order], angle[order]
                n = count[windows]
                gaps, pieces = self._gaps(
                    self.pool.family[index, windows], np.repeat(parameter[windows], n), n, (name, block)
                )
                due_s = self._place(gaps, pieces, windows, n, angle)
                yield Block(block, int(before[low]), int(count[low:high].sum()), due_s)

    def _blocks_of(self, index: int) -> tuple[F8, I8, I8]:
        """Of pool client `index`: expected counts, blocks that the case touches, and their first windows and the end."""
        expected = np.asarray(self.pool.count[index], float) * self.factor
        # A hair is added so that a factor of one but for its last digit cuts where one does.
        number = ((np.cumsum(expected) - expected) / BLOCK + 1e-9).astype(np.int64)
        numbers = np.unique(number[slice(*self.span)])
        return expected, numbers, np.searchsorted(number, np.append(numbers, numbers[-1] + 1))

    def _until(self, end: int) -> int:
        """Where windows of a block that ends before window `end` stop being drawn."""
        return end if self.whole else min(end, self.span[1])

    def _parameters_of(self, client: int) -> F8:
        """Family parameter of each window in a client's blocks up to the case's end, 0 where nothing was recorded; float64[W].

        A family is asked for those of many clients at once, which takes as long as for one.
        """
        if client not in self._parameters:
            self._parameters.clear()
            chunk = range(client, min(client + TOGETHER, len(self.members)))
            active = []
            for index in (self.members[other][0] for other in chunk):
                _, _, bounds = self._blocks_of(index)
                active.append(
                    bounds[0] + np.flatnonzero(self.pool.count[index, bounds[0] : self._until(bounds[-1])])
                )
            owner = np.repeat(
                [self.members[other][0] for other in chunk], [len(windows) for windows in active]
            )
            found = self.parameters(owner, np.concatenate(active))
            ends = np.cumsum([len(windows) for windows in active])[:-1]
            for other, windows, values in zip(chunk, active, np.split(found, ends), strict=True):
                self._parameters[other] = np.zeros(self.pool.count.shape[1])
                self._parameters[other][windows] = values
        return self._parameters.pop(client)

    @functools.cached_property
    def _parameters(self) -> dict[int, F8]:
        """Those counted ahead of their turn, by client."""
        return {}

    def _place(self, gaps: F8, pieces: Sequence[slice], windows: I8, count: I8, angle: F8) -> F8:
        """Times of the arrivals in `windows`, `count` in each, on circles turned by `angle`; ascending. `pieces` are the families'."""
        starts = np.cumsum(count) - count
        total = np.add.reduceat(gaps, starts)
        # With the gaps of each window summing to 1, one running sum serves all circles of a family: whole turns drop
        # out, and what is added later, by a longer case, comes behind. Gaps so small that all of a window underflow
        # to 0 leave its arrivals at one angle.
        scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        turn: F8 = np.multiply(gaps, np.repeat(scale, count), out=gaps)
        for piece in pieces:
            np.cumsum(turn[piece], out=turn[piece])
        turn += np.repeat(angle, count)
        turn -= np.floor(turn)
        if self.intensity.level is not None:
            turn *= self.pool.window_s
            turn += np.repeat(self.edges_s[windows], count)
            due_s = turn
        else:
            mass = self.intensity.integral(self.edges_s)
            width = np.diff(mass)[windows]
            due_s = self.intensity.inverse(np.repeat(mass[windows], count) + turn * np.repeat(width, count))
        due_s.sort()
        return due_s

    def _gaps(self, family: I2, parameter: F8, count: I8, label: tuple[str, int]) -> tuple[F8, list[slice]]:
        """One gap of mean 1 per arrival, and where those of each family stand.

        `family` (ascending) and `count` are per window, `parameter` per arrival.
        """
        name, block = label
        edges = np.flatnonzero(np.diff(family, prepend=np.int16(-2), append=np.int16(np.iinfo(np.int16).max)))
        ends = np.cumsum(count)[edges[1:] - 1].tolist()
        gaps, pieces, begin = np.empty(len(parameter)), [], 0
        for number, end in zip(family[edges[:-1]].tolist(), ends, strict=True):
            law = self.family(number)
            rng = self.streams.at(self.group, name, "gaps", self.pool.families[number], block)
            pieces.append(slice(begin, end))
            gaps[begin:end] = law.gaps(parameter[begin:end], rng)
            begin = end
        return gaps, pieces
