"""Splits whose parts have a stated rank correlation.

Statistical tests run on fixed seeds. Spearman's correlation of n = 40,000 independent pairs has a standard error of at
most 1 / sqrt(n) = 0.005; with the solver's own error below 0.002 a test at 0.02 fails by chance with probability
below 1e-3 over seeds where the correlation is 0, and far less elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from servegen_fw_models import correlated, options
from servegen_fw_models.reasoning import TwoModes

from servegen_fw.plugin import Choice, InputError, LengthEntry

I4 = npt.NDArray[np.int32]


def length(config: Any, make: str) -> Choice:
    """What a suite's nested length is given as."""
    return Choice(LengthEntry(name="made", config=type(config), make=f"servegen_fw_models.{make}"), config)


LOGNORMAL = length(options.LogNormal(median=800, sigma=1.0, max=32_000), "lengths:make_lognormal")
EXPONENTIAL = length(options.Exponential(mean=1500), "lengths:make_exponential")
SHORT = length(options.Exponential(mean=6), "lengths:make_exponential")
POINTS = length(options.Empirical(values=(100, 400, 3_000), weights=(2, 3, 1)), "empirical:make")


def drawn(split: correlated.Correlated, output: Choice, seed: int, n: int = 40_000) -> tuple[I4, I4]:
    """Outputs of a law, as composition rounds and raises them, and their reason tokens."""
    rng = np.random.default_rng(seed)
    outputs = np.maximum(np.rint(output.make().ppf(rng.random(n))), 1).astype(np.int32)
    return outputs, split.split(outputs, rng.random(n))


@pytest.mark.parametrize("output", [LOGNORMAL, EXPONENTIAL, POINTS])
@pytest.mark.parametrize("wanted", [-0.1, 0.3, 0.6, 0.65])
def test_reasoning_and_answer_have_the_rank_correlation_asked_for(output: Choice, wanted: float) -> None:
    """Of 40,000 requests, Spearman's correlation of reason and answer tokens is within 0.02 of the one stated."""
    made = correlated.make(options.Correlated(correlation=wanted, output=output))
    outputs, reason = drawn(made, output, 101)
    assert abs(stats.spearmanr(reason, outputs - reason).statistic - wanted) < 0.02


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0.1, 0.9),
    st.floats(0.01, 0.2),
    st.floats(0.05, 0.95),
    st.integers(0, 2**32),
)
@settings(max_examples=6)
def test_any_correlation_that_can_be_had_is_reached(
    one: float, other: float, weight: float, spread: float, place: float, seed: int
) -> None:
    """Anything between the ends that an error message names is reached within 0.02 (4 standard errors)."""
    law = {"low": min(one, other), "high": max(one, other), "weight": weight, "spread": spread}
    unsolved = correlated.make(options.Correlated(correlation=reach(law), output=LOGNORMAL, **law))
    ends = [
        correlated.Correlated(unsolved.share, unsolved.outputs, copula).reached(LOGNORMAL.make())
        for copula in (-0.95, 0.95)
    ]
    wanted = ends[0] + place * (ends[1] - ends[0])
    made = correlated.make(options.Correlated(correlation=wanted, output=LOGNORMAL, **law))
    outputs, reason = drawn(made, LOGNORMAL, seed)
    assert abs(stats.spearmanr(reason, outputs - reason).statistic - wanted) < 0.02


def reach(law: dict[str, float]) -> float:
    """The correlation of a split that is independent of the output."""
    table = correlated.Knots.of(LOGNORMAL.make())
    share = TwoModes(law["low"], law["high"], law["weight"], law["spread"])
    return correlated.Correlated(share, table, 0.0).reached(LOGNORMAL.make())


@pytest.mark.parametrize("copula", [-0.9, -0.3, 0.5, 0.95])
def test_the_share_keeps_its_two_modes_whatever_the_correlation(copula: float) -> None:
    """Shares of long outputs have the law of the two modes: Kolmogorov-Smirnov, p = 1e-5, n = 40,000."""
    share = TwoModes(0.35, 0.92, 0.4, 0.05)
    output = length(options.LogNormal(median=1e7, sigma=0.5), "lengths:make_lognormal")
    made = correlated.Correlated(share, correlated.Knots.of(output.make()), copula)
    outputs, reason = drawn(made, output, 102)

    def cdf(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        low, high = (stats.truncnorm(-m / 0.05, (1 - m) / 0.05, loc=m, scale=0.05) for m in (0.35, 0.92))
        return np.asarray(0.4 * low.cdf(x) + 0.6 * high.cdf(x))

    assert stats.kstest(reason / outputs, cdf).pvalue > 1e-5


def test_outputs_of_few_values_keep_the_modes_too() -> None:
    """With three output lengths, ranks within each are spread by u: the lower mode has its weight, within 4.5 errors."""
    made = correlated.Correlated(TwoModes(0.35, 0.92, 0.4, 0.05), correlated.Knots.of(POINTS.make()), -0.97)
    outputs, reason = drawn(made, POINTS, 103)
    assert abs((reason / outputs < 0.635).mean() - 0.4) < 4.5 * np.sqrt(0.24 / len(outputs))
    by_length = [(reason / outputs)[outputs == value].mean() for value in (100, 400, 3_000)]
    assert by_length == sorted(by_length, reverse=True)


@given(st.integers(0, 2**31 - 1), st.floats(0, 1, exclude_max=True), st.floats(-0.99, 0.99))
def test_any_split_stays_within_the_output(output: int, u: float, copula: float) -> None:
    """Reason tokens are int32 in [0, output], also for outputs that the law does not have."""
    made = correlated.Correlated(TwoModes(0.3, 1.0, 0.5, 0.3), correlated.Knots.of(SHORT.make()), copula)
    found = made.split(np.array([output], np.int32), np.array([u]))
    assert found.dtype == np.int32
    assert 0 <= found[0] <= output


def test_what_cannot_be_had_is_refused_with_the_range() -> None:
    """0.99 is out of reach for outputs that vary little; the error names what is in reach."""
    with pytest.raises(
        InputError, match=r"correlation = 0.99 cannot be had: .* between -0\.\d\d and 0\.\d\d"
    ):
        correlated.make(options.Correlated(correlation=0.99, output=LOGNORMAL))
    fixed = length(options.Fixed(value=1000), "lengths:make_fixed")
    with pytest.raises(InputError, match=r"between -1.00 and -1.00"):
        correlated.make(options.Correlated(correlation=0.5, output=fixed))


def test_the_weaker_tie_is_taken() -> None:
    """What independence gives anyway is reached with next to no copula."""
    law = {"low": 0.35, "high": 0.92, "weight": 0.4, "spread": 0.05}
    made = correlated.make(options.Correlated(correlation=reach(law), output=LOGNORMAL, **law))
    assert abs(made.copula) < 0.01
