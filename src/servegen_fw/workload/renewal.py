"""Stationary renewal processes from a law of gaps: what most arrival plugins are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np

from servegen_fw.errors import PluginError, Problem

if TYPE_CHECKING:
    from numpy.random import Generator

    from servegen_fw.data.arrays import F8

Gaps: TypeAlias = "Callable[[int, Generator], F8]"
"""Draws n independent gaps of mean 1, float64[n]."""

First: TypeAlias = "Callable[[Generator], float]"
"""Draws the equilibrium first gap: the wait from a random moment to the next arrival."""

PILOT = 8192
"""Gaps among which the first one is picked where its exact law is not given."""

FIRST_BLOCK, LAST_BLOCK = 64, 4096
# A law with mean 1 needs about `horizon` gaps. One that needs this many more has another mean.
_PATIENCE_FACTOR, _PATIENCE_GAPS = 256.0, 1 << 24


@attrs.frozen
class Renewal:
    """A stationary renewal process of mean rate 1; an `Arrivals`.

    Attributes
    ----------
        gaps: draws n gaps of mean 1.
        first: draws the equilibrium first gap; None to pick it from a block of gaps.
    """

    gaps: Gaps
    first: First | None = None

    def unit_times(self, horizon: float, rng: Generator) -> F8:
        """Ascending times in [0, horizon), float64; their expected number is `horizon`.

        Gaps are drawn in blocks of sizes that do not depend on the horizon, so a longer horizon only appends times.

        Raises
        ------
            PluginError: the gaps are negative, not numbers, or do not have mean 1.
        """
        if not horizon > 0:
            return np.empty(0)
        start = self._first_gap(rng)
        parts = [np.array([start])]
        drawn, patience = 0, _PATIENCE_FACTOR * horizon + _PATIENCE_GAPS
        for size in _block_sizes():
            if start >= horizon:
                break
            if drawn > patience:
                raise _bad_gaps(
                    f"{drawn} gaps cover {start:g} of a horizon of {horizon:g}: their mean is not 1"
                )
            times = start + np.cumsum(_drawn(self.gaps, size, rng))
            parts.append(times)
            start, drawn = float(times[-1]), drawn + size
        found = np.concatenate(parts)
        return found[: int(np.searchsorted(found, horizon, side="left"))]

    def _first_gap(self, rng: Generator) -> float:
        if self.first is not None:
            first = float(self.first(rng))
            if not first >= 0:
                raise _bad_gaps(f"first gap {first!r}")
            return first
        # A random moment falls into a gap with probability proportional to its length, uniformly within it.
        reach = np.cumsum(_drawn(self.gaps, PILOT, rng))
        moment = rng.random() * reach[-1]
        return float(reach[min(int(np.searchsorted(reach, moment, side="right")), PILOT - 1)] - moment)


def renewal(gaps: Gaps, first: First | None = None) -> Renewal:
    """Make a stationary renewal process of mean rate 1 from the law of its gaps.

    The first gap has the equilibrium distribution (density (1 - F(x)) / mean), so that the expected number of times
    in [0, h) is exactly h for every h, whatever the coefficient of variation.

    Parameters
    ----------
        gaps: ``gaps(n, rng)`` draws n independent gaps of mean 1, float64[n].
        first: ``first(rng)`` draws the first gap from its exact law. Without it, one of `PILOT` drawn gaps is picked
            with probability proportional to its length and cut at a uniform point: expected counts are then within
            2 % of exact for gaps of CV up to 6.

    Example::

        renewal(lambda n, rng: rng.standard_exponential(n), first=lambda rng: rng.standard_exponential())
    """
    return Renewal(gaps, first)


def _block_sizes() -> Iterator[int]:
    size = FIRST_BLOCK
    while True:
        yield size
        size = min(2 * size, LAST_BLOCK)


def _drawn(gaps: Gaps, size: int, rng: Generator) -> F8:
    found = np.asarray(gaps(size, rng), np.float64)
    if found.shape != (size,):
        raise _bad_gaps(f"asked for {size} gaps, got an array of shape {found.shape}")
    if not (found >= 0).all():
        raise _bad_gaps("a gap is negative or not a number")
    return found


def _bad_gaps(what: str) -> PluginError:
    return PluginError(Problem(what, who="renewal", cure="gaps(n, rng) must draw n gaps >= 0 of mean 1"))
