"""Rates that switch between busy and quiet in real time."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from numpy.random import Generator

    from servegen_fw_models import options

F8: TypeAlias = npt.NDArray[np.float64]

_BLOCK = 64


@attrs.frozen
class OnOff:
    """Alternating exponential periods, begun in equilibrium; a `Modulation`.

    The chance of being busy is on / (on + off) at every moment, so with levels 1 and `low` in this proportion the
    expected level is exactly 1 everywhere. Poisson arrivals under it are a two-state Markov-modulated process.
    """

    on_s: float
    off_s: float
    low: float = 0.0

    def path(self, horizon_s: float, rng: Generator) -> tuple[F8, F8]:
        """Breakpoints in [0, horizon_s) seconds and the level from each on; a longer horizon only appends."""
        busy = rng.random() < self.on_s / (self.on_s + self.off_s)
        # What is left of an exponential period has the law of a whole one.
        means = np.array([self.on_s, self.off_s] if busy else [self.off_s, self.on_s])
        ends = [np.zeros(1)]
        while ends[-1][-1] < horizon_s:
            ends.append(ends[-1][-1] + np.cumsum(rng.standard_exponential((_BLOCK, 2)) * means))
        begins = np.concatenate(ends)
        begins = begins[: max(1, int(np.searchsorted(begins, horizon_s, side="left")))]
        is_busy = (np.arange(len(begins)) % 2 == 0) == busy
        high = (self.on_s + self.off_s) / (self.on_s + self.low * self.off_s)
        return begins, np.where(is_busy, high, self.low * high)


def make(config: options.OnOff) -> OnOff:
    """Busy and quiet periods."""
    return OnOff(config.on_s, config.off_s, config.low)


def make_mmpp(config: options.Mmpp2) -> OnOff:
    """Two states by their levels and mean sojourns; the one with the higher level is the busy one."""
    (high, busy_s), (low, quiet_s) = sorted(zip(config.levels, config.sojourn_s, strict=True), reverse=True)
    return OnOff(busy_s, quiet_s, low / high)
