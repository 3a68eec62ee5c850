"""Which segment holds how many tokens, and what its text hangs on."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from servegen_fw_prompts.layout import lay_out

from servegen_fw.plugin import Clients, Workload


def test_segments_hold_the_new_tokens_of_their_turn(session: Workload, streams: Any) -> None:
    """User segments hold input less carried context; answers hold output less reasoning, where a turn follows."""
    user, answer = lay_out(session, streams)
    assert user.tokens.tolist() == [10, 5, 3, 8]
    assert answer.tokens.tolist() == [4, 7, 0, 0]
    assert len(user) == len(answer) == 4


def test_the_prompt_of_every_turn_adds_up(session: Workload, streams: Any) -> None:
    """History and new segment together have the input tokens of the row."""
    user, answer = lay_out(session, streams)
    history = 0
    for row in range(3):
        assert history + user.tokens[row] == session.input_tokens[row]
        history += user.tokens[row] + answer.tokens[row]


def test_the_prefix_stands_in_the_first_segment_only(session: Workload, streams: Any) -> None:
    """A turn that carries its context has the prefix in its history already."""
    user, _ = lay_out(session, streams)
    assert user.prefix_tokens.tolist() == [4, 0, 0, 0]
    assert user.continues.tolist() == [False, True, True, False]


def test_turns_without_context_carry_the_prefix_themselves(make_workload: Any, streams: Any) -> None:
    """Where later turns send no history, each segment holds its whole input, prefix first."""
    workload = make_workload(
        2, names=("a",), session=[0, 0], turn=[0, 1], parent=[-1, 0], prefix=[1, 1], prefix_tokens=[4, 4]
    )
    user, _ = lay_out(workload, streams)
    assert user.tokens.tolist() == [12, 12]
    assert user.prefix_tokens.tolist() == [4, 4]
    assert user.continues.tolist() == [False, False]


def test_a_session_already_running_has_its_history_in_one_segment(make_workload: Any, streams: Any) -> None:
    """A later turn without a parent row holds all its input tokens, carried context included."""
    workload = make_workload(1, turn=[3], input_tokens=[50], context_tokens=[40])
    user, _ = lay_out(workload, streams)
    assert user.tokens.tolist() == [50]


def test_a_prefix_longer_than_the_input_is_cut(make_workload: Any, streams: Any) -> None:
    """The shared part never exceeds the segment."""
    workload = make_workload(1, prefix=[1], prefix_tokens=[99])
    assert lay_out(workload, streams)[0].prefix_tokens.tolist() == [12]


def keys(workload: Workload, streams: Any, distinct: int = 0) -> list[int]:
    """Keys of the user texts."""
    return lay_out(workload, streams, distinct)[0].key.tolist()


def test_every_text_has_a_key_of_its_own(make_workload: Any, streams: Any) -> None:
    """Across 20,000 rows, user and answer texts never share a key."""
    user, answer = lay_out(make_workload(20_000), streams)
    assert len(np.unique(np.concatenate((user.key, answer.key)))) == 40_000


def test_removing_sessions_leaves_other_texts_as_they_are(make_workload: Any, streams: Any) -> None:
    """Thinning keeps the keys of the rows that stay."""
    workload = make_workload(100)
    rows = np.flatnonzero(np.arange(100) % 3 == 1)
    assert keys(workload.select(rows), streams) == [keys(workload, streams)[row] for row in rows]


def test_adding_a_client_leaves_other_texts_as_they_are(make_workload: Any, streams: Any) -> None:
    """A client that comes first in the dictionary shifts positions, not texts."""
    workload = make_workload(10)
    more = attrs.evolve(
        workload,
        client=workload.client + 1,
        clients=Clients(("new", "a", "b"), np.zeros(3, np.int16), ("g",)),
    )
    assert keys(more, streams) == keys(workload, streams)


def prefix_keys(workload: Workload, streams: Any) -> list[int]:
    """Keys of the prefixes."""
    return lay_out(workload, streams)[0].prefix_key.tolist()


def test_a_prefix_hangs_on_its_id_alone(make_workload: Any, streams: Any) -> None:
    """One id, one text, for one client or several, and for one that has further prefixes; other ids, other texts."""
    alone = prefix_keys(make_workload(4, prefix=[5, -1, 5, -1]), streams)[0]
    assert set(prefix_keys(make_workload(4, prefix=[5, 5, 5, 5]), streams)) == {alone}
    several = prefix_keys(make_workload(6, prefix=[5, 7, 6, 7, 5, -1]), streams)
    assert several[0] == several[4] == alone
    assert several[1] == several[3]
    assert len({several[0], several[1], several[2]}) == 3


def test_a_longer_case_leaves_the_texts_of_prefixes_as_they_are(make_workload: Any, streams: Any) -> None:
    """A client that comes to use another one's prefix later does not change what is sent before."""
    longer = make_workload(6, prefix=[3, 8, 3, 8, 8, 3])
    shorter = longer.select(np.arange(4))
    assert prefix_keys(shorter, streams) == prefix_keys(longer, streams)[:4]


@pytest.mark.parametrize("column", ["session", "turn"])
def test_another_session_or_turn_has_another_text(make_workload: Any, streams: Any, column: str) -> None:
    """Texts hang on session and turn."""
    workload = make_workload(10)
    other = attrs.evolve(workload, **{column: getattr(workload, column) + 1000})
    assert not set(keys(other, streams)) & set(keys(workload, streams))


def test_another_seed_has_other_texts(make_workload: Any, make_streams: Any) -> None:
    """Seeds 0 and 1 share no text; the same seed gives the same."""
    workload = make_workload(10)
    assert not set(keys(workload, make_streams(0))) & set(keys(workload, make_streams(1)))
    assert keys(workload, make_streams(0)) == keys(workload, make_streams(0))


def test_only_so_many_distinct_texts_are_made(make_workload: Any, streams: Any) -> None:
    """With distinct = 5, a thousand rows use exactly five texts, each of them about equally often."""
    found, counts = np.unique(keys(make_workload(1_000), streams, 5), return_counts=True)
    assert len(found) == 5
    # 200 expected, standard deviation 12.6; beyond 5.5 of them with probability below 1e-6 over seeds
    assert np.abs(counts - 200).max() < 70


def test_an_empty_workload_has_no_segments(make_workload: Any, streams: Any) -> None:
    """No rows, no segments."""
    user, answer = lay_out(make_workload(0), streams)
    assert len(user) == len(answer) == 0
