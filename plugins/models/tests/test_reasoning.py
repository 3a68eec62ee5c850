"""Splits of outputs into reasoning and answer.

Grids of u stand in for random numbers, so nothing here fails by chance.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from servegen_fw_models import options
from servegen_fw_models.reasoning import TwoModes, make_bimodal, make_ratio

U = (np.arange(200_000) + 0.5) / 200_000


def tokens(count: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """The same output length for every u."""
    return np.full(len(U), count, np.int32)


def test_ratio_takes_the_share_of_each_output() -> None:
    """Shares of the mass function times the output, rounded to the nearest token."""
    split = make_ratio(options.Ratio(values=(0.25, 0.9), weights=(3.0, 1.0)))
    found = split.split(np.array([101, 101, 7, 0], np.int32), np.array([0.1, 0.8, 0.8, 0.8]))
    assert found.tolist() == [25, 91, 6, 0]
    assert found.dtype == np.int32


def test_ratio_reproduces_the_mean_share() -> None:
    """Over all u, the mean share is that of the mass function."""
    found = make_ratio(options.Ratio(values=(0.2, 0.7), weights=(1.0, 4.0))).split(tokens(1000), U)
    assert found.mean() / 1000 == pytest.approx(0.6, abs=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
def test_bimodal_has_the_two_modes_in_the_share_asked_for(weight: float) -> None:
    """A share `weight` of requests lies around the lower mode and the rest around the upper one."""
    found = (
        make_bimodal(options.Bimodal(low=0.35, high=0.92, weight=weight)).split(tokens(10_000), U) / 10_000
    )
    assert (found < 0.635).mean() == pytest.approx(weight, abs=1e-5)
    density, edges = np.histogram(found, 200, (0, 1))
    if weight:
        lower = edges[np.argmax(np.where(edges[:-1] < 0.635, density, 0))]
        assert lower == pytest.approx(0.35, abs=0.02)
    if weight < 1:
        upper = edges[np.argmax(np.where(edges[:-1] > 0.635, density, 0))]
        assert upper == pytest.approx(0.92, abs=0.02)
    if 0 < weight < 1:
        assert ((found > 0.6) & (found < 0.67)).mean() < 1e-3


def test_bimodal_components_are_normal_laws_cut_to_the_unit_interval() -> None:
    """Shares of the upper component have the distribution of a truncated normal, to a Kolmogorov distance of 1e-4."""
    found = np.sort(TwoModes(0.35, 0.92, 0.4, 0.05).ppf(U[U >= 0.4]))
    law = stats.truncnorm(-0.92 / 0.05, 0.08 / 0.05, loc=0.92, scale=0.05)
    steps = (np.arange(len(found)) + 0.5) / len(found)
    assert np.abs(law.cdf(found) - steps).max() < 1e-4


def test_bimodal_without_spread_is_two_points() -> None:
    """With spread 0 there are exactly two shares."""
    assert set(TwoModes(0.3, 0.9, 0.5, 0.0).ppf(U)) == {0.3, 0.9}


@pytest.mark.parametrize("spread", [0.05, 0.5, 1.0])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.35, 0.92), (1.0, 1.0)])
def test_reason_tokens_never_leave_the_output(low: float, high: float, spread: float) -> None:
    """For any modes and spread, reason tokens lie in [0, output], also for outputs of 0 and 1 token."""
    split = make_bimodal(options.Bimodal(low=low, high=high, weight=0.5, spread=spread))
    for count in (0, 1, 37):
        found = split.split(tokens(count), U)
        assert found.min() >= 0
        assert found.max() <= count
    assert split.split(tokens(37), np.r_[0.0, U[1:-1], 1 - 2**-53]).dtype == np.int32


def test_the_defaults_match_the_published_reasoning_share() -> None:
    """The default modes and weight give a mean share of 0.69, the released reasoning data 0.70."""
    found = make_bimodal(options.Bimodal()).split(tokens(10_000), U)
    assert found.mean() / 10_000 == pytest.approx(0.69, abs=0.01)
