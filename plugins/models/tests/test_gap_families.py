"""Gap families: sample CVs reproduced, mean gaps, equilibrium first gaps, and windows of extreme shape.

Statistical tests run on fixed seeds. Over seeds, each case fails by chance with probability below 1e-5: normal tests at
4.5 standard errors, Kolmogorov-Smirnov tests at p = 1e-5.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import special, stats
from servegen_fw_models.gamma import GammaFamily
from servegen_fw_models.regular import PoissonFamily
from servegen_fw_models.weibull import WeibullFamily

F8 = npt.NDArray[np.float64]

FAMILIES = [GammaFamily(), WeibullFamily(), PoissonFamily()]
SHAPED = FAMILIES[:2]


def by_name(family: Any) -> str:
    """Name for test ids."""
    return type(family).__name__


def windows(family: Any, cv: float, n: int, count: int, seed: int) -> F8:
    """`count` windows of n gaps each, drawn as a pool draws them: one call over all of them."""
    parameter = family.parameter(np.full(count, cv), np.full(count, float(n)))
    return np.asarray(family.gaps(np.repeat(parameter, n), np.random.default_rng(seed)).reshape(count, n))


def gap_law(family: Any, shape: float) -> Any:
    """The law of a family's gaps in scipy's terms."""
    if isinstance(family, GammaFamily):
        return stats.gamma(shape, scale=1 / shape)
    return stats.weibull_min(shape, scale=1 / math.gamma(1 + 1 / shape))


@pytest.mark.parametrize("family", SHAPED, ids=by_name)
@pytest.mark.parametrize("n", [10, 60, 300])
@pytest.mark.parametrize("cv", [0.4, 1.0, 2.8])
def test_the_recorded_sample_cv_is_reproduced(family: Any, n: int, cv: float) -> None:
    """N gaps divided by their mean have the squared CV asked for, within 1 % (its table's error) and noise."""
    gaps = windows(family, cv, n, 600_000 // n, 21)
    squared = gaps.var(axis=1) / gaps.mean(axis=1) ** 2
    noise = 4.5 * squared.std() / math.sqrt(len(squared))
    assert abs(squared.mean() - cv**2) < noise + 0.01 * cv**2


def test_the_naive_shape_would_miss_the_recorded_cv() -> None:
    """Taking 1 / cv^2 for the shape gives 10 gaps of CV 2.8 a sample CV below 2.1: the correction is needed."""
    gaps = np.random.default_rng(22).gamma(1 / 2.8**2, 1, (40_000, 10))
    assert math.sqrt((gaps.var(axis=1) / gaps.mean(axis=1) ** 2).mean()) < 2.1


@pytest.mark.parametrize("family", SHAPED, ids=by_name)
@pytest.mark.parametrize("n", [2, 10, 1000])
def test_a_cv_beyond_what_n_gaps_can_have_is_capped(family: Any, n: int) -> None:
    """At a recorded CV of 50, n gaps come as near sqrt(n - 1) as 95 %, and every window can be normalised."""
    gaps = windows(family, 50.0, n, 20_000 if n < 100 else 2_000, 23)
    places = np.cumsum(gaps / gaps.sum(axis=1, keepdims=True), axis=1)
    assert np.isfinite(places).all()
    np.testing.assert_allclose(places[:, -1], 1.0, rtol=1e-9)
    squared = (gaps / gaps.mean(axis=1, keepdims=True)).var(axis=1)
    assert 0.95**2 * (n - 1) < squared.mean() <= n - 1


@pytest.mark.parametrize("family", SHAPED, ids=by_name)
def test_infinitely_many_gaps_have_the_law_s_own_cv(family: Any) -> None:
    """For n = inf the parameter gives gaps whose own CV is the one asked for, within 0.5 %."""
    cvs = np.array([0.1, 0.5, 1.0, 3.0, 10.0])
    for cv, shape in zip(cvs, family.parameter(cvs, np.full(5, math.inf)), strict=True):
        law = gap_law(family, float(shape))
        assert law.std() / law.mean() == pytest.approx(cv, rel=5e-3)


@pytest.mark.parametrize("family", SHAPED, ids=by_name)
def test_the_parameter_falls_with_the_cv_and_is_always_usable(family: Any) -> None:
    """Shapes are positive, finite and descend as the CV grows, for every n from 1 to infinity and CV from 0 on."""
    cv = np.concatenate(([0.0], np.geomspace(1e-3, 1e3, 50)))
    for n in (1.0, 1.5, 2.0, 9.0, 77.0, 1e3, 5e4, 3e6, 1e12, math.inf):
        shape = family.parameter(cv, np.full(len(cv), n))
        assert np.isfinite(shape).all()
        assert (shape > 0).all()
        assert (np.diff(shape) <= 1e-12 * shape[1:]).all()


@pytest.mark.parametrize("family", SHAPED, ids=by_name)
def test_a_cv_of_zero_gives_equal_gaps(family: Any) -> None:
    """A recording without any variation is reproduced to within a few percent of the gap."""
    gaps = windows(family, 0.0, 100, 10, 24)
    assert np.abs(gaps - 1).max() < 0.1


@pytest.mark.parametrize("family", SHAPED, ids=by_name)
@pytest.mark.parametrize("shape", [0.25, 1.0, 4.0])
def test_gaps_follow_the_law_named(family: Any, shape: float) -> None:
    """Gaps of one shape pass a Kolmogorov-Smirnov test against the family's law of mean 1."""
    gaps = family.gaps(np.full(50_000, shape), np.random.default_rng(25))
    assert stats.kstest(gaps, gap_law(family, shape).cdf).pvalue > 1e-5


@pytest.mark.parametrize("family", SHAPED, ids=by_name)
@pytest.mark.parametrize("shape", [0.25, 1.0, 4.0])
def test_first_gaps_follow_the_equilibrium_law(family: Any, shape: float) -> None:
    """First gaps pass a Kolmogorov-Smirnov test against the integral of 1 - F, found by quadrature."""
    law = gap_law(family, shape)
    knots = np.concatenate(([0.0], np.geomspace(1e-8, 1e4, 40_001)))
    survival = law.sf(knots)
    cdf = np.concatenate(([0.0], np.cumsum((survival[1:] + survival[:-1]) / 2 * np.diff(knots))))
    assert cdf[-1] == pytest.approx(1.0, abs=1e-5)
    firsts = family.first(np.full(50_000, shape), np.random.default_rng(26))
    assert stats.kstest(firsts, lambda x: np.interp(x, knots, cdf)).pvalue > 1e-5


def test_poisson_gaps_and_first_gaps_are_exponential() -> None:
    """The poisson family draws exponential gaps whatever CV was recorded."""
    family = PoissonFamily()
    parameter = family.parameter(np.full(50_000, 7.0), np.full(50_000, 12.0))
    assert (parameter == 1).all()
    for draw in (family.gaps, family.first):
        assert stats.kstest(draw(parameter, np.random.default_rng(27)), stats.expon.cdf).pvalue > 1e-5


@pytest.mark.parametrize("family", FAMILIES, ids=by_name)
@pytest.mark.parametrize("draw", ["gaps", "first"])
def test_more_elements_only_append_draws(family: Any, draw: str) -> None:
    """Drawing for more windows leaves the gaps of earlier ones as they are, also where tiny shapes need care."""
    parameter = np.tile([0.002, 0.3, 5.0, 0.02], 500)
    long = getattr(family, draw)(parameter, np.random.default_rng(28))
    short = getattr(family, draw)(parameter[:777], np.random.default_rng(28))
    np.testing.assert_array_equal(long[:777], short)


@pytest.mark.parametrize("family", FAMILIES, ids=by_name)
@pytest.mark.parametrize("draw", ["gaps", "first"])
def test_arrays_of_any_shape_are_drawn_row_by_row(family: Any, draw: str) -> None:
    """A table of parameters gives a table of gaps, the same numbers as its flat form."""
    parameter = np.array([[0.002, 0.3], [5.0, 0.02], [1.0, 0.001]])
    table = getattr(family, draw)(parameter, np.random.default_rng(32))
    assert table.shape == (3, 2)
    flat = getattr(family, draw)(parameter.ravel(), np.random.default_rng(32))
    np.testing.assert_array_equal(table.ravel(), flat)


@pytest.mark.parametrize("family", FAMILIES, ids=by_name)
def test_each_element_has_its_own_parameter(family: Any) -> None:
    """Elements are drawn for their own shapes: interleaved burstiness stays apart, as do the two means of 1."""
    parameter = np.tile([0.2, 20.0], 100_000)
    gaps = family.gaps(parameter, np.random.default_rng(29))
    for shape, part in ((0.2, gaps[::2]), (20.0, gaps[1::2])):
        sd = 1.0 if isinstance(family, PoissonFamily) else gap_law(family, shape).std()
        assert abs(part.mean() - 1) < 4.5 * sd / math.sqrt(len(part))


@pytest.mark.parametrize("shape", [0.01, 1e-3])
def test_gamma_gaps_below_the_smallest_double_keep_their_law(shape: float) -> None:
    """Where shape * log U lies below what doubles hold, no gap is 0 and the exact share of gaps is above 1e-280."""
    gaps = GammaFamily().gaps(np.full(100_000, shape), np.random.default_rng(30))
    assert gaps.min() > 0
    above = float(special.gammaincc(shape, 1e-280))
    assert abs((gaps * shape >= 1e-280).mean() - above) < 4.5 * math.sqrt(above * (1 - above) / len(gaps))


def test_windows_of_tiny_gaps_still_have_one_dominant_gap() -> None:
    """Ten gaps at n * shape = 0.01, nearly all of them below 1e-280, reach the CV of the law within 0.5 %."""
    gaps = GammaFamily().gaps(np.full(300_000, 1e-3), np.random.default_rng(31)).reshape(-1, 10)
    squared = (gaps / gaps.mean(axis=1, keepdims=True)).var(axis=1)
    assert squared.mean() == pytest.approx(9 / 1.01, rel=0.01)
