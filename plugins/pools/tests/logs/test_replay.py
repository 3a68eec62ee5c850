"""A log as a workload: order, clients, sessions and turns follow the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servegen_fw_pools.logs.assemble import assemble
from servegen_fw_pools.logs.gather import Rows
from servegen_fw_pools.logs.json_values import codes
from servegen_fw_pools.logs.log import Blocks, Log
from servegen_fw_pools.logs.replay import replay

from servegen_fw.plugin import InputError, Workload


def log(times: list[float], **columns: Any) -> Log:
    """A log of equal lengths, with the columns given, in any order of the times."""
    n = len(times)
    found: dict[str, Any] = {
        "timestamp": np.array(times, float),
        "input": np.full(n, 100),
        "output": np.full(n, 10),
    }
    names = {}
    for role, values in columns.items():
        if role in {"client", "session"}:
            found[role], names[role] = codes(list(values))
        else:
            found[role] = np.array(values, float if role == "latency" else np.int32)
    lines = np.arange(n)
    return assemble(Rows(found, names, None, np.zeros(n, np.int32), lines, (Path("f"),), {}, {}), "f")


def assert_contract(w: Workload) -> None:
    """What every workload must satisfy: sorted sessions, parents just before their turns, lengths in bounds."""
    n = len(w)
    first = w.parent < 0
    lead = np.maximum.accumulate(np.where(first, np.arange(n), 0))
    assert np.array_equal(np.isnan(w.due_s), ~first)
    order = np.lexsort((w.turn, w.session, w.client, w.due_s[lead]))
    assert np.array_equal(order, np.arange(n))
    rows = np.flatnonzero(~first)
    assert np.array_equal(w.parent[rows], rows - 1)
    assert np.array_equal(w.turn[rows], w.turn[w.parent[rows]] + 1)
    assert np.array_equal(w.client[rows], w.client[w.parent[rows]])
    assert np.array_equal(w.session[rows], w.session[w.parent[rows]])
    assert len(set(zip(w.client.tolist(), w.session.tolist(), w.turn.tolist(), strict=True))) == n
    assert (w.due_s[first] >= 0).all()
    assert (w.due_s[first] < w.duration_s).all()
    assert (w.think_s >= 0).all()
    assert (w.context_tokens < w.input_tokens).all()
    assert (w.input_tokens >= 1).all()
    assert (w.output_tokens >= 1).all()
    assert (w.reason_tokens <= w.output_tokens).all()
    assert len(w.digest) == 64


def test_requests_without_ids_belong_to_one_client() -> None:
    """Sorted by time from 0, client all, each a session of its own, in file order where times are equal."""
    w = replay(log([7, 5, 7, 5], input=[1, 2, 3, 4]), "g")
    assert w.clients.names == ("all",)
    assert w.clients.groups == ("g",)
    assert w.due_s.tolist() == [0, 0, 2, 2]
    assert w.input_tokens.tolist() == [2, 4, 1, 3]
    assert w.session.tolist() == [0, 1, 2, 3]
    assert w.duration_s == 3
    assert_contract(w)


def test_clients_are_named_in_natural_order() -> None:
    """Names sort as people do, and each client counts its own sessions."""
    w = replay(log([0, 1, 2, 3], client=["c10", "c2", "c10", "a"]), "g")
    assert w.clients.names == ("a", "c2", "c10")
    assert w.client.tolist() == [2, 1, 2, 0]
    assert w.session.tolist() == [0, 0, 1, 0]
    assert_contract(w)


def test_later_turns_wait_for_their_parent() -> None:
    """A session's later requests have no due time; gap less latency is the think time; history is carried."""
    w = replay(
        log(
            [10, 11, 40, 12, 100],
            session=["s", "t", "s", "", "s"],
            latency=[5, 1, 200, 1, 1],
            input=[100, 50, 150, 60, 130],
        ),
        "g",
    )
    assert_contract(w)
    assert w.turn.tolist() == [0, 1, 2, 0, 0]
    np.testing.assert_array_equal(w.due_s, [0, np.nan, np.nan, 1, 2])
    assert w.think_s.tolist() == [0, 25, 0, 0, 0]
    # The third turn's prompt is shorter than the history: it stands alone.
    assert w.context_tokens.tolist() == [0, 110, 0, 0, 0]
    assert w.notes == ("1 requests stand behind a later one; sorted by time",)


def test_reasoning_is_no_part_of_the_history() -> None:
    """A later turn carries its parent's prompt and answer without the reasoning, as composed conversations do."""
    w = replay(log([0, 9], session=["s", "s"], input=[100, 130], output=[50, 5], reason=[40, 0]), "g")
    assert w.context_tokens.tolist() == [0, 110]
    assert_contract(w)


