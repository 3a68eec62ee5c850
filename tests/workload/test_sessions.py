"""Sessions, their steady state and their history."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from servegen_fw.workload.block import Block
from servegen_fw.workload.sessions import Running, alone, context, end_sessions, expand
from servegen_fw.workload.streams import Streams

STREAMS = Streams(4)


def block(times: list[float], size: int = 64, first: int = 0) -> Block:
    """Return a block of arrivals."""
    return Block(0, first, size, np.array(times, float))


def mean_is(values: np.ndarray, expected: float, z: float = 4.5) -> bool:
    """Whether a mean agrees within z standard errors, estimated from the values (false alarm 7e-6 at 4.5)."""
    return bool(abs(values.mean() - expected) < z * values.std(ddof=1) / np.sqrt(len(values)))


def test_arrivals_that_stand_alone_are_sessions_of_one_turn() -> None:
    """Without a conversation every arrival is one row with its own ordinal."""
    turns = alone(block([1.0, 2.0, 5.0], first=7))
    assert turns.session.tolist() == [7, 8, 9]
    assert turns.turn.tolist() == [0, 0, 0]
    assert turns.planned_s.tolist() == [1, 2, 5]


def test_sessions_are_laid_out_turn_by_turn(kit: Any) -> None:
    """Rows of a session are contiguous, turns count up, and planned times add the think times."""
    turns = expand(block(list(range(40))), kit.Geometric(4.0, 30.0), STREAMS, "g", "c")
    for session in range(40):
        rows = turns.session == session
        assert turns.turn[rows].tolist() == list(range(rows.sum()))
        assert turns.think_s[rows][0] == 0
        assert np.allclose(turns.planned_s[rows], session + np.cumsum(turns.think_s[rows]))
    assert np.all(np.diff(turns.arrival) >= 0)


def test_think_times_are_whole_milliseconds(kit: Any) -> None:
    """What the digest counts is what is planned."""
    turns = expand(block(list(range(64))), kit.Geometric(4.0, 30.0), STREAMS, "g", "c")
    assert np.allclose(turns.think_s * 1e3, np.rint(turns.think_s * 1e3), atol=1e-9)
    assert turns.think_s.max() > 0


def test_products_are_called_for_the_full_block(kit: Any) -> None:
    """The sessions of a part-filled block are the first ones of the full block."""
    few = expand(block([1.0, 2.0]), kit.Geometric(4.0), STREAMS, "g", "c")
    many = expand(block(list(range(1, 65))), kit.Geometric(4.0), STREAMS, "g", "c")
    assert np.array_equal(few.think_s, many.think_s[: len(few)])
    assert few.size == many.size


def test_history_is_what_was_said_before(kit: Any) -> None:
    """A turn's context is all earlier prompts and answers of its own session."""
    turns = expand(block([0.0, 10.0, 20.0]), kit.Geometric(5.0), Streams(9), "g", "c")
    new, answer = np.arange(1, len(turns) + 1) * 100, np.arange(1, len(turns) + 1)
    carried = context(turns, new, answer)
    for row in range(len(turns)):
        earlier = (turns.session == turns.session[row]) & (turns.turn < turns.turn[row])
        assert carried[row] == (new + answer)[earlier].sum()
    assert carried.max() > 0


def test_a_session_ends_where_its_prompt_is_too_long() -> None:
    """From the first prompt over the limit on a session's rows are left out and counted, other sessions stay."""
    inside = np.array([True, True, True, True, True, False])
    over = np.array([False, True, False, False, False, True])
    first = np.array([0, 0, 0, 3, 3, 3])
    tally: Counter[str] = Counter()
    end_sessions(inside, over, first, 99, tally)
    assert inside.tolist() == [True, False, False, True, True, False]
    assert list(tally.values()) == [2]
    assert "max_input = 99" in next(iter(tally))


def test_sessions_running_at_the_start_are_those_of_a_steady_state(kit: Any) -> None:
    """As many as rate times mean duration, at half their length-biased duration: both within 4.5 standard errors."""
    running = Running(kit.Geometric(3.0, 50.0), STREAMS, "g")
    # (turns - 1) is geometric from 0 with mean 2, so D has mean 100 s and E[D^2] = 100^2 + Var.
    assert running.mean_duration_s == pytest.approx(100.0, rel=0.03)
    found = [running.at_start(0.5, f"c{k}") for k in range(400)]
    sessions = np.array([len(np.unique(turns.session)) for turns in found])
    assert mean_is(sessions, 0.5 * running.mean_duration_s)
    assert abs(sessions.var() / sessions.mean() - 1) < 5 * np.sqrt(2 / 400)
    ages = np.concatenate([-turns.planned_s[turns.turn == 0] for turns in found])
    rest = np.concatenate([turns.planned_s[np.append(turns.turn[1:] == 0, True)] for turns in found])
    assert ages.min() >= 0
    assert rest.min() >= 0
    # Age and rest of a session in a steady state have one law.
    assert mean_is(ages - rest, 0.0)


