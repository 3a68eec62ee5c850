"""Runs a plan against the scheduler in virtual time: arrivals, ends, sessions, time limits and the drain."""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING

import attrs

from servegen_fw.plugin import Schedule
from servegen_fw_sim.job import Job
from servegen_fw_sim.outcome import CANCELLED, ERROR, OK, Outcome

if TYPE_CHECKING:
    from collections.abc import Hashable

    from servegen_fw.plugin import Plan, Progress, Turn
    from servegen_fw_sim.scheduler import Scheduler

CONTEXT_LENGTH = "context-length"
TIMEOUT = "timeout"
DRAIN = "drain"
INTERRUPTED = "interrupted"

NEVER = 1 << 62
"""What `Schedule` answers for "never", in ns."""

UPDATES = 200


@attrs.define(eq=False)
class Flight:
    """A request that left and has not ended for its client."""

    turn: Turn
    start_ns: int
    job: Job
    landed: bool = False


class Replay:
    """One run. Times are int nanoseconds of virtual time; the scheduler's are float seconds.

    The scheduler is brought up to the next moment at which anything happens outside of it: a turn leaves, an answer's
    end reaches its client (`api_ns` after it left the engine), a request's time is up, or the drain ends.
    """

    def __init__(self, plan: Plan, scheduler: Scheduler, *, api_s: float, progress: Progress) -> None:
        workload = plan.workload
        self.outcome = Outcome(len(workload))
        self.drained = True
        self.interrupted = ""
        self.now_ns = 0
        self._scheduler = scheduler
        self._schedule = Schedule(plan)
        self._news = True  # whether the schedule's next times may have changed
        self._leave_ns = self._limit_ns = NEVER
        self._progress = progress
        self._api_s = api_s
        self._timeout_ns = NEVER if plan.timeout_s * 1e9 >= NEVER else round(plan.timeout_s * 1e9)
        self._inside_ns = plan.duration_s * 1e9
        # A server refuses a request for no token at all, so live runs ask for one; this is the same request.
        self._prompt = workload.prompt_tokens.clip(1).tolist()
        self._output = workload.output_tokens.clip(1).tolist()
        self._context = workload.context_tokens.tolist()
        self._prefix = workload.prefix.tolist()
        self._prefix_tokens = workload.prefix_tokens.tolist()
        self._child = workload.child.tolist()
        self._actual = plan.history == "actual"
        self._follows: dict[int, tuple[Hashable, int]] = {}  # waiting turn -> (key, reusable tokens)
        self._flights: dict[int, Flight] = {}
        self._deadlines: deque[tuple[int, Flight]] = deque()
        self._landing: deque[tuple[int, Job]] = deque()
        self._left = self._ended = self._failed = 0
        horizon_s = min(plan.duration_s, workload.duration_s)
        self._update_every_ns = max(1, int((horizon_s if 0 < horizon_s < inf else 60.0) * 1e9 / UPDATES))
        self._update_ns = self._updates = 0

    def run(self) -> None:
        """Run to the end of the drain. Ctrl-C ends it early, with what is in flight cancelled."""
        try:
            while self._turn_of_events():
                pass
        except KeyboardInterrupt:
            self.interrupted = INTERRUPTED
            for flight in list(self._flights.values()):
                self._land(flight, self.now_ns, CANCELLED, INTERRUPTED)
        self._tell()

    def _turn_of_events(self) -> bool:
        """Handle what happens next; False at the end of the run."""
        scheduler = self._scheduler
        if self._news:
            self._leave_ns, self._limit_ns = self._schedule.next_ns(), self._schedule.limit_ns()
            self._news = False
        leave_ns, limit_ns = self._leave_ns, self._limit_ns
        if not self._flights and (leave_ns >= limit_ns or leave_ns >= NEVER):
            return False
        deadlines = self._deadlines
        while deadlines and deadlines[0][1].landed:
            deadlines.popleft()
        timeout_ns = deadlines[0][0] if deadlines else NEVER
        at_ns = min(leave_ns, timeout_ns, limit_ns)
        if self._landing:
            at_ns = min(at_ns, self._landing[0][0])
        delivered = scheduler.advance(inf if at_ns >= NEVER else at_ns / 1e9)
        if delivered:
            done_ns = int((scheduler.time + self._api_s) * 1e9)
            self._landing.extend((done_ns, job) for job in delivered)
            return True
        if at_ns >= NEVER:
            raise RuntimeError(f"{len(self._flights)} requests in flight will never end")
        self.now_ns = at_ns
        if at_ns >= self._update_ns:
            self._tell()
        if self._landing and self._landing[0][0] == at_ns:
            self._arrived(self._landing.popleft()[1], at_ns)
        elif timeout_ns == at_ns:
            self._cancel(deadlines.popleft()[1], at_ns, ERROR, TIMEOUT)
        elif limit_ns == at_ns:
            self._cut(at_ns)
            return False
        else:
            self._leave(at_ns)
        return True

    def _leave(self, at_ns: int) -> None:
        """Start the turns that leave now."""
        self._news = True
        while (turn := self._schedule.pop(at_ns)) is not None:
            row = turn.row
            prompt, output = self._prompt[row], self._output[row]
            key, reusable = self._follows.pop(row, (row if self._child[row] >= 0 else None, 0))
            prefix = self._prefix[row]
            job = Job(
                row,
                prompt,
                output,
                key=key,
                reusable=reusable,
                prefix=prefix if prefix >= 0 else None,
                prefix_tokens=min(self._prefix_tokens[row], prompt),
            )
            flight = Flight(turn, at_ns, job)
            self._left += 1
            self._flights[row] = flight
            if not self._scheduler.fits(prompt, output):
                self._land(flight, at_ns, ERROR, CONTEXT_LENGTH)
                continue
            self._scheduler.add(job, at_ns / 1e9)
            if self._timeout_ns < NEVER:
                self._deadlines.append((at_ns + self._timeout_ns, flight))

    def _arrived(self, job: Job, at_ns: int) -> None:
        """Take note that the end of an answer reached its client."""
        flight = self._flights.get(job.row)
        if flight is None:  # its time was up, or the run was, when the end was on its way
            return
        child = self._child[job.row]
        if child >= 0:
            computed = job.prompt + job.output - 1 if self._actual else job.prompt
            self._follows[child] = (job.key, min(self._context[child], computed))
        self._land(flight, at_ns, OK, "")

    def _cancel(self, flight: Flight, at_ns: int, status: int, code: str) -> None:
        self._scheduler.cancel(flight.job)
        self._land(flight, at_ns, status, code)

    def _cut(self, at_ns: int) -> None:
        """End the drain."""
        for flight in list(self._flights.values()):
            if flight.turn.due_ns < self._inside_ns:
                self.drained = False
            self._cancel(flight, at_ns, CANCELLED, DRAIN)

    def _land(self, flight: Flight, at_ns: int, status: int, code: str) -> None:
        """End a request for its client and let its session or place go on."""
        turn = flight.turn
        flight.landed = self._news = True
        del self._flights[turn.row]
        self._ended += 1
        ok = status == OK
        self.outcome.end(
            turn, start_ns=flight.start_ns, done_ns=at_ns, status=status, code=code, cached=flight.job.cached
        )
        child = self._schedule.ended(turn, at_ns, ok=ok)
        if not ok:
            self._failed += 1
            for row in self._schedule.rest(child):
                self.outcome.skip(row)

    def _tell(self) -> None:
        self._updates += 1
        if self._updates % UPDATES == 0:  # the run is longer than the plan's window told
            self._update_every_ns *= 2
        self._update_ns = self.now_ns + self._update_every_ns
        self._progress.update(
            at_s=self.now_ns / 1e9,
            due=self._left,
            done=self._ended,
            in_flight=len(self._flights),
            errors=self._failed,
            lag_s=0.0,
        )
