"""Fields of requests."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from servegen_fw.errors import InputError
from servegen_fw.workload.fields import whole
from servegen_fw.workload.identity import prefix_id


def column(workload: Any, name: str) -> np.ndarray:
    """Return a column."""
    return np.asarray(getattr(workload, name))


def test_lengths_come_from_the_pools_tables(kit: Any) -> None:
    """Inputs and outputs of a pool have its masses: chi-square each, false alarm 1e-4."""
    w = kit.compose(kit.recorded(kit.pool(np.full((5, 10), 100))), duration_s=6000)
    for name, step in (("input_tokens", 10), ("output_tokens", 1)):
        values, seen = np.unique(column(w, name), return_counts=True)
        assert values.tolist() == [step * k for k in range(1, 11)]
        assert stats.chisquare(seen).pvalue > 1e-4


@pytest.mark.parametrize(
    ("stated", "counts"), [(0.0, "recorded"), (0.0, "process"), (0.6, "recorded"), (-0.4, "process")]
)
def test_input_and_output_have_the_stated_rank_correlation(kit: Any, stated: float, counts: str) -> None:
    """Spearman's coefficient of 10,000 pairs is within 0.06 of it, also for 0: 0.05 is five standard errors, ties 0.01."""
    group = kit.recorded(kit.pool(np.full((5, 20), 100)), correlation=stated, counts=counts)
    w = kit.compose(group, duration_s=12_000)
    assert abs(stats.spearmanr(w.input_tokens, w.output_tokens).statistic - stated) < 0.06


def test_comonotone_lengths_rise_together(kit: Any) -> None:
    """With correlation 1 a longer prompt never has a shorter answer."""
    w = kit.compose(kit.synthetic(correlation=1.0), rate=5.0, duration_s=400)
    order = np.lexsort((w.output_tokens, w.input_tokens))
    assert np.all(np.diff(w.output_tokens[order]) >= 0)


def test_correlation_does_not_move_the_prompts(kit: Any) -> None:
    """Only outputs change when a correlation is asked for."""
    one, other = (kit.compose(kit.synthetic(correlation=rho), rate=5.0, duration_s=400) for rho in (0.0, 0.7))
    assert np.array_equal(one.input_tokens, other.input_tokens)
    assert not np.array_equal(one.output_tokens, other.output_tokens)


def test_a_suites_lengths_replace_the_pools(kit: Any) -> None:
    """A given input replaces the recorded one and leaves arrivals and outputs as they were."""
    pool = kit.pool(np.full((2, 10), 50))
    plain = kit.compose(kit.recorded(pool), duration_s=6000)
    given = kit.compose(kit.recorded(pool, input=kit.Made(kit.Fixed(77))), duration_s=6000)
    assert set(given.input_tokens) == {77}
    assert np.array_equal(plain.output_tokens, given.output_tokens)
    assert np.array_equal(plain.due_s, given.due_s)


def test_reasoning_follows_the_recorded_ratio(kit: Any) -> None:
    """A recorded reason ratio splits every output, rounded, never above it."""
    pool = kit.pool(
        np.full((1, 10), 100),
        fields=("input_tokens", "output_tokens", "reason_ratio"),
        masses=({10.0: 1.0}, {1.0: 0.5, 101.0: 0.5}, {0.0: 0.25, 0.7: 0.5, 1.0: 0.25}),
    )
    w = kit.compose(kit.recorded(pool), duration_s=6000)
    assert set(zip(w.output_tokens.tolist(), w.reason_tokens.tolist(), strict=True)) == {
        (1, 0), (1, 1), (101, 0), (101, 71), (101, 101),
    }  # fmt: skip


def test_a_reasoning_model_replaces_the_ratio(kit: Any) -> None:
    """A suite's model splits outputs in place of the recorded ratio."""

    class AllOrNothing:
        def split(self, output_tokens: np.ndarray, u: np.ndarray) -> np.ndarray:
            return np.where(u < 0.5, 0, output_tokens)

    w = kit.compose(kit.synthetic(reasoning=kit.Made(AllOrNothing())), rate=5.0, duration_s=200)
    assert np.all((w.reason_tokens == 0) | (w.reason_tokens == w.output_tokens))
    assert 0 < np.count_nonzero(w.reason_tokens) < len(w)


def test_lengths_are_rounded_raised_and_cut_and_told() -> None:
    """Draws become whole tokens, at least 1, at most the limit; what was raised or cut is counted."""
    tally: Counter[str] = Counter()
    drawn = np.array([0.0, 0.4, 0.6, 1.5, 2.5, 99.4, 100.4, 100.6, 1e12])
    assert whole(drawn, 100, "output", tally).tolist() == [1, 1, 1, 2, 2, 99, 100, 100, 100]
    assert dict(tally) == {
        "output length drawn below 1 token, raised to 1": 2,
        "output length drawn above max_output = 100, cut": 2,
    }


