"""Families of lengths, their ranking, intervals and goodness of fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats
from servegen_fw_pools.characterize.cells import Cells, cells_of
from servegen_fw_pools.characterize.goodness import assess, distance
from servegen_fw_pools.characterize.length_families import (
    FAMILIES,
    Fit,
    fit,
    fit_all,
    fit_exponential,
    fit_lognormal,
    fit_pareto,
    fit_pareto_lognormal,
    intervals,
)
from servegen_fw_pools.characterize.sample import of_column


def tokens(values: np.ndarray) -> Cells:
    """Cells of continuous lengths rounded to whole tokens, at least 1."""
    return cells_of(of_column(np.clip(np.rint(values), 1, 10**7).astype(np.int32)))


def drawn(family: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Lengths of a known law of each family."""
    if family == "exponential":
        return rng.exponential(150.0, n)
    if family == "lognormal":
        return np.exp(rng.normal(5.0, 1.2, n))
    if family == "pareto":
        return 20.5 * (1 - rng.random(n)) ** (-1 / 1.5)
    tail = 600 * (1 - rng.random(n)) ** (-1 / 1.6)
    return np.where(rng.random(n) < 0.2, tail, np.exp(rng.normal(4.5, 0.7, n)))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_true_family_wins_and_agrees(family: str) -> None:
    """Of 5 samples of 5,000, AIC chooses the family they came from in all, and its p-value is above 1 % in at least 4."""
    # A p-value of at most 1 % has probability 0.01 a sample: two or more among 5 have 0.1 %.
    rng = np.random.default_rng(11)
    agreed = 0
    for seed in range(5):
        cells = tokens(drawn(family, 5000, rng))
        best = fit_all(cells)[0]
        assert best.family == family, seed
        agreed += assess(best, cells).p > 0.01
    assert agreed >= 4


@pytest.mark.parametrize("family", ["exponential", "lognormal", "pareto"])
def test_fits_are_the_maximum(family: str) -> None:
    """No nearby parameters have a higher likelihood: a general optimiser started there gains less than 1e-4."""
    cells = tokens(drawn(family, 3000, np.random.default_rng(3)))
    found = fit(cells, family)
    free = [name for name in found.parameters if name != "least"]

    def loss(x: np.ndarray) -> float:
        moved = dict(found.parameters) | dict(zip(free, x.tolist(), strict=True))
        if min(v for k, v in moved.items() if k != "mu") <= 0:
            return 1e300
        return -float(np.dot(cells.weight, Fit(family, moved, 0.0, 1.0).log_masses(cells.edges)))

    best = optimize.minimize(loss, [found.parameters[name] for name in free], method="Nelder-Mead")
    assert -best.fun - found.log_likelihood < 1e-4


