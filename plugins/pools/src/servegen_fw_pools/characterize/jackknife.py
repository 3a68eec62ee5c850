"""Intervals from stretches of time left out one after the other: they hold where requests near in time depend."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from servegen_fw_pools.characterize.section import Number

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

MOST_BLOCKS: Final = 20
LEAST_BLOCKS: Final = 5
METHOD: Final = "block jackknife"


def blocks_of(units: int, least_units: int = 1) -> int:
    """How many stretches `units` consecutive windows are cut into: up to 20 of `least_units` or more; 0 below 5."""
    blocks = min(MOST_BLOCKS, units // least_units)
    return blocks if blocks >= LEAST_BLOCKS else 0


def block_index(units: int, blocks: int) -> I8:
    """Stretch of each unit; int64[units], ascending, sizes equal to within one."""
    return np.arange(units, dtype=np.int64) * blocks // units


def without(sums: npt.NDArray[Any]) -> F8:
    """Total over the last axis with each stretch left out in turn; same shape."""
    return np.asarray(sums.sum(-1, keepdims=True) - sums)


def number(
    value: float,
    left_out: F8 | None,
    unit: str = "",
    n: int = 0,
    *,
    log: bool = False,
    least: float = -math.inf,
    most: float = math.inf,
) -> Number:
    """A number with the interval of the delete-a-block jackknife (Kuensch, Annals of Statistics 17, 1989).

    Parameters
    ----------
        value: of the whole.
        left_out: float64[blocks]; its value without each stretch; None for a number without interval.
        unit: of the value.
        n: sample size.
        log: whether the interval is made on the logarithm, for ratios above 0.
        least: what the number cannot be below.
        most: what it cannot be above.

    Returns
    -------
        The 95 % interval with Student's t of one degree of freedom less than there are stretches; none if the number
        is not defined without one of them.
    """
    if left_out is None or not len(left_out) or not np.isfinite(left_out).all():
        return Number(value, unit, n)
    if log and (value <= 0 or left_out.min() <= 0):
        return Number(value, unit, n)
    from scipy.special import stdtrit

    point, others = (math.log(value), np.log(left_out)) if log else (value, left_out)
    blocks = len(left_out)
    error = math.sqrt((blocks - 1) / blocks * float(((others - others.mean()) ** 2).sum()))
    half = float(stdtrit(blocks - 1, 0.975)) * error
    low, high = (
        (math.exp(point - min(half, 700.0)), math.exp(min(point + half, 700.0)))
        if log
        else (point - half, point + half)
    )
    return Number(value, unit, n, min(max(low, least), value), max(min(high, most), value), METHOD)
