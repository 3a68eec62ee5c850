"""The kernel's times, event to event, and over which requests."""

from __future__ import annotations

import numpy as np
import pytest

from servegen_fw.data.records import CANCELLED, ERROR, OK, SKIPPED, TRUNCATED, Chunks
from servegen_fw.hooks.entries import NoOptions
from servegen_fw.judge import latencies

NAN = float("nan")


def values(make, run):
    """Values of a metric."""
    return make(NoOptions()).compute(run).values


@pytest.fixture
def one(build):
    """One request: due 1.0, start 1.01, sent 1.03, first 1.5, answer 2.0, last 3.5, done 3.6, eleven tokens."""
    return build(
        [1.0],
        start_s=[1.01],
        sent_s=[1.03],
        first_s=[1.5],
        answer_s=[2.0],
        last_s=[3.5],
        done_s=[3.6],
        output_tokens=11,
    )


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (latencies.ttft, 0.5),
        (latencies.ttfa, 1.0),
        (latencies.ttft_sent, 0.47),
        (latencies.e2e, 2.6),
        (latencies.tpot, 0.2),
        (latencies.lag, 0.01),
    ],
)
def test_each_time_goes_from_its_event_to_its_event(one, make, expected):
    """TTFT, first answer token, TTFT from sent, end to end, TPOT and lag of one request, by hand."""
    assert values(make, one) == pytest.approx([expected])


def test_ttft_counts_from_due_not_from_start(build):
    """A driver that starts a request two seconds late adds two seconds to its TTFT: no coordinated omission."""
    run = build([0.0], start_s=[2.0], sent_s=[2.0], first_s=[2.1], last_s=[3.0], done_s=[3.0])
    assert values(latencies.ttft, run) == pytest.approx([2.1])
    assert values(latencies.ttft_sent, run) == pytest.approx([0.1])


@pytest.mark.parametrize(
    "make", [latencies.ttft, latencies.ttfa, latencies.tpot, latencies.e2e, latencies.ttft_sent]
)
def test_a_request_without_success_has_no_latency(build, make):
    """Errors, truncated, cancelled and skipped requests are left out, not counted as 0."""
    run = build([0.0, 1.0, 2.0, 3.0, 4.0], status=[ERROR, TRUNCATED, CANCELLED, SKIPPED, OK])
    found = make(NoOptions()).compute(run)
    assert found.rows.tolist() == [4]
    assert found.requests == 1


def test_one_token_has_a_ttft_and_no_tpot(build):
    """A one-token output has a time to first token and no time per further token."""
    run = build([0.0, 1.0], output_tokens=[1, 3], first_s=[0.2, 1.2], last_s=[0.2, 1.6])
    assert values(latencies.ttft, run) == pytest.approx([0.2, 0.2])
    assert values(latencies.tpot, run) == pytest.approx([0.2])


def test_tpot_divides_by_the_servers_count(build):
    """Two chunks of three tokens each: five steps of time, not one."""
    run = build([0.0], output_tokens=6, chunks_n=[2], output_counted=[-1], first_s=[1.0], last_s=[2.0])
    assert values(latencies.tpot, run) == pytest.approx([0.2])


def test_reasoning_only_outputs_have_no_first_answer_token(build):
    """A request that only reasoned has a TTFT and no answer time."""
    run = build([0.0], answer_s=[NAN])
    assert len(values(latencies.ttft, run)) == 1
    assert len(values(latencies.ttfa, run)) == 0


def test_warm_up_requests_are_not_judged(build):
    """Requests due before the warm-up's end, and after the window, are left out."""
    run = build([0.0, 5.0, 9.0], warmup_s=4.0, duration_s=9.0)
    assert latencies.ttft(NoOptions()).compute(run).rows.tolist() == [1]


def test_lag_covers_failed_requests_too(build):
    """The driver is judged by every request that left, also those that the server failed."""
    run = build([0.0, 1.0, 2.0], start_s=[0.1, 1.2, NAN], status=[OK, ERROR, SKIPPED])
    assert values(latencies.lag, run) == pytest.approx([0.1, 0.2])


def test_lag_does_not_exist_on_a_virtual_clock(build):
    """Virtual time has no lag, rather than a lag of zero."""
    assert len(values(latencies.lag, build([0.0, 1.0], clock="virtual"))) == 0


def test_itl_is_every_gap_of_requests_that_succeeded(build, chunks_of):
    """Gaps of one request after another, none across requests, none of failed ones."""
    chunks = chunks_of([[1.0, 1.1, 1.4], [5.0, 5.5], [7.0]])
    run = build([0.0, 4.0, 6.0], chunks=chunks, status=[OK, ERROR, OK], chunks_n=[3, 2, 1])
    found = latencies.itl(NoOptions()).compute(run)
    assert sorted(found.values) == pytest.approx([0.1, 0.3])
    assert sorted(found.at_s) == pytest.approx([1.1, 1.4])
    assert found.requests == 1
    assert found.rows is None


def test_shared_steps_are_weighted_by_the_requests_that_waited(build):
    """Requests that decode on shared steps give the gaps they would give one by one."""
    steps = (np.array([0.1, 0.3, 0.6, 1.0, 1.5]) * 1e9).astype(np.int64)
    shared = Chunks(steps, np.array([0, 1]), np.array([0, 2]), np.array([4, 5]))
    run = build([0.0, 0.5], chunks=shared, chunks_n=[4, 3])
    found = latencies.itl(NoOptions()).compute(run)
    expected = sorted([0.2, 0.3, 0.4, 0.4, 0.5])
    assert sorted(np.repeat(found.values, found.weight.astype(int))) == pytest.approx(expected)


def test_itl_without_chunk_times_is_empty(build):
    """Without stored chunk times there is no ITL, rather than a guess."""
    assert len(values(latencies.itl, build([0.0]))) == 0


def test_values_know_their_rows_and_times(build):
    """Every per-request value names its workload row and its due time."""
    found = latencies.e2e(NoOptions()).compute(build([3.0, 1.0, 2.0], status=[OK, ERROR, OK]))
    assert found.rows.tolist() == [0, 2]
    assert found.at_s.tolist() == [3.0, 2.0]
