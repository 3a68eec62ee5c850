"""What holds for every configuration that the options allow, searched by hypothesis.

Examples are the same in every run, so nothing here fails by chance on unchanged code. Where an example is a statistical
test, it stands at 6 standard errors: were it drawn anew, it would fail by chance with probability 2e-9 if normal.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from servegen_fw_models import (
    conversation,
    empirical,
    gamma,
    gaps,
    lengths,
    mixture,
    options,
    pareto_lognormal,
    reasoning,
    regular,
    turns,
    weibull,
)
from servegen_fw_models.gamma import SMALLEST_TOTAL_SHAPE, GammaFamily
from servegen_fw_models.modulation import OnOff, make_mmpp
from servegen_fw_models.weibull import WeibullFamily

from servegen_fw.plugin import NoOptions

F8 = npt.NDArray[np.float64]

U = np.concatenate(([0.0, 5e-324, 2**-53], np.linspace(0.001, 0.999, 97), [1 - 2**-53]))

positive = st.floats(1e-3, 1e6)
shares = st.floats(0.0, 1.0)

limits = st.one_of(st.just(math.inf), positive)
cvs = st.floats(0.05, 10)


def weibull_law(config: options.WeibullLength) -> Any:
    """Scipy's Weibull law of a mean and a CV, its shape found by scipy's own root finder."""

    def excess(shape: float) -> float:
        return math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape) - math.log1p(config.cv**2)

    shape = optimize.brentq(excess, 0.05, 200)
    return stats.weibull_min(shape, scale=config.mean / math.gamma(1 + 1 / shape))


def spliced_cdf(config: options.ParetoLogNormal, x: F8) -> F8:
    """The spliced law by its density's two pieces, integrated anew: mass below x over the whole mass, in log x."""
    mu_free, z0 = stats.norm(0, config.sigma), config.tail * config.sigma
    edge = config.tail * config.sigma**2
    beyond = mu_free.pdf(edge) / config.tail
    whole = stats.norm.cdf(z0) + beyond

    def standard(y: F8) -> F8:
        body = mu_free.cdf(np.minimum(y, edge))
        tail = beyond * -np.expm1(-config.tail * np.maximum(y - edge, 0.0))
        return np.asarray((body + tail) / whole)

    middle = optimize.brentq(lambda y: float(standard(np.array(y))) - 0.5, -30, 2000)
    return standard(np.log(x / config.median) + middle)


CONTINUOUS = st.one_of(
    st.tuples(st.floats(0, 1e6), st.floats(1e-3, 1e6)).map(
        lambda pair: (
            lengths.make_uniform(options.Uniform(low=pair[0], high=pair[0] + pair[1])),
            stats.uniform(*pair).cdf,
        )
    ),
    st.builds(options.Exponential, mean=positive, max=limits).map(
        lambda config: (lengths.make_exponential(config), stats.expon(scale=config.mean).cdf)
    ),
    st.builds(options.LogNormal, median=positive, sigma=st.floats(1e-3, 5), max=limits).map(
        lambda config: (
            lengths.make_lognormal(config),
            stats.lognorm(config.sigma, scale=config.median).cdf,
        )
    ),
    st.builds(options.GammaLength, mean=positive, cv=cvs, max=limits).map(
        lambda config: (
            lengths.make_gamma(config),
            stats.gamma(config.cv**-2, scale=config.mean * config.cv**2).cdf,
        )
    ),
    st.builds(options.WeibullLength, mean=positive, cv=cvs, max=limits).map(
        lambda config: (lengths.make_weibull(config), weibull_law(config).cdf)
    ),
    st.tuples(st.floats(1e-3, 1e6), st.floats(0.01, 20), st.floats(1.001, 1e6)).map(
        lambda three: (
            lengths.make_pareto(options.Pareto(min=three[0], tail=three[1], max=three[0] * three[2])),
            stats.pareto(three[1], scale=three[0]).cdf,
        )
    ),
    st.builds(
        options.ParetoLogNormal,
        median=positive,
        sigma=st.floats(0.05, 5),
        tail=st.floats(1.01, 20),
        max=limits,
    ).map(lambda config: (pareto_lognormal.make(config), lambda x: spliced_cdf(config, x))),
    st.builds(
        options.ParetoLogNormal,
        median=positive,
        sigma=st.floats(0.05, 5),
        tail=st.floats(0.05, 1.0),
        max=positive,
    ).map(lambda config: (pareto_lognormal.make(config), lambda x: spliced_cdf(config, x))),
)

