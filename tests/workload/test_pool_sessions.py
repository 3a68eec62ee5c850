"""Pools with conversations: rates count requests, turns and think times have the pool's law, a case starts in its steady state."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.data.pool import ClientPool, Tables
from servegen_fw.errors import InputError
from servegen_fw.suite.model import RateCurve
from servegen_fw.workload.demand import recorded_rate
from servegen_fw.workload.part import ready
from servegen_fw.workload.pool_sessions import PoolSessions
from servegen_fw.workload.streams import Streams

TURNS = {1.0: 0.5, 2.0: 0.2, 4.0: 0.2, 9.0: 0.1}
THINK = {0.0: 0.1, 20.0: 0.4, 60.0: 0.4, 400.0: 0.1}
MEAN_TURNS = 2.6
FIELDS = ("input_tokens", "output_tokens", "turns", "think_s")


def talking(kit: Any, count: Any, **more: Any) -> ClientPool:
    """Return a pool whose counts are sessions, Poisson within its windows."""
    options = {
        "family": 2,
        "masses": (*kit.LENGTHS, TURNS, THINK),
        "fields": FIELDS,
        "carries_context": True,
        **more,
    }
    return kit.pool(count, **options)


def close(values: np.ndarray, expected: float, z: float = 5.0) -> bool:
    """Whether a mean agrees within z standard errors, estimated from the values (false alarm 6e-7 at 5)."""
    return bool(abs(values.mean() - expected) < z * values.std(ddof=1) / np.sqrt(len(values)))


def test_the_rate_of_a_pool_counts_requests(kit: Any) -> None:
    """600 sessions in 600 s of 2.6 turns each are 2.6 requests per second, of the pool and of what is composed from it."""
    pool = talking(kit, [[600, 600]])
    assert pool.rate == pytest.approx(MEAN_TURNS)
    assert recorded_rate(pool, 0.0, 600.0) == pytest.approx(MEAN_TURNS)
    assert recorded_rate(pool, 0.0, 600.0, sessions=True) == pytest.approx(1.0)
    assert ready(kit.recorded(pool), 0).mean_turns == pytest.approx(MEAN_TURNS)


@pytest.mark.parametrize("counts", ["recorded", "process"])
def test_requests_come_at_the_recorded_rate_from_the_first_second_on(kit: Any, counts: str) -> None:
    """Sessions of up to an hour in a case of 20 minutes: each twentieth of it, the first second too, has its requests."""
    pool = talking(kit, np.full((400, 2), 60))
    w = kit.compose(kit.recorded(pool, counts=counts), duration_s=1200)
    per_s = 60 / 600 * MEAN_TURNS
    for k in range(20):
        part = (w.planned_s >= 60 * k) & (w.planned_s < 60 * (k + 1))
        assert close(np.bincount(w.client[part], minlength=400), per_s * 60), k
    first = np.bincount(w.client[w.planned_s < 1], minlength=400)
    # About 104 requests: five standard deviations of a Poisson number, three turns a session at most in a second.
    assert abs(first.sum() - 400 * per_s) < 5 * np.sqrt(3 * 400 * per_s)


def test_turns_and_think_times_have_the_pools_law(kit: Any) -> None:
    """Of sessions begun in the case, numbers of turns and pauses are multinomial by the tables: |z| < 5 for each value."""
    pool = talking(kit, np.full((3, 60), 200))
    w = kit.compose(kit.recorded(pool), duration_s=36_000)
    # Sessions begun in the first half have ended by the end, 8 pauses of 400 s taken.
    fresh = (w.turn == 0) & (w.parent < 0) & (w.due_s < 30_000)
    last = np.append(np.flatnonzero(w.parent < 0)[1:], len(w)) - 1
    turns = w.turn[last][fresh[w.parent < 0]] + 1
    for value, share in TURNS.items():
        expected = share * len(turns)
        assert abs(np.count_nonzero(turns == value) - expected) < 5 * np.sqrt(expected * (1 - share)), value
    assert set(turns.tolist()) == set(TURNS)
    head = np.maximum.accumulate(np.where(w.parent < 0, np.arange(len(w)), 0))
    think = w.think_s[(w.parent >= 0) & fresh[head]]
    assert len(think) > 30_000
    for value, share in THINK.items():
        expected = share * len(think)
        assert abs(np.count_nonzero(think == value) - expected) < 5 * np.sqrt(expected * (1 - share)), value


def sessions(pool: ClientPool) -> PoolSessions:
    """Return the pool's sessions at its beginning."""
    return PoolSessions.of(pool, 0.0, "g", Streams(3), Counter())


