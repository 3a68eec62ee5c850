"""Neighbouring windows taken together until they hold enough to measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    I8 = npt.NDArray[np.int64]


def stretches(owner: I8, size: I8, least: int) -> I8:
    """Join neighbouring windows of one owner until they hold `least` samples.

    From an owner's first window on, windows are added until there are enough; what is left over at its end joins the
    stretch before it. An owner with fewer samples than `least` is one stretch.

    Parameters
    ----------
        owner: int64[k], ascending; whose window it is.
        size: int64[k]; samples in the window, in the order of time within an owner.
        least: samples that a stretch needs.

    Returns
    -------
        int64[k]; number of the stretch of each window, ascending from 0.
    """
    number, held, current, whole = np.empty(len(owner), np.int64), 0, -1, -1
    last = None
    begun = 0
    for at, (who, samples) in enumerate(zip(owner.tolist(), size.tolist(), strict=True)):
        if who != last:
            if last is not None and held < least and whole >= 0:
                number[begun:at] = whole
                current = whole
            last, held, whole, begun = who, 0, -1, at
            current += 1
        elif held >= least:
            whole, held, begun = current, 0, at
            current += 1
        number[at] = current
        held += samples
    if last is not None and held < least and whole >= 0:
        number[begun:] = whole
    return number