def test_without_a_limit_lengths_stop_at_what_a_column_holds() -> None:
    """An absurd draw does not wrap around to a negative length."""
    assert whole(np.array([1e18]), 0, "input", Counter()).tolist() == [2**31 - 1]


def test_notes_tell_what_was_raised(kit: Any) -> None:
    """Zero-token outputs of a pool are raised to 1 and the workload says how many."""
    pool = kit.pool([[100]], masses=({10.0: 1.0}, {0.0: 1.0}))
    w = kit.compose(kit.recorded(pool), duration_s=600)
    assert set(w.output_tokens) == {1}
    assert w.notes[1:] == ("100 x output length drawn below 1 token, raised to 1",)


def test_lengths_that_nobody_gives_are_asked_for(kit: Any) -> None:
    """A pool without outputs needs an `output` in the suite; the message says so."""
    pool = kit.pool([[100]], fields=("input_tokens",), masses=({10.0: 1.0},))
    with pytest.raises(InputError, match=r"output: the pool 'made' has no output_tokens") as caught:
        kit.compose(kit.recorded(pool), duration_s=600)
    assert "give output" in str(caught.value)
    assert len(kit.compose(kit.recorded(pool, output=kit.Made(kit.Fixed())), duration_s=600)) == 100


def test_text_tokens_serve_as_input(kit: Any) -> None:
    """Multimodal pools name their prompt text text_tokens."""
    w = kit.compose(kit.recorded(kit.pool([[100]], fields=("text_tokens", "output_tokens"))), duration_s=600)
    assert set(w.input_tokens) <= {10 * k for k in range(1, 11)}


def test_other_fields_of_a_pool_become_extra_columns(kit: Any) -> None:
    """A field that composition does not know is drawn as it stands and changes no other column."""
    pool = kit.pool(
        [[100, 50]],
        fields=("input_tokens", "output_tokens", "tool_calls"),
        masses=(*kit.LENGTHS, {0.0: 0.5, 3.0: 0.5}),
    )
    w, plain = (kit.compose(kit.recorded(p), duration_s=1200) for p in (pool, kit.pool([[100, 50]])))
    assert set(w.extra["tool_calls"]) == {0.0, 3.0}
    assert w.digest == plain.digest


def test_prefixes_are_shared_within_a_client(kit: Any) -> None:
    """All requests of a client share one prefix id; a prompt keeps one token of its own, a one-token prompt shares none."""
    pool = kit.pool(np.full((3, 2), 50), masses=({1.0: 0.2, 40.0: 0.4, 500.0: 0.4}, {5.0: 1.0}))
    w = kit.compose(kit.recorded(pool, prefix_tokens=100), duration_s=1200)
    assert set(zip(w.input_tokens.tolist(), w.prefix_tokens.tolist(), strict=True)) == {
        (1, 0),
        (40, 39),
        (500, 100),
    }
    shared = w.prefix_tokens > 0
    assert np.all(w.prefix[~shared] == -1)
    ids = np.array([prefix_id("group-1", name) for name in w.clients.names])
    assert np.array_equal(w.prefix[shared], ids[w.client[shared]])


def test_later_turns_repeat_the_prefix_of_the_first(kit: Any) -> None:
    """A session that carries its history has one prefix length in all turns."""
    group = kit.synthetic(clients=2, session=kit.Made(kit.Geometric(4.0, 10.0)), prefix_tokens=64)
    w = kit.compose(group, rate=4.0, duration_s=300)
    later = np.flatnonzero(w.parent >= 0)
    assert np.array_equal(w.prefix_tokens[later], w.prefix_tokens[w.parent[later]])
    assert np.array_equal(w.prefix[later], w.prefix[w.parent[later]])
    assert np.all(w.prefix_tokens < w.input_tokens)


def test_groups_do_not_share_prefixes(kit: Any) -> None:
    """Prefix ids of different groups differ."""
    w = kit.compose(
        kit.synthetic(clients=2, prefix_tokens=8),
        kit.synthetic(clients=2, prefix_tokens=8),
        rate=9.0,
        duration_s=90,
    )
    owner = {int(p): {int(c) for c in w.client[w.prefix == p]} for p in set(w.prefix.tolist()) - {-1}}
    assert len(owner) == 4
    assert all(len(clients) == 1 for clients in owner.values())
