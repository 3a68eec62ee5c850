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
    """A prefix that jobs share, each as far as its own goes: held once while anyone uses it, freed like a job's blocks.

    Jobs of one prefix may use different lengths of it; the shorter ones are the beginning of the longer ones. Blocks
    that only a longer user needed are freed when it leaves.

    Attributes
    ----------
        held: blocks in use, those of the longest user.
        computed: leading blocks that someone has computed.
        users: number of users by blocks used.
        freed: pieces behind `held` in the queue of free blocks: first block, block after the last, one past the
            position of the first one in the queue; ascending.
    """

    __slots__ = ("computed", "freed", "held", "users")

    def __init__(self) -> None:
        self.held = 0
        self.computed = 0
        self.users: dict[int, int] = {}
        self.freed: list[tuple[int, int, int]] = []

    def leading(self, taken: int) -> int:
        """Leading blocks that are in use or not overwritten yet, once `taken` blocks were handed out."""
        found = self.held
        for first, last, end in self.freed:
            if first > found:
                break
            found = first + max(0, min(last - first, end - taken))
            if found < last:
                break
        return min(found, max(self.held, self.computed))

    def use(self, blocks: int, taken: int) -> int:
        """Let one more user have the first `blocks` blocks; returns how many must be handed out for it."""
        more = max(0, blocks - self.held)
        if more:
            self.computed = self.leading(taken)
            self.held = blocks
            rest = (
                (max(first, blocks), last, end - max(0, blocks - first)) for first, last, end in self.freed
            )
            self.freed = [piece for piece in rest if piece[0] < piece[1]]
        self.users[blocks] = self.users.get(blocks, 0) + 1
        return more

    def leave(self, blocks: int, computed: int) -> int:
        """Take a user of `blocks` blocks, of which it had computed `computed`, away; returns how many become free."""
        self.computed = max(self.computed, min(computed, blocks))
        self.users[blocks] -= 1
        if not self.users[blocks]:
            del self.users[blocks]
        less, self.held = self.held, max(self.users, default=0)
        return less - self.held

    def free(self, blocks: int, end: int, taken: int) -> None:
        """Note that the `blocks` blocks behind `held` have entered the queue, the first one just before `end`."""
        alive = [piece for piece in self.freed if piece[2] > taken]
        self.freed = [(self.held, self.held + blocks, end), *alive]


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
                hit = min(prefix, shared.leading(taken))
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
        return 0 if shared is None else min(shared.held, self._sharable(job))

    def share(self, job: Job) -> None:
        """Let a job that is admitted use its prefix's blocks; those that no one uses yet are taken."""
        job.shared = self._sharable(job)
        if job.shared:
            shared = self._shared.setdefault(job.prefix, Shared())
            self.take(shared.use(job.shared, self._taken))

    def _sharable(self, job: Job) -> int:
        """Whole blocks of a job's prefix, 0 if it has none or no text of its own."""
        if job.prefix is None or job.prefix_tokens >= job.prompt:
            return 0
        return job.prefix_tokens // self._size

    def _unshare(self, job: Job, full: int) -> None:
        shared = self._shared[job.prefix]
        less = shared.leave(job.shared, full)
        if less:
            self.free += less
            shared.free(less, self._taken + self.free, self._taken)
        job.shared = 0
