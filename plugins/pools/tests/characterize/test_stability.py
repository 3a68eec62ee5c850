"""Steadiness beyond sampling noise."""

from __future__ import annotations

import numpy as np
import pytest
from servegen_fw_pools.characterize import stability
from servegen_fw_pools.characterize.gap_families import draws
from servegen_fw_pools.characterize.windows import gap_windows


@pytest.mark.parametrize(("family", "cv"), [("exponential", 1.0), ("gamma", 2.0), ("gamma", 0.5)])
def test_steady_clients_vary_as_their_noise(family: str, cv: float) -> None:
    """Of stationary renewal clients, variances seen between windows are those that sampling gives, on average."""
    # The mean of 40 clients' ratios over 100 windows has a standard error of 2.3 %; rates and CVs have approximate noise,
    # so 15 % are allowed.
    rng = np.random.default_rng(2)
    clients, windows, gaps = 40, 100, 20_000
    time_s = np.cumsum(
        draws(family, np.full((clients, gaps), 1.4), np.full((clients, gaps), cv), rng), axis=1
    )
    owner = np.repeat(np.arange(clients, dtype=np.int32), gaps)
    order = np.argsort(time_s.ravel(), kind="stable")
    found = gap_windows(time_s.ravel()[order], owner[order], clients, 200.0, windows)
    rate = stability.of_rate(found.count, found.cv)
    assert (rate.seen**2 / rate.noise**2).mean() == pytest.approx(1.0, abs=0.15)
    varied = stability.of_cv(found.cv, found.gaps)
    assert (varied.seen**2 / varied.noise**2).mean() == pytest.approx(1.0, abs=0.3)


def test_a_real_change_is_found() -> None:
    """Poisson counts of 400 and 600 in turn vary by 20 % beyond noise, to 2 % (five standard errors of 200 windows)."""
    rng = np.random.default_rng(1)
    count = rng.poisson(np.tile([400.0, 600.0], (1, 100))).astype(float)
    found = stability.of_rate(count, np.ones(count.shape))
    assert found.real[0] == pytest.approx(0.2, abs=0.02)
    assert found.noise[0] == pytest.approx(500**-0.5, rel=0.01)


def test_means_split_into_noise_and_change() -> None:
    """Window means of one law vary by their noise; with a factor of 1.5 in half of the windows the rest is real."""
    rng = np.random.default_rng(3)
    value = rng.gamma(0.5, 200.0, (2, 100, 400))
    value[1, ::2] *= 1.5
    count = np.full((2, 100), 400.0)
    found = stability.of_means(count, value.sum(2), (value**2).sum(2))
    assert (found.seen[0] / found.noise[0]) ** 2 == pytest.approx(1.0, abs=0.6)
    assert found.real[1] == pytest.approx(0.25 / 1.25, abs=0.02)


def test_clients_with_too_few_windows_are_marked() -> None:
    """Fewer than four windows with enough requests are -1, and the median leaves them out."""
    gaps = np.zeros((2, 10), np.int64)
    gaps[0] = 50
    gaps[1, :3] = 50
    found = stability.of_cv(np.where(gaps > 0, 1.3, 0.0), gaps)
    assert found.seen.tolist() == pytest.approx([0.0, -1.0])
    assert found.windows.tolist() == [10, 3]
    assert stability.middle(np.array([-1.0, 3.0, 1.0, 2.0]), np.array([9.0, 1.0, 1.0, 5.0])) == 2.0
    assert stability.of_rate(np.zeros((1, 10)), np.zeros((1, 10))).seen.tolist() == [-1.0]
