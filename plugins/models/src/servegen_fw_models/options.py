"""Options of the entries. Imported at start-up, so nothing here may import numpy or scipy."""

from __future__ import annotations

import math

import attrs

from servegen_fw.plugin import Choice, setting


@attrs.frozen
class Gamma:
    """Options of gamma arrivals."""

    cv: float = setting(doc="coefficient of variation of the gaps; 1 is Poisson", gt=0, le=100)


@attrs.frozen
class Weibull:
    """Options of Weibull arrivals."""

    cv: float = setting(doc="coefficient of variation of the gaps; 1 is Poisson", gt=0, le=100)


@attrs.frozen
class OnOff:
    """Options of on-off modulation."""

    on_s: float = setting(doc="mean length of a busy period, exponential", unit="s", gt=0, key="on")
    off_s: float = setting(doc="mean length of a quiet period, exponential", unit="s", gt=0, key="off")
    low: float = setting(0.0, doc="level of quiet periods as a share of the busy level", ge=0, le=1)


@attrs.frozen
class Fixed:
    """Options of the fixed length."""

    value: float = setting(doc="the value", ge=0)


@attrs.frozen
class Uniform:
    """Options of the uniform length."""

    low: float = setting(doc="smallest value", ge=0)
    high: float = setting(doc="largest value", ge=0)

    def __attrs_post_init__(self) -> None:
        if self.high < self.low:
            raise ValueError(f"high = {self.high:g} lies below low = {self.low:g}")


@attrs.frozen
class Exponential:
    """Options of the exponential length."""

    mean: float = setting(doc="mean, before max", gt=0)
    max: float = setting(math.inf, doc="no larger values: the law given that it stays below", gt=0)


@attrs.frozen
class LogNormal:
    """Options of the log-normal length."""

    median: float = setting(doc="median, before max", gt=0)
    sigma: float = setting(doc="standard deviation of the logarithm", gt=0, le=20)
    max: float = setting(math.inf, doc="no larger values: the law given that it stays below", gt=0)


@attrs.frozen
class ParetoLogNormal:
    """Options of the log-normal length with a Pareto tail."""

    median: float = setting(doc="median of the whole law, before max", gt=0)
    sigma: float = setting(doc="standard deviation of the body's logarithm", gt=0, le=20)
    tail: float = setting(doc="exponent of the tail: P(X > x) falls as x^-tail", ge=0.01, le=100)
    max: float = setting(
        math.inf, doc="no larger values: the law given that it stays below; needed if tail <= 1", gt=0
    )

    def __attrs_post_init__(self) -> None:
        if self.tail <= 1 and math.isinf(self.max):
            raise ValueError(f"tail = {self.tail:g} has no mean: give max, or a tail above 1")


@attrs.frozen
class Empirical:
    """Options of the empirical length: `values` with `weights`, or a file."""

    values: tuple[float, ...] = setting((), doc="the values", ge=0)
    weights: tuple[float, ...] = setting((), doc="relative frequency of each value; default equal", ge=0)
    path: str = setting(
        "",
        doc="CSV file of value,weight lines instead of `values`",
        path=True,
    )

    def __attrs_post_init__(self) -> None:
        if bool(self.values) == bool(self.path):
            raise ValueError("give either values or path")
        if self.values:
            check_weights(self.values, self.weights)
        elif self.weights:
            raise ValueError("weights stand in the file if path is given")


@attrs.frozen
class Ratio:
    """Options of the reasoning split by a probability mass function."""

    values: tuple[float, ...] = setting(doc="shares of the output that are reasoning", ge=0, le=1)
    weights: tuple[float, ...] = setting((), doc="relative frequency of each share; default equal", ge=0)

    def __attrs_post_init__(self) -> None:
        check_weights(self.values, self.weights)


@attrs.frozen
class Bimodal:
    """Options of the reasoning split with two modes."""

    low: float = setting(0.35, doc="lower mode of the share of the output that is reasoning", ge=0, le=1)
    high: float = setting(0.92, doc="upper mode", ge=0, le=1)
    weight: float = setting(0.4, doc="share of the requests at the lower mode", ge=0, le=1)
    spread: float = setting(
        0.05, doc="standard deviation around each mode, of a normal law cut to [0, 1]", ge=0, le=1
    )

    def __attrs_post_init__(self) -> None:
        if self.high < self.low:
            raise ValueError(f"high = {self.high:g} lies below low = {self.low:g}")


@attrs.frozen
class Geometric:
    """Options of conversations with a geometric number of turns."""

    turns: float = setting(doc="mean number of turns", ge=1, le=10_000)
    think: Choice | None = setting(
        None, doc="time in seconds from the end of an answer to the next turn; default none", kind="length"
    )
    carries_context: bool = setting(True, doc="whether a turn sends the earlier turns along")


def check_weights(values: tuple[float, ...], weights: tuple[float, ...]) -> None:
    """Raise ValueError unless there are values, and as many weights (or none) that do not all vanish."""
    if not values:
        raise ValueError("values is empty")
    if weights and len(weights) != len(values):
        raise ValueError(f"{len(values)} values but {len(weights)} weights")
    if weights and not sum(weights) > 0:
        raise ValueError("the weights are all zero")
