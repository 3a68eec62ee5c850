"""Gates of the measuring side."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from servegen_fw.hooks.entries import NoOptions
from servegen_fw.judge import driver_gates
from servegen_fw.judge.latencies import lag

NAN = float("nan")


def late(build, lag_s, n=1000, **more):
    """A run whose requests start `lag_s` (one value or n) after they are due."""
    due = np.arange(float(n))
    return build(due, start_s=due + np.asarray(lag_s), **more)


@pytest.mark.parametrize(
    ("lag_s", "status"), [(0.001, "ok"), (0.003, "warn"), (0.0051, "invalid"), (0.038, "invalid")]
)
def test_lag_is_judged_by_its_p99(build, lag_s, status):
    """Up to 2.5 ms is ok, up to 5 a warning, beyond invalid; figure and limit stand in the gate."""
    gate = driver_gates.lag(late(build, lag_s))
    assert (gate.status, gate.code) == (status, "driver-lag")
    assert gate.value == pytest.approx(lag_s, rel=1e-6)
    assert gate.limit == driver_gates.LAG_LIMIT_S


def test_lag_ignores_one_late_request_in_two_hundred(build):
    """Half a percent of late requests does not reach p99; two percent do."""
    few, many = np.zeros(1000), np.zeros(1000)
    few[:5], many[:20] = 1.0, 1.0
    assert driver_gates.lag(late(build, few)).status == "ok"
    assert driver_gates.lag(late(build, many)).status == "invalid"


def test_lag_says_what_to_do(build):
    """The message has figure, limit and unit; the cure names a rate and the ways out."""
    gate = driver_gates.lag(late(build, 0.038))
    assert "p99 38 ms against a limit of 5 ms" in gate.message
    assert "lower the rate below 1.0 req/s" in gate.cure
    assert "idle machine" in gate.cure


def test_waiting_for_an_earlier_answer_is_no_lag(build):
    """A planned turn whose parent ends after its due time lags from the parent's end, not from its due time."""
    n = 400
    due = np.arange(float(n))
    parent = np.where(np.arange(n) % 2, np.arange(n) - 1, -1)
    done = due + np.where(np.arange(n) % 2, 0.5, 3.0)
    start = np.where(parent >= 0, done[parent] + 0.001, due)
    run = build(due, start_s=start, done_s=done)
    run = attrs.evolve(run, plan=attrs.evolve(run.plan, workload=attrs.evolve(run.workload, parent=parent)))
    gate = driver_gates.lag(run)
    assert (gate.status, gate.value) == ("ok", pytest.approx(0.001, rel=1e-6))
    assert lag(NoOptions()).compute(run).values.max() == pytest.approx(0.001, rel=1e-6)


def test_lag_does_not_apply_to_a_virtual_clock(build):
    """Virtual time has no lag: n/a, never ok."""
    gate = driver_gates.lag(late(build, 0.0, clock="virtual"))
    assert (gate.status, gate.message) == ("n/a", "n/a (virtual clock)")


def test_lag_without_any_start_is_unknown(build):
    """If no request left there is nothing to say about lag."""
    assert driver_gates.lag(build([0.0, 1.0], start_s=[NAN, NAN])).status == "unknown"


@pytest.mark.parametrize(
    ("stall_s", "status"),
    [([], "ok"), ([0.004] * 5000, "ok"), ([0.05, 0.04], "ok"), ([0.3, 0.2], "warn"), ([2.0], "invalid")],
)
def test_stalls_count_by_the_share_of_time_that_they_hide(build, stall_s, status):
    """Stalls over 5 ms in 100 s: 0.1 % is ok, up to 1 % a warning, beyond invalid; shorter ones do not count."""
    gate = driver_gates.stalls(build([0.0], stall_s=stall_s, wall_s=100.0))
    assert (gate.status, gate.code) == (status, "loop-stalls")
    assert bool(gate.cure) == (status != "ok")


def test_stalls_do_not_apply_to_a_virtual_clock(build):
    """A replay has no event loop to stall; a run of unknown length cannot be judged."""
    assert driver_gates.stalls(build([0.0], clock="virtual")).status == "n/a"
    assert driver_gates.stalls(build([0.0], wall_s=0.0)).status == "unknown"


@pytest.mark.parametrize(("cpu_s", "status"), [(50.0, "ok"), (95.0, "warn"), (NAN, "unknown")])
def test_a_busy_driver_is_a_warning(build, cpu_s, status):
    """Over nine tenths of a core the driver is near its limit; a warning, since lag and stalls tell the harm."""
    assert driver_gates.busy(build([0.0], cpu_s=cpu_s, wall_s=100.0)).status == status


def test_workers_share_the_processor_time(build):
    """Four workers may use four cores."""
    run = build([0.0], cpu_s=200.0, wall_s=100.0)
    assert driver_gates.busy(run).status == "warn"
    assert driver_gates.busy(type(run)(run.plan, run.records, run.rows, facts={"workers": 4})).status == "ok"


def test_an_interrupted_run_is_invalid(build):
    """A run that ended early says why."""
    gate = driver_gates.interrupted(build([0.0], interrupted="stopped by the user after 12 s"))
    assert gate.status == "invalid"
    assert "stopped by the user after 12 s" in gate.message
    assert driver_gates.interrupted(build([0.0])).status == "ok"
