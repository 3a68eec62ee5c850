"""Shares, throughputs and rates of a run."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from servegen_fw.data.records import CANCELLED, ERROR, OK
from servegen_fw.hooks.entries import NoOptions
from servegen_fw.judge import totals

NAN = float("nan")


def value(make, run):
    """Value of a scalar metric."""
    return make(NoOptions()).compute(run).value


def test_throughput_counts_ends_inside_the_window(build):
    """Requests that end well inside the window count, whenever they were due; errors and later ends do not."""
    run = build(
        [0.0, 5.0, 6.0, 7.0],
        done_s=[4.5, 6.0, 6.5, 20.0],
        status=[OK, OK, ERROR, OK],
        warmup_s=4.0,
        duration_s=10.0,
    )
    assert value(totals.throughput, run) == pytest.approx(2 / 6)


def test_an_overloaded_server_does_not_reach_the_offered_rate(build):
    """With every answer after the window, throughput is 0 although all requests succeed in the drain."""
    run = build(np.arange(10.0), done_s=np.arange(10.0) + 50, duration_s=10.0)
    assert value(totals.throughput, run) == 0.0
    assert value(totals.offered_rate, run) == 1.0


def test_a_closed_loop_counts_its_last_request(build):
    """In closed mode the window ends with the last request, which belongs to it."""
    run = build([0.0, 1.1, 2.3], done_s=[1.1, 2.3, 3.7], mode="closed", concurrency=1, duration_s=math.inf)
    assert value(totals.throughput, run) == pytest.approx(3 / 3.7)


def test_input_tokens_count_when_the_first_token_comes(build):
    """Prompt tokens count at the first token: that is when their work is done."""
    run = build([0.0, 1.0], first_s=[0.5, 3.0], input_tokens=[100, 900], duration_s=2.0)
    assert value(totals.input_throughput, run) == pytest.approx(50.0)


def test_output_tokens_are_spread_over_their_generation(build):
    """Of 11 tokens from 1 s to 3 s the window that ends at 2 s holds the first and half of the ten others."""
    run = build([0.0], first_s=[1.0], last_s=[3.0], done_s=[3.0], output_tokens=11, duration_s=2.0)
    assert value(totals.output_throughput, run) == pytest.approx(6.0 / 2.0)


def test_spread_evenly_is_the_sum_request_by_request():
    """The prefix sums over all requests equal the tokens of each request in each bin, added one by one."""
    g = np.random.default_rng(1)
    first = g.random(200) * 12 - 1
    last = first + np.where(g.random(200) < 0.2, 0.0, g.random(200) * 3)
    tokens = g.integers(1, 50, 200).astype(float)
    borders = np.linspace(0.0, 10.0, 21)
    expected = np.zeros(20)
    for a, b, n in zip(first, last, tokens, strict=True):
        once = n if a == b else 1.0
        begun = np.searchsorted(borders, a, side="right") - 1
        if 0 <= begun < 20:
            expected[begun] += once
        if b > a:
            overlap = np.clip(np.minimum(borders[1:], b) - np.maximum(borders[:-1], a), 0, None)
            expected += (n - once) * overlap / (b - a)
    np.testing.assert_allclose(totals.spread_evenly(first, last, tokens, borders), expected, atol=1e-9)


def test_throughput_has_an_interval_around_it(build):
    """Steady traffic gives output tokens per second with an interval that holds the planned rate."""
    due = np.cumsum(np.random.default_rng(2).exponential(0.1, 3000))
    run = build(due, output_tokens=20, warmup_s=10.0, duration_s=290.0)
    found = totals.output_throughput(NoOptions()).compute(run)
    assert found.low < 200.0 < found.high
    assert found.high - found.low < 60.0
    assert found.unit == "tokens/s"


def test_where_applies_to_throughput_also_outside_the_window(build):
    """Cut down to one client, throughput counts that client's ends, those due in the warm-up included."""
    run = build([0.0, 5.0, 6.0], done_s=[5.0, 6.0, 7.0], client=[1, 1, 0], warmup_s=4.0, duration_s=8.0)
    part = run.only(run.workload.client == 1)
    assert value(totals.throughput, part) == pytest.approx(2 / 4)
    assert value(totals.offered_rate, part) == pytest.approx(1 / 4)


def test_error_share_counts_every_request_without_success(build):
    """Errors, cancelled and pending requests over all judged."""
    run = build(np.arange(4.0), status=[OK, ERROR, CANCELLED, 0])
    found = totals.error_share(NoOptions()).compute(run)
    assert (found.value, found.n, found.method) == (0.75, 4, "Wilson")


def test_goodput_is_the_share_of_good_requests(build):
    """Good requests over judged ones; without per-request objectives there is none."""
    run = build(np.arange(4.0))
    assert math.isnan(value(totals.goodput, run))
    run = attrs.evolve(run, good=np.array([True, False, True, True]))
    assert value(totals.goodput, run) == 0.75


def test_rates_are_exact_counts(build):
    """Offered and achieved rates are counts over the window, marked as exact."""
    run = build([0.0, 1.0, 2.0, 3.0], start_s=[0.0, 1.0, 4.5, NAN], duration_s=4.0)
    offered = totals.offered_rate(NoOptions()).compute(run)
    assert (offered.value, offered.method) == (1.0, "exact count")
    assert value(totals.achieved_rate, run) == 0.5


def test_an_empty_run_has_no_figures(build):
    """Without requests nothing is computed, and nothing raises."""
    run = build([], duration_s=0.0)
    for make in (totals.throughput, totals.input_throughput, totals.output_throughput, totals.offered_rate):
        assert math.isnan(value(make, run))
    assert math.isnan(value(totals.error_share, run))
