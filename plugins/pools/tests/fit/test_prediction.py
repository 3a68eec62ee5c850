"""Workloads that a pool predicts for another time."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
import pytest
from servegen_fw_pools.fit.from_log import fit_log
from servegen_fw_pools.fit.naive import naive_pool
from servegen_fw_pools.fit.prediction import denoised, interpolated, lasting, predictions, recent
from servegen_fw_pools.logs.log import Log

from servegen_fw.plugin import ClientPool


@pytest.fixture
def pool(make_log: Callable[..., Log]) -> ClientPool:
    """Two Poisson clients over two hours, twelve windows, four table windows."""
    return fit_log(make_log([3000, 600], duration_s=7200.0))


def test_a_pool_is_repeated_as_long_as_it_must(pool: ClientPool) -> None:
    """Three hours of a pool of two: the fourth hour is its second, tables included."""
    long = lasting(pool, 10_800.0)
    assert long.duration_s >= 10_800
    np.testing.assert_array_equal(long.count[:, 12:24], pool.count)
    np.testing.assert_array_equal(
        long.table[:, :, long.table_window[12:24]], pool.table[:, :, pool.table_window]
    )
    assert lasting(pool, 7000.0) is pool


def test_windows_between_are_the_mean_of_their_neighbours(pool: ClientPool) -> None:
    """Every second window is predicted; the last one has one neighbour only."""
    holes = attrs.evolve(pool, count=np.where(np.arange(12) % 2, 0.0, pool.count))
    filled = interpolated(holes)
    np.testing.assert_array_equal(filled.count[:, ::2], pool.count[:, ::2])
    np.testing.assert_allclose(filled.count[:, 1], (pool.count[:, 0] + pool.count[:, 2]) / 2)
    np.testing.assert_array_equal(filled.count[:, 11], pool.count[:, 10])
    assert (filled.cv > 0).all()
    assert (filled.family >= 0).all()


def test_noise_of_a_steady_rate_is_taken_out_and_a_real_change_stays(pool: ClientPool) -> None:
    """A Poisson client's counts come close to their mean; a rate that doubles keeps 95 % of its change."""
    calm = denoised(pool)
    np.testing.assert_allclose(calm.count.sum(1), pool.count.sum(1))
    assert calm.count[0].std() < 0.6 * pool.count[0].std()
    moving = attrs.evolve(pool, count=pool.count * np.where(np.arange(12) < 6, 1.0, 2.0))
    kept = denoised(moving).count
    assert kept[0, 6:].mean() - kept[0, :6].mean() > 0.95 * (
        moving.count[0, 6:].mean() - moving.count[0, :6].mean()
    )


def test_naive_is_one_gamma_process(make_log: Callable[..., Log]) -> None:
    """One client with the log's rate, the CV of all gaps, and one table for each length."""
    log = make_log([2000, 1000], duration_s=3600.0, shape=0.3)
    assert log.time_s is not None
    gap_s = np.diff(log.time_s)
    naive = naive_pool(log, 3600.0, gap_s)
    assert naive.rate == pytest.approx(3000 / 3600)
    assert naive.cv[0, 0] == pytest.approx(gap_s.std() / gap_s.mean())
    assert naive.table.shape == (2, 1, 1)
    streams = predictions(naive, 3600.0, 6)
    gaps = np.concatenate([np.diff(one.time_s) for one in streams])
    # Five standard errors of 18,000 gaps: 1.5 % and, for the CV, 4 %.
    assert 1 / gaps.mean() == pytest.approx(naive.rate, rel=0.05)
    assert gaps.std() / gaps.mean() == pytest.approx(naive.cv[0, 0], rel=0.05)
    assert np.mean([one.input_tokens.mean() for one in streams]) == pytest.approx(
        log.input_tokens.mean(), rel=0.05
    )


def test_seeds_differ(pool: ClientPool) -> None:
    """Each seed is a workload of its own, within the time asked for."""
    one, two = predictions(pool, 1800.0, 2)
    assert len(one.time_s) != len(two.time_s) or not np.array_equal(one.time_s, two.time_s)
    assert max(one.time_s.max(), two.time_s.max()) < 1800
    assert (np.diff(one.time_s) >= 0).all()


def test_late_lengths_count_more_in_a_prediction_of_less_than_a_day(pool: ClientPool) -> None:
    """Of lengths that double half-way, the mixture holds the late ones by their weight; a pool of a day stays as it is."""
    f = pool.fields.index("input_tokens")
    late = attrs.evolve(pool, table=pool.table[:, :, [0, 0, 1, 1]])
    one = recent(late)
    assert one.table.shape[2] == 1
    weight = late.table_requests[0] * 0.5 ** (1 - (np.arange(4) + 0.5) / 4)
    u = (np.arange(200_000) + 0.5) / 200_000
    parts = [pool.tables.ppf(pool.table[f, 0, v], u) for v in (0, 1)]
    wanted = (weight[:2].sum() * parts[0].mean() + weight[2:].sum() * parts[1].mean()) / weight.sum()
    assert one.tables.ppf(one.table[f, 0, 0], u).mean() == pytest.approx(wanted, rel=1e-4)
    day = attrs.evolve(pool, window_s=7200.0, table_window_s=21_600.0)
    assert recent(day) is day