DISCRETE = st.one_of(
    st.builds(options.Fixed, value=st.floats(0, 1e6)).map(lengths.make_fixed),
    st.builds(options.Zipf, exponent=st.floats(0, 5), max=st.integers(1, 2_000)).map(empirical.make_zipf),
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(1e-6, 1e6)), min_size=1, max_size=20).map(
        lambda rows: empirical.Pmf.of([value for value, _ in rows], [weight for _, weight in rows])
    ),
)

SIMPLE = st.one_of(CONTINUOUS.map(lambda pair: pair[0]), DISCRETE)

LAWS = st.one_of(
    SIMPLE,
    st.lists(st.tuples(SIMPLE, st.floats(0.01, 1)), min_size=1, max_size=4).map(
        lambda rows: mixture.mixed([law for law, _ in rows], [weight for _, weight in rows])
    ),
)


@given(CONTINUOUS)
@settings(max_examples=400)
def test_any_length_s_quantiles_invert_its_distribution_function(pair: Any) -> None:
    """F(ppf(u)) = u F(max) within 1e-7, with F written down independently of the plugin."""
    law, cdf = pair
    inside = U[3:-1]
    below = float(cdf(law.max)) if getattr(law, "max", math.inf) < math.inf else 1.0
    if below > 1e-9:  # else what lies below the maximum is beyond what F tells apart
        np.testing.assert_allclose(cdf(law.ppf(inside)), inside * below, rtol=1e-6, atol=1e-7 * below)


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_any_mass_function_s_quantiles_are_its_smallest_value_above(weights: int, u: float) -> None:
    """Of values 0 .. 19 whose weights are the digits of a number, ppf(u) is the least v with P(X <= v) > u."""
    weight = [float((weights >> k) & 1) + 0.25 * k for k in range(20)]
    law = empirical.Pmf.of([float(k) for k in range(20)], weight)
    found = law.ppf(np.array([u]))[0]
    share = np.cumsum(weight) / np.sum(weight)
    least = int(np.argmax(share > u))
    assert found == least or abs(share[least] - u) < 1e-12 or abs(share[int(found)] - u) < 1e-12


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


PROCESSES = st.one_of(
    st.just((regular.make_poisson(NoOptions()), 1.0)),
    st.just((regular.make_constant(NoOptions()), 0.0)),
    st.floats(0.1, 4).map(lambda cv: (gamma.make(options.Gamma(cv=cv)), cv)),
    st.floats(0.1, 4).map(lambda cv: (weibull.make(options.Weibull(cv=cv)), cv)),
    st.lists(st.floats(0.01, 1e3), min_size=1, max_size=8).map(
        lambda values: (
            gaps.make(options.EmpiricalGaps(values=tuple(values))),
            float(np.std(values) / np.mean(values)),
        )
    ),
)


@given(PROCESSES, st.floats(0.3, 20), st.integers(0, 2**32))
@settings(max_examples=60)
def test_any_process_has_mean_rate_one_from_time_zero(
    pair: tuple[Any, float], horizon: float, seed: int
) -> None:
    """Over 500 runs, counts of [0, h) average h within 6 standard errors: 2e-9 a case if normal, 1e-7 in all."""
    process, _ = pair
    rng = np.random.default_rng(seed)
    counts = np.array([len(process.unit_times(horizon, rng)) for _ in range(500)], np.float64)
    # A stationary process's count varies at least as much as floor or ceiling of its mean.
    least = (horizon % 1) * (1 - horizon % 1)
    assert abs(counts.mean() - horizon) <= 6 * math.sqrt(max(counts.var(), least) / len(counts)) + 1e-12


