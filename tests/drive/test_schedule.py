"""Who leaves when, walked through histories without a clock."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servegen_fw.data.plan import Plan
from servegen_fw.drive.schedule import NEVER, Schedule, Turn

S = 1_000_000_000


def ns(seconds: float) -> int:
    """Seconds as ns."""
    return round(seconds * S)


def drain(schedule: Schedule, now: int) -> list[Turn]:
    """Pop all that may leave by `now`."""
    found = []
    while (turn := schedule.pop(now)) is not None:
        found.append(turn)
    return found


def test_first_turns_leave_at_their_times(lab: Any) -> None:
    """Nothing leaves early, all that is due leaves in order, with the planned time as its due time."""
    schedule = Schedule(lab.plan([(0.5, []), (1.0, []), (1.0, []), (2.0, [])]))
    assert schedule.next_ns() == ns(0.5)
    assert drain(schedule, ns(0.5) - 1) == []
    assert [(turn.row, turn.due_ns) for turn in drain(schedule, ns(1.0))] == [
        (0, ns(0.5)),
        (1, ns(1)),
        (2, ns(1)),
    ]
    assert [turn.row for turn in drain(schedule, ns(9))] == [3]
    assert schedule.next_ns() == NEVER


def test_first_turns_due_at_the_end_never_leave(lab: Any) -> None:
    """A first turn due at or after `duration_s` is not offered; one a nanosecond earlier is."""
    schedule = Schedule(lab.plan([(0.0, []), (1.0 - 1e-9, []), (1.0, []), (1.5, [])], duration_s=1.0))
    assert [turn.row for turn in drain(schedule, ns(100))] == [0, 1]
    assert schedule.offered == (2, 2)


def test_a_reactive_turn_is_due_a_think_time_after_its_parents_end(lab: Any) -> None:
    """The parent's end moves the turn, and its latency counts from then."""
    schedule = Schedule(lab.plan([(0.0, [2.0])]))
    (first,) = drain(schedule, 0)
    assert schedule.next_ns() == NEVER
    schedule.ended(first, ns(5), ok=True)
    assert drain(schedule, ns(7) - 1) == []
    assert drain(schedule, ns(7)) == [Turn(1, ns(7), ns(7))]


def test_a_planned_turn_counts_from_its_planned_time(lab: Any) -> None:
    """A turn whose parent ends late leaves then, but its latency counts from the plan; an early parent changes nothing."""
    plan = lab.plan([(1.0, [2.0, 2.0])], sessions="planned")
    schedule = Schedule(plan)
    (first,) = drain(schedule, ns(1))
    schedule.ended(first, ns(8), ok=True)
    (second,) = drain(schedule, ns(8))
    assert second == Turn(1, ns(3), ns(8))
    schedule.ended(second, ns(8), ok=True)
    (third,) = drain(schedule, ns(8))
    assert third.due_ns == ns(5)
    np.testing.assert_allclose([1, 3, 5], plan.workload.planned_s)
    early = Schedule(plan)
    (first,) = drain(early, ns(1))
    early.ended(first, ns(1.5), ok=True)
    assert early.next_ns() == ns(3)


def test_a_failure_ends_its_session(lab: Any) -> None:
    """After a failed turn none of the later ones leaves; `rest` names them all."""
    schedule = Schedule(lab.plan([(0.0, [1.0, 1.0, 1.0]), (0.0, [1.0])]))
    turns = drain(schedule, 0)
    child = schedule.ended(turns[0], ns(1), ok=False)
    assert schedule.rest(child) == [1, 2, 3]
    schedule.ended(turns[1], ns(1), ok=True)
    assert [turn.row for turn in drain(schedule, ns(1000))] == [5]
    assert schedule.rest(-1) == []


