"""Whatever a run looks like, judging it ends in a verdict that agrees with its gates and objectives."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from servegen_fw.data.records import ERROR, OK, STATUS_NAMES, Chunks
from servegen_fw.hooks.entries import NoOptions
from servegen_fw.judge import clients, latencies
from servegen_fw.judge.cell import judge
from servegen_fw.suite.model import Objective, Where

SLOS = (
    Objective(metric="ttft", stat="p90", max=0.6),
    Objective(metric="tpot", stat="p50", max=0.7, where=Where(turn=1)),
    Objective(metric="e2e", stat="mean", max=3.0, where=Where(client="client-1")),
    Objective(metric="goodput", min=0.3),
    Objective(metric="output-throughput", min=1.0),
    Objective(metric="error-share", max=0.03),
)


def random_run(build, seed):
    """A run with random sizes, statuses, clients, turns, missing times and counts; now and then empty or closed."""
    g = np.random.default_rng(seed)
    n = int(g.choice([0, 1, 7, 50, 900], p=[0.05, 0.05, 0.1, 0.1, 0.7]))
    due = np.sort(g.random(n)) * 100
    due[g.random(n) < g.choice([0.0, 0.05])] = np.nan
    start = due + g.exponential(g.choice([0.0002, 0.01]), n)
    first = start + g.exponential(0.2, n)
    last = first + g.exponential(1.0, n) * (g.random(n) < 0.9)
    first[g.random(n) < g.choice([0.0, 0.1])] = np.nan
    last[np.isnan(first)] = np.nan
    good = g.random(n) < g.choice([0.0, 0.5, 0.96, 1.0], p=[0.05, 0.05, 0.4, 0.5])
    closed = g.random() < 0.3
    return build(
        due,
        start_s=start,
        sent_s=start,
        first_s=first,
        answer_s=np.where(g.random(n) < 0.5, first, np.nan),
        last_s=last,
        done_s=last + 0.01,
        client=g.integers(0, 4, n),
        turn=g.integers(0, 3, n),
        status=np.where(good, OK, g.integers(0, len(STATUS_NAMES), n) if g.random() < 0.2 else ERROR),
        output_tokens=g.integers(0, 5, n),
        output_reported=g.integers(-1, 5, n),
        output_counted=g.integers(-1, 5, n),
        chunks_n=g.integers(0, 5, n),
        clock=str(g.choice(["monotonic", "virtual"])),
        cpu_s=float(g.choice([np.nan, 1.0])),
        interrupted=str(g.choice(["", "stopped"], p=[0.95, 0.05])),
        mode="closed" if closed else "open",
        concurrency=int(closed),
        warmup_s=float(g.choice([0.0, 10.0, 1000.0], p=[0.5, 0.45, 0.05])),
        duration_s=float(np.inf if closed else 100.0),
    )


@pytest.fixture(name="judged")
def _judged(build, suite_of, registry):
    """A random run and its cell, by seed."""

    def make(seed):
        run = random_run(build, seed)
        given = {"case": "c", "target": "t", "repeat": 0, "facts": {}}
        return run, judge(run.plan, run.records, suite=suite_of(*SLOS), registry=registry, **given)

    return make


def test_the_random_runs_reach_every_verdict(judged):
    """The runs below are not all of one kind: PASS, FAIL and INVALID each come up several times."""
    verdicts = [judged(seed)[1].verdict for seed in range(80)]
    assert min(verdicts.count(name) for name in ("PASS", "FAIL", "INVALID")) >= 5


@pytest.mark.parametrize("seed", range(80))
def test_any_run_gets_a_verdict_that_agrees_with_what_it_shows(judged, seed):
    """No run raises or warns; INVALID, FAIL and PASS follow from gates and objectives, and intervals hold their value."""
    run, cell = judged(seed)
    bad = any(gate.status == "invalid" for gate in cell.gates)
    unknown = any(result.status == "unknown" for result in cell.objectives)
    missed = any(result.status == "missed" for result in cell.objectives)
    assert cell.verdict == ("INVALID" if bad or unknown else "FAIL" if missed else "PASS")
    assert bool(cell.reasons) == (cell.verdict != "PASS")
    assert len(cell.objectives) == len(SLOS)
    assert sum(cell.counts[name] for name in STATUS_NAMES) == len(run.records)
    for row in cell.metrics:
        for estimate in row.stats.values():
            assert not estimate.low > estimate.value
            assert not estimate.high < estimate.value
            assert estimate.note or estimate.trustworthy


@pytest.mark.parametrize("seed", range(10))
def test_gaps_of_shared_and_preempted_segments_equal_those_one_by_one(build, seed):
    """Requests that share steps, some preempted into several segments, have the gaps of their own stamps in a row."""
    g = np.random.default_rng(seed)
    steps = np.cumsum(g.integers(1, 10**8, 400))
    request, begin, end, stamps = [], [], [], []
    for row in range(30):
        cuts = np.sort(g.choice(400, size=2 * int(g.integers(1, 4)), replace=False))
        own = []
        for a, b in zip(cuts[::2], cuts[1::2], strict=True):
            request.append(row)
            begin.append(int(a))
            end.append(int(b))
            own.append(steps[a:b])
        stamps.append(np.concatenate(own))
    chunks = Chunks(steps, np.array(request), np.array(begin), np.array(end))
    status = np.where(g.random(30) < 0.7, OK, 2)
    run = build(np.zeros(30), chunks=chunks, status=status, chunks_n=[len(own) for own in stamps])
    found = latencies.itl(NoOptions()).compute(run)
    expected = np.concatenate([np.diff(own) for own, s in zip(stamps, status, strict=True) if s == OK]) / 1e9
    weight = np.ones(len(found.values)) if found.weight is None else found.weight
    repeated = np.repeat(found.values, weight.astype(int))
    np.testing.assert_allclose(np.sort(repeated), np.sort(expected), rtol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_quantiles_per_owner_equal_those_of_each_owner(seed):
    """One sort over all owners gives the type 1 quantiles of every owner, ties and absent owners included."""
    g = np.random.default_rng(seed)
    owner = g.integers(0, 20, 500).astype(np.int32)
    owner[owner == 7] = 8
    values = np.round(g.exponential(size=500), 1)
    shares = (0.1, 0.5, 0.99)
    for share, found in zip(shares, clients.quantiles(owner, values, 20, shares), strict=True):
        for who in range(20):
            own = values[owner == who]
            if len(own):
                assert found[who] == np.quantile(own, share, method="inverted_cdf")
            else:
                assert np.isnan(found[who])


def test_a_client_table_of_a_hundred_thousand_clients(build):
    """Many clients with few requests each cost no loop: every client is there with its own count."""
    owner = np.random.default_rng(1).permutation(np.repeat(np.arange(100_000), 2))
    run = build(np.sort(np.random.default_rng(2).random(200_000)), client=owner)
    run = attrs.evolve(run, good=np.ones(200_000, np.bool_))
    table = clients.table(run)
    assert len(table.name) == 100_000
    assert set(table.requests) == {2}
    assert np.isnan(table.cv).all()
