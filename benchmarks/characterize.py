"""Ten million rows characterised by the command as a user runs it, against reading and sorting the same rows.

    python benchmarks/characterize.py [--rows 10000000] [--clients 2400] [--plain] [--keep FOLDER]

The log is a day of Parquet with client ids, made the same every time: clients whose rates follow Zipf's law and shift over
the day, gamma gaps for some of them, lognormal inputs, exponential outputs; unless --plain, also conversations of three
turns about a minute apart, reasoning in seven of ten requests, images in two of ten, and latencies. The baseline is what any analysis of it does
first: `pyarrow.parquet.read_table`, and `numpy.sort` of times and every other number, and of the clients' dictionary codes, in a
process of its own.
Seconds are of the processor (user and system), since other programs on a shared machine stretch the clock; peak memory is
that of the process. Libraries are held to one thread.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import attrs

BASELINE = """
import sys
import numpy as np
import pyarrow.parquet as pq

table = pq.read_table(sys.argv[1], use_threads=False).combine_chunks()
for name in set(table.column_names) - {"client"}:
    np.sort(table[name].chunk(0).to_numpy())
np.sort(table["client"].chunk(0).dictionary_encode().indices.to_numpy())
"""
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_NUM_THREADS": "1",
}
DAY_S = 86_400.0


@attrs.frozen
class Cost:
    """What a command took: processor seconds, seconds of the clock, peak memory in bytes."""

    cpu_s: float
    wall_s: float
    peak_bytes: int


def make(path: Path, rows: int, clients: int, *, plain: bool) -> None:
    """Write the log."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(20261122)
    weight = np.arange(1, clients + 1) ** -1.1
    sizes = rng.multinomial(rows, weight / weight.sum())
    client = np.repeat(np.arange(clients, dtype=np.int32), sizes)
    gap = rng.standard_gamma(np.repeat(rng.uniform(0.1, 1.0, clients), sizes))
    total = np.cumsum(gap)
    ends = np.cumsum(sizes)
    begin = np.concatenate(([0.0], total[ends[:-1] - 1]))
    part = (total - np.repeat(begin, sizes)) / np.repeat(np.maximum(total[ends - 1] - begin, 1e-12), sizes)
    # A rate that swings over the day at a phase of each client's own.
    phase = np.repeat(rng.random(clients), sizes)
    time_s = DAY_S * np.mod(part + 0.08 * np.sin(2 * np.pi * (part + phase)), 1.0)
    order = np.argsort(time_s, kind="stable")
    columns = {
        "timestamp": 1_767_225_600.0 + time_s[order],
        "input_tokens": np.minimum(rng.lognormal(6.0, 1.2, rows), 1e6).astype(np.int32),
        "output_tokens": rng.exponential(300.0, rows).astype(np.int32),
    }
    if not plain:
        place = np.arange(rows) - np.repeat(ends - sizes, sizes)
        # So many conversations run side by side that a client's turns are about a minute apart.
        beside = np.repeat(np.maximum(sizes * 60 // int(DAY_S), 1), sizes)
        turns = place // beside
        session = np.repeat(np.arange(clients), sizes) * rows + turns // 3 * beside + place % beside
        output = columns["output_tokens"]
        thinks = np.where(rng.random(rows) < 0.5, rng.beta(20, 4, rows), rng.beta(8, 16, rows))
        images = np.where(rng.random(rows) < 0.2, rng.geometric(0.6, rows), 0)
        size = np.array([256, 576, 1196])[client[order] % 3]
        columns |= {
            "session": session[order],
            "reason_tokens": np.where(rng.random(rows) < 0.7, output * thinks, 0).astype(np.int32),
            "image_count": images.astype(np.int32),
            "image_tokens": (images * size).astype(np.int32),
            "latency_s": 0.2 + 0.02 * output,
        }
    names = pa.array([f"client-{k:05d}" for k in range(clients)])
    coded = pa.DictionaryArray.from_arrays(pa.array(client[order]), names)
    pq.write_table(pa.table({**columns, "client": coded.cast(pa.string())}), path)


def measure(command: list[str]) -> Cost:
    """Run a command and wait for it.

    Raises
    ------
        SystemExit: it failed.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **ONE_THREAD}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} failed with status {status}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - begun, usage.ru_maxrss * unit)


def main() -> None:
    """Print both costs and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--clients", type=int, default=2400)
    parser.add_argument("--plain", action="store_true", help="times, lengths and clients only")
    parser.add_argument("--keep", type=Path, help="folder for the log and the result, kept afterwards")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / f"{'plain' if options.plain else 'log'}-{options.rows}-{options.clients}.parquet"
        if not log.exists():
            make(log, options.rows, options.clients, plain=options.plain)
        print(
            f"{options.rows:,} rows of {options.clients:,} clients, {log.stat().st_size / 1e6:.0f} MB of Parquet"
        )
        base = measure([sys.executable, "-c", BASELINE, str(log)])
        command = [
            sys.executable,
            "-m",
            "servegen_fw",
            "characterize",
            str(log),
            "--out",
            str(folder / "result"),
        ]
        ours = measure(command)
    for name, cost in (("read and sort (baseline)", base), ("characterize", ours)):
        print(
            f"{name:<26} {cost.cpu_s:6.1f} s of processor, {cost.wall_s:6.1f} s of clock, peak {cost.peak_bytes / 1e9:.2f} GB"
        )
    print(f"ratio of processor time     {ours.cpu_s / base.cpu_s:.1f}")


if __name__ == "__main__":
    main()
