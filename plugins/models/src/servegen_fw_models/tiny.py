"""Positive numbers from logarithms that lie below what doubles can hold."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

F8: TypeAlias = npt.NDArray[np.float64]

_TURN, _FLOOR = -650.0, -700.0


def exp_floored(log: F8) -> F8:
    """exp(log), strictly ascending and positive for every finite `log`.

    Exact from -650 up; below, the logarithms are squeezed into (-700, -650], so that the order is kept and nothing
    becomes 0 or a denormal.
    """
    if not log.size or log.min() >= _TURN:
        return np.asarray(np.exp(log))
    squeezed = _FLOOR + (_TURN - _FLOOR) * (_TURN / np.minimum(log, _TURN))
    return np.asarray(np.exp(np.where(log < _TURN, squeezed, log)))
