"""Options of lengths."""

from __future__ import annotations

import math

import attrs

from servegen_fw.plugin import Choice, setting
from servegen_fw_models.options.checks import check_given

_MAX = "no larger values: the law given that it stays below"


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
    max: float = setting(math.inf, doc=_MAX, gt=0)


@attrs.frozen
class LogNormal:
    """Options of the log-normal length."""

    median: float = setting(doc="median, before max", gt=0)
    sigma: float = setting(doc="standard deviation of the logarithm", gt=0, le=20)
    max: float = setting(math.inf, doc=_MAX, gt=0)


@attrs.frozen
class GammaLength:
    """Options of the gamma length."""

    mean: float = setting(doc="mean, before max", gt=0)
    cv: float = setting(doc="coefficient of variation, before max; 1 is exponential", ge=0.01, le=10)
    max: float = setting(math.inf, doc=_MAX, gt=0)


@attrs.frozen
class WeibullLength:
    """Options of the Weibull length."""

    mean: float = setting(doc="mean, before max", gt=0)
    cv: float = setting(doc="coefficient of variation, before max; 1 is exponential", ge=0.01, le=10)
    max: float = setting(math.inf, doc=_MAX, gt=0)


@attrs.frozen
class Pareto:
    """Options of the Pareto length."""

    min: float = setting(doc="smallest value", gt=0)
    tail: float = setting(doc="exponent: P(X > x) = (min / x)^tail, before max", ge=0.01, le=100)
    max: float = setting(math.inf, doc=f"{_MAX}; needed if tail <= 1", gt=0)

    def __attrs_post_init__(self) -> None:
        if self.tail <= 1 and math.isinf(self.max):
            raise ValueError(f"tail = {self.tail:g} has no mean: give max, or a tail above 1")
        if self.max <= self.min:
            raise ValueError(f"max = {self.max:g} is not above min = {self.min:g}")


@attrs.frozen
class ParetoLogNormal:
    """Options of the log-normal length with a Pareto tail."""

    median: float = setting(doc="median of the whole law, before max", gt=0)
    sigma: float = setting(doc="standard deviation of the body's logarithm", gt=0, le=20)
    tail: float = setting(doc="exponent of the tail: P(X > x) falls as x^-tail", ge=0.01, le=100)
    max: float = setting(math.inf, doc=f"{_MAX}; needed if tail <= 1", gt=0)

    def __attrs_post_init__(self) -> None:
        if self.tail <= 1 and math.isinf(self.max):
            raise ValueError(f"tail = {self.tail:g} has no mean: give max, or a tail above 1")


@attrs.frozen
class Zipf:
    """Options of the Zipf length."""

    exponent: float = setting(doc="P(k) is proportional to k^-exponent; 0 for equal chances", ge=0, le=20)
    max: int = setting(doc="largest value; the smallest is 1", ge=1, le=1_000_000)


@attrs.frozen
class Empirical:
    """Options of the empirical length: `values` with `weights`, or a file."""

    values: tuple[float, ...] = setting((), doc="the values", ge=0)
    weights: tuple[float, ...] = setting((), doc="relative frequency of each value; default equal", ge=0)
    path: str = setting("", doc="CSV file of value,weight lines instead of `values`", path=True)

    def __attrs_post_init__(self) -> None:
        check_given(self.values, self.weights, self.path)


@attrs.frozen
class Mixture:
    """Options of the mixture of lengths."""

    laws: tuple[Choice, ...] = setting(doc="the laws that are mixed", kind="length")
    weights: tuple[float, ...] = setting((), doc="share of each law, relative; default equal", ge=0)

    def __attrs_post_init__(self) -> None:
        if not self.laws:
            raise ValueError("laws is empty")
        if self.weights and len(self.weights) != len(self.laws):
            raise ValueError(f"{len(self.laws)} laws but {len(self.weights)} weights")
        if self.weights and not sum(self.weights) > 0:
            raise ValueError("the weights are all zero")
