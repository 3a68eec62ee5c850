"""Plans in virtual time: loops, sessions, limits and what becomes of requests that do not end well."""

from __future__ import annotations

from math import inf

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servegen_fw_sim.backend import SimBackend
from servegen_fw_sim.options import SimOptions

from servegen_fw.plugin import STATUS_NAMES

OK, ERROR, CANCELLED, SKIPPED, PENDING = (
    STATUS_NAMES.index(name) for name in ("ok", "error", "cancelled", "skipped", "pending")
)


def codes(records):
    """Error codes by row."""
    return [records.codes[code] for code in records.code]


def busy_workload(kit, n=200, seed=0, rate=20.0):
    """Poisson arrivals with prompts up to 2000 and outputs of 60 tokens in the mean."""
    rng = np.random.default_rng(seed)
    return kit.workload(
        np.cumsum(rng.exponential(1 / rate, n)),
        rng.integers(1, 2000, n),
        1 + rng.exponential(60, n).astype(int),
    )


def test_open_loop_sends_everything_on_time(kit):
    """In an open loop every request leaves at its due time, whatever the engine does, and comes back whole."""
    workload = busy_workload(kit)
    records = kit.replay(kit.plan(workload), blocks=300, max_model_len=4000)
    np.testing.assert_array_equal(records.due_ns, np.rint(workload.due_s * 1e9))
    for column in (records.start_ns, records.sent_ns):
        np.testing.assert_array_equal(column, records.due_ns)
    assert (records.status == OK).all()
    np.testing.assert_array_equal(records.output_reported, workload.output_tokens)
    np.testing.assert_array_equal(records.output_counted, workload.output_tokens)
    np.testing.assert_array_equal(records.chunks_n, workload.output_tokens)
    np.testing.assert_array_equal(records.input_reported, workload.input_tokens)
    assert {records.finishes[i] for i in records.finish} == {"length"}
    assert (records.due_ns < records.first_ns).all()
    assert (records.first_ns <= records.last_ns).all()
    np.testing.assert_array_equal(records.done_ns, records.last_ns)
    assert records.harness.clock == "virtual"
    assert records.harness.drained
    assert records.harness.wall_s == pytest.approx(records.done_ns.max() / 1e9)


def test_time_to_first_token_of_a_lone_request(kit):
    """Alone, TTFT is the prefill, one more step and the API's time; without the two options it is the prefill."""
    workload = kit.workload([1.0], 1000, 5)
    base, slope = SimBackend(SimOptions()).scheduler()._step_time.decode(1)
    c = kit.coefficients
    full = kit.replay(kit.plan(workload))
    bare = kit.replay(kit.plan(workload), async_scheduling=False, api_s=0.0)
    prefill_s = (bare.first_ns[0] - bare.due_ns[0]) / 1e9
    assert prefill_s == pytest.approx(c.prefill + c.prefill_token * 1000 + c.prefill_token2 * 1e6, rel=0.03)
    assert (full.first_ns[0] - full.due_ns[0]) / 1e9 == pytest.approx(
        prefill_s + base + slope * 1001 + 0.006, abs=2e-9
    )


def test_answer_comes_after_the_reasoning(kit):
    """The first answer token is token number reason_tokens + 1; a request that only reasons has none."""
    workload = kit.workload([0, 0, 0, 0], 50, [10, 10, 10, 1], reason_tokens=[0, 4, 10, 0])
    records = kit.replay(kit.plan(workload))
    for row, token in ((0, 0), (1, 4), (3, 0)):
        begin = records.chunks.begin[row]
        assert records.answer_ns[row] == records.chunks.t_ns[begin + token]
    assert records.answer_ns[2] == -1
    np.testing.assert_array_equal(records.reason_reported, workload.reason_tokens)


def test_chunk_times_agree_with_the_columns(kit):
    """Every request's segments hold its tokens, ascending, from first_ns to last_ns, also after preemption."""
    workload = busy_workload(kit)
    records = kit.replay(kit.plan(workload), blocks=300, max_model_len=4000, prefix_cache=False)
    chunks = records.chunks
    assert len(chunks.request) > len(workload)
    assert (np.diff(chunks.t_ns) > 0).all()
    for row in range(len(workload)):
        mine = np.flatnonzero(chunks.request == row)
        times = np.concatenate([chunks.t_ns[chunks.begin[i] : chunks.end[i]] for i in mine])
        assert len(times) == workload.output_tokens[row]
        assert (np.diff(times) > 0).all()
        assert (times[0], times[-1]) == (records.first_ns[row], records.last_ns[row])


