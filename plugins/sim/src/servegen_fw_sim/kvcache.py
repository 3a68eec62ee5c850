"""KV blocks: how many are free, and which freed ones still hold what a later job can use."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

    from servegen_fw_sim.job import Job


class Left(NamedTuple):
    """What a job left behind when it freed its blocks.

    Attributes
    ----------
        end: one past the position of its first own block in the queue of free blocks.
        blocks: own blocks that were full.
        shared: blocks of the shared prefix before them.
    """

    end: int
    blocks: int
    shared: int


class Shared:
    """A prefix that jobs share: held once while anyone uses it, freed like a job's blocks by the last user."""

    __slots__ = ("blocks", "computed", "end", "users")

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.users = 0
        self.computed = 0
        self.end = 0


class Blocks:
    """A pool of blocks in which freed blocks queue up and are overwritten oldest first.

    Positions count the blocks that ever entered the queue of free blocks; those before `taken` have been handed out
    again. A job frees its blocks from the last to the first, so of b blocks freed at once the first i survive while
    the queue has not been eaten up to position end - i. One comparison therefore tells what is left of a session or
    prefix, without a table of blocks. Blocks handed out because of a hit count as if the oldest had been taken: others
    are overwritten a little too early, never too late.

    Attributes
    ----------
        total: blocks of the pool.
        free: blocks no job holds.
        low: fewest free blocks so far.
    """

    __slots__ = ("_left", "_shared", "_size", "_taken", "free", "low", "total")

    def __init__(self, total: int, size: int) -> None:
        self.total = total
        self.free = total
        self.low = total
        self._size = size
        self._taken = 0
        self._left: dict[Hashable, Left] = {}
        self._shared: dict[Hashable, Shared] = {}

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
        full = job.computed // self._size
        job.left = left = Left(self._taken + self.free, full - job.shared, job.shared)
        if job.key is not None:
            self._left[job.key] = left
        if job.shared:
            self._unshare(job, full)

    def cached(self, job: Job, ahead: int = 0) -> int:
        """Leading tokens of a job that need not be computed once `ahead` more blocks are taken.

        Whole blocks, and never the last token, which gives the next one.
        """
        taken = self._taken + ahead
        prefix = self._sharable(job)
        hit = 0
        if prefix:
            shared = self._shared.get(job.prefix)
            if shared is not None:
                hit = prefix if shared.users else max(0, min(shared.computed, shared.end - taken))
        # What the job itself computed before a preemption is all its own; of a session's last turn only a part is.
        left, reusable = job.left, job.prompt + job.emitted
        if left is None and job.key is not None:
            left, reusable = self._left.get(job.key), job.reusable
        if left is not None and hit == left.shared == prefix:
            own = max(0, min(left.blocks, left.end - taken))
            hit = max(prefix, min(prefix + own, reusable // self._size))
        return min(hit, (job.prompt + job.emitted - 1) // self._size) * self._size

    def in_use(self, job: Job) -> int:
        """Blocks of a job's prefix that others hold, so that it need not."""
        shared = self._shared.get(job.prefix) if job.prefix is not None else None
        return shared.blocks if shared is not None and shared.users and self._sharable(job) else 0

    def share(self, job: Job) -> None:
        """Let a job that is admitted use its prefix's blocks; the first user takes them."""
        job.shared = self._sharable(job)
        if not job.shared:
            return
        shared = self._shared.get(job.prefix)
        if shared is None or not shared.users:
            shared = self._shared[job.prefix] = Shared(job.shared)
            self.take(job.shared)
        shared.users += 1

    def _sharable(self, job: Job) -> int:
        """Blocks of a job's prefix, 0 if it has none or one that is not the prefix others use under this name."""
        if job.prefix is None or job.prefix_tokens >= job.prompt:
            return 0
        blocks = job.prefix_tokens // self._size
        shared = self._shared.get(job.prefix)
        return 0 if shared is not None and shared.users and shared.blocks != blocks else blocks

    def _unshare(self, job: Job, full: int) -> None:
        shared = self._shared[job.prefix]
        shared.users -= 1
        shared.computed = max(shared.computed, min(full, shared.blocks))
        if not shared.users:
            self.free += shared.blocks
            shared.end = self._taken + self.free
        job.shared = 0
