"""Numbers of a request from tables and models."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from servegen_fw.workload.quantities import Given, PoolField


def field(kit: Any, table: Any, masses: Any, count: Any = None, **more: Any) -> PoolField:
    """Return the field of a pool of 72 windows with the given tables per client and six hours."""
    table = np.asarray(table, np.int32)
    count = np.full((table.shape[0], 36 * table.shape[1]), 10) if count is None else count
    pool = kit.pool(count, fields=("input_tokens",), masses=masses)
    pool.table[0] = table
    return PoolField.of(pool, "input_tokens", more.get("start_s", 0.0))


def test_each_client_and_window_has_its_own_table(kit: Any) -> None:
    """Client 1 draws from its own table, of the six hours in which the request is planned."""
    source = field(kit, [[0, 1], [2, 3]], [{float(v): 1.0} for v in (10, 20, 30, 40)])
    at = np.array([0.0, 21_599.0, 21_600.0, 40_000.0])
    assert source.draw(0, at, np.full(4, 0.5), Counter()).tolist() == [10, 10, 20, 20]
    assert source.draw(1, at, np.full(4, 0.5), Counter()).tolist() == [30, 30, 40, 40]


def test_the_case_may_begin_within_the_recording(kit: Any) -> None:
    """Tables are chosen by the recording's clock, not by the case's."""
    source = field(kit, [[0, 1]], [{1.0: 1.0}, {2.0: 1.0}], start_s=21_000.0)
    assert source.draw(0, np.array([0.0, 600.0]), np.full(2, 0.5), Counter()).tolist() == [1, 2]


def test_times_outside_the_recording_take_the_nearest_table(kit: Any) -> None:
    """History before the recording and turns after it draw from its first and last tables."""
    source = field(kit, [[0, 1]], [{1.0: 1.0}, {2.0: 1.0}])
    assert source.draw(0, np.array([-5e4, 9e6]), np.full(2, 0.5), Counter()).tolist() == [1, 2]


def test_a_missing_window_borrows_from_the_clients_nearest(kit: Any) -> None:
    """A client without a table for some hours uses its own nearest one, and the rows are counted."""
    source = field(kit, [[0, -1, 1, -1]], [{1.0: 1.0}, {2.0: 1.0}])
    tally: Counter[str] = Counter()
    at = 21_600.0 * np.array([0.5, 1.5, 2.5, 3.5])
    assert source.draw(0, at, np.full(4, 0.5), tally).tolist() == [1, 1, 2, 2]
    assert sum(tally.values()) == 2
    assert "nearest window" in next(iter(tally))


def test_a_client_without_tables_borrows_from_all(kit: Any) -> None:
    """It draws from the others' mixture, weighted by their requests: chi-square, false alarm 1e-4; and it is told."""
    masses = [{1.0: 0.5, 2.0: 0.5}, {7.0: 1.0}]
    count = np.concatenate((np.full((1, 36), 30), np.full((1, 36), 10), np.full((1, 36), 99)))
    source = field(kit, [[0], [1], [-1]], masses, count)
    tally: Counter[str] = Counter()
    drawn = source.draw(2, np.zeros(8000), np.random.default_rng(1).random(8000), tally)
    values, seen = np.unique(drawn, return_counts=True)
    assert values.tolist() == [1, 2, 7]
    assert stats.chisquare(seen, [3000, 3000, 2000]).pvalue > 1e-4
    assert list(tally.values()) == [8000]
    assert "input_tokens of clients without any recorded in pool made" in next(iter(tally))


def test_every_quantile_of_a_mixture_is_a_number(kit: Any) -> None:
    """The ends of [0, 1) and the seams between donors draw a length, not NaN."""
    source = field(kit, [[0], [1], [-1]], [{5.0: 1.0}, {6.0: 1.0}])
    u = np.array([0.0, 0.5 - 1e-17, 0.5, 1 - 2.0**-53])
    assert set(source.draw(2, np.zeros(4), u, Counter())) <= {5.0, 6.0}


def test_a_field_without_tables_cannot_be_drawn(kit: Any) -> None:
    """A pool that names a field but holds nothing of it does not offer it."""
    assert not field(kit, [[-1]], [{1.0: 1.0}]).drawable
    assert field(kit, [[0]], [{1.0: 1.0}]).drawable


def test_nothing_is_told_where_nothing_is_missing(kit: Any) -> None:
    """A complete pool leaves no notes."""
    tally: Counter[str] = Counter()
    field(kit, [[0]], [{1.0: 1.0}]).draw(0, np.zeros(3), np.zeros(3), tally)
    assert not tally


@pytest.mark.parametrize("n", [0, 1, 5])
def test_given_lengths_are_their_quantiles(kit: Any, n: int) -> None:
    """A suite's distribution is asked for the kernel's uniforms, whoever the client."""
    u = np.linspace(0, 0.9, n)
    assert np.array_equal(
        Given(kit.Exponential(50.0)).draw(3, np.zeros(n), u, Counter()), kit.Exponential(50.0).ppf(u)
    )
