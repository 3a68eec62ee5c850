"""Options of rate modulations."""

from __future__ import annotations

import itertools
from typing import Literal

import attrs

from servegen_fw.plugin import setting

DAY_S = 86_400.0


@attrs.frozen
class OnOff:
    """Options of on-off modulation."""

    on_s: float = setting(doc="mean length of a busy period, exponential", unit="s", gt=0, key="on")
    off_s: float = setting(doc="mean length of a quiet period, exponential", unit="s", gt=0, key="off")
    low: float = setting(0.0, doc="level of quiet periods as a share of the busy level", ge=0, le=1)


@attrs.frozen
class Mmpp2:
    """Options of two-state Markov modulation."""

    levels: tuple[float, float] = setting(
        doc="rates in the two states; only their ratio counts, the mean level is 1", ge=0
    )
    sojourn_s: tuple[float, float] = setting(
        doc="mean time in each state, exponential", unit="s", gt=0, key="sojourn"
    )

    def __attrs_post_init__(self) -> None:
        if not any(self.levels):
            raise ValueError("both levels are zero")


@attrs.frozen
class Diurnal:
    """Options of the day's curve."""

    low: float = setting(doc="level of the trough as a share of the peak's", ge=0, le=1)
    peak_s: float = setting(15 * 3600.0, doc="time of day of the peak", unit="s", ge=0, key="peak")
    trough_s: float = setting(4 * 3600.0, doc="time of day of the trough", unit="s", ge=0, key="trough")
    start_s: float = setting(0.0, doc="time of day at which the case begins", unit="s", ge=0, key="start")
    period_s: float = setting(DAY_S, doc="length of the day", unit="s", gt=0, key="period")

    def __attrs_post_init__(self) -> None:
        for name in ("peak", "trough", "start"):
            at = getattr(self, f"{name}_s")
            if at >= self.period_s:
                raise ValueError(f"{name} = {at:g} s is not within the period of {self.period_s:g} s")
        if self.peak_s == self.trough_s:
            raise ValueError("peak and trough are at the same time")


@attrs.frozen
class Piecewise:
    """Options of a curve through given points."""

    times_s: tuple[float, ...] = setting(
        doc="times of the points; the first is 0, ascending", unit="s", ge=0, key="times"
    )
    levels: tuple[float, ...] = setting(doc="levels there, relative: the mean over a period becomes 1", ge=0)
    period_s: float = setting(
        doc="after this time the curve begins anew; above the last point's", unit="s", gt=0, key="period"
    )
    shape: Literal["linear", "steps"] = setting(
        "linear",
        doc="straight lines from point to point, from the last to the first too; or levels that hold",
    )
    start_s: float = setting(0.0, doc="where in the period the case begins", unit="s", ge=0, key="start")

    def __attrs_post_init__(self) -> None:
        times = self.times_s
        if len(times) != len(self.levels):
            raise ValueError(f"{len(times)} times but {len(self.levels)} levels")
        if not times or times[0] != 0:
            raise ValueError("the first point must be at time 0")
        if any(b <= a for a, b in itertools.pairwise(times)):
            raise ValueError("times do not ascend")
        if times[-1] >= self.period_s:
            raise ValueError(
                f"the last point lies at {times[-1]:g} s, not within period = {self.period_s:g} s"
            )
        if self.start_s >= self.period_s:
            raise ValueError(f"start = {self.start_s:g} s is not within period = {self.period_s:g} s")
        if not any(self.levels):
            raise ValueError("the levels are all zero")
