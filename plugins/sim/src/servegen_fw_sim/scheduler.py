"""The scheduler of a continuous-batching engine (the loop of vLLM V1), in virtual time, in O(1) work a step.

Each step serves the running list first: every decoding sequence one token, a partly prefilled prompt its next chunk;
if KV blocks run out, the tail of the running list is preempted (its cache dropped, to be recomputed) to the front of
the queue. Then, unless something was preempted, the queue is admitted first come, first served while token budget,
sequences and blocks last. There is at most one partly prefilled prompt, always at the tail of the running list.

No step scans the batch: decoding sequences are kept in a heap by the step they end in, the sum of their contexts is
one number, and the blocks they will need are counted by residue class of (context - step) mod block size. While only
decoding goes on, `k` steps are taken at once, up to the next end, the exhaustion of blocks or the next arrival; that
changes no result. This module knows neither clocks nor plans; virtual and wall-clock drivers use it alike.
"""

from __future__ import annotations

from array import array
from collections import deque
from math import inf, sqrt
from typing import TYPE_CHECKING

from servegen_fw_sim.decoding import Decoding
from servegen_fw_sim.job import DECODE, DONE, GONE, PREFILL, QUEUED, Counters, Job, Limits
from servegen_fw_sim.kvcache import Blocks
from servegen_fw_sim.steplog import StepLog
from servegen_fw_sim.steptime import Prefill

if TYPE_CHECKING:
    from servegen_fw_sim.steptime import StepTime


