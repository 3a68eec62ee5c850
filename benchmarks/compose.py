"""How fast a million requests of real clients are composed, against a competent scipy implementation in the same run.

    python benchmarks/compose.py [--requests 1000000] [--repeats 5] [--data FOLDER]

The baseline does the same job the usual way, one client and ten-minute window after the other: `scipy.stats.gamma.rvs` or
`scipy.stats.weibull_min.rvs` draws the gaps of the window in one call, with its shape as a scalar; `numpy.cumsum` puts them
on a circle, which is turned by a random angle; and each field is drawn by its inverse distribution function, with
`numpy.searchsorted` in the table of that client and window. At the end everything is concatenated, sorted by time with
`numpy.argsort` and becomes a `Workload` of the same columns. It has no trick of ours (no search over all tables at once, no
indexed search, no draws across windows, no packed sort keys) and no handicap either: tables are cut once, nothing is drawn
request by request, and the Weibull shape is a power of the CV (Justus and others 1978) instead of a solver. It does less
than `compose`: one generator for all (so that any change of the pool changes everything), no sample-CV correction, no
ordinals within a client, no borrowing of tables, no checks, no notes.

Both draw the same pool for the same length of time. Repeats are interleaved, the ratio is that of the medians, and peak
memory is that of a process of its own. Timings are of one process on whatever cores numpy's single-threaded calls use,
which is one.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import numpy as np

from servegen_fw.data.pool import ClientPool, Tables
from servegen_fw.data.workload import Clients, Items, Workload
from servegen_fw.hooks.entries import Choice, NoOptions, ReaderEntry
from servegen_fw.hooks.protocols import GapFamily
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.model import Group, Load, WorkloadSpec
from servegen_fw.workload.compose import compose
from servegen_fw.workload.streams import Streams

ROOT = Path(__file__).resolve().parent.parent


@attrs.frozen
class Source:
    """A reader whose pool is at hand."""

    pool: ClientPool

    def read(self) -> ClientPool:
        """Return the pool."""
        return self.pool


def find_pool(data: Path, registry: Registry) -> ClientPool:
    """Return the published deepseek-r1 clients if they are here, else a synthetic pool of the same size."""
    if (data / "servegen").is_dir():
        entry, _ = registry.find("reader", "servegen-data")
        found = entry.product(entry.config(path=str(data / "servegen"), workload="deepseek-r1")).read()
        assert isinstance(found, ClientPool)  # noqa: S101 - told to the type checker
        return found
    return synthetic_pool()


def synthetic_pool() -> ClientPool:
    """Return 73 clients with Zipf rates over 144 windows, gamma and Weibull in turn, and tables of 1,000 values."""
    rng = np.random.default_rng(0)
    weight = 1 / np.arange(1, 74) ** 1.1
    count = np.rint(rng.uniform(0.5, 1.5, (73, 144)) * 9600 * weight[:, None] / weight.sum())
    value, mass = np.sort(rng.integers(1, 20_000, (8, 1000)), axis=1), rng.dirichlet(np.full(1000, 0.5), 8)
    cdf = np.cumsum(mass, axis=1)
    cdf[:, -1] = 1.0
    table = rng.integers(0, 8, (2, 73, 4)).astype(np.int32)
    return ClientPool(
        name="synthetic",
        clients=tuple(str(k) for k in range(73)),
        start_s=0.0,
        window_s=600.0,
        count=count,
        cv=rng.uniform(0.7, 3.0, count.shape),
        family=rng.integers(0, 2, count.shape).astype(np.int16),
        families=("gamma", "weibull"),
        fields=("input_tokens", "output_tokens"),
        tables=Tables(np.arange(0, 8001, 1000), value.ravel().astype(float), cdf.ravel()),
        table=table,
        table_window_s=21_600.0,
    )


def length_for(pool: ClientPool, requests: int) -> tuple[int, float]:
    """How many days' worth of windows hold so many requests: (times the pool is repeated, seconds of the last one)."""
    per_window = np.asarray(pool.count.sum(axis=0), float)
    rounds, rest = divmod(requests, int(per_window.sum()))
    windows = int(np.searchsorted(np.cumsum(per_window), rest)) + 1 if rest else 0
    return rounds, windows * pool.window_s


def repeated(pool: ClientPool, requests: int) -> tuple[ClientPool, float]:
    """Return the pool laid end to end until it holds so many requests, and the seconds that hold them."""
    rounds, rest_s = length_for(pool, requests)
    if not rounds:
        return pool, rest_s
    times = rounds + 1
    longer = attrs.evolve(
        pool,
        count=np.tile(pool.count, times),
        cv=np.tile(pool.cv, times),
        family=np.tile(pool.family, times),
        table=np.tile(pool.table, times),
    )
    return longer, rounds * pool.duration_s + rest_s


def ours(pool: ClientPool, duration_s: float, families: Mapping[str, GapFamily]) -> int:
    """Compose; return the number of requests."""
    source = Choice(ReaderEntry(name="given", make=lambda _: Source(pool)), NoOptions())
    spec = WorkloadSpec(groups=(Group(source=source),))
    workload: Workload = compose(spec, Load(duration_s=duration_s), Streams(1), families)
    return len(workload)


