"""Sums over decoding sequences against counting them one by one."""

from __future__ import annotations

import numpy as np
import pytest
from servegen_fw_sim.decoding import Decoding
from servegen_fw_sim.job import DECODE, GONE, Job


def filled(seed, step, n=40):
    """A set of decoding jobs that joined before `step`, and the jobs."""
    rng = np.random.default_rng(seed)
    decoding = Decoding(16)
    jobs = []
    for row in range(n):
        job = Job(row, int(rng.integers(1, 300)), int(rng.integers(2, 80)))
        job.target = job.prompt
        decoding.join(job, step)
        jobs.append(job)
    return decoding, jobs


@pytest.mark.parametrize("seed", range(5))
def test_demand_counts_each_block_that_a_job_would_take(seed):
    """Blocks of the next k steps by residue class equal the sum over jobs of blocks(context) differences."""
    decoding, jobs = filled(seed, step=7 + seed)
    for k in (1, 2, 15, 16, 17, 40, 100):
        contexts = [
            job.prompt + 1 for job in jobs
        ]  # tokens before the first decode step, the new one included
        expected = sum(-(-(c + k - 1) // 16) - -(-(c - 1) // 16) for c in contexts)
        assert decoding.demand(7 + seed, k) == expected
    assert decoding.need(7 + seed) == decoding.demand(7 + seed, 1)


@pytest.mark.parametrize("free", [0, 1, 5, 39, 40, 41, 100, 1000])
def test_affordable_steps_are_the_most_that_free_blocks_allow(free):
    """The number of steps found fits the free blocks, and one more would not or is not wanted."""
    decoding, _ = filled(3, step=5)
    for wanted in (1, 3, 16, 33, 200):
        steps = decoding.affordable(5, wanted, free)
        assert 0 <= steps <= wanted
        assert decoding.demand(5, steps) <= free
        assert steps == wanted or decoding.demand(5, steps + 1) > free


def test_contexts_and_ends_follow_joining_and_leaving():
    """The sum of contexts and the next end are those of the jobs that are there; who left is forgotten."""
    decoding, jobs = filled(1, step=1)
    assert decoding.context == sum(job.prompt + 1 for job in jobs)
    jobs.sort(key=lambda job: job.finish)
    first = jobs[0]
    assert decoding.next_end() == first.finish
    decoding.leave(first, 1)
    first.state = GONE
    assert decoding.next_end() == jobs[1].finish
    assert first.emitted == 1
    assert first.computed == first.prompt
    assert decoding.count == len(jobs) - 1
    assert decoding.context == sum(job.prompt + 1 for job in jobs[1:])


def test_a_job_that_came_back_ends_at_its_new_step():
    """An entry of the heap made before a preemption does not end the job."""
    decoding = Decoding(16)
    job = Job(0, 20, 10)
    job.target = 20
    decoding.join(job, 1)
    decoding.leave(job, 5)
    job.target = job.prompt + job.emitted
    decoding.join(job, 30)
    assert job.state == DECODE
    assert decoding.ended(20) == []
    assert decoding.next_end() == job.finish == 33
    assert decoding.ended(34) == [job]
