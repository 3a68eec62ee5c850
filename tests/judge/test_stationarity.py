"""The gate of drift: it finds a growing queue and leaves a busy but steady one alone."""

from __future__ import annotations

import numpy as np

from servegen_fw.data.records import ERROR
from servegen_fw.judge.stationarity import stationary


def run_of(build, ttft_s, due_s=None, **more):
    """A run with given TTFTs, one request a second unless told otherwise."""
    due = np.arange(float(len(ttft_s))) if due_s is None else due_s
    return build(due, first_s=due + ttft_s, last_s=due + ttft_s + 1, done_s=due + ttft_s + 1, **more)


def test_a_growing_queue_is_found(build):
    """An overloaded server's TTFT rises through the window: a warning that says to lower the rate."""
    g = np.random.default_rng(1)
    gate = stationary(run_of(build, np.linspace(0.1, 20.0, 2000) * g.lognormal(0, 0.3, 2000)))
    assert (gate.status, gate.code) == ("warn", "drift")
    assert "lower the rate" in gate.cure
    assert "first half" in gate.message


def test_a_queue_that_grows_like_clockwork_is_found(build):
    """A straight line without any noise is a trend, too."""
    assert stationary(run_of(build, np.linspace(0.1, 20.0, 1000))).status == "warn"


def test_a_server_that_warms_up_is_found(build):
    """Latency that falls through the window asks for a longer warm-up."""
    g = np.random.default_rng(2)
    gate = stationary(run_of(build, np.linspace(2.0, 0.5, 2000) * g.lognormal(0, 0.3, 2000)))
    assert gate.status == "warn"
    assert "warm-up" in gate.cure


def test_a_steady_busy_queue_is_left_alone(build, queue):
    """At 80 % load, busy periods and all, at most 5 of 100 steady windows alarm (0.3 % measured over 300: false alarm 1e-6)."""
    alarms = [stationary(run_of(build, row)).status == "warn" for row in queue(100, 5000, 0.8, 3)]
    assert sum(alarms) <= 5


def test_independent_latencies_do_not_alarm(build):
    """Steady independent latencies alarm in none of 100 windows (0.1 of them expected; medians move under 10 %)."""
    g = np.random.default_rng(4)
    assert not any(stationary(run_of(build, g.lognormal(0, 1, 1000))).status == "warn" for _ in range(100))


def test_a_drift_too_small_to_matter_is_ok(build):
    """A trend of five percent is significant in 20,000 requests, and no reason for a warning."""
    g = np.random.default_rng(5)
    gate = stationary(run_of(build, np.linspace(1.0, 1.1, 20_000) * g.lognormal(0, 0.05, 20_000)))
    assert gate.status == "ok"


def test_a_ramp_is_expected_to_move_latency(build):
    """If the offered load itself changes, the gate does not apply and says so."""
    due = np.sort(np.sqrt(np.random.default_rng(6).random(2000))) * 1000
    gate = stationary(run_of(build, np.linspace(0.1, 9.0, 2000), due))
    assert gate.status == "n/a"
    assert "the offered load itself changes" in gate.message


def test_few_requests_cannot_tell(build):
    """Below 200 successes the gate is unknown, not ok."""
    assert stationary(run_of(build, np.ones(199))).status == "unknown"
    assert stationary(run_of(build, np.ones(300), status=np.full(300, ERROR))).status == "unknown"


def test_constant_latency_is_steady(build):
    """No variation at all is no drift."""
    assert stationary(run_of(build, np.ones(500))).status == "ok"
