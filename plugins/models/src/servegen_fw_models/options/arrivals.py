"""Options of arrival processes."""

from __future__ import annotations

import attrs

from servegen_fw.plugin import setting
from servegen_fw_models.options.checks import check_given


@attrs.frozen
class Gamma:
    """Options of gamma arrivals."""

    cv: float = setting(doc="coefficient of variation of the gaps; 1 is Poisson", gt=0, le=100)


@attrs.frozen
class Weibull:
    """Options of Weibull arrivals."""

    cv: float = setting(doc="coefficient of variation of the gaps; 1 is Poisson", gt=0, le=100)


@attrs.frozen
class EmpiricalGaps:
    """Options of arrivals with given gaps: `values` with `weights`, or a file."""

    values: tuple[float, ...] = setting(
        (), doc="gaps between arrivals in any unit; only their proportions count", ge=0
    )
    weights: tuple[float, ...] = setting((), doc="relative frequency of each gap; default equal", ge=0)
    path: str = setting("", doc="CSV file of value,weight lines instead of `values`", path=True)

    def __attrs_post_init__(self) -> None:
        check_given(self.values, self.weights, self.path)
        weights = self.weights or (1.0,) * len(self.values)
        if self.values and not any(v * w > 0 for v, w in zip(self.values, weights, strict=True)):
            raise ValueError("all gaps are zero")


@attrs.frozen
class Hawkes:
    """Options of Hawkes arrivals."""

    branching: float = setting(
        doc="mean number of arrivals that each arrival brings about; 0 is Poisson", ge=0, le=0.99
    )
    decay_s: float = setting(
        doc="mean time from an arrival to one it brings about, exponential",
        unit="s",
        gt=0,
        le=86_400,
        key="decay",
    )