def baseline(pool: ClientPool, duration_s: float, families: Mapping[str, GapFamily]) -> int:  # noqa: ARG001 - same call
    """Draw the same pool with scipy.stats, window by window; return the number of requests."""
    from scipy import stats

    rng = np.random.default_rng(1)
    windows = round(duration_s / pool.window_s)
    per_table = round(pool.table_window_s / pool.window_s)
    cuts = [
        slice(low, high) for low, high in zip(pool.tables.offsets[:-1], pool.tables.offsets[1:], strict=True)
    ]
    cdfs, values = [pool.tables.cdf[cut] for cut in cuts], [pool.tables.value[cut] for cut in cuts]
    times, owners, columns = [], [], [[] for _ in pool.fields]  # type: ignore[var-annotated]
    for client in range(len(pool.clients)):
        for window in range(windows):
            n = int(pool.count[client, window])
            if not n:
                continue
            cv = float(pool.cv[client, window])
            if pool.families[pool.family[client, window]] == "weibull":
                gaps = stats.weibull_min.rvs(cv**-1.086, size=n, random_state=rng)
            else:
                gaps = stats.gamma.rvs(1 / cv**2, size=n, random_state=rng)
            at = np.cumsum(gaps)
            at = (at / at[-1] + rng.random()) % 1.0
            at.sort()
            times.append((window + at) * pool.window_s)
            owners.append(np.full(n, client, np.int32))
            for field in range(len(pool.fields)):
                table = pool.table[field, client, window // per_table]
                column = values[table][np.searchsorted(cdfs[table], rng.random(n), side="right")]
                columns[field].append(column)
    due_s = np.concatenate(times)
    order = np.argsort(due_s)
    n = len(order)
    found = {field: np.concatenate(column)[order] for field, column in zip(pool.fields, columns, strict=True)}
    output = np.maximum(np.rint(found["output_tokens"]), 1).astype(np.int32)
    reason = np.rint(found.get("reason_ratio", np.zeros(n)) * output).astype(np.int32)
    workload = Workload(
        due_s=due_s[order],
        client=np.concatenate(owners)[order],
        session=np.arange(n),
        turn=np.zeros(n, np.int32),
        parent=np.full(n, -1),
        think_s=np.zeros(n),
        input_tokens=np.maximum(np.rint(found["input_tokens"]), 1).astype(np.int32),
        context_tokens=np.zeros(n, np.int32),
        output_tokens=output,
        reason_tokens=reason,
        prefix=np.full(n, -1),
        prefix_tokens=np.zeros(n, np.int32),
        items=Items.none(n),
        clients=Clients(pool.clients, np.zeros(len(pool.clients), np.int16), ("all",)),
        duration_s=duration_s,
    )
    return len(workload)


def timed(job: Callable[[], int]) -> tuple[float, int]:
    """Return wall seconds and the number of requests of one run."""
    begin = time.perf_counter()
    n = job()
    return time.perf_counter() - begin, n


def peak_mb() -> float:
    """Return the largest resident size of this process in MB.

    Linux keeps the fork's share in ru_maxrss across exec, so the high-water mark of the address space is read instead.
    """
    status = Path("/proc/self/status")
    if status.exists():
        mark = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(mark.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    default = os.environ.get("SERVEGEN_FW_DATA") or ROOT.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument(
        "--only", choices=("ours", "baseline"), help="run one side once and print its peak memory"
    )
    options = parser.parse_args()
    registry = Registry.load()
    pool, duration_s = repeated(find_pool(options.data, registry), options.requests)
    jobs = {"ours": ours, "baseline": baseline}
    if options.only:
        jobs[options.only](pool, duration_s, registry.families)
        print(peak_mb())
        return
    times: dict[str, list[float]] = {name: [] for name in jobs}
    counts: dict[str, int] = {}
    for job in jobs.values():
        job(pool, pool.window_s, registry.families)  # imports and caches are not what is measured
    for _ in range(options.repeats):
        for name, job in jobs.items():
            wall, counts[name] = timed(lambda job=job: job(pool, duration_s, registry.families))  # type: ignore[misc]
            times[name].append(wall)
    print(
        f"pool {pool.name}, {len(pool.clients)} clients, {duration_s / 3600:.2f} h of windows, {len(pool.fields)} fields; "
        f"median of {options.repeats} interleaved repeats; numpy {np.__version__}"
    )
    print(f"{'':<34}{'requests':>12}{'wall s':>9}{'requests/s':>13}{'peak MB':>9}{'ratio':>8}")
    slow = statistics.median(times["baseline"]) / counts["baseline"]
    labels = {"ours": "servegen-fw compose", "baseline": "scipy, vectorised per window"}
    for name, label in labels.items():
        wall = statistics.median(times[name])
        command = [sys.executable, __file__, "--requests", str(options.requests), "--data", str(options.data)]
        told = subprocess.run([*command, "--only", name], capture_output=True, check=True, text=True).stdout
        peak = float(told)
        print(
            f"{label:<34}{counts[name]:>12,}{wall:>9.3f}{counts[name] / wall:>13,.0f}{peak:>9.0f}"
            f"{slow / (wall / counts[name]):>7.2f}x"
        )


if __name__ == "__main__":
    main()