def test_rounding_to_tokens_does_not_bias() -> None:
    """Log-normal lengths of median 4 tokens, rounded, give back mu and sigma within 4 standard errors."""
    rng = np.random.default_rng(5)
    found = fit_lognormal(tokens(np.exp(rng.normal(np.log(4), 0.6, 40_000)))).parameters
    assert found["mu"] == pytest.approx(np.log(4), abs=4 * 0.6 / 200)
    assert found["sigma"] == pytest.approx(0.6, abs=4 * 0.6 / 283)
    assert fit_exponential(tokens(rng.exponential(3.0, 40_000))).parameters["mean"] == pytest.approx(
        3.0, rel=0.025
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_intervals_cover(family: str) -> None:
    """95 % intervals of the first free parameter hold the truth in at least 85 of 100 samples of 1,000."""
    # Fewer than 85 have probability 2e-4 at 95 % coverage. The mixture's, which takes longer, in at
    # least 8 of 12 (2e-4).
    truth = {"exponential": 150.0, "lognormal": 5.0, "pareto": 1.5, "pareto-lognormal": 4.5}[family]
    name = {"exponential": "mean", "pareto": "alpha"}.get(family, "mu")
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(100 if family != "pareto-lognormal" else 12):
        cells = tokens(drawn(family, 1000, rng))
        number = intervals(fit(cells, family), cells)[name]
        assert number.low is not None
        assert number.high is not None
        hits += number.low <= truth <= number.high
    assert hits >= (85 if family != "pareto-lognormal" else 8)


def test_bootstrap_p_values_are_uniform_under_the_fitted_family() -> None:
    """Of 60 exponential samples of 300, 12 +- 12 p-values (4 standard errors) are below 0.2; fewer plain ones are."""
    # The plain Kolmogorov p-value knows nothing of the fit: it is too large, which makes it a bound.
    rng = np.random.default_rng(2)
    low, plain = 0, 0
    for _ in range(60):
        cells = tokens(rng.exponential(200.0, 300))
        found = fit_exponential(cells)
        p = assess(found, cells).p
        low += p < 0.2
        plain += stats.kstwobign.sf(distance(found, cells) * 300**0.5) < 0.2
    assert 1 <= low <= 24
    assert plain < low


def test_bootstrap_p_values_of_the_mixture_are_uniform() -> None:
    """Of 40 samples of 300 from a body with a tail, 8 to 32 have a p-value below 0.5 and at most 6 one of 0.02 or less."""
    # Refits begin at the fitted law, not from all starts. Binomial: 6e-5 for each end, 2e-5 for seven of 40 at 2 %.
    rng = np.random.default_rng(77)
    p = []
    for _ in range(40):
        cells = tokens(drawn("pareto-lognormal", 300, rng))
        p.append(assess(fit_pareto_lognormal(cells), cells).p)
    assert 8 <= sum(each < 0.5 for each in p) <= 32
    assert sum(each <= 0.02 for each in p) <= 6


def test_other_laws_are_rejected() -> None:
    """Two standard lengths, as images have, are no log-normal: the bound on p is below 1e-6."""
    cells = tokens(np.random.default_rng(1).choice([252.0, 1196.0], 2000))
    found = assess(fit_lognormal(cells), cells)
    assert found.method == "Kolmogorov bound"
    assert found.p < 1e-6
    assert found.replicates == 0


def test_survival_functions_are_the_masses_left() -> None:
    """1 minus the cells up to an edge is `sf` there, for every family; means are those of scipy's laws."""
    cells = tokens(drawn("pareto-lognormal", 4000, np.random.default_rng(9)))
    for found in fit_all(cells):
        inner = cells.edges[1:-1]
        np.testing.assert_allclose(
            1 - np.cumsum(np.exp(found.log_masses(cells.edges)))[:-1], found.sf(inner), atol=1e-9
        )
    assert fit_pareto(cells).mean() is None
    found = fit_lognormal(cells)
    p = found.parameters
    assert found.mean() == pytest.approx(stats.lognorm.mean(p["sigma"], scale=np.exp(p["mu"])))
    mixed = Fit(
        "pareto-lognormal",
        {"mu": 0.0, "sigma": 1.0, "tail_share": 0.5, "threshold": 10.0, "alpha": 2.0},
        0,
        1,
    )
    assert mixed.mean() == pytest.approx(0.5 * np.exp(0.5) + 0.5 * 20)


@pytest.mark.parametrize("values", [[7], [7] * 100, [1], [5, 6], [1, 1, 1, 2, 9000], [1, 100_000]])
def test_tiny_and_constant_samples_give_no_nan(values: list[int]) -> None:
    """One length tells no law; few give laws with finite figures."""
    cells = cells_of(of_column(np.array(values)))
    fits = fit_all(cells)
    assert bool(fits) == (len(set(values)) > 1)
    for found in fits:
        assert np.isfinite([found.log_likelihood, found.aic, *found.parameters.values()]).all()
        judged = assess(found, cells)
        assert 0 <= judged.ks <= 1
        assert 0 < judged.p <= 1
        for number in intervals(found, cells).values():
            assert number.low is None or np.isfinite([number.low, number.high]).all()


def test_the_search_for_a_threshold_wins_nothing() -> None:
    """On 8 log-normal samples the mixture, which holds the log-normal law, is never chosen."""
    rng = np.random.default_rng(21)
    for _ in range(8):
        assert fit_all(tokens(np.exp(rng.normal(5, 1.2, 2000))))[0].family == "lognormal"
