"""Parts of a pool, and pools that send more or less."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from servegen_fw_pools.pool.filter import filtered
from servegen_fw_pools.pool.parts import clients_of, hours_of
from servegen_fw_pools.pool.scale import scaled

from servegen_fw.plugin import ClientPool, InputError


def means(pool: ClientPool, field: int) -> np.ndarray:
    """Median of each client's table in each rate window."""
    table = pool.table[field][:, pool.table_window]
    return pool.tables.ppf(table.ravel(), np.full(table.size, 0.5)).reshape(table.shape)


def test_clients_keep_what_is_theirs(small: ClientPool) -> None:
    """Counts, tables and dependence of two clients in another order; tables of the third are gone."""
    part = clients_of(small, np.array([2, 0]))
    assert part.clients == ("c", "a")
    np.testing.assert_array_equal(part.count, small.count[[2, 0]])
    np.testing.assert_array_equal(means(part, 1), means(small, 1)[[2, 0]])
    assert part.rank.tolist() == [[0.3, 0.1]]
    assert len(part.tables) == 8


@pytest.mark.parametrize(("first", "after"), [(0, 12), (6, 12), (2, 9), (5, 6)])
def test_hours_keep_their_counts_and_tables(small: ClientPool, first: int, after: int) -> None:
    """On and off the edges of table windows, every window keeps its count, CV and tables."""
    part = hours_of(small, 36_000.0 + 600 * first, 36_000.0 + 600 * after)
    assert part.start_s == 36_000 + 600 * first
    np.testing.assert_array_equal(part.count, small.count[:, first:after])
    np.testing.assert_array_equal(part.cv, small.cv[:, first:after])
    for field in (0, 1):
        np.testing.assert_array_equal(means(part, field), means(small, field)[:, first:after])


def test_hours_are_rounded_out_to_windows(small: ClientPool) -> None:
    """A minute touches one window; what lies outside the recording is refused with its span."""
    assert hours_of(small, 36_700.0, 36_760.0).count.shape == (3, 1)
    for begin, end in ((0.0, 40_000.0), (36_000.0, 99_999.0), (37_000.0, 37_000.0)):
        with pytest.raises(InputError, match="from 36000 s to 43200 s"):
            hours_of(small, begin, end)


def test_filters_by_id_volume_and_rank(small: ClientPool) -> None:
    """Each alone and together; who is silent in the hours kept is left out and counted."""
    assert filtered(small, clients=("c", "a")).clients == ("a", "c")
    total = small.count.sum(1)
    assert filtered(small, min_requests=int(total[1])).clients == ("a", "b")
    assert filtered(small, top=1).clients == ("a",)
    late = filtered(small, from_s=39_600.0)
    assert late.clients == ("a", "b")
    assert late.meta["left_out"] == {"clients": 1}
    assert filtered(small, clients=("b", "c"), to_s=39_600.0, top=1).clients == ("b",)


def test_filters_that_leave_nothing(small: ClientPool) -> None:
    """An unknown id, a floor above all, silence, and no filter at all are told."""
    with pytest.raises(InputError, match="has no client 'd'"):
        filtered(small, clients=("d", "a"))
    with pytest.raises(InputError, match=r"no client is left \(the busiest has"):
        filtered(small, min_requests=10**6)
    with pytest.raises(InputError, match="no client is left"):
        filtered(small, clients=("c",), from_s=39_600.0)
    with pytest.raises(InputError, match="nothing to filter by"):
        filtered(small)


def test_scaling_keeps_shares_and_gap_laws(small: ClientPool) -> None:
    """Counts times 3; the gamma shape behind every CV is the same, so more gaps show a higher CV of bursts."""
    more = scaled(small, 3.0)
    np.testing.assert_allclose(more.count, 3 * small.count)
    active = small.count > 0

    def shape(pool: ClientPool) -> np.ndarray:
        n, cv = pool.count[active], pool.cv[active]
        return ((n - 1) / cv**2 - 1) / n

    np.testing.assert_allclose(shape(more), shape(small), rtol=1e-9)
    np.testing.assert_allclose(scaled(more, 1 / 3).cv, small.cv, rtol=1e-9)
    assert more.rate == pytest.approx(3 * small.rate)


def test_scaling_far_down_leaves_a_pool(small: ClientPool) -> None:
    """Fractions of requests stay, and CVs stay finite."""
    less = scaled(small, 1e-4)
    assert less.rate == pytest.approx(1e-4 * small.rate)
    assert np.isfinite(less.cv).all()
    assert np.array_equal(less.cv > 0, less.count > 0)


def test_sessions_scale_with_their_turns(chat: ClientPool) -> None:
    """Requests are twice the sessions, before and after."""
    assert scaled(chat, 2.0).rate == pytest.approx(2 * chat.rate)
    assert filtered(chat, top=2).has_sessions
    assert attrs.evolve(chat).requests.sum() == pytest.approx(2 * chat.count.sum())
