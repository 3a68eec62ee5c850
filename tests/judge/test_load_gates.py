"""Gates of the load."""

from __future__ import annotations

import numpy as np
import pytest

from servegen_fw.data.records import CANCELLED, ERROR, OK, PENDING, TRUNCATED
from servegen_fw.judge import load_gates

NAN = float("nan")


def statuses(build, n, bad, status, **more):
    """A run of `n` requests, one a second, of which the first `bad` have `status`."""
    return build(np.arange(float(n)), status=np.where(np.arange(n) < bad, status, OK), **more)


def test_a_window_without_requests_is_invalid(build):
    """Nothing due after the warm-up: invalid, with the cure."""
    gate = load_gates.window(build([0.0, 1.0], warmup_s=5.0, duration_s=9.0))
    assert (gate.status, gate.code) == ("invalid", "empty-window")
    assert "longer" in gate.cure


def test_a_window_without_success_is_invalid(build):
    """If nothing succeeded there is nothing to judge."""
    assert load_gates.window(statuses(build, 3, 3, ERROR)).code == "no-success"
    assert load_gates.window(statuses(build, 3, 2, ERROR)).status == "ok"


@pytest.mark.parametrize(("late", "status"), [(0, "ok"), (5, "warn"), (11, "invalid"), (500, "invalid")])
def test_requests_that_leave_after_the_window_were_not_offered(build, late, status):
    """Of 1,000 planned requests at least 99 % must have left by the window's end."""
    due = np.arange(1000.0)
    gate = load_gates.offered(build(due, start_s=np.where(due < late, 2000.0, due), duration_s=1000.0))
    assert (gate.status, gate.code) == (status, "offered-not-achieved")
    assert gate.value == pytest.approx(1 - late / 1000)


def test_a_driver_that_is_a_tenth_too_slow_is_found(build):
    """A driver at 0.9 of the rate leaves a tenth of the requests behind, and the message has both rates."""
    due = np.arange(1000.0) / 10
    gate = load_gates.offered(build(due, start_s=due / 0.9, duration_s=100.0))
    assert gate.status == "invalid"
    assert gate.value == pytest.approx(0.9, abs=0.005)
    assert "9.01 req/s of 10 req/s offered" in gate.message


def test_requests_that_never_left_were_not_offered(build):
    """A planned request without a start counts as not offered, also if its due time was never stamped."""
    due = np.arange(100.0)
    start = np.where(due < 50, NAN, due)
    assert load_gates.offered(build(due, start_s=start)).value == pytest.approx(0.5)
    assert load_gates.offered(build(np.where(due < 50, NAN, due), planned_s=due, start_s=start)).value == 0.5


def test_later_turns_count_from_when_they_became_due(build):
    """A reactive turn has no planned time; it counts once it was due, and not at all if it never was."""
    run = build([0.0, 5.0, NAN], planned_s=[0.0, NAN, NAN], start_s=[0.0, 5.0, NAN])
    assert load_gates.offered(run).value == 1.0


def test_closed_loops_offer_nothing(build):
    """With a fixed number in flight there is no offered rate to compare with."""
    run = build([0.0], mode="closed", concurrency=1)
    assert load_gates.offered(run).status == "n/a"


@pytest.mark.parametrize(("cut", "status"), [(0, "ok"), (1, "warn"), (10, "warn"), (11, "invalid")])
@pytest.mark.parametrize("kind", [CANCELLED, PENDING])
def test_requests_cut_off_bias_the_tail(build, cut, status, kind):
    """Up to 1 % of 1,000 requests cut off at the end is a warning, more is invalid: the slow ones are missing."""
    gate = load_gates.drained(statuses(build, 1000, cut, kind))
    assert (gate.status, gate.code) == (status, "not-drained")


@pytest.mark.parametrize(("failed", "status"), [(0, "ok"), (1, "warn"), (50, "warn"), (51, "invalid")])
def test_errors_are_a_warning_up_to_five_percent(build, failed, status):
    """Any error is told; beyond 5 % the rest describes another experiment."""
    gate = load_gates.errors(statuses(build, 1000, failed, ERROR))
    assert (gate.status, gate.code) == (status, "errors")
    assert gate.value == failed / 1000


def test_error_codes_are_told_most_frequent_first(build):
    """The message lists the codes with their numbers."""
    run = statuses(
        build, 100, 3, ERROR, code=np.where(np.arange(100) < 2, 2, 1), codes=("", "reset", "timeout")
    )
    assert "3 of 100 requests failed (3 %, limit 5 %): 2 timeout, 1 reset" in load_gates.errors(run).message


def test_truncated_streams_have_a_gate_of_their_own(build):
    """Truncation is told apart from errors."""
    run = statuses(build, 100, 6, TRUNCATED)
    assert load_gates.truncated(run).status == "invalid"
    assert load_gates.truncated(run).code == "truncated"
    assert load_gates.errors(run).status == "ok"


def test_without_requests_the_shares_are_unknown(build):
    """No judged request, no share of failures."""
    run = build([0.0], warmup_s=5.0, duration_s=9.0)
    assert load_gates.errors(run).status == load_gates.truncated(run).status == "unknown"
    assert load_gates.drained(run).status == "ok"