@pytest.mark.parametrize("kind", ["step", "linear", "mixture"])
def test_sessions_running_at_the_start_are_those_of_a_steady_state(kit: Any, kind: str) -> None:
    """Number Poisson with rate times mean duration, turns biased by pauses, age and rest of one law; all within 5 standard errors."""
    pool = talking(kit, [[100], [100]])
    if kind == "linear":
        knots = [(1.0, 0.0), (1.4, 0.5), (5.6, 1.0), (0.0, 0.0), (50.0, 0.7), (500.0, 1.0)]
        lengths = [(1.0, 0.0), (9.0, 1.0)] * 2
        value, cdf = np.array(lengths + knots).T
        pool = attrs.evolve(pool, tables=Tables(np.array([0, 2, 4, 7, 10]), value, cdf, linear=True))
    if kind == "mixture":
        bare = pool.table.copy()
        bare[2:, 0] = -1
        pool = attrs.evolve(pool, table=bare)
    made = sessions(pool)
    rng = np.random.default_rng(0)
    turns = np.maximum(np.rint(made.turns.draw(0, np.zeros(400_000), rng.random(400_000), Counter())), 1)
    think = made.think_s.draw(0, np.zeros(400_000), rng.random(400_000), Counter())
    mean_s = (turns - 1).mean() * think.mean()
    assert pool.mean_turns[0, 0] == pytest.approx(turns.mean(), rel=0.01)
    found = [made.running(0.2, 0, f"c{k}") for k in range(1000)]
    number = np.array([len(np.unique(one.session)) for one in found])
    # The expected number is itself a mean over 400,000 draws, good to 0.5 %.
    assert abs(number.mean() - 0.2 * mean_s) < 5 * np.sqrt(0.2 * mean_s / 1000) + 0.01 * mean_s * 0.2
    assert abs(number.var() / number.mean() - 1) < 5 * np.sqrt(2 / 1000)
    first = [one.turn == 0 for one in found]
    last = [np.append(one.turn[1:] == 0, True) for one in found]
    age = np.concatenate([-one.planned_s[rows] for one, rows in zip(found, first, strict=True)])
    rest = np.concatenate([one.planned_s[rows] for one, rows in zip(found, last, strict=True)])
    assert age.min() >= 0
    assert rest.min() >= -1e-6
    assert close(age - rest, 0.0)
    size = np.concatenate([one.turn[rows] for one, rows in zip(found, last, strict=True)])
    # By independence a session's pauses are size-biased at a fixed moment.
    assert close(size.astype(float), ((turns - 1) ** 2).mean() / (turns - 1).mean(), z=6.0)


def test_running_sessions_are_numbered_below_zero(kit: Any) -> None:
    """Ordinals rise to -1, turns count up, and one client without any pause has none under way."""
    made = sessions(talking(kit, [[100]])).running(0.5, 0, "c")
    assert made.session[-1] == -1
    assert np.all(np.diff(made.session) >= 0)
    assert np.all(made.turn[made.first] == 0)
    alone = talking(kit, [[100]], masses=(*kit.LENGTHS, {1.0: 1.0}, THINK))
    assert len(sessions(alone).running(100.0, 0, "c")) == 0


def test_a_session_keeps_the_law_of_the_window_it_begins_in(kit: Any) -> None:
    """Where turns differ between table windows, sessions begun in each have its number of turns, pauses across the edge included."""
    pool = talking(kit, np.full((1, 72), 60), masses=(*kit.LENGTHS, {2.0: 1.0}, {300.0: 1.0}, {5.0: 1.0}))
    table = pool.table.copy()
    table[2, 0, 1] = 4
    pool = attrs.evolve(pool, table=table)
    assert pool.mean_turns.tolist() == [[2.0, 5.0]]
    assert pool.requests[0, [0, 35, 36, 71]].tolist() == [120, 120, 300, 300]
    w = kit.compose(kit.recorded(pool), duration_s=43_200)
    last = np.append(np.flatnonzero(w.parent < 0)[1:], len(w)) - 1
    begin, turns = w.due_s[w.parent < 0], w.turn[last] + 1
    fresh = w.turn[w.parent < 0] == 0
    assert set(turns[fresh & (begin < 21_600)].tolist()) == {2}
    assert set(turns[fresh & (begin >= 21_600) & (begin < 41_000)].tolist()) == {5}