def test_chunk_times_are_shared_and_optional(kit):
    """One axis of step ends serves all requests; a plan that keeps no chunks gets equal columns without it."""
    workload = busy_workload(kit)
    kept = kit.replay(kit.plan(workload))
    dropped = kit.replay(kit.plan(workload, keep_chunks=False))
    assert len(kept.chunks.t_ns) < workload.output_tokens.sum() / 3
    assert dropped.chunks is None
    for name in ("first_ns", "answer_ns", "last_ns", "done_ns"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(dropped, name))


def test_closed_loop_keeps_its_concurrency(kit):
    """In a closed loop exactly `concurrency` requests are in flight until the last ones, each due when a place is free."""
    workload = busy_workload(kit, n=60)
    plan = kit.plan(workload, mode="closed", concurrency=7, duration_s=inf)
    records = kit.replay(plan)
    assert (records.status == OK).all()
    starts, ends = np.sort(records.due_ns), np.sort(records.done_ns)
    assert (starts[:7] == 0).all()
    np.testing.assert_array_equal(starts[7:], ends[: 60 - 7])
    assert (np.diff(records.due_ns) >= 0).all()


def test_closed_loop_ends_with_its_duration(kit):
    """No place is taken at or after the duration; the rest of the workload stays pending and was never due."""
    workload = busy_workload(kit, n=400)
    records = kit.replay(kit.plan(workload, mode="closed", concurrency=4, duration_s=10.0))
    left = records.status == OK
    assert 10 < left.sum() < 400
    assert (records.due_ns[left] < 10e9).all()
    assert (records.status[~left] == PENDING).all()
    assert (records.due_ns[~left] == -1).all()


def test_reactive_turns_follow_the_end_of_the_last(kit):
    """A later turn is due at its parent's done plus the think time, and finds its prompt's history in the cache."""
    workload = kit.workload(
        [0, 0, 0], [100, 300, 600], 50, turn=[0, 1, 2], think_s=[0, 1.5, 0.25], context_tokens=[0, 150, 350]
    )
    records = kit.replay(kit.plan(workload))
    assert records.due_ns[1] == records.done_ns[0] + 1_500_000_000
    assert records.due_ns[2] == records.done_ns[1] + 250_000_000
    assert records.cached_reported.tolist() == [
        0,
        96,
        288,
    ]  # up to the first generated token, in whole blocks
    actual = kit.replay(kit.plan(workload, history="actual"))
    assert actual.cached_reported.tolist() == [0, 144, 336]


def test_sessions_share_their_system_prompt(kit):
    """Requests with one prefix id find it once it is computed; the report says how much of each prompt was cached."""
    workload = kit.workload([0, 1, 2], 500, 10)
    shared = attrs.evolve(
        workload, prefix=np.array([7, 7, -1]), prefix_tokens=np.array([400, 400, 0], np.int32)
    )
    assert kit.replay(kit.plan(shared)).cached_reported.tolist() == [0, 400, 0]
    assert kit.replay(kit.plan(shared), prefix_cache=False).cached_reported.tolist() == [0, 0, 0]


def test_planned_turns_keep_their_time_when_the_server_is_slow(kit):
    """A planned turn is due at its planned time, leaves when its parent has ended, and its latency counts from due."""
    workload = kit.workload([0, 0], 100, [500, 10], turn=[0, 1], think_s=[0, 1.0], context_tokens=[0, 50])
    records = kit.replay(kit.plan(workload, sessions="planned"))
    assert records.done_ns[0] > 3e9
    assert records.due_ns[1] == 1_000_000_000
    assert records.start_ns[1] == records.done_ns[0]


