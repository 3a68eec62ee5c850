"""Weibull: log-gamma, the shape of a CV, and the table against the quadrature that made it."""

from __future__ import annotations

import math
from importlib import resources

import numpy as np
import pytest
from scipy import special
from servegen_fw_models import weibull_quadrature
from servegen_fw_models.gamma import equivalent_shape
from servegen_fw_models.weibull import WeibullFamily, _table, log_gamma, shape_of
from servegen_fw_models.weibull_quadrature import COUNTS, LOG_KAPPA, SMALLEST_SHAPE, build, squared_cv


def test_log_gamma_agrees_with_scipy() -> None:
    """From 1 to 1e6 the error is below 1e-12 of max(1, value)."""
    x = np.concatenate((np.linspace(1, 3, 2_001), np.geomspace(1, 1e6, 2_001)))
    exact = special.gammaln(x)
    assert (np.abs(log_gamma(x) - exact) / np.maximum(1, exact)).max() < 1e-12


@pytest.mark.parametrize("cv", [0.01, 0.3, 1.0, 2.5, 30.0, 100.0])
def test_the_shape_of_a_cv_gives_that_cv(cv: float) -> None:
    """Gamma functions of the shape found return the CV to nine digits."""
    inverse = 1 / shape_of(cv)
    found = math.expm1(math.lgamma(1 + 2 * inverse) - 2 * math.lgamma(1 + inverse))
    assert math.sqrt(found) == pytest.approx(cv, rel=1e-9)


def test_a_cv_of_one_is_exponential() -> None:
    """Shape 1 has CV 1."""
    assert shape_of(1.0) == pytest.approx(1.0, rel=1e-12)


def test_quadrature_of_exponential_gaps_is_exact() -> None:
    """N exponential gaps have the squared sample CV (n - 1) / (n + 1); the quadrature gives it to ten digits."""
    counts = (2, 10, 1000, 10**6)
    np.testing.assert_allclose(squared_cv(1.0, counts), [(n - 1) / (n + 1) for n in counts], rtol=1e-10)


@pytest.mark.parametrize("shape", [0.05, 0.5, 3.0])
def test_quadrature_of_two_gaps_is_a_logistic_integral(shape: float) -> None:
    """The log ratio of two gaps is logistic with scale 1 / shape, so E CV^2 = E tanh^2(L / 2), found on its own."""
    logistic = np.linspace(-40, 40, 800_001)
    density = 0.25 / np.cosh(logistic / 2) ** 2
    expected = float((density * np.tanh(logistic / (2 * shape)) ** 2).sum()) * 1e-4
    assert squared_cv(shape, (2,))[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("shape", [0.1, 0.6])
def test_quadrature_agrees_with_simulation(shape: float) -> None:
    """Simulated squared CVs of 40 gaps lie within 4.5 standard errors (false alarm below 1e-5 over seeds)."""
    gaps = np.random.default_rng(41).weibull(shape, (40_000, 40))
    squared = gaps.var(axis=1) / gaps.mean(axis=1) ** 2
    error = squared.std() / math.sqrt(len(squared))
    assert abs(squared.mean() - squared_cv(shape, (40,))[0]) < 4.5 * error


def test_table_entries_are_what_quadrature_gives() -> None:
    """Entries across the shipped table, put back into the quadrature, return the shape of their column."""
    table = _table()
    assert table.shape == (len(COUNTS) + 1, len(LOG_KAPPA))
    checked = 0
    for row, n in enumerate((*COUNTS, math.inf)):
        for column in range(row % 7, len(LOG_KAPPA), 14):
            shape = math.exp(table[row, column])
            if shape < 0.05:  # tiny shapes cost a second each; the next test covers them
                continue
            kappa = equivalent_shape(np.sqrt(squared_cv(shape, (n,))), np.array([n]))
            assert math.log(kappa[0]) == pytest.approx(LOG_KAPPA[column], abs=1e-3)
            checked += 1
    assert checked > 100


def test_the_script_makes_the_shipped_columns_again() -> None:
    """Building from a coarser grid of shapes gives the shipped table within the coarser grid's error."""
    shapes = np.exp(np.linspace(math.log(0.04), math.log(200), 60))
    inside = (math.log(0.05) < LOG_KAPPA) & (math.log(1e3) > LOG_KAPPA)
    np.testing.assert_allclose(build(shapes)[:, inside], _table()[:, inside], atol=2e-3)


@pytest.mark.parametrize("n", [2, 5, 13, 60, 300, 777, 1700, 30_000])
def test_interpolation_is_within_half_a_percent(n: int) -> None:
    """Between the table's rows and columns, the CV of the shape found is within 0.5 % of the one asked for."""
    family = WeibullFamily()
    for cv in np.geomspace(0.02, 0.97 * math.sqrt(n - 1), 12):
        shape = family.parameter(np.array([cv]), np.array([float(n)]))[0]
        if shape > 0.03:
            assert math.sqrt(squared_cv(float(shape), (n,))[0]) == pytest.approx(cv, rel=5e-3)


def test_shapes_below_the_table_are_cut() -> None:
    """No shape lies below the smallest one that the table was made for."""
    shape = WeibullFamily().parameter(np.array([1e3, 1e3]), np.array([2.0, 1e4]))
    assert (shape >= SMALLEST_SHAPE).all()


def test_the_script_prints_what_the_table_file_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run as a script, the module prints the table in the form of the shipped file, to the byte."""
    monkeypatch.setattr(weibull_quadrature, "build", _table)
    weibull_quadrature.main()
    shipped = resources.files("servegen_fw_models").joinpath("weibull_table.csv").read_text(encoding="ascii")
    assert capsys.readouterr().out == shipped
