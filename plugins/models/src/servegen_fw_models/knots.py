"""A distribution function as a table, made from quantiles: for laws that are asked the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw_models.empirical import Pmf

if TYPE_CHECKING:
    from servegen_fw.plugin import Lengths

F8: TypeAlias = npt.NDArray[np.float64]

GRID = 8193
_REACH = 36.7  # 1 / (1 + exp(36.7)) is the last step below 1 that doubles have
_HALVINGS = 60
_ROUNDING = 1e-9
"""Relative drop between two quantiles that is rounding and no law."""

SMOOTH = 1e-3
"""A rise between two points that comes down to this share of itself is none at once."""


@attrs.frozen(eq=False)
class Knots:
    """Points of a distribution function, straight lines between them; a `Lengths`.

    Attributes
    ----------
        u: float64[k], ascending from 0 to 1; equal neighbours where no values lie between two x.
        x: float64[k], ascending; equal neighbours where a value has a probability of its own.
    """

    u: F8
    x: F8

    @classmethod
    def of(cls, law: Lengths) -> Knots:
        """Return the table of a law: exact for a `Pmf`, else quantiles at 8,193 points, denser towards 0 and 1.

        The points lie 0.009 apart in log(u / (1 - u)); for smooth laws the table is then within 1e-5 of the
        distribution function. Where quantiles jump, the jump is narrowed down by halving until doubles end, one jump
        between each two points.

        Raises
        ------
            ValueError: quantiles are not finite or do not ascend.
        """
        if isinstance(law, Knots):
            return law
        if isinstance(law, Pmf):
            return cls(np.repeat(np.append(0.0, law.cdf), 2)[1:-1], np.repeat(law.value, 2))
        u = 1.0 / (1.0 + np.exp(-np.linspace(-_REACH, _REACH, GRID)))
        u[0] = 0.0
        x = np.asarray(law.ppf(u), np.float64)
        if not np.isfinite(x).all() or (np.diff(x) < -_ROUNDING * np.abs(x[1:])).any():
            raise ValueError("a law's quantiles are not finite or do not ascend")
        # Special functions are monotone but for their last bits.
        x = np.maximum.accumulate(x)
        low, high, below, above = _jumps(law, u, x)
        every_u = np.concatenate((u[:-1], [1.0], (low + high) / 2, (low + high) / 2))
        every_x = np.concatenate((x, below, above))
        order = np.lexsort((every_x, every_u))
        return cls(every_u[order], np.maximum.accumulate(every_x[order]))

    def ppf(self, u: F8) -> F8:
        """Quantiles: the largest x that the straight lines give at `u`."""
        u = np.asarray(u, np.float64)
        at = np.clip(np.searchsorted(self.u, u, side="right") - 1, 0, len(self.u) - 2)
        width = self.u[at + 1] - self.u[at]
        part = np.divide(u - self.u[at], width, out=np.zeros_like(u), where=width > 0)
        return np.asarray(self.x[at] + np.clip(part, 0.0, 1.0) * (self.x[at + 1] - self.x[at]))

    def upto(self, x: F8) -> F8:
        """Probability of values up to and including `x`."""
        return self._level(np.asarray(x, np.float64), "right")

    def below(self, x: F8) -> F8:
        """Probability of values below `x`."""
        return self._level(np.asarray(x, np.float64), "left")

    def _level(self, x: F8, side: str) -> F8:
        at = np.searchsorted(self.x, x, side=side)  # type: ignore[call-overload]
        low, high = np.maximum(at - 1, 0), np.minimum(at, len(self.x) - 1)
        width = self.x[high] - self.x[low]
        part = np.divide(x - self.x[low], width, out=np.zeros_like(x), where=width > 0)
        inside = self.u[low] + part * (self.u[high] - self.u[low])
        return np.asarray(np.where(at == 0, 0.0, np.where(at == len(self.x), 1.0, inside)))


def _jumps(law: Lengths, u: F8, x: F8) -> tuple[F8, F8, F8, F8]:
    """Where quantiles jump between two points: u on both sides of each jump, and x.

    The half with more of the rise is kept until nothing is left of it, or nothing of the interval.
    """
    low, high, below, above = u[:-1].copy(), u[1:].copy(), x[:-1].copy(), x[1:].copy()
    enough = SMOOTH * (above - below)
    at = np.flatnonzero(above > below)
    for _ in range(_HALVINGS):
        middle = (low[at] + high[at]) / 2
        value = np.asarray(law.ppf(middle), np.float64)
        left = value - below[at] > above[at] - value
        low[at], high[at] = np.where(left, low[at], middle), np.where(left, middle, high[at])
        below[at], above[at] = np.where(left, below[at], value), np.where(left, value, above[at])
        at = at[above[at] - below[at] > enough[at]]
    return low[at], high[at], below[at], above[at]
