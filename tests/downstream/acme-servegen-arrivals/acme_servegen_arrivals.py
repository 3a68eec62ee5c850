"""Erlang arrivals, each gap the sum of `stages` exponential steps, and triangular lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from servegen_fw.plugin import ArrivalEntry, LengthEntry, hookimpl, renewal, setting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from servegen_fw.plugin import Arrivals, Lengths


@attrs.frozen
class Erlang:
    """Options of Erlang arrivals."""

    stages: int = setting(2, doc="exponential steps in one gap; 1 is Poisson", ge=1, le=1000)


def make_erlang(config: Erlang) -> Arrivals:
    """Renewal process of mean rate 1 whose gaps are gamma with a whole shape."""
    k = config.stages
    # A random moment finds each of the k steps equally likely under way: what is left is 1 to k exponential steps.
    return renewal(
        lambda n, rng: rng.gamma(k, 1 / k, n),
        first=lambda rng: float(rng.gamma(rng.integers(1, k + 1), 1 / k)),
    )


@attrs.frozen
class Triangular:
    """Options of the triangular length."""

    low: float = setting(doc="smallest value", unit="tokens", ge=0)
    mode: float = setting(doc="most frequent value", unit="tokens", ge=0)
    high: float = setting(doc="largest value", unit="tokens", gt=0)

    def __attrs_post_init__(self) -> None:
        """Check what no single limit can say."""
        if not self.low <= self.mode <= self.high or self.low == self.high:
            raise ValueError(f"expected low <= mode <= high, got {self.low:g}, {self.mode:g}, {self.high:g}")


@attrs.frozen
class TriangularLengths:
    """Lengths by the quantile function of the triangular law."""

    low: float
    mode: float
    high: float

    def ppf(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Quantiles at `u` in [0, 1), float64[n]."""
        import numpy as np

        width, rise, fall = self.high - self.low, self.mode - self.low, self.high - self.mode
        left = self.low + np.sqrt(u * width * rise)
        return np.where(u * width < rise, left, self.high - np.sqrt((1 - u) * width * fall))


def make_triangular(config: Triangular) -> Lengths:
    """Build the product from its options."""
    return TriangularLengths(config.low, config.mode, config.high)


@hookimpl
def servegen_arrivals() -> list[ArrivalEntry]:
    """Offer Erlang arrivals."""
    return [ArrivalEntry(name="erlang", config=Erlang, make=make_erlang, summary="Erlang-k gaps")]


@hookimpl
def servegen_lengths() -> list[LengthEntry]:
    """Offer triangular lengths."""
    return [
        LengthEntry(
            name="triangular", config=Triangular, make=make_triangular, summary="triangular between two ends"
        )
    ]
