"""The pool of KV blocks against a queue of single blocks."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from servegen_fw_sim.job import Job
from servegen_fw_sim.kvcache import Blocks


@pytest.mark.parametrize("seed", range(6))
def test_what_survives_is_what_a_queue_of_blocks_still_holds(seed):
    """Without hits, the cached length from one position equals that found by looking at every block in the free queue."""
    rng = np.random.default_rng(seed)
    total = 60
    blocks = Blocks(total, 16)
    queue = deque((None, 0) for _ in range(total))
    held = {}
    for row in range(200):
        if held and (rng.random() < 0.5 or blocks.free < 20):
            key = list(held)[int(rng.integers(len(held)))]
            job, count = held.pop(key)
            blocks.give(job)
            full = job.computed // 16
            queue.extend((job.row if i < full else None, i) for i in reversed(range(count)))
        else:
            tokens = int(rng.integers(1, 300))
            count = blocks.of(tokens)
            blocks.take(count)
            for _ in range(count):
                queue.popleft()
            held[row] = (Job(row, tokens, 1, key=row, computed=tokens, held=count), count)
        assert blocks.free == len(queue)
        for other in range(row):
            if other in held:
                continue
            there = {i for owner, i in queue if owner == other}
            leading = next(i for i in range(total + 1) if i not in there)
            probe = Job(1000, 10_000, 1, key=other, reusable=10_000)
            assert blocks.cached(probe) == 16 * leading


def test_hits_are_whole_blocks_that_the_prompt_shares():
    """No more is reused than the turn shares with the last one, in whole blocks, and the last token is computed anew."""
    blocks = Blocks(100, 16)
    blocks.take(7)
    blocks.give(Job(0, 100, 1, key="s", computed=100, held=7))
    assert blocks.cached(Job(1, 500, 1, key="s", reusable=100)) == 96
    assert blocks.cached(Job(1, 500, 1, key="s", reusable=50)) == 48
    assert blocks.cached(Job(1, 96, 1, key="s", reusable=96)) == 80
    assert blocks.cached(Job(1, 500, 1, key="other", reusable=100)) == 0
    assert blocks.cached(Job(1, 500, 1)) == 0


def test_blocks_about_to_be_taken_count_as_gone():
    """`ahead` blocks are taken from the oldest free ones before what is left is counted."""
    blocks = Blocks(10, 16)
    blocks.take(10)
    blocks.give(Job(0, 160, 1, key="s", computed=160, held=10))
    probe = Job(1, 500, 1, key="s", reusable=160)
    assert [blocks.cached(probe, ahead) // 16 for ahead in range(12)] == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0]


def test_a_preempted_job_finds_its_own_blocks_without_a_key():
    """What a job computed before a preemption is reused from its own blocks, tokens it generated included."""
    blocks = Blocks(100, 16)
    job = Job(0, 100, 50, computed=120, held=8, emitted=21)
    blocks.take(8)
    blocks.give(job)
    assert blocks.cached(job) == 112


def test_low_water_is_remembered():
    """The fewest free blocks so far is kept for the report."""
    blocks = Blocks(10, 16)
    blocks.take(7)
    blocks.give(Job(0, 112, 1, computed=112, held=7))
    assert (blocks.free, blocks.low) == (10, 3)


def held(blocks, row, tokens, prefix_tokens=64, key=None):
    """A job with the prefix "p" that shares, takes the rest of its blocks and has computed everything."""
    job = Job(row, tokens, 1, key=key, prefix="p", prefix_tokens=prefix_tokens, computed=tokens)
    blocks.share(job)
    job.held = blocks.of(tokens) - job.shared
    blocks.take(job.held)
    return job


def test_a_shared_prefix_is_held_once():
    """Jobs with one prefix hold its blocks together; the last of them frees them."""
    blocks = Blocks(100, 16)
    first, second = held(blocks, 0, 100), held(blocks, 1, 150)
    assert blocks.free == 100 - 7 - (10 - 4)
    assert blocks.in_use(Job(2, 200, 1, prefix="p", prefix_tokens=64)) == 4
    blocks.give(first)
    assert blocks.free == 100 - 10
    blocks.give(second)
    assert blocks.free == 100
    assert blocks.in_use(Job(2, 200, 1, prefix="p", prefix_tokens=64)) == 0


def test_a_prefix_is_found_in_use_and_for_a_while_after():
    """A prefix in use is a hit of all its blocks; after its last user it survives until the queue has eaten it."""
    blocks = Blocks(20, 16)
    probe = Job(9, 300, 1, prefix="p", prefix_tokens=64)
    assert blocks.cached(probe) == 0
    job = held(blocks, 0, 100)
    assert blocks.cached(probe, ahead=1000) == 64
    blocks.give(job)
    assert [blocks.cached(probe, ahead) // 16 for ahead in (0, 16, 17, 19, 20)] == [4, 4, 3, 1, 0]


def test_a_session_is_found_only_behind_its_whole_prefix():
    """A session's own blocks follow those of its prefix, and are lost with the first lost block of that."""
    blocks = Blocks(20, 16)
    job = held(blocks, 0, 100, key="s")
    blocks.give(job)
    later = Job(1, 300, 1, key="s", reusable=100, prefix="p", prefix_tokens=64)
    # Own blocks were freed before the prefix's, so they are overwritten first.
    assert [blocks.cached(later, ahead) // 16 for ahead in (0, 13, 14, 15, 16, 17, 20)] == [
        6,
        6,
        6,
        5,
        4,
        3,
        0,
    ]


@pytest.mark.parametrize(("prompt", "prefix_tokens"), [(64, 64), (50, 64), (500, 48)])
def test_what_is_not_the_same_prefix_is_not_shared(prompt, prefix_tokens):
    """A prompt not longer than the prefix, or one with another length under the same name, holds its own blocks."""
    blocks = Blocks(100, 16)
    held(blocks, 0, 100)
    other = Job(1, prompt, 1, prefix="p", prefix_tokens=prefix_tokens)
    assert blocks.in_use(other) == blocks.cached(other) == 0
    blocks.share(other)
    assert other.shared == 0
