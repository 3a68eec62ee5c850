"""Which turn leaves when: open and closed loops, and sessions whose next turn follows the end of the last.

Pure bookkeeping in run time (int nanoseconds); it reads no clock and knows no event loop, so that tests can walk it
through any history. The rules:

- Open loop: the first turn of a session leaves at its planned time. Closed loop: `concurrency` places; a session takes a
  place the moment it is free, and that moment is its due time. A session holds its place while its user thinks.
- A later turn is due at its parent's end plus the think time ("reactive"), or at its planned time ("planned"): the
  parent's due time plus the think time. It leaves at its due time, or at its parent's end if that is later.
- A turn that fails ends its session.
- No first turn leaves at or after `duration_s`. Later turns do, up to the drain limit.
- The drain limit is `drain_s` after the last due time within `duration_s`: after `duration_s` itself as long as more may
  fall due, after the last due time that there was otherwise.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import NamedTuple

import numpy as np

from servegen_fw.data.plan import Plan

NEVER = 2**62


class Turn(NamedTuple):
    """A turn that may leave.

    Attributes
    ----------
        row: in the workload.
        due_ns: what its latency counts from, in run time.
        leave_ns: when it may leave; later than `due_ns` only for a planned turn whose parent ended late.
    """

    row: int
    due_ns: int
    leave_ns: int


class Schedule:
    """The turns of one plan, in the order in which they leave."""

    def __init__(self, plan: Plan) -> None:
        workload = plan.workload
        self._closed = plan.mode == "closed"
        self._planned = plan.sessions == "planned"
        self._end_ns = _ns(plan.duration_s)
        self._drain_ns = _ns(plan.drain_s)
        # Lists: reading one number out of an array costs more than all else that is done with it here.
        self._child: list[int] = workload.child.tolist()
        self._think_ns: list[int] = np.rint(workload.think_s * 1e9).astype(np.int64).tolist()
        roots = np.flatnonzero(workload.parent < 0)
        if self._closed:
            due = np.zeros(len(roots), np.int64)
            self._places = deque([0] * plan.concurrency)
        else:
            due = np.rint(workload.due_s[roots] * 1e9).astype(np.int64)
            order = np.argsort(due, kind="stable")
            order = order[: np.searchsorted(due[order], self._end_ns)]
            roots, due = roots[order], due[order]
            self._places = deque()
        self._roots: list[int] = roots.tolist()
        self._due: list[int] = due.tolist()
        self._n = len(self._roots)
        self._next = 0
        self._waiting: list[tuple[int, int, int]] = []
        self._parents = 0
        self._last_due_ns = 0

    def next_ns(self) -> int:
        """Return when the next turn leaves, as far as is known; `NEVER` if none does."""
        first = NEVER
        if self._next < self._n:
            if not self._closed:
                first = self._due[self._next]
            elif self._places and self._places[0] < self._end_ns:
                first = self._places[0]
        return min(first, self._waiting[0][0]) if self._waiting else first

    def pop(self, now_ns: int) -> Turn | None:
        """Return the next turn that leaves at or before `now_ns`, or None."""
        at_ns = self.next_ns()
        if at_ns > now_ns or at_ns == NEVER:
            return None
        if self._waiting and self._waiting[0][0] == at_ns:
            _, row, due_ns = heapq.heappop(self._waiting)
        else:
            row = self._roots[self._next]
            due_ns = self._places.popleft() if self._closed else self._due[self._next]
            self._next += 1
        self._last_due_ns = max(self._last_due_ns, due_ns)
        if self._child[row] >= 0:
            self._parents += 1
        return Turn(row, due_ns, at_ns)

    def ended(self, turn: Turn, done_ns: int, *, ok: bool) -> int:
        """Note that a turn ended; its next turn waits, or its place is free.

        Returns
        -------
            Row of the next turn of the session, -1 if there is none. Where `ok` is false that turn and all after it
            are lost.
        """
        child = self._child[turn.row]
        if child >= 0:
            self._parents -= 1
        if child >= 0 and ok:
            think_ns = self._think_ns[child]
            due_ns = turn.due_ns + think_ns if self._planned else done_ns + think_ns
            heapq.heappush(self._waiting, (max(due_ns, done_ns), child, due_ns))
        elif self._closed:
            self._places.append(done_ns)
        return child

    def rest(self, row: int) -> list[int]:
        """Return `row` and the rows of all later turns of its session."""
        rows = []
        while row >= 0:
            rows.append(row)
            row = self._child[row]
        return rows

    def limit_ns(self) -> int:
        """Return when the drain ends, as far as is known now; `NEVER` while nothing bounds it."""
        unplaced = self._closed and self._next < self._n
        more = self._parents > 0 or unplaced or self.next_ns() < self._end_ns
        last_ns = self._end_ns if more else min(self._last_due_ns, self._end_ns)
        return NEVER if last_ns >= NEVER else last_ns + self._drain_ns

    def exhausted(self) -> bool:
        """Whether no turn leaves any more unless one in flight leads to it."""
        next_ns = self.next_ns()
        return next_ns == NEVER or next_ns >= self.limit_ns()

    @property
    def offered(self) -> tuple[int, int]:
        """First turns that left, and first turns that there are to leave."""
        return self._next, self._n


def _ns(seconds: float) -> int:
    return NEVER if seconds * 1e9 >= NEVER else round(seconds * 1e9)
