"""A finished run: its window, its rows, and the same run cut down."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from servegen_fw.data.plan import Plan
from servegen_fw.data.records import ERROR, OK, Harness, Records
from servegen_fw.data.run import Observations, Run, Scalar
from servegen_fw.data.workload import Clients, Items, Workload


def run_of(due_s, done_s, status=None, **plan):
    """A run of requests with given due and end times."""
    n = len(due_s)
    columns = {name: np.zeros(n, np.int32) for name in ("client", "turn", "input_tokens", "context_tokens")}
    columns |= {name: np.ones(n, np.int32) for name in ("output_tokens", "reason_tokens", "prefix_tokens")}
    workload = Workload(
        due_s=np.asarray(due_s, float),
        session=np.arange(n),
        parent=np.full(n, -1),
        think_s=np.zeros(n),
        prefix=np.full(n, -1),
        items=Items.none(n),
        clients=Clients(("a",), np.zeros(1, np.int16), ("all",)),
        duration_s=100.0,
        **columns,
    )
    records = Records.empty(n, Harness("virtual", 1.0))
    records.due_ns[:] = (np.asarray(due_s) * 1e9).astype(np.int64)
    records.done_ns[:] = (np.asarray(done_s) * 1e9).astype(np.int64)
    records.status[:] = OK if status is None else status
    settings = {"mode": "open", "duration_s": 10.0} | plan
    return Run.measured(Plan(workload, None, **settings), records)


def test_measured_rows_are_due_in_the_window():
    """Judged are requests due from the end of the warm-up on and before the end of the case."""
    run = run_of([0.0, 2.0, 9.999, 10.0], [1.0, 3.0, 11.0, 12.0], warmup_s=2.0)
    assert run.rows.tolist() == [1, 2]


def test_a_turn_that_was_never_due_is_not_judged():
    """A due time of -1 lies in no window, not even in one without warm-up."""
    run = run_of([0.0, 1.0], [1.0, 2.0])
    records = attrs.evolve(run.records, due_ns=np.array([-1, 10**9]))
    assert Run.measured(run.plan, records).rows.tolist() == [1]


def test_ok_rows_are_those_that_succeeded():
    """`ok` is the judged rows with success."""
    assert run_of([1.0, 2.0], [1.0, 2.0], status=[ERROR, OK]).ok.tolist() == [1]


def test_window_of_an_open_run_is_the_planned_one():
    """In open mode the window is the case without its warm-up, whatever the server did."""
    assert run_of([1.0], [50.0], warmup_s=2.0).window_s == 8.0


def test_window_of_a_closed_run_ends_with_the_last_request():
    """In closed mode, which has no planned end, the window ends with the last judged request."""
    run = run_of([1.0, 3.0], [4.0, 7.0], mode="closed", concurrency=1, duration_s=math.inf, warmup_s=2.0)
    assert run.rows.tolist() == [1]
    assert run.window_s == pytest.approx(5.0)


def test_only_cuts_rows_and_scope_down_together():
    """A filter applies to judged rows and to the rows that throughput counts, and filters add up."""
    run = run_of([1.0, 3.0, 4.0, 5.0], [1.0, 3.0, 4.0, 5.0], warmup_s=2.0)
    assert run.scoped.tolist() == [0, 1, 2, 3]
    part = run.only(np.array([True, True, False, True]))
    assert (part.rows.tolist(), part.scoped.tolist()) == ([1, 3], [0, 1, 3])
    again = part.only(np.array([True, False, True, True]))
    assert (again.rows.tolist(), again.scoped.tolist()) == ([3], [0, 3])


def test_at_judges_given_rows_of_the_same_run():
    """`at` changes the rows and nothing else."""
    run = run_of([1.0, 3.0], [1.0, 3.0])
    assert run.at(np.array([1])).rows.tolist() == [1]
    assert run.at(np.array([1])).records is run.records


def test_no_observations_is_an_empty_table():
    """A run without observers has a table without rows."""
    assert len(run_of([1.0], [1.0]).observations.t_ns) == 0
    assert Observations.none().names == ()


def test_a_scalar_without_interval_has_none():
    """Ends that its maker cannot justify are NaN."""
    assert math.isnan(Scalar(1.0, "s", "lower").low)
