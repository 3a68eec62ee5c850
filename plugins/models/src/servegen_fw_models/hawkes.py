"""Arrivals that bring about arrivals: the Hawkes process with an exponential kernel."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw.plugin import InputError, Problem

if TYPE_CHECKING:
    from numpy.random import Generator

    from servegen_fw_models import options

F8: TypeAlias = npt.NDArray[np.float64]

MISSED = 1e-9
"""Share of the rate at time 0 that the clusters of a longer past would add."""

FIRST_BLOCK, LAST_BLOCK = 64, 65_536
LONGEST_PAST = 2e8


@attrs.frozen
class Hawkes:
    """Poisson immigrants, each the root of a cluster; a `PhysicalArrivals`.

    Every arrival brings about a Poisson number of further ones with mean `branching`, each after an exponential time
    of mean `decay_s` (the cluster representation of Hawkes & Oakes, Journal of Applied Probability 11, 1974, section 2).
    The intensity is then (1 - branching) r + sum over past arrivals t_i of branching / decay_s exp(-(t - t_i) / decay_s),
    and its mean r.

    Clusters begun before time 0 are there. One begun s seconds before adds to the rate at 0 in proportion to
    exp(-(1 - branching) s / decay_s), so the past is followed back until what is left out is 1e-9 of the rate, which
    takes 21 decay_s / (1 - branching) seconds: that much more is drawn than is returned.

    Attributes
    ----------
        branching: mean number of direct offspring, in [0, 1).
        decay_s: mean time to each of them.
    """

    branching: float
    decay_s: float
    timescale: Literal["physical"] = "physical"

    def times(self, horizon_s: float, mean_rate: float, rng: Generator) -> F8:
        """Ascending times in [0, horizon_s) seconds, float64; their expected number is mean_rate horizon_s.

        With an equal `rng` and `mean_rate` a longer horizon only appends times.

        Raises
        ------
            InputError: the past alone would hold more than 200 million arrivals.
        """
        if not (horizon_s > 0 and mean_rate > 0):
            return np.empty(0)
        found = [
            times[(times >= 0) & (times < horizon_s)]
            for begin, end in self._blocks(horizon_s, mean_rate)
            for times in self._clusters(begin, end, mean_rate, rng)
        ]
        return np.sort(np.concatenate(found))

    def _blocks(self, horizon_s: float, mean_rate: float) -> Iterator[tuple[float, float]]:
        """Stretches of time whose immigrants are drawn together; their cuts do not depend on the horizon."""
        past = self.decay_s / (1 - self.branching) * math.log(max(self.branching, MISSED) / MISSED)
        if past * mean_rate > LONGEST_PAST:
            raise InputError(
                Problem(
                    f"its memory reaches {past:.3g} s back, which at {mean_rate:.6g}/s is {past * mean_rate:.2g} arrivals before the case begins",
                    who="arrival 'hawkes'",
                    cure=f"choose a smaller decay, branching or rate; {LONGEST_PAST:.0e} arrivals are the limit",
                )
            )
        pieces = math.ceil(past * mean_rate / LAST_BLOCK)
        cuts = np.linspace(-past, 0.0, pieces + 1).tolist()
        yield from itertools.pairwise(cuts)
        begin, size = 0.0, FIRST_BLOCK
        while begin < horizon_s:
            end = begin + size / mean_rate
            yield begin, end
            begin, size = end, min(2 * size, LAST_BLOCK)

    def _clusters(self, begin: float, end: float, mean_rate: float, rng: Generator) -> Iterator[F8]:
        """Times of the clusters whose first arrival lies in [begin, end), generation by generation."""
        count = rng.poisson((1 - self.branching) * mean_rate * (end - begin))
        born = begin + (end - begin) * rng.random(count)
        while len(born):
            yield born
            parents = np.repeat(born, rng.poisson(self.branching, len(born)))
            born = parents + self.decay_s * rng.standard_exponential(len(parents))


def make(config: options.Hawkes) -> Hawkes:
    """Hawkes process."""
    return Hawkes(config.branching, config.decay_s)