def test_a_closed_loop_fills_its_places_at_once(lab: Any) -> None:
    """At time zero exactly `concurrency` sessions are due, in workload order, whatever their planned times."""
    schedule = Schedule(lab.plan([(9.0, [])] * 7, mode="closed", concurrency=3, duration_s=float("inf")))
    assert [(turn.row, turn.due_ns) for turn in drain(schedule, 0)] == [(0, 0), (1, 0), (2, 0)]
    assert schedule.next_ns() == NEVER


def test_a_freed_place_is_taken_the_moment_it_is_free(lab: Any) -> None:
    """The next session's due time is the end of the one before, failed or not."""
    schedule = Schedule(lab.plan([(0.0, [])] * 4, mode="closed", concurrency=2, duration_s=float("inf")))
    first, second = drain(schedule, 0)
    schedule.ended(second, ns(3), ok=False)
    assert drain(schedule, ns(4)) == [Turn(2, ns(3), ns(3))]
    schedule.ended(first, ns(6), ok=True)
    assert drain(schedule, ns(6)) == [Turn(3, ns(6), ns(6))]


def test_a_place_is_held_while_its_user_thinks(lab: Any) -> None:
    """No other session starts between the turns of one."""
    plan = lab.plan([(0.0, [5.0]), (0.0, [])], mode="closed", concurrency=1, duration_s=float("inf"))
    schedule = Schedule(plan)
    (first,) = drain(schedule, 0)
    schedule.ended(first, ns(1), ok=True)
    assert drain(schedule, ns(6) - 1) == []
    (second,) = drain(schedule, ns(6))
    assert second.row == 1
    schedule.ended(second, ns(7), ok=True)
    assert [turn.row for turn in drain(schedule, ns(7))] == [2]


def test_no_place_is_taken_after_the_end(lab: Any) -> None:
    """In a closed loop with a duration, a place freed at the end or later stays empty."""
    schedule = Schedule(lab.plan([(0.0, [])] * 9, mode="closed", concurrency=1, duration_s=2.0))
    (first,) = drain(schedule, 0)
    schedule.ended(first, ns(2) - 1, ok=True)
    (second,) = drain(schedule, ns(2))
    schedule.ended(second, ns(2), ok=True)
    assert drain(schedule, ns(50)) == []
    assert schedule.exhausted()


def test_the_drain_counts_from_the_last_due_time(lab: Any) -> None:
    """Once nothing more can fall due, the limit is the last due time plus the drain, not the end of the window."""
    schedule = Schedule(lab.plan([(0.0, []), (1.0, [])], duration_s=100.0, drain_s=5.0))
    assert schedule.limit_ns() == ns(105)
    drain(schedule, ns(1))
    assert schedule.limit_ns() == ns(6)


def test_while_turns_may_follow_the_drain_counts_from_the_end(lab: Any) -> None:
    """A session in flight may still bring a turn into the window, so the limit stays at the window's end plus the drain."""
    schedule = Schedule(lab.plan([(0.0, [1.0])], duration_s=100.0, drain_s=5.0))
    (first,) = drain(schedule, 0)
    assert schedule.limit_ns() == ns(105)
    schedule.ended(first, ns(50), ok=True)
    assert schedule.limit_ns() == ns(105)
    drain(schedule, ns(51))
    assert schedule.limit_ns() == ns(56)


def test_later_turns_leave_after_the_window_up_to_the_limit(lab: Any) -> None:
    """A session goes on past `duration_s`, but a turn due after the drain limit never leaves and holds nothing up."""
    schedule = Schedule(lab.plan([(0.0, [3.0, 30.0])], duration_s=1.0, drain_s=10.0))
    (first,) = drain(schedule, 0)
    schedule.ended(first, ns(0.5), ok=True)
    assert not schedule.exhausted()
    (second,) = drain(schedule, ns(3.5))
    schedule.ended(second, ns(4), ok=True)
    assert schedule.next_ns() == ns(34)
    assert schedule.exhausted()


