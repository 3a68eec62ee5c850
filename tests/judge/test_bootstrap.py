"""The block bootstrap against theory, against actual resamples, and against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from servegen_fw.judge import bootstrap


def ar1(n, phi, seed):
    """A Gaussian AR(1) of unit variance."""
    z = np.random.default_rng(seed).standard_normal(n)
    for t in range(1, n):
        z[t] = phi * z[t - 1] + math.sqrt(1 - phi**2) * z[t]
    return z


@pytest.mark.parametrize("phi", [0.0, 0.6, 0.9])
def test_closed_form_is_the_variance_of_actual_resamples(phi):
    """The standard error in closed form is the standard deviation of 20,000 circular block resamples (4 sigma: 6e-5)."""
    u = ar1(1000, phi, 1)
    found = bootstrap.spread(u)
    means = bootstrap.resample(u, found.block, 20_000, np.random.default_rng(2))
    fit = found.pieces // found.block
    # The closed form corrects for the mean being estimated: blocks that fit, less one.
    ratio = found.pieces / found.block
    expected = found.error * math.sqrt((ratio - 1) / ratio * ratio / fit)
    assert means.std() == pytest.approx(expected, rel=4 / math.sqrt(2 * 20_000))


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_long_run_variance_of_an_autoregression(phi):
    """The variance that allows for autocorrelation is (1 + phi) / (1 - phi) on average within 12 % (sd below 3 %)."""
    found = [bootstrap.spread(ar1(3000, phi, seed)).variance for seed in range(60)]
    assert np.mean(found) == pytest.approx((1 + phi) / (1 - phi), rel=0.12)


def test_block_length_follows_the_memory():
    """Blocks are a handful for independent values and grow with the memory of the series."""
    lengths = [bootstrap.spread(ar1(4000, phi, 3)).block for phi in (0.0, 0.5, 0.9, 0.98)]
    assert lengths[0] <= 12
    assert lengths == sorted(lengths)
    assert lengths[-1] > 100


def test_a_random_walk_is_not_settled():
    """A series that remembers for longer than it lasts says so."""
    walk = np.cumsum(np.random.default_rng(4).standard_normal(500))
    assert not bootstrap.spread(walk).settled
    assert bootstrap.spread(ar1(500, 0.3, 4)).settled


def test_rare_bursts_leave_few_degrees_of_freedom():
    """When three bursts make the variance, its degrees of freedom are few, and the interval is wider for it."""
    u = np.zeros(2000)
    for at in (300, 900, 1700):
        u[at : at + 12] = 1.0
    bursts = bootstrap.spread(u)
    even = bootstrap.spread(np.random.default_rng(5).standard_normal(2000))
    assert bursts.freedom < 20
    assert even.freedom > 200
    assert bursts.quantile > 1.05 * even.quantile


def test_a_constant_series_has_no_spread():
    """Values without variation have an error of zero."""
    found = bootstrap.spread(np.full(100, 3.0))
    assert found.error == 0.0
    assert found.settled


def test_the_order_of_time_matters():
    """Shuffling an autocorrelated series takes most of the error away: that is what plain resampling overlooks."""
    u = ar1(5000, 0.9, 6)
    shuffled = np.random.default_rng(7).permutation(u)
    assert bootstrap.spread(u).error > 3 * bootstrap.spread(shuffled).error


@pytest.mark.parametrize("freedom", [1.0, 1.5, 2.0, 4.7, 30.0, 1000.0, 9999.0, 1e6])
@pytest.mark.parametrize("probability", [0.75, 0.975, 0.9995])
def test_student_is_scipys(freedom, probability):
    """Quantiles of Student's t agree with scipy to a part in a thousand, for real degrees of freedom."""
    expected = stats.t.ppf(probability, freedom)
    assert bootstrap.student(probability, freedom) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("n", [1, 2, 100, 4096, 4097, 10_000])
def test_pieces_cover_all_and_differ_by_one(n):
    """Pieces end with the last value, none is empty, and their lengths differ by one at most."""
    ends = bootstrap.edges(n)
    sizes = np.diff(ends, prepend=0)
    assert ends[-1] == n
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 1
    assert len(ends) == min(n, bootstrap.BLOCKS)


def test_resamples_are_reproducible():
    """The same generator gives the same resamples, and their mean is the series' mean (5 sigma: 6e-7)."""
    u = ar1(400, 0.5, 8) + 3.0
    first = bootstrap.resample(u, 10, 5000, np.random.default_rng(1))
    again = bootstrap.resample(u, 10, 5000, np.random.default_rng(1))
    np.testing.assert_array_equal(first, again)
    assert first.mean() == pytest.approx(u.mean(), abs=5 * first.std() / math.sqrt(5000))
