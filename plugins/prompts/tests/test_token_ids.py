"""Random token ids: exact counts, shared prefixes, range, laziness."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy import stats
from servegen_fw_prompts import options
from servegen_fw_prompts.token_ids import RandomTokens, TokenIds, make

from servegen_fw.plugin import Request, Workload

IDS = make(options.RandomTokens(low=100, high=164))


def test_segments_have_exactly_the_tokens_asked_for(session: Workload, streams: Any) -> None:
    """User and answer segments are lists of ids with the row's counts; rows without a next turn answer nothing."""
    payloads = IDS.render(session, streams)
    assert (payloads.form, payloads.exact) == ("token-ids", True)
    assert [len(ids) for ids in payloads.user] == [10, 5, 3, 8]
    assert [len(ids) for ids in payloads.answer] == [4, 7, 0, 0]
    assert all(type(token) is int for ids in payloads.user for token in ids)


def test_the_whole_prompt_of_a_turn_has_its_input_tokens(session: Workload, streams: Any) -> None:
    """A request built from history and segment, as a driver does, counts as the workload says."""
    payloads = IDS.render(session, streams)
    request = Request(
        row=2,
        client=0,
        session=0,
        turn=2,
        form=payloads.form,
        history=[(payloads.user[row], payloads.answer[row]) for row in (0, 1)],
        user=payloads.user[2],
        input_tokens=29,
        output_tokens=5,
        reason_tokens=0,
        prefix_tokens=4,
    )
    assert len(request.prompt()) == 29


def test_ids_are_uniform_in_the_range(make_workload: Any, streams: Any) -> None:
    """Ids lie in [low, high) and pass a chi-square test at p = 1e-5 (false alarm over seeds)."""
    payloads = IDS.render(make_workload(2_000, input_tokens=np.full(2_000, 50)), streams)
    ids = np.concatenate(list(payloads.user))
    counts = np.bincount(ids, minlength=164)
    assert counts[:100].sum() == 0
    assert len(counts) == 164
    assert stats.chisquare(counts[100:]).pvalue > 1e-5


def test_prompts_are_unique(make_workload: Any, streams: Any) -> None:
    """No two of 2,000 prompts share their first 16 ids, the block of a prefix cache."""
    payloads = make(options.RandomTokens()).render(
        make_workload(2_000, input_tokens=np.full(2_000, 16)), streams
    )
    assert len({tuple(ids) for ids in payloads.user}) == 2_000


def test_rows_with_a_prefix_id_share_exactly_its_tokens(make_workload: Any, streams: Any) -> None:
    """Equal ids share the leading tokens, whatever the lengths; the next token on, and other ids, are unrelated."""
    workload = make_workload(
        4, input_tokens=[40, 60, 60, 60], prefix=[8, 8, 9, -1], prefix_tokens=[20, 30, 30, 30]
    )
    first, longer, other, none = make(options.RandomTokens()).render(workload, streams).user[:]
    assert first[:20] == longer[:20]
    assert first[20:30] != longer[20:30]
    assert other[:8] != longer[:8]
    assert none[:8] != longer[:8]


def test_distinct_texts_repeat(make_workload: Any, streams: Any) -> None:
    """With distinct = 3, a hundred prompts of one length are three different ones."""
    payloads = make(options.RandomTokens(distinct=3)).render(make_workload(100), streams)
    assert len({tuple(ids) for ids in payloads.user}) == 3


def test_segments_are_sequences_that_make_their_parts_on_access(session: Workload, streams: Any) -> None:
    """Indexing, negative indices, slices and iteration agree; an index beyond the end is an IndexError."""
    user = IDS.render(session, streams).user
    assert isinstance(user, TokenIds)
    assert list(user) == user[:] == [user[row] for row in range(4)]
    assert user[-1] == user[3]
    assert user[2:0:-1] == [user[2], user[1]]
    with pytest.raises(IndexError):
        user[4]


def test_payloads_of_a_hundred_thousand_long_prompts_are_small(make_workload: Any, streams: Any) -> None:
    """10^5 prompts of 10^5 tokens are rendered at once and travel to a worker in under 10 MB."""
    payloads = IDS.render(make_workload(100_000, input_tokens=np.full(100_000, 100_000)), streams)
    sent = pickle.dumps(payloads)
    assert len(sent) < 10_000_000
    assert pickle.loads(sent).user[99_999] == payloads.user[99_999]  # noqa: S301 - our own bytes
    assert len(payloads.user[5]) == 100_000


def test_facts_tell_how_prompts_were_made() -> None:
    """The range of ids is stated inclusively, as vocabularies are."""
    assert RandomTokens(100, 164) == IDS


def test_facts_name_the_maker_and_range(make_workload: Any, streams: Any) -> None:
    """A result says which maker and which ids were used."""
    assert IDS.render(make_workload(1), streams).facts == {
        "prompts": "random-tokens",
        "token_ids": "100 to 163",
    }
