"""Log-normal body with a Pareto tail: a smooth splice with the median asked for."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats
from servegen_fw_models import options
from servegen_fw_models.pareto_lognormal import ParetoLogNormal, make

CASES = [(300.0, 0.9, 1.6), (50.0, 0.3, 2.5), (1000.0, 2.0, 1.1), (10.0, 0.05, 0.8)]


def density(law: ParetoLogNormal, x: float) -> float:
    """The spliced density, written down from its two parts."""
    z0 = law.tail * law.sigma
    edge = math.exp(law.mu + z0 * law.sigma)
    if x <= edge:
        return law.total * float(stats.lognorm(law.sigma, scale=math.exp(law.mu)).pdf(x))
    at_edge = law.total * float(stats.lognorm(law.sigma, scale=math.exp(law.mu)).pdf(edge))
    return at_edge * (x / edge) ** (-1 - law.tail)


@pytest.mark.parametrize(("median", "sigma", "tail"), CASES)
def test_the_density_integrates_to_the_cdf(median: float, sigma: float, tail: float) -> None:
    """Numerical integrals of the density over log x agree with F, in the body, at the splice and in the tail."""
    law = ParetoLogNormal.of(median, sigma, tail)
    edge = law.mu + tail * sigma**2
    start = law.mu - 12 * sigma
    for stop in (law.mu - sigma, law.mu, edge, edge + 1, edge + 5):
        parts = [start, *(point for point in (edge,) if point < stop), stop]
        total = sum(
            integrate.quad(lambda y: density(law, math.exp(y)) * math.exp(y), a, b, limit=400)[0]
            for a, b in itertools.pairwise(parts)
        )
        assert total == pytest.approx(law.cdf(math.exp(stop)), rel=1e-6)


@pytest.mark.parametrize(("median", "sigma", "tail"), CASES)
def test_density_and_slope_are_continuous_at_the_splice(median: float, sigma: float, tail: float) -> None:
    """Just below and just above the splice, the density and its logarithmic slope agree."""
    law = ParetoLogNormal.of(median, sigma, tail)
    edge = math.exp(law.mu + tail * sigma**2)
    step = 1e-4 * sigma
    below2, below, above, above2 = (
        math.log(density(law, edge * math.exp(at * step))) for at in (-2, -1, 1, 2)
    )
    assert below == pytest.approx(above, abs=10 * step * (1 + tail))
    assert (below - below2) / step == pytest.approx((above2 - above) / step, rel=1e-2)


@pytest.mark.parametrize(("median", "sigma", "tail"), CASES)
def test_quantiles_invert_the_cdf_and_the_median_is_exact(median: float, sigma: float, tail: float) -> None:
    """F(ppf(u)) = u to 1e-11 on both sides of the splice, and ppf(0.5) is the median."""
    law = ParetoLogNormal.of(median, sigma, tail)
    u = np.concatenate((np.linspace(0.001, 0.999, 500), 1 - np.geomspace(1e-3, 1e-9, 30)))
    np.testing.assert_allclose([law.cdf(x) for x in law.ppf(u)], u, rtol=1e-11)
    assert law.ppf(np.array([0.5]))[0] == pytest.approx(median, rel=1e-12)


@pytest.mark.parametrize(("median", "sigma", "tail"), CASES)
def test_the_tail_falls_with_the_exponent_asked_for(median: float, sigma: float, tail: float) -> None:
    """Ten times farther out in the tail, the survival is 10^-tail of it."""
    law = ParetoLogNormal.of(median, sigma, tail)
    x = 3 * math.exp(law.mu + tail * sigma**2)
    assert math.log10((1 - law.cdf(x)) / (1 - law.cdf(10 * x))) == pytest.approx(tail, rel=1e-6)


def test_the_body_is_log_normal() -> None:
    """Below the splice, the log of the quantiles is linear in the normal quantiles, with slope sigma."""
    law = ParetoLogNormal.of(300.0, 0.9, 1.6)
    u = np.array([0.05, 0.3, 0.7])
    z = stats.norm.ppf(u / law.total)
    np.testing.assert_allclose(np.diff(np.log(law.ppf(u))) / np.diff(z), 0.9, rtol=1e-12)


def test_a_maximum_conditions_the_law_on_staying_below() -> None:
    """With max, F(ppf(u)) = u F(max), where F is the law without it."""
    free = ParetoLogNormal.of(300.0, 0.9, 1.6)
    cut = make(options.ParetoLogNormal(median=300.0, sigma=0.9, tail=1.6, max=4096.0))
    u = np.linspace(0, 0.9999, 1_000)
    np.testing.assert_allclose([free.cdf(x) for x in cut.ppf(u[1:])], u[1:] * free.cdf(4096.0), rtol=1e-11)
    assert cut.ppf(np.array([1 - 2**-53]))[0] <= 4096.0


def test_a_thin_tail_is_a_log_normal() -> None:
    """For a tail exponent of 100 the splice lies beyond reach and the quantiles are the log-normal's."""
    law = ParetoLogNormal.of(300.0, 0.9, 100.0)
    u = np.linspace(0.001, 0.9999, 500)
    np.testing.assert_allclose(law.ppf(u), stats.lognorm(0.9, scale=300).ppf(u), rtol=1e-9)
