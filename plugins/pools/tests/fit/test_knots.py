"""Quantile knots: exact with all corners, within tolerance with few, and true to point masses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servegen_fw_pools.fit.knots import LEVEL_GRID, corners, fit_table, simplify
from servegen_fw_pools.quantiles import level_at

from servegen_fw.plugin import Tables


def masses_of(values: np.ndarray, cdf: np.ndarray, draws: int = 400_000) -> dict[float, float]:
    """Masses of a linear table's rounded quantiles, on an even grid of levels."""
    tables = Tables(np.array([0, len(values)]), values, cdf, True)
    u = (np.arange(draws) + 0.5) / draws
    drawn, count = np.unique(np.rint(tables.ppf(np.zeros(draws, int), u)), return_counts=True)
    return dict(zip(drawn.tolist(), (count / draws).tolist(), strict=True))


def recorded(masses: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Values and cdf of a mass function."""
    cdf = np.cumsum(list(masses.values()))
    return np.array(list(masses), float), cdf / cdf[-1]


def test_all_corners_give_back_the_masses_exactly() -> None:
    """Rounding a quantile drawn from every corner reproduces the mass function, gaps and zeros included."""
    masses = {0: 0.125, 3: 0.25, 4: 0.5, 1196: 0.125}
    level, value = corners(*recorded(masses), 0.5)
    assert masses_of(value, level) == pytest.approx(masses, abs=1e-5)
    assert value.min() >= 0
    assert np.all(np.diff(level) >= 0)
    assert np.all(np.diff(value) >= 0)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    values=st.lists(st.integers(0, 3000), min_size=1, max_size=300, unique=True),
    seed=st.integers(0, 2**32 - 1),
    tolerance=st.sampled_from([0.002, 0.02, 0.1]),
)
def test_the_fit_stays_within_its_tolerance(values: list[int], seed: int, tolerance: float) -> None:
    """For any masses the Kolmogorov-Smirnov distance of the fit is at most the tolerance, and the grid's rounding."""
    mass = np.random.default_rng(seed).random(len(values)) ** 4 + 1e-9
    support, cdf = recorded(dict(zip(sorted(values), mass.tolist(), strict=True)))
    knots, levels = fit_table(support, cdf, 0.5, tolerance, 2.0)
    distance = np.abs(level_at(knots, levels, support + 0.5) - cdf).max()
    assert distance <= tolerance + 2 / LEVEL_GRID
    assert levels[0] == 0
    assert levels[-1] == 1
    assert np.all(np.diff(levels) >= 0)
    assert np.all(np.diff(knots) >= 0)


def test_standard_sizes_survive_coarse_tolerances() -> None:
    """Point masses of 40 % at 1196 and 30 % at 252 in a broad background keep value and mass, even at 5 %."""
    background = dict.fromkeys(range(100, 1400), 0.3 / 1300)
    background[1196] += 0.4
    background[252] += 0.3
    fitted = masses_of(*fit_table(*recorded(background), 0.5, 0.05, 2.0))
    assert fitted[1196] == pytest.approx(background[1196], abs=0.05)
    assert fitted[252] == pytest.approx(background[252], abs=0.05)


def test_a_constant_is_a_constant() -> None:
    """One value gives two knots whose rounded draws are that value only."""
    knots, levels = fit_table(np.array([372.0]), np.ones(1), 0.5, 0.01, 2.0)
    assert (knots.tolist(), levels.tolist()) == ([371.5, 372.5], [0, 1])
    assert set(masses_of(knots, levels)) == {372.0}


def test_smooth_distributions_need_few_knots() -> None:
    """A geometric distribution of mean 500 over 5,000 values is fitted to 0.4 % with fewer than 60 knots."""
    n = np.arange(1, 5001)
    cdf = np.cumsum(0.998 ** (n - 1))
    knots, _ = fit_table(n.astype(float), cdf / cdf[-1], 0.5, 0.004, 2.0)
    assert len(knots) < 60


def test_the_tail_is_held_tighter_than_the_middle() -> None:
    """The allowance shrinks with sqrt(F (1 - F)): at the 99.9 % point the error is below a tenth of the tolerance."""
    n = np.arange(1, 20_001)
    cdf = np.cumsum(1.0 / n**1.5)
    cdf /= cdf[-1]
    knots, levels = fit_table(n.astype(float), cdf, 0.5, 0.01, 2.0)
    error = np.abs(level_at(knots, levels, n + 0.5) - cdf)
    assert error[cdf > 0.999].max() < 0.001
    assert error.max() <= 0.01


def test_simplify_keeps_the_ends_and_what_matters() -> None:
    """On a polyline with one bend, the bend and the two ends are kept and nothing else."""
    value = np.arange(11.0)
    level = np.where(value < 4, value * 0.2, 0.8 + (value - 4) / 6 * 0.2)
    level[-1] = 1.0
    kept = simplify(level, value, 0.01)
    assert kept.tolist() == [0, 4, 10]


def test_levels_and_values_lie_on_their_grids() -> None:
    """Levels are multiples of 2**-16 and values of the stated grid, so that machines agree to the last bit."""
    rng = np.random.default_rng(1)
    mass = rng.random(400)
    cdf = np.cumsum(mass) / mass.sum()
    cdf[-1] = 1
    knots, levels = fit_table(np.arange(400.0), cdf, 0.5, 0.002, 2.0)
    assert np.array_equal(levels * LEVEL_GRID, np.rint(levels * LEVEL_GRID))
    assert np.array_equal(knots * 2, np.rint(knots * 2))


def test_a_smaller_tolerance_never_takes_fewer_knots() -> None:
    """From 10 % down to 0.1 % the number of knots grows, up to all corners at 0."""
    rng = np.random.default_rng(6)
    values = np.unique(rng.lognormal(5, 1, 3000).astype(int)).astype(float)
    mass = rng.random(len(values))
    cdf = np.cumsum(mass) / mass.sum()
    cdf[-1] = 1
    sizes = [
        len(fit_table(values, cdf, 0.5, tolerance, 2.0)[0]) for tolerance in (0.1, 0.03, 0.01, 0.003, 0.001)
    ]
    assert sizes == sorted(sizes)
    level, _ = corners(values, cdf, 0.5)
    assert len(simplify(*corners(values, cdf, 0.5), 1e-12)) > 0.5 * len(level)
