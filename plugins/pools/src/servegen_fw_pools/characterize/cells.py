"""Samples grouped into contiguous cells, which is what laws are fitted to.

A length of v >= 1 tokens stands for a continuous length between v - 1/2 and v + 1/2 that was rounded; 1 takes all below
3/2 as well. The likelihood of a law is that of the cells (interval likelihood), so whole numbers need no correction. Above
some hundred tokens a cell holds several lengths, at most 1 % wide, which leaves the estimates as they are and makes a fit
cost the same for a thousand requests and for ten million.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.characterize.sample import Sample

    F8 = npt.NDArray[np.float64]

MOST = 1024


@attrs.frozen(eq=False)
class Cells:
    """Counts in cells that partition (0, infinity).

    Attributes
    ----------
        edges: float64[k + 1], ascending, the first 0 and the last infinity.
        weight: float64[k]; observations in (edges[i], edges[i + 1]].
    """

    edges: F8
    weight: F8

    @property
    def n(self) -> float:
        """Number of observations."""
        return float(self.weight.sum())


def cells_of(sample: Sample, most: int = MOST) -> Cells:
    """Group the values of `sample` above 0; its zeros are no lengths, and the caller's to report.

    Raises
    ------
        ValueError: no value is above 0.
    """
    sample = sample.above(0.0)
    if not len(sample.value):
        raise ValueError("no value above 0")
    least, largest = float(sample.value[0]), float(sample.value[-1])
    if sample.whole:
        inner = np.unique(np.rint(np.geomspace(least, largest + 1, most - 2))) - 0.5
        inner = np.concatenate(
            (inner[(inner > 0.5) & (inner < largest - 0.5)], [largest - 0.5, largest + 0.5])
        )
    else:
        inner = np.geomspace(least * (1 - 1e-9), largest, most - 1)
    inner = np.unique(inner[inner > (0.5 if sample.whole else 0.0)])
    edges = np.concatenate(([0.0], inner, [np.inf]))
    place = np.clip(np.searchsorted(edges, sample.value, side="left") - 1, 0, len(edges) - 2)
    count = np.bincount(place, weights=sample.weight, minlength=len(edges) - 1)
    return Cells(edges, count.astype(np.float64))
