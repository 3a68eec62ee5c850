"""From steps to records: token times, and what clients of cut requests saw."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from servegen_fw_sim.outcome import nth_token, seen, segments


@pytest.fixture
def run(kit):
    """An engine after a crowded run with preemptions, and its token times by row, taken one by one."""
    from servegen_fw_sim.job import Job

    rng = np.random.default_rng(2)
    engine = kit.engine(200, max_batched_tokens=512, max_seqs=48)
    arrivals = [
        (0.03 * row, Job(row, int(rng.integers(1, 600)), int(rng.integers(1, 90)))) for row in range(80)
    ]
    kit.run_jobs(engine, arrivals)
    assert engine.counters.preemptions > 5
    ends = engine.log.ends_s()
    times = {}
    for row, begin, end in zip(engine.segment_row, engine.segment_begin, engine.segment_end, strict=True):
        times.setdefault(row, []).extend(ends[begin + 1 : end + 1] + 0.006)
    return engine, {row: np.array(t) for row, t in times.items()}


def test_segments_hold_each_token_once_at_its_delivery(run):
    """Ranges of the shared axis give every token the end of the next step plus the API's time, sorted by row."""
    engine, times = run
    chunks = segments(engine, 0.006)
    assert (np.diff(chunks.request) >= 0).all()
    for row, expected in times.items():
        mine = np.flatnonzero(chunks.request == row)
        got = np.concatenate([chunks.t_ns[chunks.begin[i] : chunks.end[i]] for i in mine])
        np.testing.assert_allclose(got / 1e9, expected, rtol=0, atol=2e-9)


def test_nth_tokens_are_found_across_stretches(run):
    """First, last and any token in between are found by number, whichever stretch they lie in."""
    engine, times = run
    chunks = segments(engine, 0.006)
    rows = np.array(sorted(times))
    count = np.array([len(times[row]) for row in rows])
    for n in (np.zeros_like(count), count // 2, count - 1):
        expected = np.array([times[row][k] for row, k in zip(rows, n, strict=True)])
        np.testing.assert_allclose(nth_token(chunks, rows, n) / 1e9, expected, rtol=0, atol=2e-9)


def test_cut_requests_keep_what_was_seen(run):
    """Of cut rows only tokens up to their end are left, whole stretches after it go; other rows stay whole."""
    engine, times = run
    chunks = segments(engine, 0.006)
    done_ns = np.full(80, 3_000_000_000)
    cut = np.arange(80) % 2 == 0
    left = seen(chunks, done_ns, cut)
    assert (left.end > left.begin).all()
    tokens = np.bincount(left.request, left.end - left.begin, minlength=80)
    for row in range(80):
        whole = np.floor(times[row] * 1e9)
        assert tokens[row] == ((whole <= 3e9).sum() if cut[row] else len(whole))
    assert 0 < tokens[cut].sum() < sum(len(times[row]) for row in range(0, 80, 2))


def test_tokens_of_a_last_step_that_nobody_saw_are_dropped(kit):
    """A step without a successor delivers nothing; ranges end at the axis."""
    from servegen_fw_sim.job import Job

    engine = kit.engine()
    job = Job(0, 100, 50)
    engine.add(job, 0.0)
    engine.advance(0.05)
    engine.cancel(job)
    chunks = segments(engine, 0.0)
    assert len(chunks.t_ns) == engine.steps - 1
    assert chunks.end.tolist() == [engine.steps - 1]
    whole = segments(without_overlap(engine), 0.0)
    assert whole.end.tolist() == [engine.steps]


def without_overlap(engine):
    """The same engine, read as one without asynchronous scheduling."""
    engine.limits = attrs.evolve(engine.limits, overlap=False)
    return engine