def test_running_sessions_have_ordinals_below_zero(kit: Any) -> None:
    """They are numbered up to -1, in the order of their rows, and never meet those begun later."""
    turns = Running(kit.Geometric(3.0, 50.0), STREAMS, "g").at_start(0.3, "c")
    assert turns.session[-1] == -1
    assert np.all(np.diff(turns.session) >= 0)


def test_conversations_of_one_turn_leave_nothing_running(kit: Any) -> None:
    """Sessions without think times take no time, so none is under way."""
    running = Running(kit.Geometric(1.0), STREAMS, "g")
    assert running.mean_duration_s == 0
    assert len(running.at_start(100.0, "c")) == 0


def test_a_case_starts_in_its_steady_state(kit: Any) -> None:
    """Sessions of a mean of 200 s in a case of 200 s: every fifth of it holds a fifth of the requests, the first too."""
    group = kit.synthetic(clients=300, session=kit.Made(kit.Geometric(3.0, 100.0)))
    workload = kit.compose(group, rate=60.0, duration_s=200)
    for k in range(5):
        fifth = (workload.planned_s >= 40 * k) & (workload.planned_s < 40 * (k + 1))
        assert mean_is(np.bincount(workload.client[fifth], minlength=300), 60 / 300 * 40, z=5), k


def test_recorded_clients_with_sessions_start_in_their_steady_state(kit: Any) -> None:
    """A pool's arrivals become sessions: requests per second are as recorded from the first second on."""
    pool = kit.pool(np.full((300, 2), 60), cv=1.0)
    group = kit.recorded(pool, session=kit.Made(kit.Geometric(3.0, 100.0)))
    workload = kit.compose(group, duration_s=1200)
    for k in range(4):
        part = (workload.planned_s >= 300 * k) & (workload.planned_s < 300 * (k + 1))
        assert mean_is(np.bincount(workload.client[part], minlength=300), 30.0, z=5), k


def test_a_session_begun_earlier_shows_its_history(kit: Any) -> None:
    """Its first row is a later turn without a parent, due inside the case, its think time used up, history carried."""
    group = kit.synthetic(clients=3, session=kit.Made(kit.Geometric(6.0, 100.0)))
    workload = kit.compose(group, rate=6.0, duration_s=300)
    early = np.flatnonzero((workload.parent < 0) & (workload.turn > 0))
    assert len(early) > 20
    assert np.all(workload.session[early] < 0)
    assert np.all(workload.due_s[early] >= 0)
    assert np.all(workload.think_s[early] == 0)
    assert np.all(workload.context_tokens[early] > 0)
    fresh = np.flatnonzero((workload.parent < 0) & (workload.turn == 0))
    assert np.all(workload.context_tokens[fresh] == 0)


def test_rows_of_a_session_hang_together(kit: Any) -> None:
    """Later turns have no due time of their own, name the row before as parent, and repeat what came before."""
    group = kit.synthetic(
        clients=3, session=kit.Made(kit.Geometric(4.0, 50.0)), reasoning=kit.Made(kit.Half())
    )
    w = kit.compose(group, rate=6.0, duration_s=600)
    later = np.flatnonzero(w.parent >= 0)
    assert np.all(np.isnan(w.due_s[later]))
    assert np.array_equal(w.parent[later], later - 1)
    assert np.array_equal(w.session[later], w.session[later - 1])
    assert np.array_equal(w.turn[later], w.turn[later - 1] + 1)
    said = (w.input_tokens + w.output_tokens - w.reason_tokens)[later - 1]
    assert np.array_equal(w.context_tokens[later], said)
    assert np.all(w.planned_s < 600)


def test_sessions_that_carry_nothing_have_no_context(kit: Any) -> None:
    """Without carried context every prompt stands for itself."""
    group = kit.synthetic(session=kit.Made(kit.Geometric(4.0, 50.0, carries_context=False)))
    w = kit.compose(group, rate=6.0, duration_s=600)
    assert w.turn.max() > 2
    assert not w.context_tokens.any()


def test_sessions_per_second_are_as_asked(kit: Any) -> None:
    """Starts of sessions come at the session rate: 2/s for 2,000 s is 4,000 within five standard errors."""
    group = kit.synthetic(clients=5, session=kit.Made(kit.Geometric(3.0, 20.0)))
    w = kit.compose(group, session_rate=2.0, duration_s=2000)
    assert abs(np.count_nonzero((w.turn == 0) & (w.parent < 0)) - 4000) < 5 * np.sqrt(4000)


def test_a_history_longer_than_the_limit_ends_its_session(kit: Any) -> None:
    """No prompt exceeds max_input, and what was left out is told."""
    group = kit.synthetic(session=kit.Made(kit.Geometric(6.0, 20.0)), max_input=1500)
    w = kit.compose(group, rate=5.0, duration_s=1000)
    assert w.input_tokens.max() <= 1500
    assert any("left out" in note for note in w.notes)
