"""Per-client figures against a loop over clients, and fairness."""

from __future__ import annotations

import math

import attrs
import numpy as np
import pytest

from servegen_fw.data.records import ERROR, OK
from servegen_fw.judge import clients


@pytest.fixture
def run(build):
    """3,000 requests of 40 clients of very different sizes, with failures, one-token outputs and a warm-up."""
    g = np.random.default_rng(1)
    due = np.sort(g.random(3000)) * 1000
    owner = np.minimum(g.geometric(0.12, 3000) - 1, 39)
    first = due + g.exponential(size=3000)
    tokens = g.integers(1, 30, 3000)
    run = build(
        due,
        client=owner,
        names=tuple(f"n{i}" for i in range(41)),
        group=np.arange(41) % 2,
        groups=("even", "odd"),
        first_s=first,
        last_s=first + tokens * 0.02,
        output_tokens=tokens,
        status=np.where(g.random(3000) < 0.1, ERROR, OK),
        warmup_s=100.0,
    )
    return attrs.evolve(run, good=g.random(3000) < 0.8)


def test_figures_equal_those_of_a_loop_over_clients(run):
    """Requests, failures, CV, quantiles, goodput and tokens of each client equal those computed for it alone."""
    table = clients.table(run)
    records, workload = run.records, run.workload
    for at, name in enumerate(table.name):
        rows = run.rows[workload.client[run.rows] == int(name[1:])]
        ok = rows[records.status[rows] == OK]
        ttft = (records.first_ns[ok] - records.due_ns[ok]) / 1e9
        several = ok[records.output_tokens[ok] > 1]
        tpot = (
            (records.last_ns[several] - records.first_ns[several])
            / 1e9
            / (records.output_tokens[several] - 1)
        )
        assert (table.requests[at], table.failed[at]) == (len(rows), len(rows) - len(ok))
        assert table.output_tokens[at] == records.output_tokens[rows].sum()
        assert table.goodput[at] == pytest.approx(run.good[rows].mean())
        for found, values, share in (
            (table.ttft_p50_s, ttft, 0.5),
            (table.ttft_p99_s, ttft, 0.99),
            (table.tpot_p50_s, tpot, 0.5),
        ):
            expected = np.quantile(values, share, method="inverted_cdf") if len(values) else math.nan
            assert found[at] == pytest.approx(expected, nan_ok=True)
        gaps = np.diff(np.sort(records.due_ns[rows]) / 1e9)
        expected = gaps.std() / gaps.mean() if len(gaps) >= 2 else math.nan
        assert table.cv[at] == pytest.approx(expected, nan_ok=True)


def test_clients_stand_by_number_of_requests(run):
    """Most requests first; a client that sent nothing in the window has no row; groups go with names."""
    table = clients.table(run)
    assert (np.diff(table.requests) <= 0).all()
    assert "n40" not in table.name
    assert table.requests.sum() == len(run.rows)
    assert all(
        group == ("even", "odd")[int(name[1:]) % 2]
        for name, group in zip(table.name, table.group, strict=True)
    )


def test_without_objectives_goodput_is_nan(run):
    """No per-request objective, no goodput."""
    assert np.isnan(clients.table(attrs.evolve(run, good=None)).goodput).all()


def test_a_client_that_always_fails_has_no_latency(build):
    """Its failures count and its latencies are NaN, not 0."""
    table = clients.table(build(np.arange(4.0), client=[0, 0, 1, 1], status=[OK, OK, ERROR, ERROR]))
    assert table.failed.tolist() == [0, 2]
    assert np.isnan(table.ttft_p50_s[1])
    assert np.isnan(table.cv).all()


def test_an_empty_window_has_an_empty_table(build):
    """Without judged requests the table has no rows, and fairness is unknown."""
    run = build([0.0], warmup_s=5.0, duration_s=9.0)
    assert clients.table(run).name == ()
    assert math.isnan(clients.jain(run))


def served(build, factor, prompts=None, n=4000):
    """A run of four clients whose TTFTs are `factor` times an exponential, per client."""
    g = np.random.default_rng(2)
    owner = np.arange(n) % 4
    due = np.arange(float(n))
    prompt = np.full(n, 100) if prompts is None else np.asarray(prompts)[owner]
    ttft = g.exponential(size=n) * np.asarray(factor)[owner]
    return build(due, client=owner, first_s=due + ttft, last_s=due + ttft + 1, input_tokens=prompt)


def test_equal_service_is_fair(build):
    """Clients served alike have an index near 1 (the sampling error of four means of 1,000 takes 0.001)."""
    assert clients.jain(served(build, [1, 1, 1, 1])) > 0.99


def test_one_client_that_bears_all_is_unfair(build):
    """If one client waits fifty times as long the index falls towards 1/4."""
    assert clients.jain(served(build, [1, 1, 1, 50])) == pytest.approx((53**2) / (4 * (3 + 2500)), rel=0.1)


def test_long_prompts_are_not_unfair(build):
    """A client whose longer prompts take longer is compared with requests of that length, not with short ones."""
    assert clients.jain(served(build, [1, 1, 1, 50], prompts=[100, 100, 100, 5000])) > 0.99


def test_small_clients_stay_out_of_fairness(build):
    """A client with fewer than ten successes has no mean to speak of; with one client left there is no index."""
    owner = np.where(np.arange(100) < 9, 1, 0)
    assert math.isnan(clients.jain(build(np.arange(100.0), client=owner)))
