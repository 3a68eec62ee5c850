"""KV blocks: how many are free, and which freed ones still hold what a later job can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from servegen_fw_sim.job import Job


class Blocks:
    """A pool of blocks in which freed blocks queue up and are overwritten oldest first.

    Positions count the blocks that ever entered the queue of free blocks; those before `taken` have been handed out
    again. A job frees its blocks from the last to the first, so of b blocks freed at once the first i survive while
    the queue has not been eaten up to position end - i. One comparison therefore tells what is left of a session,
    without a table of blocks. Blocks handed out because of a hit count as if the oldest had been taken: others are
    overwritten a little too early, never too late.

    Sharing between jobs that run at the same time (a common system prompt) is not modelled: each holds its own copy.

    Attributes
    ----------
        total: blocks of the pool.
        free: blocks no job holds.
        low: fewest free blocks so far.
    """

    __slots__ = ("_left", "_size", "_taken", "free", "low", "total")

    def __init__(self, total: int, size: int) -> None:
        self.total = total
        self.free = total
        self.low = total
        self._size = size
        self._taken = 0
        self._left: dict[Hashable, tuple[int, int]] = {}

    def of(self, tokens: int) -> int:
        """Blocks for `tokens` tokens."""
        return -(-tokens // self._size)

    def take(self, count: int) -> None:
        """Hand out `count` blocks; the caller has checked that they are free."""
        self.free -= count
        self._taken += count
        self.low = min(self.low, self.free)

    def give(self, job: Job) -> None:
        """Free what a job holds; its full blocks can be found again under its key, and by itself."""
        self.free += job.held
        entry = (self._taken + self.free, job.computed // self._size)
        job.left = entry
        if job.key is not None:
            self._left[job.key] = entry

    def cached(self, job: Job, ahead: int = 0) -> int:
        """Leading tokens of a job that need not be computed once `ahead` more blocks are taken.

        Whole blocks, and never the last token, which gives the next one.
        """
        tokens = job.prompt + job.emitted
        # What the job itself computed before a preemption is all its own; of a session's last turn only a part is.
        end, blocks = job.left
        if not blocks and job.key is not None:
            end, blocks = self._left.get(job.key, (0, 0))
            blocks = min(blocks, job.reusable // self._size)
        return min(max(0, min(blocks, end - self._taken - ahead)), (tokens - 1) // self._size) * self._size
