"""Workloads, plans and engines for the tests, as factories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from servegen_fw_sim.backend import SimBackend
from servegen_fw_sim.job import Job, Limits
from servegen_fw_sim.options import SimOptions
from servegen_fw_sim.scheduler import Scheduler
from servegen_fw_sim.steptime import Coefficients, LinearStepTime

from servegen_fw.plugin import Clients, Items, Plan, Records, Workload

COEFFICIENTS = Coefficients(
    decode=6.93e-3,
    decode_sequence=15e-6,
    decode_context=43.5e-9,
    prefill=2.6e-3,
    prefill_token=20.2e-6,
    prefill_token2=0.45e-9,
)


class Listener:
    """A `Progress` that remembers what it was told."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []

    def update(self, **state: Any) -> None:
        """Remember."""
        self.updates.append(state)

    def journal(self, _records: Records, _rows: Any) -> None:
        """Refuse: a replay is over before a crash could cost anything."""
        raise AssertionError("the simulator keeps no journal")


def make_workload(
    due_s: Sequence[float],
    input_tokens: Any = 100,
    output_tokens: Any = 10,
    *,
    reason_tokens: Any = 0,
    turn: Any = 0,
    think_s: Any = 0.0,
    context_tokens: Any = 0,
    duration_s: float | None = None,
) -> Workload:
    """One client; a row with turn > 0 follows the row before it in the same session."""
    n = len(due_s)

    def column(value: Any, dtype: Any) -> Any:
        return np.ascontiguousarray(np.broadcast_to(np.asarray(value, dtype), (n,)))

    turns = column(turn, np.int32)
    later = turns > 0
    due = np.where(later, np.nan, np.asarray(due_s, np.float64))
    return Workload(
        due_s=due,
        client=np.zeros(n, np.int32),
        session=np.cumsum(~later) - 1,
        turn=turns,
        parent=np.where(later, np.arange(n) - 1, -1),
        think_s=np.where(later, column(think_s, np.float64), 0.0),
        input_tokens=column(input_tokens, np.int32),
        context_tokens=column(context_tokens, np.int32),
        output_tokens=column(output_tokens, np.int32),
        reason_tokens=column(reason_tokens, np.int32),
        prefix=np.full(n, -1, np.int64),
        prefix_tokens=np.zeros(n, np.int32),
        items=Items.none(n),
        clients=Clients(("c",), np.zeros(1, np.int16), ("g",)),
        duration_s=float(np.nanmax(due, initial=0.0)) + 1.0 if duration_s is None else duration_s,
    )


def make_plan(workload: Workload, **more: Any) -> Plan:
    """An open loop over the workload's window unless told otherwise."""
    options: dict[str, Any] = {
        "mode": "open",
        "duration_s": workload.duration_s,
        "drain_s": 1e6,
        "timeout_s": 1e9,
    }
    return Plan(workload=workload, payloads=None, **(options | more))


def replay(plan: Plan, **options: Any) -> Records:
    """Records of the plan on a simulated engine with these options."""
    return SimBackend(SimOptions(**options)).replay(plan, Listener())


def make_engine(blocks: int = 5000, *, jump: bool = True, scale: float = 1.0, **limits: Any) -> Scheduler:
    """A scheduler with the coefficients of an 8B model on an H100."""
    return Scheduler(LinearStepTime(COEFFICIENTS, scale), Limits(blocks=blocks, **limits), jump=jump)


def run_jobs(engine: Scheduler, arrivals: Sequence[tuple[float, Job]]) -> dict[int, float]:
    """Serve jobs that arrive at given times; time of delivery by row."""
    done: dict[int, float] = {}
    for at, job in [*arrivals, (float("inf"), None)]:
        while delivered := engine.advance(at):
            done.update((job.row, engine.time) for job in delivered)
        if job is not None:
            engine.add(job, at)
    return done


@attrs.frozen
class Kit:
    """What tests build with."""

    workload: Callable[..., Workload] = staticmethod(make_workload)
    plan: Callable[..., Plan] = staticmethod(make_plan)
    replay: Callable[..., Records] = staticmethod(replay)
    engine: Callable[..., Scheduler] = staticmethod(make_engine)
    run_jobs: Callable[..., dict[int, float]] = staticmethod(run_jobs)
    listener: Callable[[], Listener] = Listener
    coefficients: Coefficients = COEFFICIENTS


@pytest.fixture(scope="session")
def kit() -> Kit:
    """Factories of workloads, plans and engines."""
    return Kit()


@pytest.fixture(scope="session")
def measurements(shared_data: Path) -> Path:
    """Folder of published engine measurements; the test is skipped without it."""
    return shared_data / "engine_measurements"
