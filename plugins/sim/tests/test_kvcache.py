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


@pytest.mark.parametrize(("prompt", "prefix_tokens"), [(64, 64), (50, 64)])
def test_a_prompt_that_is_all_prefix_shares_nothing(prompt, prefix_tokens):
    """A prompt not longer than its prefix holds its own blocks."""
    blocks = Blocks(100, 16)
    held(blocks, 0, 100)
    other = Job(1, prompt, 1, prefix="p", prefix_tokens=prefix_tokens)
    assert blocks.in_use(other) == blocks.cached(other) == 0
    blocks.share(other)
    assert other.shared == 0


def test_jobs_of_one_prefix_share_the_shorter_length():
    """A longer job holds what a shorter one lacks, and frees just that when it leaves before it."""
    blocks = Blocks(100, 16)
    short = held(blocks, 0, 100, prefix_tokens=48)
    assert blocks.free == 100 - 7
    long = held(blocks, 1, 200, prefix_tokens=128)
    assert blocks.free == 100 - 7 - (13 - 3)
    probe = Job(2, 500, 1, prefix="p", prefix_tokens=96)
    assert blocks.in_use(probe) == 6
    assert blocks.cached(probe, ahead=1000) == 96
    blocks.give(long)
    assert blocks.free == 100 - 7
    assert blocks.in_use(probe) == 3
    assert blocks.cached(probe) == 96
    assert blocks.cached(probe, ahead=1000) == 48
    blocks.give(short)
    assert blocks.free == 100


def test_a_longer_prefix_finds_what_a_shorter_one_left():
    """After a job of 3 blocks one of 5 finds 3, and after that one of 4 finds 4."""
    blocks = Blocks(100, 16)
    blocks.give(held(blocks, 0, 100, prefix_tokens=48))
    assert blocks.cached(Job(1, 200, 1, prefix="p", prefix_tokens=80)) == 48
    blocks.give(held(blocks, 1, 200, prefix_tokens=80))
    assert blocks.cached(Job(2, 200, 1, prefix="p", prefix_tokens=64)) == 64


@pytest.mark.parametrize("seed", range(8))
def test_nested_prefixes_are_never_found_beyond_what_a_queue_of_blocks_holds(seed):
    """Against every single block, with users of eight lengths of one prefix: free blocks agree, hits are never too long."""
    # While no more blocks were handed out than there are, so that none can have been overwritten, they are exact.
    rng = np.random.default_rng(seed)
    total = 400 if seed % 2 else 90
    blocks = Blocks(total, 16)
    queue = deque([None] * total)
    used, jobs, handed = {}, {}, 0
    for row in range(300):
        if jobs and (rng.random() < 0.5 or blocks.free < 30):
            job, own = jobs.pop(list(jobs)[int(rng.integers(len(jobs)))])
            length = job.shared
            blocks.give(job)
            queue.extend([None] * own)
            for block in reversed(range(length)):
                used[block] -= 1
                if not used[block]:
                    queue.append(block)
        else:
            length = int(rng.integers(1, 9))
            tokens = 16 * length + int(rng.integers(1, 60))
            probe = Job(row, tokens, 1, prefix="p", prefix_tokens=16 * length)
            there = {block for block, users in used.items() if users} | set(queue)
            leading = next(block for block in range(length + 1) if block == length or block not in there)
            assert blocks.cached(probe) <= 16 * leading
            if handed <= total:
                assert blocks.cached(probe) == 16 * leading
            before = blocks.free
            blocks.share(probe)
            own = blocks.of(tokens) - length
            blocks.take(own)
            handed += before - blocks.free
            probe.held, probe.computed = own, tokens
            jobs[row] = probe, own
            for block in range(length):
                if not used.get(block):
                    if block in queue:
                        queue.remove(block)
                    else:
                        queue.popleft()
                used[block] = used.get(block, 0) + 1
            for _ in range(own):
                queue.popleft()
        assert blocks.free == len(queue)
