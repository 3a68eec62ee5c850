"""The body-and-tail mixture, the laws it is made of, and the cells it is fitted to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from servegen_fw_pools.characterize import laws
from servegen_fw_pools.characterize.cells import Cells, cells_of
from servegen_fw_pools.characterize.mixture import BodyAndTail, ascend, fit_body_and_tail
from servegen_fw_pools.characterize.sample import of_column


def draw(n: int, law: BodyAndTail, seed: int) -> np.ndarray:
    """Whole tokens drawn from a mixture."""
    rng = np.random.default_rng(seed)
    tail = law.threshold * (1 - rng.random(n)) ** (-1 / law.alpha)
    values = np.where(rng.random(n) < law.tail_share, tail, np.exp(rng.normal(law.mu, law.sigma, n)))
    return np.clip(np.rint(values), 1, 10**7).astype(np.int32)


@given(st.lists(st.integers(1, 500_000), min_size=1, max_size=200))
def test_cells_hold_every_length_once(values: list[int]) -> None:
    """Counts add up; edges ascend from 0 to infinity on half tokens; the largest length has a cell of its own."""
    cells = cells_of(of_column(np.array(values, np.int64)))
    assert cells.weight.sum() == len(values)
    assert len(cells.edges) == len(cells.weight) + 1 <= 1100
    assert (cells.edges[0], cells.edges[-1]) == (0, np.inf)
    assert (np.diff(cells.edges) > 0).all()
    assert (cells.edges[1:-1] % 1 == 0.5).all()
    place = np.searchsorted(cells.edges, max(values)) - 1
    assert cells.edges[place + 1] - cells.edges[place] == (1.0 if max(values) > 1 else 1.5)
    counted = [
        np.sum((np.array(values) > a) & (np.array(values) < b))
        for a, b in zip(cells.edges[:-1], cells.edges[1:], strict=True)
    ]
    assert cells.weight.tolist() == counted


def test_cells_need_a_length() -> None:
    """Zeros alone are no lengths."""
    with pytest.raises(ValueError, match="above 0"):
        cells_of(of_column(np.zeros(5, np.int32)))


def test_log_probabilities_are_those_of_scipy_far_into_the_tails() -> None:
    """Normal cells from -40 to 40 sigma, exponential and Pareto cells, agree with scipy's to 1e-9."""
    z = np.concatenate(([-np.inf], np.linspace(-35, 35, 281), [np.inf]))
    mirrored = np.where(z[:-1] > 0, 1, -1)
    ours = laws.log_normal(z)
    low, high = np.where(mirrored > 0, -z[1:], z[:-1]), np.where(mirrored > 0, -z[:-1], z[1:])
    with np.errstate(divide="ignore"):
        theirs = stats.norm.logcdf(high) + np.log1p(-np.exp(stats.norm.logcdf(low) - stats.norm.logcdf(high)))
    np.testing.assert_allclose(ours, np.maximum(theirs, laws.LOWEST), rtol=1e-9)
    edges = np.concatenate(([0.0], np.arange(1.5, 200), [np.inf]))
    exact = np.diff(np.append(stats.expon.cdf(edges[:-1], scale=30), 1.0))
    np.testing.assert_allclose(np.exp(laws.log_exponential(edges, 30.0)), exact, rtol=1e-9, atol=1e-15)
    tail = np.diff(np.append(stats.pareto.cdf(edges[:-1], 1.7, scale=8.5), 1.0))
    np.testing.assert_allclose(np.exp(laws.log_pareto(edges, 8.5, 1.7)), tail, atol=1e-14)


@pytest.mark.parametrize(
    ("low", "high"), [(-np.inf, -8.0), (-1.0, -0.999), (-0.5, 2.0), (3.0, 9.0), (6.0, np.inf)]
)
def test_moments_of_normal_cells(low: float, high: float) -> None:
    """E[Z] and E[Z^2] within a cell agree with numerical integration to 1e-6."""
    z = np.array([low, high])
    first, second = laws.normal_moments(z, laws.log_normal(z))
    a, b = max(low, -12.0), min(high, 12.0)
    mass, one, two = (
        integrate.quad(lambda x, k=k: x**k * stats.norm.pdf(x), a, b, epsabs=0)[0] for k in (0, 1, 2)
    )
    assert first[0] == pytest.approx(one / mass, rel=1e-6)
    assert second[0] == pytest.approx(two / mass, rel=1e-6)


def test_moments_of_pareto_cells() -> None:
    """E[log(X / least)] within cells agrees with numerical integration; the open cell with 1 / alpha."""
    edges = np.array([0.0, 10.0, 10.0001, 25.0, 4000.0, np.inf])
    found = laws.pareto_log_moment(edges, 10.0, 1.3)
    assert found[0] == 0
    for i in (1, 2, 3):
        mass, log = (
            integrate.quad(
                lambda x, k=k: np.log(x / 10) ** k * stats.pareto.pdf(x, 1.3, scale=10),
                edges[i],
                edges[i + 1],
            )[0]
            for k in (0, 1)
        )
        assert found[i] == pytest.approx(log / mass, rel=1e-6)
    assert found[4] == pytest.approx(np.log(400) + 1 / 1.3)


