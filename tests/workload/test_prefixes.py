"""Prompt prefixes that sessions share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from servegen_fw.errors import InputError
from servegen_fw.workload.identity import prefix_id, shared_prefix_id


def heads(workload: Any) -> np.ndarray:
    """Return the rows that begin a session here."""
    return np.flatnonzero(workload.parent < 0)


def test_prefixes_are_shared_across_clients(kit: Any) -> None:
    """Ten clients choose from five prefixes of the group, equally often: chi-square, false alarm 1e-4."""
    w = kit.compose(kit.synthetic(clients=10, prefix_tokens=2, prefixes=5), rate=10.0, duration_s=1000)
    ids, seen = np.unique(w.prefix[w.prefix >= 0], return_counts=True)
    assert set(ids) == {shared_prefix_id("group-1", k) for k in range(5)}
    assert stats.chisquare(seen).pvalue > 1e-4
    assert all(len(set(w.prefix[w.client == client])) >= 5 for client in range(10))


def test_popularity_follows_zipf(kit: Any) -> None:
    """With skew 1 prefix k is chosen in proportion to 1 / k: chi-square, false alarm 1e-4."""
    group = kit.synthetic(prefix_tokens=4, prefixes=6, prefix_skew=1.0, input=kit.Made(kit.Fixed(50)))
    w = kit.compose(group, rate=10.0, duration_s=2000)
    seen = [np.count_nonzero(w.prefix == shared_prefix_id("group-1", k)) for k in range(6)]
    weight = 1 / np.arange(1, 7)
    assert sum(seen) == len(w)
    assert stats.chisquare(seen, len(w) * weight / weight.sum()).pvalue > 1e-4


@pytest.mark.parametrize("prefixes", [0, 3])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_the_sessions_carries_one(kit: Any, share: float, prefixes: int) -> None:
    """The share holds within 4.5 standard errors; rows without a prefix have length 0."""
    group = kit.synthetic(
        clients=3, prefix_tokens=4, prefixes=prefixes, prefix_share=share, input=kit.Made(kit.Fixed(50))
    )
    w = kit.compose(group, rate=10.0, duration_s=1000)
    carried = w.prefix >= 0
    assert abs(carried.mean() - share) <= 4.5 * np.sqrt(share * (1 - share) / len(w))
    assert set(w.prefix_tokens[carried]) <= {4}
    assert set(w.prefix_tokens[~carried]) <= {0}


@pytest.mark.parametrize("carries", [True, False])
def test_turns_of_a_session_share_theirs(kit: Any, carries: bool) -> None:
    """All turns of a session have one id, or none; also where a session runs already at time 0."""
    session = kit.Made(kit.Geometric(4.0, 30.0, carries_context=carries))
    group = kit.synthetic(
        clients=2,
        session=session,
        prefix_tokens=5,
        prefixes=4,
        prefix_share=0.5,
        input=kit.Made(kit.Fixed(50)),
    )
    w = kit.compose(group, rate=5.0, duration_s=600)
    later = np.flatnonzero(w.parent >= 0)
    assert len(later) > 500
    assert np.array_equal(w.prefix[later], w.prefix[w.parent[later]])
    assert np.array_equal(w.prefix_tokens[later], w.prefix_tokens[w.parent[later]])
    assert len(np.unique(w.prefix)) == 5


def test_sessions_choose_for_themselves(kit: Any) -> None:
    """Successive sessions of a client are unrelated: a contingency test of neighbours, false alarm 1e-4."""
    group = kit.synthetic(prefix_tokens=5, prefixes=4, input=kit.Made(kit.Fixed(50)))
    w = kit.compose(group, rate=10.0, duration_s=1000)
    _, number = np.unique(w.prefix, return_inverse=True)
    table = np.zeros((4, 4))
    np.add.at(table, (number[:-1], number[1:]), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-4


def test_choosing_changes_no_other_column(kit: Any) -> None:
    """Rows are the same with prefixes of one's own, shared ones and none."""
    plain, own, shared = (
        kit.compose(kit.synthetic(clients=3, **options), rate=4.0, duration_s=300)
        for options in ({}, {"prefix_tokens": 9}, {"prefix_tokens": 9, "prefixes": 2, "prefix_share": 0.5})
    )
    assert kit.rows(plain) == kit.rows(own) == kit.rows(shared)


