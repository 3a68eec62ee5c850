"""Laws of figures: their p-values are valid, their bands follow, Holm keeps the family's level."""

from __future__ import annotations

import numpy as np
import pytest

from servegen_fw.certify.laws import Exactly, Kolmogorov, Simulated, distance_to_uniform, holm


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("sides", ["both", "upper"])
@pytest.mark.parametrize("law", ["normal", "gamma", "lognormal"])
def test_simulated_p_values_are_valid_far_into_the_tail(law: str, sides: str, log: bool) -> None:
    """With 60 replicates P(p < a) is at most a for a = 5 % and 1 %, and at most 3 a for 0.05 %; 8,000 draws, 5 sigma."""
    rng = np.random.default_rng(4)

    def draw(*shape: int) -> np.ndarray:
        z = rng.standard_normal(shape)
        if law == "normal":
            return 10.0 + z
        return rng.standard_gamma(3.0, shape) if law == "gamma" else np.exp(0.4 * z)

    many = 8_000
    p = np.array([Simulated(draw(60), sides, log).p(float(draw(1)[0])) for _ in range(many)])  # type: ignore[arg-type]
    for alpha, factor in ((0.05, 1.1), (0.01, 1.3), (0.0005, 3.0)):
        limit = factor * alpha
        assert np.mean(p < alpha) < limit + 5 * np.sqrt(limit / many), (law, alpha)


def test_a_band_is_where_p_exceeds_its_level() -> None:
    """Ends of a band have the p of its level, beyond the replicates too."""
    law = Simulated(np.random.default_rng(1).standard_normal(200))
    for alpha in (0.2, 0.01, 1e-4):
        low, high = law.band(alpha)
        for end, step in ((low, -1e-6), (high, 1e-6)):
            assert law.p(end + step) <= alpha * 1.05
            assert law.p(end - 1000 * step) >= alpha * 0.9


def test_replicates_that_are_all_alike_leave_nothing_to_chance() -> None:
    """A figure that never varies is right or wrong."""
    law = Simulated(np.full(60, 7.0))
    assert law.p(7.0) == 1.0
    assert law.p(8.0) == law.p(6.0) == 0.0
    assert law.band(1e-6) == (7.0, 7.0)


def test_kolmogorov_p_values_are_valid() -> None:
    """DKW with Massart's constant holds for n = 7 and n = 500; 4,000 samples, 5 sigma, and is close to exact."""
    rng = np.random.default_rng(2)
    for n in (7, 500):
        p = np.array([Kolmogorov(n).p(distance_to_uniform(rng.random(n))) for _ in range(4000)])
        share = np.mean(p < 0.05)
        assert 0.02 < share < 0.05 + 5 * np.sqrt(0.05 / 4000)
        assert Kolmogorov(n).p(Kolmogorov(n).band(0.01)[1]) == pytest.approx(0.01)


def test_distance_to_uniform_by_hand() -> None:
    """Three points at 0.1, 0.2 and 0.9 are 2/3 - 0.2 away."""
    assert distance_to_uniform(np.array([0.9, 0.1, 0.2])) == pytest.approx(2 / 3 - 0.2)


def test_holm_by_hand() -> None:
    """0.001 and 0.004 fall under 0.01 / 3 and 0.01 / 2, 0.02 stays; a first that stays keeps all."""
    assert holm(np.array([0.02, 0.001, 0.004]), 0.01).tolist() == [False, True, True]
    assert holm(np.array([0.02, 0.004, 0.004]), 0.01).tolist() == [False, False, False]
    assert holm(np.array([0.0, 0.0]), 0.01).tolist() == [True, True]
    assert holm(np.empty(0), 0.01).tolist() == []


def test_exact_figures_are_inside_or_wrong() -> None:
    """Bounds belong to the inside."""
    assert [Exactly(1, 2).p(x) for x in (0.999, 1, 2, 2.001)] == [0.0, 1.0, 1.0, 0.0]
