"""Renewal processes: stationarity, mean rate, appending, and what bad gaps give.

Statistical tests run on fixed seeds. Over seeds, each would fail by chance with probability below 1e-5 (two-sided
normal tests at 4.5 standard errors, Kolmogorov-Smirnov tests at p = 1e-5) unless its docstring states another rate.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from servegen_fw.data.arrays import F8
from servegen_fw.errors import PluginError
from servegen_fw.workload.renewal import FIRST_BLOCK, LAST_BLOCK, PILOT, Renewal, renewal


def gamma(shape: float, *, exact: bool = True) -> Renewal:
    """Gamma gaps, with the exact first gap or without."""
    return renewal(
        lambda n, rng: rng.gamma(shape, 1 / shape, n),
        (lambda rng: rng.random() * rng.gamma(shape + 1, 1 / shape)) if exact else None,
    )


def equilibrium_cdf(shape: float, x: F8) -> F8:
    """Integral of 1 - F from 0 to x for gamma gaps of mean 1: x (1 - F(x)) + F of shape + 1."""
    return np.asarray(x * special.gammaincc(shape, shape * x) + special.gammainc(shape + 1, shape * x))


def counts(process: Renewal, horizon: float, runs: int, seed: int) -> F8:
    """Times in [0, horizon) of independent runs."""
    rng = np.random.default_rng(seed)
    return np.array([len(process.unit_times(horizon, rng)) for _ in range(runs)], np.float64)


def z_score(sample: F8, mean: float) -> float:
    """Distance of the sample's mean from `mean` in standard errors."""
    return float((sample.mean() - mean) / (sample.std(ddof=1) / math.sqrt(len(sample))))


@pytest.mark.parametrize(
    ("shape", "horizon"), [(4.0, 0.7), (1.0, 3.0), (0.25, 3.0), (1 / 36, 0.5), (1 / 36, 6.0)]
)
def test_the_expected_count_equals_the_horizon_whatever_the_cv(shape: float, horizon: float) -> None:
    """With the exact first gap, CVs from 0.5 to 6 give an unbiased count from time 0 on, also over short horizons."""
    assert abs(z_score(counts(gamma(shape), horizon, 12_000, 11), horizon)) < 4.5


def test_no_part_of_the_horizon_is_favoured() -> None:
    """At CV 3, each tenth of the horizon holds a tenth of the times; all ten hold at 4.5 standard errors."""
    rng = np.random.default_rng(12)
    process = gamma(1 / 9)
    parts = np.array([np.histogram(process.unit_times(10.0, rng), 10, (0, 10))[0] for _ in range(6_000)])
    assert max(abs(z_score(parts[:, part].astype(float), 1.0)) for part in range(10)) < 4.5


@pytest.mark.parametrize("shape", [4.0, 0.25, 0.03])
def test_without_an_exact_first_gap_the_picked_one_has_the_equilibrium_law(shape: float) -> None:
    """The first time, picked by length from a pilot block, follows the integral of 1 - F."""
    rng = np.random.default_rng(13)
    process = gamma(shape, exact=False)
    # A horizon beyond which the first time lies with probability below 1e-12.
    firsts = np.array([process.unit_times(500 / min(shape, 1), rng)[0] for _ in range(1_500)])
    assert stats.kstest(firsts, lambda x: equilibrium_cdf(shape, x)).pvalue > 1e-5


def test_the_picked_first_gap_is_within_two_percent_at_shape_003() -> None:
    """Averaged over pilot blocks, the chance of a first gap below x is within 2 % of exact for x from 0.001 to 30."""
    rng = np.random.default_rng(14)
    x = np.array([0.001, 0.1, 1.0, 5.0, 30.0])
    blocks = rng.gamma(0.03, 1 / 0.03, (400, PILOT))
    # What `unit_times` does with one block, in expectation over its two choices.
    found = np.array([np.minimum(blocks, at).sum(1) / blocks.sum(1) for at in x])
    assert np.abs(found.mean(1) / equilibrium_cdf(0.03, x) - 1).max() < 0.02


@pytest.mark.parametrize("shape", [2.0, 0.25])
def test_counts_have_the_dispersion_of_the_law(shape: float) -> None:
    """Var N(h) = cv^2 h + 1/6 + cv^4/2 - mu3/3 for a stationary renewal process, to 4.5 standard errors of a variance."""
    horizon, runs = 200.0, 4_000
    found = counts(gamma(shape), horizon, runs, 15)
    expected = horizon / shape + 1 / 6 + 1 / (2 * shape**2) - 2 / (3 * shape**2)
    error = math.sqrt(float(((found - horizon) ** 2).var()) / runs)
    assert abs(float(((found - horizon) ** 2).mean()) - expected) < 4.5 * error