def test_prompts_carry_what_was_said(kit: Any) -> None:
    """With carries_context recorded inputs are a turn's new tokens, and its prompt repeats the turns before; without, they are all."""
    pool = talking(kit, np.full((2, 6), 50))
    w = kit.compose(kit.recorded(pool), duration_s=3600)
    later = np.flatnonzero(w.parent >= 0)
    said = (w.input_tokens + w.output_tokens - w.reason_tokens)[w.parent[later]]
    assert np.array_equal(w.context_tokens[later], said)
    assert set((w.input_tokens - w.context_tokens).tolist()) <= set(range(10, 110, 10))
    bare = kit.compose(kit.recorded(attrs.evolve(pool, carries_context=False)), duration_s=3600)
    assert not bare.context_tokens.any()
    assert np.array_equal(bare.input_tokens, w.input_tokens - w.context_tokens)


@pytest.mark.parametrize(("scale", "factor"), [("thin", 0.3), ("rate", 2.5), ("clients", 1.6)])
def test_the_rate_asked_for_is_one_of_requests(kit: Any, scale: str, factor: float) -> None:
    """Whatever the scale, requests per second are as asked: of 400 clients within five standard errors, in both halves."""
    pool = talking(kit, np.full((400, 4), 60))
    w = kit.compose(kit.recorded(pool, scale=scale), rate=factor * pool.rate, duration_s=2400)
    clients = len(w.clients)
    for half in (0, 1):
        inside = (w.planned_s >= 1200 * half) & (w.planned_s < 1200 * (half + 1))
        per_client = np.bincount(w.client[inside], minlength=clients)
        assert close(per_client, factor * pool.rate * 1200 / clients), half


def test_session_rates_are_met(kit: Any) -> None:
    """Half a session per second of a pool that has 1.3 in the case's time, more elsewhere, is what begins."""
    pool = talking(kit, np.repeat([[130, 130, 390]], 6, axis=0))
    w = kit.compose(kit.recorded(pool), session_rate=0.5, duration_s=1200)
    begun = np.count_nonzero((w.turn == 0) & (w.parent < 0))
    assert abs(begun - 600) < 5 * np.sqrt(600)


def test_scales_keep_whole_sessions(kit: Any) -> None:
    """At a lower rate a session is there with all its turns or not at all, and the lower rate's are among the higher's."""
    pool = talking(kit, np.full((5, 8), 40))
    low, high = (
        kit.rows(kit.compose(kit.recorded(pool), rate=f * pool.rate, duration_s=4800)) for f in (0.3, 0.8)
    )
    assert set(low) < set(high)
    whole, part = (Counter((row[0], row[2]) for row in rows) for rows in (high, low))
    assert len(part) > 100
    assert part.items() <= whole.items()


@pytest.mark.parametrize("counts", ["recorded", "process"])
def test_a_longer_case_only_appends(kit: Any, counts: str) -> None:
    """A short case holds exactly the turns of a longer one that are planned within it, given models of items included."""
    pool = talking(kit, np.full((3, 12), 40))
    items = (kit.Made(kit.Pictures()),) if counts == "recorded" else ()
    group = kit.recorded(pool, counts=counts, modality=items)
    short, long = (kit.compose(group, duration_s=d) for d in (1_700.0, 6_900.0))
    assert kit.rows(long.select(np.flatnonzero(long.planned_s < 1_700))) == kit.rows(short)
    assert (short.turn > 0).sum() > 50


