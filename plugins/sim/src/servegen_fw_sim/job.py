"""What the scheduler schedules, its limits, and what it counts."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from servegen_fw_sim.kvcache import Left

QUEUED: Final = 0
PREFILL: Final = 1
DECODE: Final = 2
DONE: Final = 3
GONE: Final = 4


@attrs.define(eq=False, slots=True)
class Job:
    """A request inside the engine.

    Attributes
    ----------
        row: the caller's number for it.
        prompt: prompt tokens, at least 1.
        output: tokens to generate, at least 1.
        key: name under which its KV blocks are found again by a later job (a session), None for none.
        reusable: leading tokens that equal those of the last job with the same `key`.
        prefix: name of a prefix shared with other keys, None for none.
        prefix_tokens: its length, part of `prompt`.
        cached: tokens found in the prefix cache when it was first admitted.
        state: QUEUED, PREFILL (in the running list, prompt not complete), DECODE, DONE or GONE (cancelled).
        emitted: tokens generated before the present stretch of decoding.
        target: tokens to compute before it decodes (again).
        computed: tokens whose KV entries exist, while it prefills.
        held: blocks it holds by itself, while it prefills.
        shared: blocks of its prefix, which it holds together with others.
        begin: step that gave the first token of the present stretch.
        finish: step that will give the last token.
        residue: (context - step) mod block size, constant while it decodes.
        left: what a preemption left in the prefix cache, None before any.
    """

    row: int
    prompt: int
    output: int
    key: Hashable = None
    reusable: int = 0
    prefix: Hashable = None
    prefix_tokens: int = 0
    cached: int = 0
    state: int = QUEUED
    emitted: int = 0
    target: int = 0
    computed: int = 0
    held: int = 0
    shared: int = 0
    begin: int = 0
    finish: int = 0
    residue: int = 0
    left: Left | None = None


@attrs.frozen(kw_only=True)
class Limits:
    """Limits and rules of an engine.

    Attributes
    ----------
        blocks: KV blocks.
        block_tokens: tokens a block.
        max_batched_tokens: token budget of a step.
        max_seqs: jobs in the running list.
        max_model_len: prompt and output tokens of one request.
        reserve_prompt: admit only if blocks for the whole prompt are free, not just for its first chunk.
        prefix_cache: blocks of ended and preempted jobs are found again until they are overwritten; jobs share prefixes.
        overlap: tokens leave at the end of the step after the one that made them (asynchronous scheduling).
    """

    blocks: int
    block_tokens: int = 16
    max_batched_tokens: int = 8192
    max_seqs: int = 256
    max_model_len: int = 1 << 40
    reserve_prompt: bool = True
    prefix_cache: bool = True
    overlap: bool = True

    def __attrs_post_init__(self) -> None:
        # A decoding job always gets its token; that needs a budget for all of them.
        if self.max_batched_tokens < self.max_seqs:
            raise ValueError(
                f"max_batched_tokens ({self.max_batched_tokens}) must be at least max_seqs ({self.max_seqs})"
            )


@attrs.define
class Counters:
    """Totals of one engine since its start.

    Attributes
    ----------
        preemptions: times a job was pushed back to the queue.
        max_waiting: longest queue.
        busy_s: seconds spent in steps.
        prefill_tokens: prompt tokens computed, recomputed ones included.
        decode_tokens: tokens made by decoding (the first token of a prompt comes from its prefill).
        cached_tokens: prompt tokens not computed because they were found in the cache.
    """

    preemptions: int = 0
    max_waiting: int = 0
    busy_s: float = 0.0
    prefill_tokens: int = 0
    decode_tokens: int = 0
    cached_tokens: int = 0
