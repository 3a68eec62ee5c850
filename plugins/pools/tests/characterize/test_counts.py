"""Dispersion and correlation of counts."""

from __future__ import annotations

import numpy as np
import pytest
from servegen_fw_pools.characterize.counts import autocorrelation, counts, dispersion, dispersions


def poisson(rate: float, duration_s: float, seed: int) -> np.ndarray:
    """Times of a Poisson process, the first at 0."""
    rng = np.random.default_rng(seed)
    return np.concatenate(([0.0], np.sort(rng.random(rng.poisson(rate * duration_s))) * duration_s))


def test_counts_are_those_of_whole_bins() -> None:
    """A bin holds its start and not its end; what comes after the last whole bin is left out."""
    assert counts(np.array([0.0, 0.5, 1.0, 2.5, 3.2]), 1.0, 3.5).tolist() == [2, 1, 1]


def test_poisson_lies_in_its_band_and_its_intervals_hold_one() -> None:
    """Of 200 Poisson logs, 95 % lie in the stated band and 95 % of the intervals hold 1, at every scale."""
    # The number outside is Binomial(200, 0.05), above 23 with probability 1e-4; the jackknife's coverage on a logarithm is
    # approximate, and 30 outside (85 % coverage) are allowed for it.
    outside, missed = np.zeros(3), np.zeros(3)
    for seed in range(200):
        for k, one in enumerate(dispersions(poisson(4.0, 1300.0, seed), 1300.0)):
            index = one["index"]
            outside[k] += not one["poisson_low"] <= index.value <= one["poisson_high"]
            missed[k] += not index.low <= 1 <= index.high
    assert (outside <= 23).all(), outside
    assert (missed <= 30).all(), missed
    assert (outside > 0).all()


def test_batches_have_their_size_as_dispersion() -> None:
    """Poisson batches of 6 requests at one time have an index of 6 at every scale: its interval (99.9 %) holds it."""
    times = np.repeat(poisson(2.0, 20_000.0, 3), 6)
    for one in dispersions(times, 20_000.0):
        width = np.log(one["index"].high / one["index"].low)
        assert abs(np.log(one["index"].value / 6)) < 1.7 * width


def test_a_constant_clock_has_none() -> None:
    """One request a second: no dispersion, finite ends."""
    found = dispersion(np.ones(100))
    assert found.value == 0.0
    assert found.low is None or found.low >= 0


def test_scales_without_enough_bins_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty bins are the least, 20 million the most; empty bins count."""
    times = np.array([0.0, 50.0, 199.0, 200.0])
    assert [one["scale_s"] for one in dispersions(times, 200.0)] == [1.0, 10.0]
    monkeypatch.setattr("servegen_fw_pools.characterize.counts.MOST_BINS", 100)
    assert [one["scale_s"] for one in dispersions(np.array([0.0, 1500.0]), 1500.0)] == [60.0]
    with pytest.raises(ValueError, match="too few"):
        dispersion(np.ones(19))


def test_autocorrelation_is_that_of_the_process() -> None:
    """A first-order autoregression of 0.7 shows 0.7, 0.49, 0.343; 6 standard errors of 0.004 allow 1e-8 false alarms."""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(100_000)
    values = np.zeros(100_000)
    for t in range(1, len(values)):
        values[t] = 0.7 * values[t - 1] + noise[t]
    assert autocorrelation(values, 3) == pytest.approx([0.7, 0.49, 0.343], abs=0.025)
    assert autocorrelation(np.ones(50), 3).tolist() == [0.0, 0.0, 0.0]
