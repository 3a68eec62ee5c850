"""What holds for every configuration that the options allow, searched by hypothesis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servegen_fw_models import empirical, lengths, options, pareto_lognormal, reasoning
from servegen_fw_models.gamma import SMALLEST_TOTAL_SHAPE, GammaFamily
from servegen_fw_models.modulation import OnOff
from servegen_fw_models.weibull import WeibullFamily

U = np.concatenate(([0.0, 5e-324, 2**-53], np.linspace(0.001, 0.999, 97), [1 - 2**-53]))

positive = st.floats(1e-3, 1e6)
shares = st.floats(0.0, 1.0)

LAWS = st.one_of(
    st.builds(options.Fixed, value=st.floats(0, 1e6)).map(lengths.make_fixed),
    st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)).map(
        lambda pair: lengths.make_uniform(options.Uniform(low=min(pair), high=max(pair)))
    ),
    st.builds(options.Exponential, mean=positive, max=st.one_of(st.just(math.inf), positive)).map(
        lengths.make_exponential
    ),
    st.builds(
        options.LogNormal,
        median=positive,
        sigma=st.floats(1e-3, 5),
        max=st.one_of(st.just(math.inf), positive),
    ).map(lengths.make_lognormal),
    st.builds(
        options.ParetoLogNormal,
        median=positive,
        sigma=st.floats(1e-2, 5),
        tail=st.floats(1.01, 20),
        max=st.one_of(st.just(math.inf), positive),
    ).map(pareto_lognormal.make),
    st.builds(
        options.ParetoLogNormal,
        median=positive,
        sigma=st.floats(1e-2, 20),
        tail=st.floats(1e-2, 1.0),
        max=positive,
    ).map(pareto_lognormal.make),
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(1e-6, 1e6)), min_size=1, max_size=20).map(
        lambda rows: empirical.Pmf.of([value for value, _ in rows], [weight for _, weight in rows])
    ),
)


@given(LAWS)
@settings(max_examples=400)
def test_any_length_has_ascending_quantiles_within_its_limits(law: Any) -> None:
    """Quantiles ascend, are finite, not negative and not above the maximum."""
    found = law.ppf(U)
    assert np.isfinite(found).all()
    assert (found[1:] >= found[:-1]).all()
    assert found[0] >= 0
    assert found[-1] <= getattr(law, "max", math.inf)


@given(positive, st.floats(1e-2, 5), st.floats(1.01, 20))
def test_any_spliced_law_has_its_median_and_no_jump(median: float, sigma: float, tail: float) -> None:
    """The median is the one asked for, and quantiles on both sides of the splice meet."""
    law = pareto_lognormal.ParetoLogNormal.of(median, sigma, tail)
    assert law.ppf(np.array([0.5]))[0] == pytest.approx(median, rel=1e-9)
    assert 0 <= law.beyond < 1
    edge = 1 - law.beyond
    if law.beyond > 1e-4 and edge > 1e-4:  # else the step is not small beside the part it lies in
        below, above = law.ppf(np.array([edge * (1 - 1e-9), min(edge * (1 + 1e-9), 1 - 2**-53)]))
        assert above == pytest.approx(below, rel=1e-4)


@given(shares, shares, shares, st.floats(0, 1), st.integers(0, 100_000))
def test_any_bimodal_split_stays_within_the_output(
    one: float, other: float, weight: float, spread: float, output: int
) -> None:
    """Reason tokens lie in [0, output] for every u, and their type is int32."""
    config = options.Bimodal(low=min(one, other), high=max(one, other), weight=weight, spread=spread)
    found = reasoning.make_bimodal(config).split(np.full(len(U), output, np.int32), U)
    assert found.dtype == np.int32
    assert found.min() >= 0
    assert found.max() <= output


@given(st.floats(1e-3, 1e3), st.integers(2, 10**7))
def test_the_gamma_parameter_solves_its_equation(cv: float, n: int) -> None:
    """(n - 1) / (n k + 1) is cv^2 wherever n gaps can have that CV, and the cap elsewhere."""
    shape = GammaFamily().parameter(np.array([cv]), np.array([float(n)]))[0]
    reached = (n - 1) / (n * shape + 1)
    if cv**2 < (n - 1) / (1 + SMALLEST_TOTAL_SHAPE):
        assert reached == pytest.approx(cv**2, rel=1e-6)
    else:
        assert reached == pytest.approx((n - 1) / (1 + SMALLEST_TOTAL_SHAPE), rel=1e-6)


@given(st.floats(0.02, 50), st.integers(2, 10**6))
def test_the_weibull_parameter_lies_between_its_neighbours(cv: float, n: int) -> None:
    """A hair more CV never gives a larger shape, and more gaps never a smaller one for a CV above 1 that both can have."""
    family = WeibullFamily()
    shape, burstier = family.parameter(np.array([cv, cv * 1.001]), np.full(2, float(n)))
    assert burstier <= shape
    if 1.05 < cv < 0.9 * math.sqrt(n - 1):
        assert family.parameter(np.array([cv]), np.array([n * 1.5]))[0] >= shape * 0.995


@given(st.floats(0.1, 1e3), st.floats(0.1, 1e3), shares, st.integers(0, 2**32))
def test_any_on_off_path_averages_its_two_levels_to_one(
    on_s: float, off_s: float, low: float, seed: int
) -> None:
    """Weighted by the mean periods, the two levels average 1, and breakpoints ascend from 0 within the horizon."""
    horizon = 30 * (on_s + off_s)
    begins, levels = OnOff(on_s, off_s, low).path(horizon, np.random.default_rng(seed))
    assert begins[0] == 0
    assert (np.diff(begins) >= 0).all()
    assert begins[-1] < horizon
    high = (on_s + off_s) / (on_s + low * off_s)
    assert set(levels) <= {high, low * high}
    assert (on_s * high + off_s * low * high) / (on_s + off_s) == pytest.approx(1.0)


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=12).filter(
        lambda rows: sum(weight for _, weight in rows) > 0
    )
)
def test_a_mass_function_read_back_from_a_file_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, float]]
) -> None:
    """Values and weights written with full precision come back to the bit."""
    file = tmp_path_factory.mktemp("pmf") / "lengths.csv"
    file.write_text("".join(f"{value!r},{weight!r}\n" for value, weight in rows), encoding="utf-8")
    values, weights = empirical.read_csv(str(file))
    assert list(zip(values, weights, strict=True)) == rows
