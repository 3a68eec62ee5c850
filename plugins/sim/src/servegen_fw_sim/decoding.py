"""The sequences that decode, as sums: contexts, blocks they will need, and when the next one ends."""

from __future__ import annotations

from heapq import heappop, heappush

from servegen_fw_sim.job import DECODE, Job


class Decoding:
    """All decoding jobs of an engine. Each gets one token a step, so a step changes only sums.

    Attributes
    ----------
        count: number of jobs.
        context: sum over jobs of the tokens they attend to in the next step, the new one included.
    """

    __slots__ = ("_ends", "_need", "_serial", "_size", "context", "count")

    def __init__(self, block_tokens: int) -> None:
        self.count = 0
        self.context = 0
        self._size = block_tokens
        # A job needs a new block in the steps before which its context is 1 modulo the block size; the residue class of
        # (context - step) stays, so jobs are counted by it.
        self._need = [0] * block_tokens
        self._ends: list[
            tuple[int, int, Job]
        ] = []  # (last step, order of joining, job); stale entries are skipped
        self._serial = 0

    def join(self, job: Job, step: int) -> None:
        """Add a job whose first token (of this stretch) came in the step before `step`."""
        context = job.target + 1
        job.begin = step - 1
        job.state = DECODE
        job.residue = (context - step) % self._size
        job.finish = step - 1 + job.output - job.emitted - 1
        self.count += 1
        self.context += context
        self._need[job.residue] += 1
        self._serial += 1
        heappush(self._ends, (job.finish, self._serial, job))

    def leave(self, job: Job, step: int) -> None:
        """Take a job out before `step`; its `emitted` and `computed` are brought up to date."""
        job.emitted += step - job.begin
        context = job.prompt + job.emitted
        self.count -= 1
        self.context -= context
        self._need[job.residue] -= 1
        job.computed = context - 1

    def next_end(self) -> int:
        """Step that gives the next last token of a job; there must be a job."""
        ends = self._ends
        while ends[0][2].state != DECODE or ends[0][2].finish != ends[0][0]:
            heappop(ends)
        return ends[0][0]

    def ended(self, step: int) -> list[Job]:
        """Return the jobs whose last token came before `step`; the caller lets them leave."""
        ends, jobs = self._ends, []
        while ends and ends[0][0] < step:
            finish, _, job = heappop(ends)
            if job.state == DECODE and job.finish == finish:
                jobs.append(job)
        return jobs

    def need(self, step: int) -> int:
        """Blocks to allocate in `step`."""
        return self._need[(1 - step) % self._size]

    def demand(self, step: int, count: int) -> int:
        """Blocks to allocate in `count` steps from `step` on."""
        cycles, rest = divmod(count, self._size)
        total = cycles * self.count
        for j in range(step, step + rest):
            total += self._need[(1 - j) % self._size]
        return total

    def affordable(self, step: int, count: int, free: int) -> int:
        """Return how many of the next `count` steps can be taken with `free` blocks."""
        if self.count * -(-count // self._size) <= free or self.demand(step, count) <= free:
            return count
        cycles, free = divmod(free, self.count)
        steps = cycles * self._size
        while free >= self.need(step + steps):
            free -= self.need(step + steps)
            steps += 1
        return steps
