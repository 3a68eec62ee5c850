"""Speed of the simulated engine: requests per second of processor time, jumping against one step at a time.

Run: ``python benchmarks/simulator.py [--requests N]``. Both runs are made in the same process on the same workload, and
their results are compared, so that the ratio is of equal work.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from servegen_fw_sim.backend import SimBackend
from servegen_fw_sim.options import SimOptions

from servegen_fw.plugin import Clients, Items, Plan, Records, Workload


class Silent:
    """A `Progress` that tells nobody."""

    def update(self, **_state: object) -> None:
        """Tell nothing."""

    def journal(self, _records: Records, _rows: object) -> None:
        """Store nothing."""


def workload(requests: int, rate: float, output: float, seed: int = 0) -> Workload:
    """Poisson arrivals, log-normal prompts (median 245 tokens), exponential outputs."""
    rng = np.random.default_rng(seed)
    due_s = np.cumsum(rng.exponential(1 / rate, requests))
    zeros = np.zeros(requests, np.int32)
    return Workload(
        due_s=due_s,
        client=zeros,
        session=np.arange(requests),
        turn=zeros,
        parent=np.full(requests, -1),
        think_s=np.zeros(requests),
        input_tokens=np.clip(rng.lognormal(5.5, 1.2, requests), 1, 20_000).astype(np.int32),
        context_tokens=zeros,
        output_tokens=np.clip(rng.exponential(output, requests), 1, 20_000).astype(np.int32),
        reason_tokens=zeros,
        prefix=np.full(requests, -1),
        prefix_tokens=zeros,
        items=Items.none(requests),
        clients=Clients(("all",), np.zeros(1, np.int16), ("all",)),
        duration_s=float(due_s[-1]) + 1.0,
    )


def timed(plan: Plan, **options: object) -> tuple[float, Records, SimBackend]:
    """Processor seconds of one replay, its records, and the backend."""
    backend = SimBackend(SimOptions(**options))
    began = time.process_time()
    records = backend.replay(plan, Silent())
    return time.process_time() - began, records, backend


def main() -> None:
    """Print one line a load."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=50_000)
    requests = parser.parse_args().requests
    print(f"{requests} requests, Llama-3-8B on H100, one core")
    print(
        f"{'load':>8} {'output':>7} {'virtual':>9} {'batch':>6} {'jump':>10} {'single steps':>13} {'ratio':>6}  chunk times"
    )
    for rate, output in ((2.0, 220.0), (12.0, 220.0), (22.0, 220.0), (2.0, 1500.0)):
        plan = Plan(
            workload(requests, rate, output), None, "open", duration_s=float("inf"), timeout_s=float("inf")
        )
        fast_s, fast, backend = timed(plan)
        slow_s, slow, _ = timed(plan, jump=False)
        off_ns = int(np.abs(fast.last_ns - slow.last_ns).max())
        if off_ns > 1:
            raise SystemExit(f"results differ by {off_ns} ns")
        run = backend.facts()["run"]
        chunks = fast.chunks
        assert chunks is not None  # noqa: S101  (kept by default)
        megabytes = sum(a.nbytes for a in (chunks.t_ns, chunks.request, chunks.begin, chunks.end)) / 1e6
        print(
            f"{rate:>6g}/s {output:>7g} {fast.harness.wall_s / 3600:>7.2f} h {run['decode_tokens'] / run['steps']:>6.1f}"
            f" {requests / fast_s:>8,.0f}/s {requests / slow_s:>11,.0f}/s {slow_s / fast_s:>5.1f}x"
            f"  {megabytes:.1f} MB for {fast.chunks_n.sum() / 1e6:.1f} M tokens"
        )


if __name__ == "__main__":
    main()
