"""Weighted samples, their means, quantiles and shares."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servegen_fw_pools.characterize.sample import (
    Sample,
    mean_of,
    of_column,
    of_pool,
    quantile_of,
    sample_mean,
    share_number,
    table_means,
)
from servegen_fw_pools.shipped import open_shipped

from servegen_fw.plugin import ClientPool


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=60))
def test_a_sample_is_its_column_counted(values: list[int]) -> None:
    """Values, weights, mean, variance and every quantile are those of the column itself, whatever its integer type."""
    column = np.array(values, np.int32)
    sample = of_column(column)
    again, weight = np.unique(column, return_counts=True)
    assert sample.value.tolist() == again.tolist()
    assert sample.weight.tolist() == weight.tolist()
    assert sample.n == len(values)
    assert sample.mean == pytest.approx(column.mean())
    assert sample.variance == pytest.approx(column.var(ddof=1) if len(values) > 1 else 0.0)
    for p in (0.01, 0.5, 0.9, 1.0):
        assert sample.quantile(p) == np.quantile(column, p, method="inverted_cdf")


def test_columns_that_cannot_be_counted_are_sorted() -> None:
    """Huge, negative and fractional values give the same kind of sample."""
    assert of_column(np.array([5, 1 << 40, 5])).value.tolist() == [5, 1 << 40]
    assert of_column(np.array([-3, 2, 2])).weight.tolist() == [1, 2]
    fraction = of_column(np.array([0.5, 0.25, 0.5]))
    assert (fraction.value.tolist(), fraction.whole) == ([0.25, 0.5], False)
    assert of_column(np.array([], np.int32)).n == 0


def test_quantile_intervals_cover() -> None:
    """Intervals of p50, p90 and p99 from 200 lengths hold the true quantile in at least 92 of 100 cases."""
    # Order statistics cover at least 95 %; of 500 samples fewer than 460 cover with probability below
    # 1e-3.
    truth = {0.5: 69, 0.9: 230, 0.99: 461}
    rng = np.random.default_rng(4)
    hits = dict.fromkeys(truth, 0)
    for _ in range(500):
        sample = of_column(np.ceil(rng.exponential(100.0, 200)).astype(np.int32))
        for p, value in truth.items():
            number = quantile_of(sample, p, "")
            low = -np.inf if number.low is None else number.low
            hits[p] += low <= value + 1 and (number.high is None or value <= number.high)
    assert min(hits.values()) >= 460, hits


def test_quantile_intervals_are_no_wider_than_order_statistics_must_be() -> None:
    """For 30 values and the median the ranks are 10 and 21, the textbook's; a p99 of 30 has no upper end."""
    sample = of_column(np.arange(1, 31))
    middle = quantile_of(sample, 0.5, "")
    assert (middle.low, middle.value, middle.high) == (10, 15, 21)
    assert quantile_of(sample, 0.99, "").high is None


def test_means_of_dependent_columns_have_wider_intervals() -> None:
    """A mean that wanders (for 100 rows each) is covered by batch means in 9 of 10 logs, by plain ones in under 4."""
    # With 95 % coverage fewer than 180 of 200 logs are covered with probability below 1e-3.
    rng = np.random.default_rng(6)
    covered = naive = 0
    for _ in range(200):
        column = 1000 + np.repeat(rng.normal(0, 100, 200), 100) + rng.normal(0, 10, 20_000)
        number = mean_of(column, "tokens")
        assert number.low is not None
        assert number.high is not None
        covered += number.low <= 1000 <= number.high
        plain = sample_mean(of_column(column), "tokens")
        assert plain.low is not None
        assert plain.high is not None
        naive += plain.low <= 1000 <= plain.high
    assert covered >= 180
    assert naive < 80


def test_intervals_of_shares_are_wilsons() -> None:
    """5 of 50 is 4.3 to 21.4 %, and the ends stay within 0 and 1."""
    number = share_number(5, 50)
    assert (number.low, number.high) == pytest.approx((0.0435, 0.2136), abs=1e-4)
    assert share_number(0, 10).low == 0
    assert share_number(10, 10).high == 1


def test_one_value_has_no_interval() -> None:
    """A single request has a mean and a median without intervals; nothing is NaN."""
    column = np.array([7], np.int32)
    assert mean_of(column, "") == attrs.evolve(mean_of(column, ""), value=7.0, low=None, high=None)
    number = quantile_of(of_column(column), 0.5, "")
    assert (number.value, number.high) == (7.0, None)


def test_a_fitted_pool_gives_the_sample_of_the_data(mm_image: ClientPool) -> None:
    """Means of all fields of the shipped mm-image pool are within 0.2 % of the published data's, and weights add up."""
    shipped = open_shipped("mm-image")
    for field in mm_image.fields:
        ours, theirs = of_pool(shipped, field), of_pool(mm_image, field)
        assert ours.mean == pytest.approx(theirs.mean, rel=2e-3)
        assert ours.n == pytest.approx(818_610, abs=1)
        assert np.array_equal(ours.value, np.rint(ours.value))


def test_the_mean_of_a_pool_is_that_of_its_tables(deepseek: ClientPool) -> None:
    """Weighting each table's mean by its requests gives the mean of the pool's sample."""
    weight = deepseek.table_requests
    for field in deepseek.fields:
        mean = (weight * table_means(deepseek, field)).sum() / weight.sum()
        assert of_pool(deepseek, field).mean == pytest.approx(mean)


def test_sessions_count_with_their_turns(deepseek: ClientPool) -> None:
    """In a pool with turns, a client of twice the turns has twice the weight."""
    turns = np.where(np.arange(73) == 0, len(deepseek.tables), len(deepseek.tables) + 1)
    tables = attrs.evolve(
        deepseek.tables,
        offsets=np.append(deepseek.tables.offsets, deepseek.tables.offsets[-1] + np.array([1, 2])),
        value=np.append(deepseek.tables.value, [4.0, 2.0]),
        cdf=np.append(deepseek.tables.cdf, [1.0, 1.0]),
    )
    pool = attrs.evolve(
        deepseek,
        tables=tables,
        fields=(*deepseek.fields, "turns"),
        table=np.concatenate((deepseek.table, np.tile(turns[:, None].astype(np.int32), (1, 4))[None])),
    )
    plain, weighted = deepseek.table_requests, pool.table_requests
    assert weighted[0] == pytest.approx(4 * plain[0])
    assert weighted[1] == pytest.approx(2 * plain[1])


def test_parts_of_samples() -> None:
    """What lies above a value, and the share of one value."""
    sample = Sample(np.array([0.0, 1.0, 5.0]), np.array([2.0, 1.0, 1.0]))
    assert sample.above(0.0).value.tolist() == [1, 5]
    assert sample.share_of(0.0) == 0.5
    assert sample.share_of(3.0) == 0