def test_a_closed_loop_without_end_has_no_limit_until_its_queue_is_empty(lab: Any) -> None:
    """The drain begins with the last session's due time."""
    plan = lab.plan([(0.0, [])] * 3, mode="closed", concurrency=1, duration_s=float("inf"), drain_s=5.0)
    schedule = Schedule(plan)
    (turn,) = drain(schedule, 0)
    assert schedule.limit_ns() == NEVER
    schedule.ended(turn, ns(1), ok=True)
    (turn,) = drain(schedule, ns(1))
    schedule.ended(turn, ns(2), ok=True)
    drain(schedule, ns(2))
    assert schedule.limit_ns() == ns(7)


def test_an_empty_workload_is_exhausted_from_the_start(lab: Any) -> None:
    """No requests: nothing leaves, and nothing is waited for."""
    for mode in ("open", "closed"):
        schedule = Schedule(lab.plan([], mode=mode, concurrency=2, duration_s=1.0))
        assert schedule.exhausted()
        assert schedule.pop(ns(1)) is None


def walk(plan: Plan, seconds: list[float], fails: set[int]) -> tuple[dict[int, tuple[int, int]], int]:
    """Run a schedule against a server that answers row i after seconds[i]; returns (due, done) by row, most sessions at once."""
    schedule = Schedule(plan)
    parent = plan.workload.parent
    busy: list[tuple[int, int, Turn]] = []
    history: dict[int, tuple[int, int]] = {}
    now, open_sessions, most = 0, 0, 0
    while True:
        for turn in drain(schedule, now):
            assert turn.row not in history
            assert turn.leave_ns <= now
            open_sessions += int(parent[turn.row]) < 0
            most = max(most, open_sessions)
            done = now + ns(seconds[turn.row])
            history[turn.row] = (turn.due_ns, done)
            heapq.heappush(busy, (done, turn.row, turn))
        times = [at for at in (schedule.next_ns(), busy[0][0] if busy else NEVER) if at != NEVER]
        if not times or (schedule.exhausted() and not busy):
            return history, most
        now = max(now, min(times))
        while busy and busy[0][0] <= now:
            done, row, turn = heapq.heappop(busy)
            child = schedule.ended(turn, done, ok=row not in fails)
            open_sessions -= child < 0 or row in fails


@given(data=st.data())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
def test_every_history_keeps_the_rules(lab: Any, data: st.DataObject) -> None:
    """Whatever servers and users do: each turn leaves once, after its parent succeeded, not before its due time; places are never exceeded and always used."""
    times = st.floats(0, 20, allow_nan=False)
    sessions = data.draw(
        st.lists(st.tuples(times, st.lists(times, max_size=3)), min_size=1, max_size=12).map(sorted)
    )
    mode = data.draw(st.sampled_from(["open", "closed"]))
    kind = data.draw(st.sampled_from(["reactive", "planned"]))
    concurrency = data.draw(st.integers(1, 4))
    plan = lab.plan(sessions, mode=mode, concurrency=concurrency, sessions=kind, duration_s=float("inf"))
    n = len(plan.workload)
    seconds = data.draw(st.lists(st.floats(0, 9), min_size=n, max_size=n))
    fails = data.draw(st.sets(st.integers(0, n - 1)))
    history, most = walk(plan, seconds, fails)
    workload = plan.workload
    lost: set[int] = set()
    for row in range(n):
        parent = int(workload.parent[row])
        if parent >= 0 and (parent in fails or parent in lost):
            lost.add(row)
            continue
        due, _ = history[row]
        if parent >= 0:
            before_due, before_done = history[parent]
            base = before_due if kind == "planned" else before_done
            assert due == base + round(float(workload.think_s[row]) * S)
        elif mode == "open":
            assert due == round(float(workload.due_s[row]) * S)
    assert set(history) == set(range(n)) - lost
    if mode == "closed":
        assert most == min(concurrency, len(sessions))
