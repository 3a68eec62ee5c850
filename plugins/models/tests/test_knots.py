"""Distribution functions as tables, and mixtures made of them, against scipy's. Grids stand in for random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from servegen_fw_models import lengths, options, pareto_lognormal
from servegen_fw_models.empirical import Pmf, make_zipf
from servegen_fw_models.knots import Knots
from servegen_fw_models.mixture import mixed

U = np.concatenate((np.linspace(0, 0.9999, 20_011), 1 - np.geomspace(1e-4, 1e-9, 200)))
ERROR = 1e-5

PAIRS: list[tuple[Any, Any]] = [
    (lengths.LogNormal(300.0, 0.9), stats.lognorm(0.9, scale=300)),
    (lengths.Exponential(200.0), stats.expon(scale=200)),
    (lengths.Pareto(100.0, 1.3), stats.pareto(1.3, scale=100)),
    (lengths.Gamma(500.0, 2.0), stats.gamma(0.25, scale=2000)),
    (lengths.Uniform(50.0, 90.0), stats.uniform(50, 40)),
]


@pytest.mark.parametrize(("law", "reference"), PAIRS)
def test_the_table_is_the_distribution_function(law: Any, reference: Any) -> None:
    """Over the whole law the table is within 1e-5 of scipy's distribution function, from either side."""
    table, x = Knots.of(law), reference.ppf(U[1:])
    assert np.abs(table.upto(x) - reference.cdf(x)).max() < ERROR
    assert np.abs(table.below(x) - reference.cdf(x)).max() < ERROR
    assert np.abs(reference.cdf(table.ppf(U)) - U).max() < ERROR


def test_values_with_a_probability_of_their_own_are_exact() -> None:
    """Of a mass function the table has every jump, whether it is told of it or finds it itself."""
    pmf = Pmf.of([1.0, 5.0, 9.0], [0.2, 0.5, 0.3])

    class Unknown:
        """The same law, without its values."""

        def ppf(self, u: Any) -> Any:
            """Quantiles."""
            return pmf.ppf(u)

    for table in (Knots.of(pmf), Knots.of(Unknown())):
        np.testing.assert_allclose(
            table.below([0.0, 1.0, 5.0, 7.0, 9.0, 10.0]), [0, 0, 0.2, 0.7, 0.7, 1], atol=1e-12
        )
        np.testing.assert_allclose(
            table.upto([0.0, 1.0, 5.0, 7.0, 9.0, 10.0]), [0, 0.2, 0.7, 0.7, 1, 1], atol=1e-12
        )
        np.testing.assert_array_equal(table.ppf(U), pmf.ppf(U))


def test_a_law_that_is_none_is_refused() -> None:
    """Falling quantiles and infinite ones raise."""

    class Falling:
        """Quantiles that fall."""

        def ppf(self, u: Any) -> Any:
            """Quantiles."""
            return -u

    class Infinite:
        """Quantiles without end."""

        def ppf(self, u: Any) -> Any:
            """Quantiles."""
            return np.where(u > 0.5, np.inf, 1.0)

    for law in (Falling(), Infinite()):
        with pytest.raises(ValueError, match="not finite or do not ascend"):
            Knots.of(law)


@given(st.lists(st.tuples(st.integers(0, len(PAIRS) - 1), st.floats(0.01, 1)), min_size=1, max_size=5))
@settings(max_examples=25)
def test_any_mixture_has_the_mixed_distribution_function(parts: list[tuple[int, float]]) -> None:
    """F(ppf(u)) = u within 1e-5 with F the weighted sum of scipy's, and quantiles ascend."""
    law = mixed([PAIRS[index][0] for index, _ in parts], [weight for _, weight in parts])
    found = law.ppf(U)
    total = sum(weight for _, weight in parts)
    level = sum(weight / total * PAIRS[index][1].cdf(found) for index, weight in parts)
    assert np.abs(level - U).max() < ERROR
    assert (np.diff(found) >= 0).all()


def test_standard_values_keep_their_share_in_a_mixture() -> None:
    """A fixed value of weight 0.3 in a log-normal is drawn with probability 0.3, and nothing is drawn in its place."""
    law = mixed([lengths.Fixed(256.0), lengths.LogNormal(300.0, 0.9)], [0.3, 0.7])
    grid = (np.arange(100_000) + 0.5) / 100_000
    found = law.ppf(grid)
    assert (found == 256.0).mean() == pytest.approx(0.3, abs=2e-5)
    below = 0.7 * stats.lognorm(0.9, scale=300).cdf(256.0)
    assert (found < 256.0).mean() == pytest.approx(below, abs=2e-5)


def test_a_mixture_of_mass_functions_draws_no_other_values() -> None:
    """Zipf's ranks and three given values: only these are drawn, with the weighted probabilities."""
    zipf = make_zipf(options.Zipf(exponent=1.2, max=50))
    given_values = Pmf.of([7.0, 50.0, 80.0], [1.0, 1.0, 2.0])
    grid = (np.arange(200_000) + 0.5) / 200_000
    values, seen = np.unique(mixed([zipf, given_values], [0.5, 0.5]).ppf(grid), return_counts=True)
    rank = np.arange(1, 51) ** -1.2
    expected = dict(zip(range(1, 51), 0.5 * rank / rank.sum(), strict=True))
    for value, share in ((7, 0.125), (50, 0.125), (80, 0.25)):
        expected[value] = expected.get(value, 0.0) + share
    assert values.tolist() == sorted(expected)
    np.testing.assert_allclose(seen / len(grid), [expected[int(value)] for value in values], atol=1e-5)


def test_a_mixture_may_hold_a_mixture() -> None:
    """Mixed in two stages or in one, the law is the same to the table's error."""
    one, two, three = (law for law, _ in PAIRS[:3])
    nested = mixed([mixed([one, two], [1, 1]), three], [2, 1])
    flat = mixed([one, two, three], [1, 1, 1])
    np.testing.assert_allclose(nested.upto(flat.ppf(U)), U, atol=ERROR)


def test_a_mixture_of_one_law_is_that_law() -> None:
    """Quantiles agree within 1e-4 relative up to the one for 1 - 1e-9, also of a heavy tail."""
    law = pareto_lognormal.ParetoLogNormal.of(300.0, 0.9, 1.2)
    np.testing.assert_allclose(mixed([law], [1.0]).ppf(U[1:]), law.ppf(U[1:]), rtol=1e-4)


@pytest.mark.parametrize("law", [lengths.Gamma(1.0, 1.0, 1.0), lengths.Gamma(1.0, 10.0, 0.001)])
def test_quantiles_that_drop_by_rounding_alone_are_a_law(law: lengths.Gamma) -> None:
    """Those of a cut gamma law fall by some 1e-15 of themselves here and there; the table ascends and follows them."""
    grid = 1 / (1 + np.exp(-np.linspace(-36.7, 36.7, 8193)))
    assert (np.diff(law.ppf(grid)) < 0).any()
    u = np.linspace(0.001, 0.999, 999)
    found = Knots.of(law).ppf(u)
    assert (np.diff(found) >= 0).all()
    np.testing.assert_allclose(found, law.ppf(u), rtol=2e-3, atol=1e-12)
