"""A million records judged: metrics with their intervals, the client table, gates and the verdict.

Run ``python benchmarks/records.py``. Prints seconds, and the ratio to a named baseline measured in the same run: the
same interval of p99 TTFT by numpy resampling (circular block bootstrap, 1,000 resamples, `numpy.partition` of each),
on a subsample of 20,000 requests, scaled linearly to the whole.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import attrs
import numpy as np

from servegen_fw.data.plan import Plan
from servegen_fw.data.records import OK, Chunks, Harness, Records
from servegen_fw.data.run import Run, Series
from servegen_fw.data.workload import Clients, Items, Workload
from servegen_fw.hooks.entries import NoOptions
from servegen_fw.hooks.registry import Registry
from servegen_fw.judge import bootstrap, cell, clients, gates, latencies, readings
from servegen_fw.judge.catalogue import METRICS
from servegen_fw.suite.model import Objective, Suite, WorkloadSpec

RESAMPLES = 1000
SUBSAMPLE = 20_000


def synthetic(n: int, senders: int, seed: int) -> tuple[Plan, Records]:
    """Make `n` requests of `senders` clients on one simulated engine: Lindley waits, decode on shared step times."""
    rng = np.random.default_rng(seed)
    gap_s = rng.exponential(0.05, n)
    due_s = np.cumsum(gap_s)
    service_s = rng.exponential(0.04, n)
    walk = np.cumsum(np.concatenate(([0.0], service_s[:-1] - gap_s[1:])))
    wait_s = walk - np.minimum.accumulate(walk)
    tokens = np.maximum(1, rng.exponential(200, n)).astype(np.int64)
    step_s = np.cumsum(rng.gamma(50.0, 0.02 / 50, int((due_s[-1] + 200) / 0.02)))
    begin = np.searchsorted(step_s, due_s + wait_s + 0.1)
    end = np.minimum(begin + tokens, len(step_s))
    step_ns = (step_s * 1e9).astype(np.int64)
    weight = 1.0 / np.arange(1, senders + 1)
    sender = np.searchsorted(np.cumsum(weight) / weight.sum(), rng.random(n)).astype(np.int32)
    workload = Workload(
        due_s=due_s,
        client=np.minimum(sender, senders - 1).astype(np.int32),
        session=np.arange(n),
        turn=np.zeros(n, np.int32),
        parent=np.full(n, -1),
        think_s=np.zeros(n),
        input_tokens=rng.integers(10, 4000, n).astype(np.int32),
        context_tokens=np.zeros(n, np.int32),
        output_tokens=(end - begin).astype(np.int32),
        reason_tokens=np.zeros(n, np.int32),
        prefix=np.full(n, -1),
        prefix_tokens=np.zeros(n, np.int32),
        items=Items.none(n),
        clients=Clients(tuple(f"c{i}" for i in range(senders)), np.zeros(senders, np.int16), ("all",)),
        duration_s=float(due_s[-1]) + 1.0,
    )
    records = Records.empty(n, Harness("virtual", float(step_s[-1])))
    due_ns = (due_s * 1e9).astype(np.int64)
    for column in (records.due_ns, records.start_ns, records.sent_ns):
        column[:] = due_ns
    records.first_ns[:] = records.answer_ns[:] = step_ns[begin]
    records.last_ns[:] = records.done_ns[:] = step_ns[end - 1]
    records.status[:] = OK
    for count in (records.output_reported, records.output_counted, records.chunks_n):
        count[:] = end - begin
    chunks = Chunks(step_ns, np.arange(n), begin, end)
    return Plan(workload, None, "open", workload.duration_s), attrs.evolve(records, chunks=chunks)


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """Best of `times` calls of a callable."""
    best = float("inf")
    for _ in range(times):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return best


def metrics_and_intervals(run: Run) -> None:
    """Every kernel metric with all its statistics and intervals."""
    for entry in METRICS:
        readings.row(entry.name, entry, readings.read(entry, run), run, ())


def baseline(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Interval of p99 by resampling blocks of requests with numpy."""
    n, rng = len(values), np.random.default_rng(1)
    u = (values <= np.quantile(values, 0.99)) - 0.99
    block = max(1, round(2 * bootstrap.block_length(u - u.mean())[0]))
    rank = int(0.99 * n)
    found = np.empty(RESAMPLES)
    for b in range(RESAMPLES):
        start = rng.integers(0, n, -(-n // block))
        at = ((start[:, None] + np.arange(block)) % n).ravel()[:n]
        found[b] = np.partition(values[at], rank)[rank]
    np.quantile(found, (0.025, 0.975))


def main(argv: list[str] | None = None) -> int:
    """Print the table; ``--json`` for machines, ``-n`` for the number of requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    plan, records = synthetic(options.n, options.clients, 7)
    run = Run.measured(plan, records)
    entry = METRICS[0]
    ttft = latencies.ttft(NoOptions()).compute(run)
    if not isinstance(ttft, Series):
        raise TypeError(ttft)
    part = ttft.values[: min(SUBSAMPLE, options.n)]
    suite = Suite(
        servegen=1,
        name="bench",
        targets={},
        workload=WorkloadSpec(groups=()),
        cases=(),
        slos=(Objective(metric="ttft", stat="p99", max=10.0), Objective(metric="goodput", min=0.9)),
    )
    registry = Registry.load(block=())
    figures = {
        "metrics and intervals, s": seconds(lambda: metrics_and_intervals(run)),
        "TTFT with mean, p50, p90, p99, s": seconds(lambda: readings.row("ttft", entry, ttft, run, ())),
        "client table and fairness, s": seconds(lambda: (clients.table(run), clients.jain(run))),
        "gates, s": seconds(lambda: gates.examine(run)),
        "whole cell, s": seconds(
            lambda: cell.judge(
                plan, records, case="c", target="t", repeat=0, suite=suite, registry=registry, facts={}
            ),
            times=1,
        ),
        "baseline, one interval of p99 by resampling, scaled, s": seconds(lambda: baseline(part), 1)
        * options.n
        / len(part),
    }
    ours = figures["TTFT with mean, p50, p90, p99, s"]
    figures["baseline over ours (ours: four statistics)"] = (
        figures["baseline, one interval of p99 by resampling, scaled, s"] / ours
    )
    steps = 0 if records.chunks is None else len(records.chunks.t_ns)
    if options.json:
        json.dump({"requests": options.n, "clients": options.clients} | figures, sys.stdout, indent=1)
        return 0
    print(f"{options.n:,} requests, {options.clients:,} clients, {steps:,} shared steps")
    for name, value in figures.items():
        print(f"{value:10.3f}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
