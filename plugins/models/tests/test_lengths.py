"""Lengths with closed quantile functions: inverse of the law's CDF, limits, moments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats
from servegen_fw_models import lengths, options, pareto_lognormal

U = np.concatenate((np.linspace(0, 0.999, 1_000), 1 - np.geomspace(1e-3, 1e-12, 100)))

LAWS = {
    "uniform": (
        lengths.make_uniform(options.Uniform(low=20.0, high=80.0)),
        stats.uniform(20, 60),
    ),
    "exponential": (
        lengths.make_exponential(options.Exponential(mean=220.0)),
        stats.expon(scale=220),
    ),
    "lognormal": (
        lengths.make_lognormal(options.LogNormal(median=100.0, sigma=1.2)),
        stats.lognorm(1.2, scale=100),
    ),
    "gamma-0.5": (
        lengths.make_gamma(options.GammaLength(mean=220.0, cv=0.5)),
        stats.gamma(4.0, scale=55.0),
    ),
    "gamma-2": (
        lengths.make_gamma(options.GammaLength(mean=220.0, cv=2.0)),
        stats.gamma(0.25, scale=880.0),
    ),
    "weibull": (
        lengths.make_weibull(options.WeibullLength(mean=200.0, cv=math.sqrt(5.0))),
        stats.weibull_min(0.5, scale=100.0),
    ),
    "pareto": (
        lengths.make_pareto(options.Pareto(min=40.0, tail=1.7)),
        stats.pareto(1.7, scale=40.0),
    ),
}
CUT = {
    "exponential": (
        lengths.make_exponential(options.Exponential(mean=220.0, max=300.0)),
        stats.expon(scale=220),
        300.0,
    ),
    "lognormal": (
        lengths.make_lognormal(options.LogNormal(median=100.0, sigma=1.2, max=150.0)),
        stats.lognorm(1.2, scale=100),
        150.0,
    ),
    "gamma": (
        lengths.make_gamma(options.GammaLength(mean=220.0, cv=2.0, max=300.0)),
        stats.gamma(0.25, scale=880.0),
        300.0,
    ),
    "weibull": (
        lengths.make_weibull(options.WeibullLength(mean=200.0, cv=math.sqrt(5.0), max=300.0)),
        stats.weibull_min(0.5, scale=100.0),
        300.0,
    ),
    "pareto": (
        lengths.make_pareto(options.Pareto(min=40.0, tail=0.7, max=4096.0)),
        stats.pareto(0.7, scale=40.0),
        4096.0,
    ),
}
EVERY = [
    *(law for law, _ in LAWS.values()),
    *(law for law, _, _ in CUT.values()),
    lengths.make_fixed(options.Fixed(value=7.0)),
    pareto_lognormal.make(options.ParetoLogNormal(median=300.0, sigma=0.9, tail=1.6)),
    pareto_lognormal.make(options.ParetoLogNormal(median=300.0, sigma=0.9, tail=1.6, max=4096.0)),
    pareto_lognormal.make(options.ParetoLogNormal(median=300.0, sigma=0.05, tail=0.5, max=10_000.0)),
]


@pytest.mark.parametrize("name", LAWS)
def test_quantiles_invert_the_law_s_cdf(name: str) -> None:
    """F(ppf(u)) = u to 1e-12, far into the tail."""
    law, reference = LAWS[name]
    np.testing.assert_allclose(reference.cdf(law.ppf(U)), U, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(reference.sf(law.ppf(U[-50:])), 1 - U[-50:], rtol=1e-3)


@pytest.mark.parametrize("name", CUT)
def test_a_maximum_conditions_the_law_on_staying_below(name: str) -> None:
    """F(ppf(u)) = u F(max): values are the law's own given that they stay below, with no pile at the maximum."""
    law, reference, largest = CUT[name]
    np.testing.assert_allclose(reference.cdf(law.ppf(U)), U * reference.cdf(largest), rtol=1e-12, atol=1e-15)
    assert (law.ppf(np.linspace(0, 0.99, 1_000)) < largest).all()


@pytest.mark.parametrize("law", EVERY, ids=repr)
def test_quantiles_ascend_from_zero_or_more_to_the_maximum(law: Any) -> None:
    """On [0, 1) quantiles are float64, ascending, finite, not negative, at most the maximum; the shape of u is kept."""
    found = law.ppf(U)
    assert found.dtype == np.float64
    assert found.shape == U.shape
    assert (np.diff(found) >= 0).all()
    assert np.isfinite(found).all()
    assert found[0] >= 0
    assert found[-1] <= getattr(law, "max", math.inf)
    assert law.ppf(np.empty(0)).shape == (0,)


@pytest.mark.parametrize(
    ("law", "mean"),
    [
        (LAWS["uniform"][0], 50.0),
        (LAWS["exponential"][0], 220.0),
        (LAWS["lognormal"][0], 100 * math.exp(1.2**2 / 2)),
        (CUT["exponential"][0], 220 - 300 / math.expm1(300 / 220)),
        (LAWS["gamma-0.5"][0], 220.0),
        (LAWS["gamma-2"][0], 220.0),
        (LAWS["weibull"][0], 200.0),
        (lengths.make_pareto(options.Pareto(min=40.0, tail=3.0)), 60.0),
        (lengths.make_fixed(options.Fixed(value=7.0)), 7.0),
    ],
)
def test_the_mean_is_the_integral_of_the_quantiles(law: Any, mean: float) -> None:
    """Integrated over u, quantiles give the mean known in closed form."""
    found, _ = integrate.quad(lambda u: float(law.ppf(np.array([u]))[0]), 0, 1, limit=500, epsabs=1e-6)
    assert found == pytest.approx(mean, rel=1e-4)


def test_fixed_and_uniform_limits() -> None:
    """Fixed gives its value everywhere; uniform begins at low and ends just below high, also where both are equal."""
    assert lengths.make_fixed(options.Fixed(value=7.0)).ppf(np.array([0.0, 0.5])).tolist() == [7.0, 7.0]
    uniform = lengths.make_uniform(options.Uniform(low=20.0, high=80.0))
    assert uniform.ppf(np.array([0.0, 0.5])).tolist() == [20.0, 50.0]
    same = lengths.make_uniform(options.Uniform(low=5.0, high=5.0))
    assert same.ppf(np.array([0.0, 0.9])).tolist() == [5.0, 5.0]