def test_a_failed_turn_ends_its_session(kit):
    """A request that cannot fit is refused with its own code at once, and its session's later turns are skipped."""
    workload = kit.workload(
        [0, 0, 0, 0],
        [100, 9000, 100, 100],
        10,
        turn=[0, 1, 2, 0],
        think_s=0.1,
        context_tokens=[0, 100, 50, 0],
    )
    records = kit.replay(kit.plan(workload), max_model_len=8000)
    assert records.status.tolist() == [OK, ERROR, SKIPPED, OK]
    assert codes(records) == ["", "context-length", "", ""]
    assert records.done_ns[1] == records.start_ns[1] == records.due_ns[1]
    assert records.first_ns[1] == -1
    assert records.output_counted.tolist() == [10, 0, -1, 10]
    assert records.due_ns[2] == -1


def test_prompt_and_output_must_fit_the_kv_cache(kit):
    """A request larger than all KV blocks is refused even if the model's length would allow it."""
    workload = kit.workload([0, 0], [150, 170], 10)
    records = kit.replay(kit.plan(workload), blocks=10)
    assert records.status.tolist() == [OK, ERROR]


def test_time_is_up_for_slow_requests(kit):
    """A request over its time limit is an error at that moment, keeps the tokens seen by then, and frees the engine."""
    workload = kit.workload([0.0, 0.0, 5.0], 100, [1000, 10, 10])
    records = kit.replay(kit.plan(workload, timeout_s=2.0))
    assert codes(records) == ["timeout", "", ""]
    assert records.status.tolist() == [ERROR, OK, OK]
    assert records.done_ns[0] == 2_000_000_000
    assert 200 < records.chunks_n[0] < 300
    assert records.last_ns[0] <= 2_000_000_000 < records.last_ns[0] + 8_000_000
    assert records.output_reported[0] == -1
    assert records.output_counted[0] == records.chunks_n[0]
    lone = kit.replay(kit.plan(kit.workload([5.0], 100, 10)))
    np.testing.assert_array_equal(records.last_ns[2:], lone.last_ns)