def test_partial_moments_are_masses_times_moments() -> None:
    """Over cells 1 % wide and wider, in body and tails, they agree with the moments within cells to 1e-9."""
    edges = np.concatenate(([0.0], np.geomspace(0.5, 1e6, 1400), [np.inf]))
    z = (laws.log_edges(edges) - 5.0) / 0.8
    mass, first, second = laws.normal_partial_moments(z)
    log_p = laws.log_normal(z)
    one, two = laws.normal_moments(z, log_p)
    np.testing.assert_allclose(mass, np.exp(log_p), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(first, mass * one, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(second, mass * two, rtol=1e-9, atol=1e-14)
    inside, log_reach = laws.pareto_partial_moments(
        np.maximum(laws.log_edges(edges[200:]) - np.log(edges[200]), 0.0), 1.3
    )
    np.testing.assert_allclose(inside, np.exp(laws.log_pareto(edges[200:], edges[200], 1.3)), rtol=1e-9)
    expected = inside * laws.pareto_log_moment(edges[200:], edges[200], 1.3)
    np.testing.assert_allclose(log_reach, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    "law",
    [
        BodyAndTail(5.0, 0.8, 0.15, 800.5, 1.8),
        BodyAndTail(4.0, 1.2, 0.4, 150.5, 1.1),
        BodyAndTail(6.5, 0.5, 0.05, 3000.5, 2.5),
    ],
)
def test_parameters_are_recovered(law: BodyAndTail) -> None:
    """From 30,000 lengths every parameter is found near the truth, and the likelihood is not below the truth's."""
    # Near is within about four standard errors of the hardest of the three: mu and sigma 0.06, the
    # tail's share 0.03, its exponent 12 % and the threshold 15 %.
    for seed in range(3):
        cells = cells_of(of_column(draw(30_000, law, seed)))
        found = fit_body_and_tail(cells)
        assert found.law.mu == pytest.approx(law.mu, abs=0.06)
        assert found.law.sigma == pytest.approx(law.sigma, abs=0.06)
        assert found.law.tail_share == pytest.approx(law.tail_share, abs=0.03)
        assert found.law.alpha == pytest.approx(law.alpha, rel=0.12)
        assert found.law.threshold == pytest.approx(law.threshold, rel=0.15)
        at = float(cells.edges[np.argmin(np.abs(cells.edges[:-1] - law.threshold))])
        truth = BodyAndTail(law.mu, law.sigma, law.tail_share, at, law.alpha)
        assert found.log_likelihood >= np.dot(cells.weight, truth.log_masses(cells.edges))


@given(
    st.lists(st.integers(1, 3000), min_size=6, max_size=40, unique=True),
    st.floats(1, 8),
    st.floats(0.05, 3),
    st.floats(0.01, 0.9),
    st.floats(0.2, 10),
)
def test_the_likelihood_never_falls(
    values: list[int], mu: float, sigma: float, share: float, alpha: float
) -> None:
    """Whatever the sample and the start, every step of EM has a likelihood at least that of the one before."""
    cells = cells_of(of_column(np.array(values)))
    threshold = float(cells.edges[len(cells.edges) // 2])
    climb = ascend(cells, BodyAndTail(mu, sigma, share, threshold, alpha), 60)
    steps = np.array(climb.steps)
    assert (np.diff(steps) >= -1e-9 * np.abs(steps[:-1])).all()
    assert climb.log_likelihood == steps[-1]


def test_a_fall_of_the_likelihood_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moments that are wrong in one cell make the likelihood fall, which raises."""
    cells = cells_of(of_column(draw(5000, BodyAndTail(5.0, 0.8, 0.15, 800.5, 1.8), 1)))
    right = laws.normal_partial_moments

    def wrong(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        mass, first, second = right(z)
        return mass, first, second * 4

    monkeypatch.setattr(laws, "normal_partial_moments", wrong)
    with pytest.raises(ArithmeticError, match="fell"):
        ascend(cells, BodyAndTail(5.0, 0.8, 0.15, 800.5, 1.8))


def test_a_longer_ascent_gains_nothing() -> None:
    """Plain EM from where an ascent ends, 300 steps more, gains less than 1e-4 in likelihood."""
    cells = cells_of(of_column(draw(3000, BodyAndTail(5.0, 0.8, 0.15, 800.5, 1.8), 3)))
    ended = ascend(cells, BodyAndTail(4.0, 1.5, 0.5, 400.5, 1.0))
    law = ended.law
    for _ in range(300):
        law = ascend(cells, law, 1).law
    assert np.dot(cells.weight, law.log_masses(cells.edges)) - ended.log_likelihood < 1e-4


def test_masses_sum_to_one() -> None:
    """The cells of the mixture partition its law."""
    edges = np.concatenate(([0.0], np.arange(1.5, 3000), [np.inf]))
    total = np.exp(BodyAndTail(5.0, 0.8, 0.15, 800.5, 1.8).log_masses(edges)).sum()
    assert total == pytest.approx(1.0, abs=1e-12)
    assert isinstance(Cells(edges, np.ones(len(edges) - 1)).n, float)