class Scheduler:
    """One engine instance.

    Protocol of use: bring the engine up to a moment with `advance(now)` until it returns nothing, then `add` or
    `cancel` at that moment. `advance` returns early, at `time`, whenever jobs are delivered, so that a driver can react.

    Attributes
    ----------
        time: end of the last step in seconds; no step ends later so far.
        steps: number of the next step.
        log: end times of all steps.
        segment_row, segment_begin, segment_end: per stretch of tokens of a job, its row and the half-open range of
            steps that each gave one token; a preempted job has several.
        counters: totals since the start.
    """

    def __init__(self, step_time: StepTime, limits: Limits, *, jump: bool = True) -> None:
        self.limits = limits
        self.time = 0.0
        self.steps = 0
        self.log = StepLog()
        self.segment_row = array("q")
        self.segment_begin = array("q")
        self.segment_end = array("q")
        self.counters = Counters()
        self.blocks = Blocks(limits.blocks, limits.block_tokens)
        self._step_time = step_time
        self._jump = jump
        self._size = limits.block_tokens
        self._queue: deque[Job] = deque()
        self._waiting = 0
        self._order: list[Job] = []  # running list in order of admission; ended jobs linger until compaction
        self._partial: Job | None = None
        self._decoding = Decoding(limits.block_tokens)
        self._ending: list[Job] = []
        self._delivered: list[Job] = []

    @property
    def running(self) -> int:
        """Jobs in the running list."""
        return self._decoding.count + (self._partial is not None)

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return self._waiting

    def fits(self, prompt: int, output: int) -> bool:
        """Whether a request can ever be served: its tokens within the model's length and all KV blocks."""
        limits = self.limits
        total = prompt + output
        return total <= limits.max_model_len and self.blocks.of(total - 1) <= limits.blocks

    def add(self, job: Job, now: float) -> None:
        """Queue a job that arrives at `now` (s); it can take part in steps that start at `now` or later.

        Raises
        ------
            ValueError: the job can never be served; see `fits`.
        """
        if not self.fits(job.prompt, job.output):
            raise ValueError(f"{job.prompt} prompt and {job.output} output tokens can never fit this engine")
        if not self.running and not self._waiting and not self._ending:
            self.time = max(self.time, now)
        job.state = QUEUED
        self._queue.append(job)
        self._waiting += 1
        self.counters.max_waiting = max(self.counters.max_waiting, self._waiting)

    def cancel(self, job: Job) -> None:
        """Drop a job wherever it is; one that has ended is left alone."""
        if job.state == QUEUED:
            self._waiting -= 1
        elif job.state == PREFILL:
            self._partial = None
            self._free(job)
        elif job.state == DECODE:
            self._leave(job)
            self._free(job)
        else:
            return
        job.state = GONE

    def emitted(self, job: Job) -> int:
        """Tokens the engine has made for a job so far."""
        return job.emitted + (self.steps - job.begin if job.state == DECODE else 0)

    def next_event_s(self) -> float:
        """When the engine next does something other than decode if nothing arrives; inf if idle.

        `time` itself if the next step prefills or is otherwise not foreseeable.
        """
        if not self.running and not self._waiting:
            return self.time if self._ending else inf
        if not self._decodes_only():
            return self.time
        count, base, growth = self._span(inf)
        return self.time + (count * base + (count * (count - 1) // 2) * growth)

    def advance(self, until: float) -> list[Job]:
        """Run the steps that start before `until` (s); returns the jobs delivered at `time`, or nothing.

        With `Limits.overlap`, tokens leave the engine at the end of the step after the one that made them, since an
        asynchronous scheduler has that one under way already; if nothing is left to do, one empty step is taken.
        Without, they leave at the end of their own step.
        """
        while self.time < until:
            if not self.running and not self._waiting:
                if not self._ending:
                    break
                self._trail()
            elif self._decodes_only():
                count, base, growth = self._span(until)
                if count:
                    self._decode(count, base, growth)
                else:
                    self._step()
            else:
                self._step()
            if self._delivered:
                delivered, self._delivered = self._delivered, []
                return delivered
        return []

    def _decodes_only(self) -> bool:
        """Whether nothing but decoding can happen until a job ends or blocks run out."""
        decoders = self._decoding.count
        if self._partial is not None or not decoders:
            return False
        if not self._waiting:
            return True
        limits = self.limits
        if decoders >= limits.max_seqs or decoders >= limits.max_batched_tokens:
            return True
        need = self._decoding.need(self.steps)
        budget = limits.max_batched_tokens - decoders
        return self._blocks_to_admit(self._head(), budget, need) > self.blocks.free - need

    def _head(self) -> Job:
        queue = self._queue
        while queue[0].state == GONE:
            queue.popleft()
        return queue[0]

    def _blocks_to_admit(self, job: Job, budget: int, ahead: int = 0) -> int:
        """Blocks that must be free to admit a job, after `ahead` others are taken.

        While nothing is freed, what this exceeds the free blocks by never shrinks: a block lost from the cache lowers
        both by one. So a job that is kept out once is kept out until a job ends or is preempted.
        """
        tokens = job.prompt + job.emitted
        if not self.limits.reserve_prompt:
            hit = self._cached(job, ahead)
            tokens = hit + min(tokens - hit, budget)
            if self.limits.prefix_cache:
                tokens = max(tokens, job.prefix_tokens)  # a prefix is allocated as a whole
        blocks = -(-tokens // self._size)
        return blocks - self.blocks.in_use(job) if self.limits.prefix_cache else blocks

    def _cached(self, job: Job, ahead: int = 0) -> int:
        """Leading tokens of a queued job whose KV blocks are still there after `ahead` more are taken."""
        return self.blocks.cached(job, ahead) if self.limits.prefix_cache else 0

    def _span(self, until: float) -> tuple[int, float, float]:
        """(steps, seconds of the first one, growth a step) of pure decoding from here."""
        decoding = self._decoding
        base, slope = self._step_time.decode(decoding.count)
        base += slope * decoding.context
        growth = slope * decoding.count
        # While the ends of jobs are on their way, their clients may react to the next step.
        count = decoding.next_end() - self.steps + 1 if self._jump and not self._ending else 1
        count = decoding.affordable(self.steps, count, self.blocks.free)
        last = count - 1
        if count > 1 and self.time + (last * base + (last * (last - 1) // 2) * growth) >= until:
            count = 1 + self._steps_within(until, base, growth)
        return count, base, growth

    def _steps_within(self, until: float, base: float, growth: float) -> int:
        """Return the largest j for which j steps from now end before `until`."""
        time, linear = self.time, base - growth / 2
        ahead = until - time
        j = int(2 * ahead / (linear + sqrt(linear * linear + 2 * growth * ahead)))
        # The root is only as good as its rounding; the comparison that decides is the one single steps make.
        while j and time + (j * base + (j * (j - 1) // 2) * growth) >= until:
            j -= 1
        while time + ((j + 1) * base + (j * (j + 1) // 2) * growth) < until:
            j += 1
        return j

    def _decode(self, count: int, base: float, growth: float) -> None:
        """Take `count` steps that only decode."""
        decoding = self._decoding
        self.blocks.take(decoding.demand(self.steps, count))
        seconds = count * base + (count * (count - 1) // 2) * growth
        self.log.append(self.steps, count, self.time, base, growth)
        decoding.context += decoding.count * count
        self.counters.decode_tokens += decoding.count * count
        self._pass(count, seconds)
        self._settle()

    def _trail(self) -> None:
        """Take the empty step that an asynchronous scheduler has launched when the last jobs end."""
        base, slope = self._step_time.decode(len(self._ending))
        base += slope * sum(job.prompt + job.output for job in self._ending)
        self.log.append(self.steps, 1, self.time, base, 0.0)
        self._pass(1, base)
        self._settle()

    def _step(self) -> None:
        """Take one step with whatever it takes: preemption, prefill, admission."""
        preempted = self._preempt()
        decoding = self._decoding
        decoders = decoding.count
        chunks: list[tuple[Job, int]] = []
        budget = self.limits.max_batched_tokens - decoders
        partial = self._partial
        if partial is not None and budget:
            n = min(partial.target - partial.computed, budget)
            if self._extend(partial, n):
                chunks.append((partial, n))
                budget -= n
            else:
                self._evict()
                preempted = True
        if not preempted:
            self._admit(chunks, budget)
        seconds = self._price(chunks)
        self.log.append(self.steps, 1, self.time, seconds, 0.0)
        decoding.context += decoders
        self.counters.decode_tokens += decoders
        self._pass(1, seconds)
        for job, n in chunks:
            job.computed += n
            self.counters.prefill_tokens += n
            if job.computed == job.target:
                if job is self._partial:
                    self._partial = None
                decoding.join(job, self.steps)
        self._settle()

    def _pass(self, steps: int, seconds: float) -> None:
        self.steps += steps
        self.time += seconds
        self.counters.busy_s += seconds

    def _price(self, chunks: list[tuple[Job, int]]) -> float:
        """Seconds of a step with these chunks and all decoders."""
        decoders, context = self._decoding.count, self._decoding.context
        if not chunks:
            base, slope = self._step_time.decode(decoders)
            return base + slope * context
        prefill = Prefill(
            tokens=sum(n for _, n in chunks),
            pairs=sum(n * (job.computed + n / 2) for job, n in chunks),
            context=sum(job.computed for job, _ in chunks),
            chunks=len(chunks),
        )
        return self._step_time.mixed(prefill, decoders, context)

    def _preempt(self) -> bool:
        """Give the decoders the blocks of this step, preempting from the tail while they do not suffice."""
        preempted = False
        while self._decoding.need(self.steps) > self.blocks.free:
            self._evict()
            preempted = True
        self.blocks.take(self._decoding.need(self.steps))
        return preempted

    def _evict(self) -> None:
        """Push the tail of the running list to the front of the queue; all its tokens are to be computed again."""
        order = self._order
        while order[-1].state not in {PREFILL, DECODE}:
            order.pop()
        job = order.pop()
        if job is self._partial:
            self._partial = None
        else:
            self._leave(job)
        self._free(job)
        job.state = QUEUED
        self._queue.appendleft(job)
        self._waiting += 1
        self.counters.preemptions += 1

    def _extend(self, job: Job, n: int) -> bool:
        """Allocate blocks for the next `n` prompt tokens, or change nothing and return False."""
        more = max(0, self.blocks.of(job.computed + n) - job.shared - job.held)
        if more > self.blocks.free:
            return False
        self.blocks.take(more)
        job.held += more
        return True

    def _admit(self, chunks: list[tuple[Job, int]], budget: int) -> None:
        seats = self.limits.max_seqs - self.running
        while budget and self._waiting and seats:
            job = self._head()
            if self._blocks_to_admit(job, budget) > self.blocks.free:
                break
            job.target = job.prompt + job.emitted
            job.computed = self._cached(job)
            if not job.emitted:
                job.cached = job.computed
            self.counters.cached_tokens += job.computed
            if self.limits.prefix_cache:
                self.blocks.share(job)
            n = min(job.target - job.computed, budget)
            self._extend(job, n)
            self._queue.popleft()
            self._waiting -= 1
            job.state = PREFILL
            self._order.append(job)
            chunks.append((job, n))
            budget -= n
            seats -= 1
            if job.computed + n < job.target:
                self._partial = job

    def _leave(self, job: Job) -> None:
        """Take a decoding job out and log the stretch of tokens it got."""
        self.segment_row.append(job.row)
        self.segment_begin.append(job.begin)
        self.segment_end.append(self.steps)
        self._decoding.leave(job, self.steps)
        job.held = self.blocks.of(job.computed) - job.shared

    def _free(self, job: Job) -> None:
        self.blocks.give(job)
        job.held = 0

    def _settle(self) -> None:
        """Deliver the jobs of the step before, and end those whose last token came in the last step."""
        overlap = self.limits.overlap
        if overlap:
            self._delivered, self._ending = self._ending, []
        ended = self._ending if overlap else self._delivered
        for job in self._decoding.ended(self.steps):
            self._leave(job)
            self._free(job)
            job.state = DONE
            ended.append(job)
        if len(self._order) > 2 * self.running + 64:
            self._order = [job for job in self._order if job.state in {PREFILL, DECODE}]