def test_the_same_session_id_of_two_clients_is_two_sessions() -> None:
    """Sessions live within a client."""
    w = replay(log([0, 1, 2], client=["a", "b", "a"], session=["s", "s", "s"]), "g")
    assert w.parent.tolist() == [-1, 0, -1]
    assert_contract(w)


def test_turn_numbers_decide_the_order_where_given() -> None:
    """A log that is out of order in time but numbers its turns is read by the numbers."""
    w = replay(log([5, 3, 9], session=["s"] * 3, turn=[1, 2, 0], input=[200, 300, 100]), "g")
    assert w.input_tokens.tolist() == [100, 200, 300]
    assert w.think_s.tolist() == [0, 0, 0]
    assert_contract(w)


def test_unknown_latency_is_told() -> None:
    """Without latencies the think times contain them, and a note says how many."""
    w = replay(log([0, 30], session=["s", "s"]), "g")
    assert w.think_s.tolist() == [0, 30]
    assert "1 think times hold the parent's latency" in w.notes[0]


def test_what_was_raised_or_cut_is_counted() -> None:
    """Zero tokens become 1, reason tokens end at the output, and notes count both."""
    w = replay(log([0, 1, 2], input=[0, 5, 5], output=[0, 0, 8], reason=[0, 4, 9]), "g")
    assert w.input_tokens.tolist() == [1, 5, 5]
    assert w.output_tokens.tolist() == [1, 1, 8]
    assert w.reason_tokens.tolist() == [0, 0, 8]
    assert w.notes == (
        "2 requests have more reasoning tokens than output tokens; cut at the output",
        "1 x input of 0 tokens, raised to 1",
        "2 x output of 0 tokens, raised to 1",
    )


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 20), st.sampled_from("abc"), st.sampled_from(["", "s", "t"]), st.integers(0, 300)
        ),
        min_size=1,
        max_size=40,
    )
)
def test_any_log_gives_a_workload_that_keeps_the_contract(rows: list[tuple[int, str, str, int]]) -> None:
    """Whatever the order, ids and lengths of a log: every request once, and the contract holds."""
    times, clients, sessions, tokens = zip(*rows, strict=True)
    w = replay(log(list(times), client=clients, session=sessions, input=tokens, output=tokens), "g")
    assert_contract(w)
    assert sorted(np.maximum(tokens, 1)) == sorted(w.input_tokens.tolist())


def test_prefixes_follow_their_rows() -> None:
    """Requests that share blocks get one prefix id and whole blocks of it, wherever the workload puts them."""
    blocks = Blocks(offsets=np.array([0, 2, 3, 6]), ids=np.array([7, 8, 1, 7, 8, 9]), tokens=20)
    w = replay(attrs.evolve(log([0, 1, 2], client=["b", "a", "a"]), blocks=blocks), "g")
    assert w.prefix.tolist()[0] == w.prefix.tolist()[2] >= 0
    assert w.prefix[1] == -1
    assert w.prefix_tokens.tolist() == [40, 0, 40]


def test_a_log_without_times_cannot_be_replayed() -> None:
    """It is an input error that names the log."""
    with pytest.raises(InputError, match="f: a log without times"):
        replay(attrs.evolve(log([0]), time_s=None), "g")


def test_times_far_from_zero_keep_their_microseconds() -> None:
    """Unix times lose nothing that a microsecond can show."""
    w = replay(log([1_700_000_000.000001, 1_700_000_000.5]), "g")
    assert w.due_s[1] == pytest.approx(0.499999, abs=5e-7)


def test_a_repeated_log_has_the_same_digest_whatever_its_order() -> None:
    """Shuffled rows with distinct times give the same workload."""
    rng = np.random.default_rng(3)
    times = rng.permutation(200).astype(float)
    tokens = rng.integers(1, 500, 200)
    client = [f"c{k}" for k in rng.integers(0, 9, 200)]
    session = [f"s{k}" if k else "" for k in rng.integers(0, 5, 200)]
    digests = set()
    for order in (np.arange(200), rng.permutation(200)):
        shuffled = log(
            times[order].tolist(),
            input=tokens[order],
            client=[client[i] for i in order],
            session=[session[i] for i in order],
        )
        digests.add(replay(shuffled, "g").digest)
    assert len(digests) == 1


def test_planned_times_of_turns_are_the_recorded_ones() -> None:
    """If servers answered at once, turns without a known latency would come when they came."""
    w = replay(log([3, 10, 4, 30, 12], session=["a", "a", "b", "a", "b"]), "g")
    assert_contract(w)
    assert w.planned_s.tolist() == [0, 7, 27, 1, 9]
