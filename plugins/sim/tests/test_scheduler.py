"""The scheduler against a literal, slow reading of vLLM's loop, and against what queueing theory knows."""

from __future__ import annotations

import random
from math import inf

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servegen_fw_sim.job import DECODE, GONE, QUEUED, Job, Limits
from servegen_fw_sim.scheduler import Scheduler
from servegen_fw_sim.steptime import LinearStepTime, Prefill


@attrs.define(eq=False)
class Literal:
    """A request of `literal_loop`."""

    row: int
    at: float
    prompt: int
    output: int
    computed: int = 0
    blocks: int = 0
    decoding: bool = False
    times: list[float] = attrs.field(factory=list)

    @property
    def tokens(self) -> int:
        """Prompt and output so far."""
        return self.prompt + len(self.times)


def literal_loop(requests, step_time, limits):  # noqa: PLR0912  (kept whole, to read beside vLLM's)
    """Serve request by request and block by block, as vLLM's scheduler is written; returns the preemptions."""
    waiting, running, free, t, preemptions = [], [], limits.blocks, 0.0, 0
    pending = sorted(requests, key=lambda r: (r.at, r.row))
    while pending or waiting or running:
        if not waiting and not running:
            t = max(t, pending[0].at)
        while pending and pending[0].at <= t:
            waiting.append(pending.pop(0))
        budget, scheduled, preempted, i = limits.max_batched_tokens, [], False, 0
        while i < len(running) and budget:
            request = running[i]
            n = min(request.tokens - request.computed, budget)
            victim = None
            while -(-(request.computed + n) // 16) - request.blocks > free:
                victim = running.pop()
                free += victim.blocks
                victim.blocks = victim.computed = 0
                victim.decoding = False
                waiting.insert(0, victim)
                preempted = True
                preemptions += 1
                if victim is request:
                    break
            if victim is request:
                break
            free -= -(-(request.computed + n) // 16) - request.blocks
            request.blocks = -(-(request.computed + n) // 16)
            scheduled.append((request, n))
            budget -= n
            i += 1
        while not preempted and waiting and budget and len(running) < limits.max_seqs:
            request = waiting[0]
            n = min(request.tokens, budget)
            if -(-(request.tokens if limits.reserve_prompt else n) // 16) > free:
                break
            request.blocks = -(-n // 16)
            free -= request.blocks
            running.append(waiting.pop(0))
            scheduled.append((request, n))
            budget -= n
        decoders = [request for request, _ in scheduled if request.decoding]
        chunks = [(request, n) for request, n in scheduled if not request.decoding]
        context = sum(request.tokens for request in decoders)
        if chunks:
            prefill = Prefill(
                sum(n for _, n in chunks),
                sum(n * (request.computed + n / 2) for request, n in chunks),
                sum(request.computed for request, _ in chunks),
                len(chunks),
            )
            t += step_time.mixed(prefill, len(decoders), context)
        else:
            base, slope = step_time.decode(len(decoders))
            t += base + slope * context
        for request, n in scheduled:
            request.computed += n
            if request.computed == request.tokens:
                request.times.append(t)
                request.decoding = True
                if len(request.times) == request.output:
                    running.remove(request)
                    free += request.blocks
    return preemptions


def random_arrivals(seed, n=150, rate=12.0, prompt=1000, output=150, prefixes=0):
    """Poisson arrivals, uniform prompts, exponential outputs; with `prefixes`, one of so many before each prompt."""
    rng = random.Random(seed)
    t, arrivals = 0.0, []
    for row in range(n):
        t += rng.expovariate(rate)
        job = Job(row, rng.randint(1, prompt), 1 + int(rng.expovariate(1 / output)))
        if prefixes:
            job.prefix = rng.randrange(prefixes)
            job.prefix_tokens = 100 * job.prefix
            job.prompt += job.prefix_tokens
        arrivals.append((t, job))
    return arrivals


def token_times(engine, row):
    """Delivery times of a job's tokens."""
    ends = engine.log.ends_s()[int(engine.limits.overlap) :]
    spans = zip(engine.segment_row, engine.segment_begin, engine.segment_end, strict=True)
    return [float(t) for r, b, e in spans if r == row for t in ends[b:e]]


@pytest.mark.parametrize("reserve", [True, False])
@pytest.mark.parametrize("blocks", [200, 330, 5000])
@pytest.mark.parametrize("seed", range(3))
def test_every_token_comes_when_the_literal_loop_says(kit, seed, blocks, reserve):
    """Sums, heaps and jumps give every token the time that vLLM's loop gives it, preemptions included, to 1e-9 s."""
    arrivals = random_arrivals(seed)
    engine = kit.engine(
        blocks, max_batched_tokens=512, max_seqs=48, reserve_prompt=reserve, prefix_cache=False, overlap=False
    )
    requests = [Literal(job.row, at, job.prompt, job.output) for at, job in arrivals]
    kit.run_jobs(engine, arrivals)
    preemptions = literal_loop(requests, LinearStepTime(kit.coefficients), engine.limits)
    assert engine.counters.preemptions == preemptions
    assert (preemptions > 0) == (blocks < 5000)
    for request in requests:
        np.testing.assert_allclose(token_times(engine, request.row), request.times, rtol=0, atol=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    blocks=st.sampled_from([130, 200, 400, 5000]),
    budget=st.sampled_from([64, 512, 8192]),
    overlap=st.booleans(),
    reserve=st.booleans(),
    cache=st.booleans(),
    rate=st.sampled_from([1.0, 8.0, 40.0]),
    prefixes=st.sampled_from([0, 3]),
)
def test_jumps_change_nothing(kit, seed, blocks, budget, overlap, reserve, cache, rate, prefixes):
    """Taking many steps at once gives the same steps, stretches and times (1e-9 s) as taking them one by one."""
    runs = []
    for jump in (True, False):
        engine = kit.engine(
            blocks,
            jump=jump,
            max_batched_tokens=budget,
            max_seqs=48,
            overlap=overlap,
            reserve_prompt=reserve,
            prefix_cache=cache,
        )
        done = kit.run_jobs(engine, random_arrivals(seed, n=60, rate=rate, prefixes=prefixes))
        runs.append((engine, done))
    (fast, a), (slow, b) = runs
    assert list(a) == list(b)
    np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=0, atol=1e-9)
    np.testing.assert_allclose(fast.log.ends_s(), slow.log.ends_s(), rtol=0, atol=1e-9)
    assert fast.segment_row == slow.segment_row
    assert fast.segment_begin == slow.segment_begin
    assert fast.segment_end == slow.segment_end
    assert attrs.evolve(fast.counters, busy_s=0) == attrs.evolve(slow.counters, busy_s=0)


def eventful(engine, seed, prefixes):
    """Serve jobs of which some belong to sessions, share prefixes or are cancelled; (row, time) of the delivered."""
    rng = random.Random(seed)
    arrivals = random_arrivals(seed, n=60, rate=rng.choice([1, 5, 20, 100]), prefixes=prefixes)
    events = []
    for at, job in arrivals:
        if rng.random() < 0.3:
            job.key, job.reusable = rng.randrange(5), rng.randint(0, job.prompt)
        if engine.fits(job.prompt, job.output):
            events.append((at, engine.add, job))
            if rng.random() < 0.2:
                events.append((at + 3 * rng.random(), engine.cancel, job))
    delivered = []
    for at, act, job in [*sorted(events, key=lambda event: event[0]), (inf, None, None)]:
        while jobs := engine.advance(at):
            delivered += [(job.row, engine.time) for job in jobs]
        if act == engine.add:
            engine.add(job, at)
        elif act is not None:
            engine.cancel(job)
    return delivered


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    blocks=st.sampled_from([130, 200, 600]),
    limits=st.fixed_dictionaries(
        {
            "max_batched_tokens": st.sampled_from([48, 200, 2048]),
            "max_seqs": st.sampled_from([1, 4, 48]),
            "overlap": st.booleans(),
            "reserve_prompt": st.booleans(),
            "prefix_cache": st.booleans(),
        }
    ),
    prefixes=st.sampled_from([0, 1, 4]),
)
def test_nothing_is_lost_whatever_happens(kit, seed, blocks, limits, prefixes):
    """With sessions, shared prefixes and cancelled jobs, jumps change nothing and every block comes back."""
    engines = [kit.engine(blocks, jump=jump, **limits) for jump in (True, False)]
    fast, slow = (eventful(engine, seed, prefixes) for engine in engines)
    assert [row for row, _ in fast] == [row for row, _ in slow]
    np.testing.assert_allclose([t for _, t in fast], [t for _, t in slow], rtol=0, atol=1e-9)
    assert engines[0].segment_end == engines[1].segment_end
    for engine in engines:
        assert engine.running == engine.waiting == 0
        assert engine.blocks.free == blocks
        assert engine.blocks.low >= 0


@pytest.mark.parametrize("prefixes", [0, 3])
@pytest.mark.parametrize("blocks", [200, 5000])
def test_tokens_and_blocks_are_conserved(kit, blocks, prefixes):
    """Every job gets its tokens once, every block comes back, and free blocks never go below zero."""
    arrivals = random_arrivals(11, n=400, prefixes=prefixes)
    engine = kit.engine(blocks, max_batched_tokens=512, max_seqs=48, prefix_cache=prefixes > 0)
    done = kit.run_jobs(engine, arrivals)
    got = dict.fromkeys(range(400), 0)
    for row, begin, end in zip(engine.segment_row, engine.segment_begin, engine.segment_end, strict=True):
        got[row] += end - begin
    assert got == {job.row: job.output for _, job in arrivals}
    assert sorted(done) == list(range(400))
    assert engine.blocks.free == blocks
    assert 0 <= engine.blocks.low < blocks
    assert engine.running == engine.waiting == 0
    stretches = len(engine.segment_row)
    assert engine.counters.decode_tokens == sum(got.values()) - stretches
    if not engine.counters.preemptions:
        computed = engine.counters.prefill_tokens + engine.counters.cached_tokens
        assert computed == sum(job.prompt for _, job in arrivals)
        assert (engine.counters.cached_tokens > 0) == (prefixes > 0)


def test_first_tokens_come_in_order_of_arrival(kit):
    """Without preemption the queue is first come, first served."""
    engine = kit.engine(20000, max_batched_tokens=512, max_seqs=16)
    kit.run_jobs(engine, random_arrivals(5, n=500, rate=30))
    assert engine.counters.preemptions == 0
    assert engine.counters.max_waiting > 50
    first = np.array(engine.segment_begin)[np.argsort(engine.segment_row)]
    assert (np.diff(first) >= 0).all()


def test_never_idle_while_a_job_is_there(kit):
    """Between two steps there is a pause only while no job is in the engine."""
    arrivals = random_arrivals(3, n=400, rate=2)
    engine = kit.engine(5000, overlap=False)
    done = kit.run_jobs(engine, arrivals)
    log = engine.log
    starts = np.array(log.start)
    ends = log.end_s(np.array(log.first) + np.array(log.count) - 1)
    pauses = np.flatnonzero(starts[1:] - ends[:-1] > 1e-9)
    assert len(pauses) > 20
    for i in pauses:
        assert not [
            job.row for at, job in arrivals if at < starts[i + 1] - 1e-9 and done[job.row] > ends[i] + 1e-9
        ]


@pytest.mark.parametrize("long", [1, 8])
def test_waiting_agrees_with_pollaczek_and_khinchine(kit, long):
    """One job at a time with Poisson arrivals is M/G/1: the mean wait is within 5 standard errors (false alarm < 1e-5)."""
    rng = np.random.default_rng(20 + long)
    n, load = 40_000, 0.7
    engine = kit.engine(100_000, max_seqs=1, overlap=False, prefix_cache=False)
    step_time = LinearStepTime(kit.coefficients)
    prompts = np.where(rng.random(n) < 0.2, 1000 * long, 1000)
    by_prompt = {int(p): step_time.mixed(Prefill(int(p), p * p / 2, 0, 1), 0, 0) for p in np.unique(prompts)}
    service = np.array([by_prompt[int(p)] for p in prompts])
    probability = np.array([0.8, 0.2])
    values = np.array([by_prompt[1000], by_prompt[1000 * long]])
    mean, square = probability @ values, probability @ values**2
    arrivals = np.cumsum(rng.exponential(mean / load, n))
    jobs = [
        (float(at), Job(row, int(p), 1)) for row, (at, p) in enumerate(zip(arrivals, prompts, strict=True))
    ]
    done = kit.run_jobs(engine, jobs)
    wait = np.array([done[row] for row in range(n)]) - arrivals - service
    expected = load / mean * square / (2 * (1 - load))
    batches = wait.reshape(40, -1).mean(axis=1)
    error = batches.std(ddof=1) / np.sqrt(len(batches))
    assert abs(wait.mean() - expected) < 5 * error
    assert error < 0.1 * expected


def test_tail_is_preempted_and_returns_first(kit):
    """When blocks run out, the job admitted last goes to the front of the queue, before those that never ran."""
    engine = kit.engine(11, max_seqs=8, overlap=False, prefix_cache=False)
    jobs = [Job(0, 64, 40), Job(1, 64, 40), Job(2, 64, 4)]
    for job in jobs:
        engine.add(job, 0.0)
    order = []
    while delivered := engine.advance(inf):
        order += [job.row for job in delivered]
    assert engine.counters.preemptions == 1
    assert order == [0, 2, 1]
    stretches = [row for row in engine.segment_row if row == 1]
    assert len(stretches) == 2
    begin = dict(zip(engine.segment_row, engine.segment_begin, strict=True))  # of each job's last stretch
    assert begin[1] == begin[2]


def test_decoders_come_before_a_long_prompt(kit):
    """A prompt longer than the budget is computed in chunks beside decoding jobs, each of which keeps its token a step."""
    engine = kit.engine(5000, max_batched_tokens=256, max_seqs=8, overlap=False)
    engine.add(Job(0, 10, 60), 0.0)
    engine.advance(0.001)
    engine.add(Job(1, 2550, 1), engine.time)
    kit.run_jobs(engine, [])
    spans = {
        row: (b, e)
        for row, b, e in zip(engine.segment_row, engine.segment_begin, engine.segment_end, strict=True)
    }
    assert spans[0] == (0, 60)
    assert spans[1] == (10, 11)  # 2550 tokens at 255 a step


def test_tokens_leave_one_step_later_with_overlap(kit):
    """Asynchronous scheduling delays every token by the next step; after the last one an empty step is taken."""
    plain, overlap = kit.engine(overlap=False), kit.engine(overlap=True)
    a = kit.run_jobs(plain, [(0.0, Job(0, 500, 10))])
    b = kit.run_jobs(overlap, [(0.0, Job(0, 500, 10))])
    base, slope = LinearStepTime(kit.coefficients).decode(1)
    assert b[0] - a[0] == pytest.approx(base + slope * 510, rel=1e-12)
    assert token_times(overlap, 0)[:-1] == pytest.approx(token_times(plain, 0)[1:], rel=1e-12)


def test_arrivals_during_a_step_wait_for_the_next(kit):
    """A job that arrives while a step runs takes part in the next one; one that arrives at its start, in it."""
    engine = kit.engine(overlap=False)
    engine.add(Job(0, 100, 3), 0.0)
    assert engine.advance(0.001) == []
    end_of_first = engine.time
    engine.add(Job(1, 100, 1), end_of_first)
    engine.advance(inf)
    assert engine.segment_begin[list(engine.segment_row).index(1)] == 1


@pytest.mark.parametrize("when", ["queued", "prefill", "decode"])
def test_cancelled_jobs_leave_nothing_behind(kit, when):
    """A job cancelled anywhere frees its blocks, and the others end as if it had just gone."""
    engine = kit.engine(400, max_batched_tokens=256, max_seqs=2, overlap=False)
    first, second, third = Job(0, 100, 50), Job(1, 2000, 50), Job(2, 300, 5)
    for job in (first, second, third):
        engine.add(job, 0.0)
    engine.advance(0.03)
    victim = {"queued": third, "prefill": second, "decode": first}[when]
    assert victim.state == {"queued": QUEUED, "prefill": 1, "decode": DECODE}[when]
    engine.cancel(victim)
    engine.cancel(victim)
    done = kit.run_jobs(engine, [])
    assert victim.state == GONE
    assert sorted(done) == sorted({0, 1, 2} - {victim.row})
    assert engine.blocks.free == 400
    assert engine.emitted(first) == (50 if when != "decode" else first.emitted)


def test_requests_that_never_fit_are_refused(kit):
    """A job larger than all blocks or than the model's length is refused when added, not left to block the queue."""
    engine = kit.engine(10, max_model_len=150)
    assert engine.fits(100, 50)
    assert not engine.fits(100, 51)
    assert engine.fits(140, 10)
    assert not kit.engine(10).fits(161, 1)
    with pytest.raises(ValueError, match="never fit"):
        engine.add(Job(0, 200, 1), 0.0)


def test_budget_must_cover_all_sequences():
    """Limits under which a decoding job could be left without its token are refused."""
    with pytest.raises(ValueError, match="max_seqs"):
        Limits(blocks=10, max_batched_tokens=8, max_seqs=9)


def test_next_event_is_when_the_next_job_ends(kit):
    """While only decoding goes on, the next event is the end of the next job; an idle engine has none."""
    engine = kit.engine(overlap=False)
    assert engine.next_event_s() == inf
    engine.add(Job(0, 100, 30), 0.0)
    engine.add(Job(1, 100, 90), 0.0)
    assert engine.next_event_s() == 0.0
    engine.advance(0.001)
    expected = engine.next_event_s()
    assert [job.row for job in engine.advance(inf)] == [0]
    assert engine.time == pytest.approx(expected, abs=1e-12)


def test_engine_can_be_driven_in_small_slices(kit):
    """Bringing the engine up in slices of wall-clock time gives the times of one long advance, for a server on top."""
    arrivals = random_arrivals(9, n=40)
    whole = kit.run_jobs(kit.engine(300, max_batched_tokens=512), arrivals)
    engine, now, sliced = kit.engine(300, max_batched_tokens=512), 0.0, {}
    pending = random_arrivals(9, n=40)
    while len(sliced) < 40:
        now = min(now + 0.004, pending[0][0]) if pending else now + 0.004
        while delivered := engine.advance(now):
            sliced.update((job.row, engine.time) for job in delivered)
        while pending and pending[0][0] <= now:
            at, job = pending.pop(0)
            engine.add(job, at)
    assert list(sliced) == list(whole)
    np.testing.assert_allclose(list(sliced.values()), list(whole.values()), rtol=0, atol=1e-9)


def test_a_session_starts_where_the_last_turn_ended(kit):
    """With the prefix cache a later job of the key starts at the cached length in whole blocks, without it at 0."""
    for cache, cached in ((True, 96), (False, 0)):
        engine = kit.engine(prefix_cache=cache)
        kit.run_jobs(engine, [(0.0, Job(0, 100, 10, "s", 0))])
        later = Job(1, 200, 1, "s", 100)
        kit.run_jobs(engine, [(engine.time, later)])
        assert later.cached == cached
        assert engine.counters.prefill_tokens == 300 - cached


def test_the_last_token_of_a_prompt_is_always_computed(kit):
    """A prompt found whole in the cache still computes its last block, which gives the first token."""
    engine = kit.engine()
    kit.run_jobs(engine, [(0.0, Job(0, 160, 1, "s", 0))])
    again = Job(1, 160, 1, "s", 160)
    kit.run_jobs(engine, [(engine.time, again)])
    assert again.cached == 144


def test_a_shared_prefix_is_computed_once(kit):
    """Jobs that run together with one long system prompt compute and hold it once, and are admitted together."""
    for cache, computed, waiting in ((True, 1600 + 6 * 100, 0), (False, 6 * 1700, 3)):
        engine = kit.engine(400, prefix_cache=cache, overlap=False)
        for row in range(6):
            engine.add(Job(row, 1700, 50, prefix="system", prefix_tokens=1600), 0.0)
        engine.advance(0.001)
        assert engine.waiting == waiting
        kit.run_jobs(engine, [])
        assert engine.counters.prefill_tokens == computed
        assert engine.blocks.free == 400


def test_equal_jobs_give_equal_bits():
    """Two engines given the same jobs agree bit for bit."""
    ends = []
    for _ in range(2):
        engine = Scheduler(step_time_of_profile(), Limits(blocks=300, max_batched_tokens=512))
        for at, job in random_arrivals(1, n=100):
            while engine.advance(at):
                pass
            engine.add(job, at)
        while engine.advance(inf):
            pass
        ends.append(engine.log.ends_s().tobytes())
    assert ends[0] == ends[1]


def step_time_of_profile():
    """Step times of a shipped profile."""
    from servegen_fw_sim import profiles

    return LinearStepTime(profiles.load("llama-3-8b-h100").coefficients)
