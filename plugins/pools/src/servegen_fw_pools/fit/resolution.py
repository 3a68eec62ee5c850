"""What a log's clock can tell: requests that share a time came within one of its steps, not at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]


def step_of(time_s: F8) -> float:
    """Smallest difference between two times of a log in seconds, if any two requests share a time; else 0.

    `time_s` is ascending, float64[n].
    """
    gap_s = np.diff(time_s)
    apart = gap_s[gap_s > 0]
    return float(apart.min()) if len(apart) and len(apart) < len(gap_s) else 0.0


def spread(time_s: F8) -> F8:
    """Times with those that are equal spread uniformly over the clock's step; float64[n], ascending.

    A log in whole seconds would otherwise look as if its requests came in bursts, one at each tick. Where the clock is
    fine (requests of one batch in a log of microseconds) the step is as small as nothing.
    """
    step_s = step_of(time_s)
    if not step_s:
        return time_s
    begin = np.flatnonzero(np.diff(time_s, prepend=-np.inf) > 0)
    tied = np.repeat(np.diff(np.append(begin, len(time_s))) > 1, np.diff(np.append(begin, len(time_s))))
    # The same log gives the same fit: the generator is fixed.
    late = np.random.default_rng(0).random(len(time_s)) * step_s
    return np.sort(time_s + np.where(tied, late, 0.0))