def test_more_prefixes_a_longer_case_and_a_lower_rate_keep_the_choice(kit: Any) -> None:
    """A longer case only appends, and a lower rate keeps a subset, prefix and all."""
    pool = kit.pool(np.full((3, 4), 100), cv=1.5, masses=({50.0: 0.5, 60.0: 0.5}, {5.0: 1.0}))
    group = kit.recorded(pool, prefix_tokens=20, prefixes=7, prefix_skew=0.8, prefix_share=0.7)

    def rows(workload: Any) -> list[tuple[Any, ...]]:
        columns = (workload.prefix.tolist(), workload.prefix_tokens.tolist())
        return [
            (*row, *more) for row, more in zip(kit.rows(workload), zip(*columns, strict=True), strict=True)
        ]

    short, long = (kit.compose(group, duration_s=duration_s) for duration_s in (900, 2000))
    assert rows(long)[: len(short)] == rows(short)
    few = kit.compose(group, rate=0.1, duration_s=2000)
    assert set(rows(few)) < set(rows(long))


def length_pool(kit: Any, lengths: dict[float, float]) -> Any:
    """Return a pool that records how many leading tokens are those of the client's own prefix."""
    return kit.pool(
        np.full((3, 4), 400),
        fields=("input_tokens", "output_tokens", "prefix_tokens"),
        masses=({100.0: 1.0}, {5.0: 1.0}, lengths),
    )


def test_recorded_lengths_are_drawn_for_each_session(kit: Any) -> None:
    """Lengths have the recorded masses (chi-square, false alarm 1e-4), 0 is no prefix, and the id is the client's."""
    w = kit.compose(kit.recorded(length_pool(kit, {0.0: 0.3, 16.0: 0.3, 64.0: 0.4})), duration_s=2400)
    values, seen = np.unique(w.prefix_tokens, return_counts=True)
    assert values.tolist() == [0, 16, 64]
    assert stats.chisquare(seen, len(w) * np.array([0.3, 0.3, 0.4])).pvalue > 1e-4
    assert np.array_equal(w.prefix == -1, w.prefix_tokens == 0)
    own = np.array([prefix_id("group-1", name) for name in w.clients.names])
    assert np.array_equal(w.prefix[w.prefix >= 0], own[w.client[w.prefix >= 0]])
    assert "prefix_tokens" not in w.extra


def test_a_suites_length_replaces_the_recorded_ones(kit: Any) -> None:
    """`prefix_tokens` of the group is for all; `prefixes` makes recorded lengths those of shared prefixes."""
    pool = length_pool(kit, {16.0: 0.5, 64.0: 0.5})
    w = kit.compose(kit.recorded(pool, prefix_tokens=30), duration_s=600)
    assert set(w.prefix_tokens) == {30}
    w = kit.compose(kit.recorded(pool, prefixes=2), duration_s=600)
    assert set(w.prefix_tokens) == {16, 64}
    assert set(w.prefix) == {shared_prefix_id("group-1", k) for k in range(2)}


def test_recorded_requests_choose_too(kit: Any) -> None:
    """A replayed recording's sessions choose among the group's prefixes, and only a share of them."""
    session = kit.Made(kit.Geometric(3.0, 20.0))
    recording = kit.compose(
        kit.synthetic(clients=3, session=session, input=kit.Made(kit.Fixed(50))), rate=8.0, duration_s=600
    )
    group = kit.recorded(recording, prefix_tokens=8, prefixes=3, prefix_share=0.6)
    w = kit.compose(group, duration_s=600)
    assert set(w.prefix) == {-1, *(shared_prefix_id("group-1", k) for k in range(3))}
    share, n = np.mean(w.prefix[heads(w)] >= 0), len(heads(w))
    assert abs(share - 0.6) < 4.5 * np.sqrt(0.24 / n)
    later = np.flatnonzero(w.parent >= 0)
    assert np.array_equal(w.prefix[later], w.prefix[w.parent[later]])


def test_prefixes_without_a_length_are_refused(kit: Any) -> None:
    """Where neither suite nor source says how long a prefix is, each option that needs it is named."""
    recording = kit.compose(kit.synthetic(), rate=2.0, duration_s=60)
    for source in (kit.pool([[10]]), recording):
        with pytest.raises(InputError) as caught:
            kit.compose(kit.recorded(source, prefixes=3, prefix_share=0.5), duration_s=60)
        assert [problem.who for problem in caught.value.problems] == [
            'workload.group "group-1".prefixes',
            'workload.group "group-1".prefix_share',
        ]
        assert "give prefix_tokens" in caught.value.problems[0].cure


def test_groups_have_prefixes_of_their_own(kit: Any) -> None:
    """Two groups of the same options share no prefix."""
    groups = (kit.synthetic(prefix_tokens=4, prefixes=3), kit.synthetic(prefix_tokens=4, prefixes=3))
    w = kit.compose(*groups, rate=10.0, duration_s=200)
    held = [set(w.prefix[w.client == client]) - {-1} for client in (0, 1)]
    assert len(held[0]) == len(held[1]) == 3
    assert not held[0] & held[1]