def test_a_suites_session_replaces_the_recorded_conversation(kit: Any) -> None:
    """Turns and pauses are the suite's, sessions begin as often as recorded, and the plan says so."""
    pool = talking(kit, np.full((20, 4), 90))
    group = kit.recorded(pool, session=kit.Made(kit.Geometric(4.0, 10.0)))
    w = kit.compose(group, duration_s=2400)
    begun = np.count_nonzero((w.turn == 0) & (w.parent < 0))
    assert begun == 20 * 4 * 90
    assert abs(np.count_nonzero(w.planned_s < 2400) / begun - 4.0) < 0.15
    assert any("in place of those recorded" in note for note in w.notes)
    slow = kit.compose(group, rate=6.0, duration_s=2400)
    # 14,400 requests in sessions of 4 to 28 (E[T^2] / E[T] = 7): five standard deviations.
    assert abs(len(slow) - 14_400) < 5 * np.sqrt(14_400 * 7)


def test_clients_without_tables_borrow(kit: Any) -> None:
    """A client without turns has those of all clients, told in the notes, and the rate counts them."""
    pool = talking(kit, [[100, 100], [50, 50]])
    table = pool.table.copy()
    table[2:, 1] = -1
    bare = attrs.evolve(pool, table=table)
    assert bare.mean_turns.tolist() == pytest.approx(np.full((2, 1), MEAN_TURNS))
    w = kit.compose(kit.recorded(bare), duration_s=1200)
    assert any("turns of clients without any recorded" in note for note in w.notes)
    assert w.turn[w.client == 1].max() == 8


def test_the_plan_says_that_requests_come_in_sessions(kit: Any) -> None:
    """The note on a pool with conversations states requests per second and turns of a session."""
    w = kit.compose(kit.recorded(talking(kit, [[600, 600]])), duration_s=1200)
    assert "2.6 req/s in sessions of 2.6 turns recorded from 00:00" in w.notes[0]


@pytest.mark.parametrize("missing", ["turns", "think_s"])
def test_half_a_conversation_is_refused(kit: Any, missing: str) -> None:
    """A pool with turns and no think times, or the other way round, is an error that names what it lacks."""
    pool = talking(kit, [[100]])
    kept = [k for k, field in enumerate(pool.fields) if field != missing]
    half = attrs.evolve(pool, fields=tuple(FIELDS[k] for k in kept), table=pool.table[kept])
    with pytest.raises(InputError, match=f'no values of "{missing}"'):
        kit.compose(kit.recorded(half), duration_s=600)
    empty = pool.table.copy()
    empty[FIELDS.index(missing)] = -1
    with pytest.raises(InputError, match=f'no values of "{missing}"'):
        kit.compose(kit.recorded(attrs.evolve(pool, table=empty)), duration_s=600)


def test_a_closed_load_begins_with_fresh_sessions(kit: Any) -> None:
    """A closed load takes the recorded conversations from their first turns on, as many requests as asked."""
    pool = talking(kit, np.full((4, 12), 40))
    w = kit.compose(kit.recorded(pool), kind="closed", requests=500, concurrency=4)
    assert len(w) == 500
    assert np.all(w.turn[w.parent < 0] == 0)
    assert w.turn.max() > 1


def test_rates_follow_a_curve(kit: Any) -> None:
    """Under a falling curve each third of the case has its share of sessions begun: five standard deviations."""
    pool = talking(kit, np.full((50, 6), 60))
    curve = RateCurve((0.0, 3600.0), (2.0 * pool.rate, 0.0))
    w = kit.compose(kit.recorded(pool, scale="rate"), rate=curve, duration_s=3600)
    begun = w.due_s[(w.turn == 0) & (w.parent < 0)]
    for k, share in enumerate((5 / 9, 3 / 9, 1 / 9)):
        expected = 50 * 6 * 60 * share
        assert abs(np.count_nonzero((begun >= 1200 * k) & (begun < 1200 * (k + 1))) - expected) < 5 * np.sqrt(
            expected
        )


def test_without_sessions_every_turn_is_a_request(kit: Any) -> None:
    """Counts become those of requests, the rate stays, and neither turns nor history are left."""
    pool = talking(kit, [[600, 60], [10, 0]])
    single = pool.without_sessions()
    assert single.rate == pytest.approx(pool.rate)
    assert single.count == pytest.approx(np.asarray(pool.count) * MEAN_TURNS)
    assert single.fields == ("input_tokens", "output_tokens")
    assert not single.has_sessions
    assert not single.carries_context
    w = kit.compose(kit.recorded(single), duration_s=1200)
    assert np.all(w.parent == -1)