@given(PROCESSES, st.integers(0, 2**32))
@settings(max_examples=40)
def test_any_renewal_process_s_dispersion_tends_to_cv_squared(pair: tuple[Any, float], seed: int) -> None:
    """Variance / mean of counts over 100 correlation lengths is cv^2 within 6 standard errors and the formula's 5 %."""
    # Cox, Renewal Theory, 1962, section 4.5; what is left out is (1/6 + cv^4/2 - mu3/3) / h.
    process, cv = pair
    horizon = 100.0 * max(1.0, cv**2)
    rng = np.random.default_rng(seed)
    counts = np.array([len(process.unit_times(horizon, rng)) for _ in range(500)], np.float64)
    squared = (counts - horizon) ** 2 / horizon
    error = 6 * squared.std() / math.sqrt(len(squared))
    assert abs(squared.mean() - cv**2) <= error + 0.05 * max(1.0, cv**2)


@given(PROCESSES, st.floats(0, 1), st.integers(0, 2**32))
@settings(max_examples=60)
def test_any_process_only_appends(pair: tuple[Any, float], part: float, seed: int) -> None:
    """Times ascend in [0, horizon), and those below a shorter horizon are the same to the bit."""
    process, _ = pair
    times = process.unit_times(400.0, np.random.default_rng(seed))
    assert (np.diff(times) >= 0).all()
    assert ((times >= 0) & (times < 400)).all()
    short = process.unit_times(400.0 * part, np.random.default_rng(seed))
    np.testing.assert_array_equal(short, times[times < 400.0 * part])


@given(
    st.one_of(
        st.tuples(st.floats(0.1, 100), st.floats(0.1, 100), shares).map(lambda three: OnOff(*three)),
        st.builds(
            options.Mmpp2,
            levels=st.tuples(st.floats(0, 10), st.floats(0.1, 10)),
            sojourn_s=st.tuples(st.floats(0.1, 100), st.floats(0.1, 100)),
        ).map(make_mmpp),
    ),
    st.floats(0, 1),
    st.integers(0, 2**32),
)
@settings(max_examples=40)
def test_any_random_modulation_appends_and_has_mean_one_at_every_moment(
    modulation: OnOff, part: float, seed: int
) -> None:
    """Over 1,000 paths the level at a moment averages 1 within 6 standard errors (2e-9 a case if normal)."""
    at_s = 5 * part * (modulation.on_s + modulation.off_s)
    rng = np.random.default_rng(seed)
    found = np.array([modulation.path(at_s + 1e-9, rng)[1][-1] for _ in range(1_000)])
    high = (modulation.on_s + modulation.off_s) / (modulation.on_s + modulation.low * modulation.off_s)
    busy = modulation.on_s / (modulation.on_s + modulation.off_s)
    spread = (high - modulation.low * high) * math.sqrt(busy * (1 - busy))
    assert abs(found.mean() - 1) <= 6 * spread / math.sqrt(len(found)) + 1e-12
    begins, levels = modulation.path(at_s + 1.0, np.random.default_rng(seed))
    fewer, same = modulation.path(at_s / 2, np.random.default_rng(seed))
    np.testing.assert_array_equal(fewer, begins[: len(fewer)])
    np.testing.assert_array_equal(same, levels[: len(same)])


@given(
    st.one_of(
        st.floats(1, 50).map(lambda mean: conversation.make_geometric(options.Geometric(turns=mean))),
        st.tuples(st.floats(1, 50), st.floats(0.1, 3)).map(
            lambda pair: turns.make_lognormal(options.LogNormalTurns(turns=pair[0], sigma=pair[1]))
        ),
        st.tuples(st.floats(1, 20), st.floats(0, 20)).map(
            lambda pair: turns.make_tool_calls(options.ToolCalls(turns=pair[0], calls=pair[1]))
        ),
    ),
    st.integers(1, 500),
    st.integers(0, 2**32),
)
@settings(max_examples=60)
def test_any_conversation_keeps_its_contract(talk: Any, n: int, seed: int) -> None:
    """Turns are int32, at least 1; waits are finite, none below 0; more sessions only append."""
    found = talk.turns(2 * n, np.random.default_rng(seed))
    assert found.dtype == np.int32
    assert found.min() >= 1
    np.testing.assert_array_equal(talk.turns(n, np.random.default_rng(seed)), found[:n])
    wait = talk.think_s(2 * n, np.random.default_rng(seed))
    assert np.isfinite(wait).all()
    assert (wait >= 0).all()
    np.testing.assert_array_equal(talk.think_s(n, np.random.default_rng(seed)), wait[:n])
    assert talk.mean_turns >= 1


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