def test_the_drain_ends_what_is_left(kit):
    """After the drain what is in flight is cancelled, the run is not drained, and no more is waited for."""
    workload = kit.workload([0.0, 0.5], 100, [2000, 10], duration_s=1.0)
    records = kit.replay(kit.plan(workload, drain_s=2.0))
    assert records.status.tolist() == [CANCELLED, OK]
    assert codes(records)[0] == "drain"
    assert not records.harness.drained
    # The last due time in the window was 0.5 s and nothing more could fall due.
    assert records.done_ns[0] == 2_500_000_000
    assert records.harness.wall_s == 2.5


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    mode=st.sampled_from(["open", "closed"]),
    sessions=st.sampled_from(["reactive", "planned"]),
    timeout_s=st.sampled_from([0.5, 2.0, 600.0]),
    drain_s=st.sampled_from([0.0, 1.0, 100.0]),
    overlap=st.booleans(),
    api_s=st.sampled_from([0.0, 0.006]),
)
def test_every_row_ends_as_the_rules_say(kit, seed, mode, sessions, timeout_s, drain_s, overlap, api_s):
    """Whatever the limits: times are in order, sessions go turn by turn, cut rows end at their limit, jumps change nothing."""
    rng = np.random.default_rng(seed)
    n = 40
    turn = np.tile([0, 0, 1, 2], n // 4)
    workload = kit.workload(
        np.cumsum(rng.exponential(0.05, n)),
        rng.integers(1, 1500, n),
        rng.integers(0, 200, n),
        turn=turn,
        think_s=rng.exponential(0.3, n),
        context_tokens=np.where(turn > 0, 50, 0),
    )
    more = {"mode": mode, "concurrency": 6} if mode == "closed" else {}
    plan = kit.plan(workload, sessions=sessions, timeout_s=timeout_s, drain_s=drain_s, **more)
    options = {"blocks": 150, "max_model_len": 1600, "async_scheduling": overlap, "api_s": api_s}
    records, slow = (kit.replay(plan, jump=jump, **options) for jump in (True, False))
    for name in ("due_ns", "first_ns", "done_ns"):
        assert np.abs(getattr(records, name) - getattr(slow, name)).max() <= 1
    status, code = records.status, np.array(codes(records))
    left = records.start_ns >= 0
    assert set(status[left]) <= {OK, ERROR, CANCELLED}
    assert set(status[~left]) <= {SKIPPED, PENDING}
    some = records.chunks_n > 0
    for early, late in (
        ("due_ns", "start_ns"),
        ("start_ns", "first_ns"),
        ("first_ns", "last_ns"),
        ("last_ns", "done_ns"),
    ):
        assert (getattr(records, early)[some] <= getattr(records, late)[some]).all()
    took_ns = records.done_ns - records.start_ns
    assert (took_ns[code == "timeout"] == timeout_s * 1e9).all()
    assert (took_ns[left] <= timeout_s * 1e9).all()
    assert len(set(records.done_ns[code == "drain"])) <= 1
    long = workload.input_tokens + workload.output_tokens > 1600
    assert (code[left & long] == "context-length").all()
    assert not (code[~long] == "context-length").any()
    for row in np.flatnonzero(workload.parent >= 0):
        parent = row - 1
        if left[row]:
            assert status[parent] == OK
            assert records.start_ns[row] >= records.done_ns[parent]
            since = records.done_ns if sessions == "reactive" else records.due_ns
            assert records.due_ns[row] == since[parent] + round(workload.think_s[row] * 1e9)
        elif status[parent] in {ERROR, CANCELLED, SKIPPED}:
            assert status[row] == SKIPPED


def test_equal_plans_give_equal_records(kit):
    """Two runs of one backend, and one of another that takes steps singly, agree to the nanosecond or nearly."""
    plan = kit.plan(busy_workload(kit, n=150))
    backend = SimBackend(SimOptions(blocks=300, max_model_len=4000))
    a, b = (backend.replay(plan, kit.listener()) for _ in range(2))
    c = kit.replay(plan, blocks=300, max_model_len=4000, jump=False)
    for name in ("first_ns", "answer_ns", "last_ns", "done_ns"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert np.abs(getattr(a, name) - getattr(c, name)).max() <= 1
    np.testing.assert_array_equal(a.chunks.t_ns, b.chunks.t_ns)


def test_slower_steps_make_slower_answers(kit):
    """With all steps 10 % longer every quantile of TTFT and E2E grows, by 10 % or more once requests queue."""
    plan = kit.plan(busy_workload(kit, n=300, rate=30))
    fast, slow = kit.replay(plan, blocks=2000), kit.replay(plan, blocks=2000, step_scale=1.1)
    for name in ("first_ns", "last_ns"):
        a, b = (np.quantile((getattr(r, name) - r.due_ns) / 1e9, [0.5, 0.9, 0.99]) for r in (fast, slow))
        assert (b > 1.05 * a).all()


def test_progress_is_told_now_and_then(kit):
    """Progress hears of the run in virtual time, ascending, a few hundred times at most, and of the end."""
    listener = kit.listener()
    plan = kit.plan(busy_workload(kit, n=500))
    SimBackend(SimOptions()).replay(plan, listener)
    times = [update["at_s"] for update in listener.updates]
    assert 50 < len(times) < 500
    assert times == sorted(times)
    last = listener.updates[-1]
    assert (last["due"], last["done"], last["in_flight"], last["errors"]) == (500, 500, 0, 0)


def test_an_interrupt_leaves_readable_records(kit):
    """Ctrl-C ends the run early: what ended stays, what was in flight is cancelled, and the harness says so."""
    listener = kit.listener()
    raised = []

    def update(**state):
        if state["done"] > 100 and not raised:
            raised.append(state)
            raise KeyboardInterrupt

    listener.update = update
    records = SimBackend(SimOptions()).replay(kit.plan(busy_workload(kit, n=500)), listener)
    assert records.harness.interrupted == "interrupted"
    assert (records.status == OK).sum() == raised[0]["done"]
    assert (records.status == CANCELLED).sum() == raised[0]["in_flight"]
    cut = records.status == CANCELLED
    assert {records.codes[i] for i in records.code[cut]} == {"interrupted"}
    assert (records.last_ns[cut] <= records.done_ns[cut]).all()


def test_an_empty_workload_is_no_problem(kit):
    """Without requests there are no rows, and the run is over at once."""
    records = kit.replay(kit.plan(kit.workload([], duration_s=10.0)))
    assert len(records) == 0
    assert records.harness.drained
    assert len(records.chunks.t_ns) == 0


def test_requests_without_tokens_get_one(kit):
    """A server refuses to generate nothing, so zero tokens asked are one token sent, as in a live run."""
    records = kit.replay(kit.plan(kit.workload([0.0], 0, 0)))
    assert records.output_reported.tolist() == [1]
    assert records.input_reported.tolist() == [1]