def test_gaps_after_the_first_have_the_law_given() -> None:
    """The first 5,000 differences of a long run follow the gamma law."""
    times = gamma(0.25).unit_times(20_000.0, np.random.default_rng(16))
    assert stats.kstest(np.diff(times)[:5_000], stats.gamma(0.25, scale=4).cdf).pvalue > 1e-5


@pytest.mark.parametrize("exact", [True, False])
def test_a_longer_horizon_only_appends(exact: bool) -> None:
    """Times below a shorter horizon are the same to the bit, across the boundaries of blocks."""
    long = gamma(0.3, exact=exact).unit_times(10_000.0, np.random.default_rng(17))
    for horizon in (0.01, 5.0, 63.9, 64.0, 700.0, 4_097.5, 9_999.0):
        short = gamma(0.3, exact=exact).unit_times(horizon, np.random.default_rng(17))
        np.testing.assert_array_equal(short, long[long < horizon])


def test_block_sizes_do_not_depend_on_the_horizon() -> None:
    """Gaps are asked for in blocks that double from 64 to 4,096 and stay there."""
    asked: list[int] = []

    def gaps(n: int, rng: np.random.Generator) -> F8:
        asked.append(n)
        return rng.standard_exponential(n)

    renewal(gaps, lambda rng: rng.standard_exponential()).unit_times(20_000.0, np.random.default_rng(18))
    assert asked[:8] == [64, 128, 256, 512, 1024, 2048, 4096, 4096]
    assert (asked[0], max(asked)) == (FIRST_BLOCK, LAST_BLOCK)


def test_times_ascend_within_the_half_open_horizon() -> None:
    """Times are ascending float64 in [0, horizon)."""
    times = gamma(0.05).unit_times(1_000.0, np.random.default_rng(19))
    assert times.dtype == np.float64
    assert (np.diff(times) >= 0).all()
    assert times[0] >= 0
    assert times[-1] < 1_000


def test_a_time_at_the_horizon_is_outside() -> None:
    """With gaps of exactly 1 from 0, the horizon itself is excluded."""
    regular = renewal(lambda n, _rng: np.ones(n), lambda _rng: 0.0)
    np.testing.assert_array_equal(regular.unit_times(3.0, np.random.default_rng(0)), [0.0, 1.0, 2.0])


@pytest.mark.parametrize("horizon", [0.0, -1.0, math.nan])
def test_an_empty_horizon_gives_no_times(horizon: float) -> None:
    """Nothing happens in no time, and no gaps are drawn."""
    assert len(gamma(1.0).unit_times(horizon, np.random.default_rng(0))) == 0


@pytest.mark.parametrize(
    ("gaps", "what"),
    [
        (lambda n, _rng: np.full(n, -1.0), "negative or not a number"),
        (lambda n, _rng: np.full(n, np.nan), "negative or not a number"),
        (lambda n, _rng: np.ones(n + 1), "asked for 64 gaps"),
        (lambda _n, rng: rng.random(), "asked for 64 gaps"),
    ],
)
def test_a_broken_law_is_named(gaps: object, what: str) -> None:
    """Gaps that are negative, NaN or of a wrong number give an error that says what gaps must be."""
    process = Renewal(gaps, lambda _rng: 0.5)  # type: ignore[arg-type]
    with pytest.raises(PluginError, match=what) as caught:
        process.unit_times(1.0, np.random.default_rng(0))
    assert "mean 1" in str(caught.value)


@pytest.mark.parametrize("first", [-0.1, math.nan])
def test_a_broken_first_gap_is_named(first: float) -> None:
    """A first gap that is negative or NaN is an error, not a silent shift."""
    with pytest.raises(PluginError, match="first gap"):
        Renewal(lambda n, _rng: np.ones(n), lambda _rng: first).unit_times(1.0, np.random.default_rng(0))


def test_gaps_without_a_mean_end_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A law whose gaps are all zero ends in a message instead of an endless loop."""
    monkeypatch.setattr("servegen_fw.workload.renewal._PATIENCE_GAPS", 100_000)
    with pytest.raises(PluginError, match="their mean is not 1"):
        renewal(lambda n, _rng: np.zeros(n)).unit_times(1.0, np.random.default_rng(0))
