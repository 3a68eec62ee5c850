"""Logs: ten million requests from CSV and Parquet, and a damaged CSV; each beside Arrow alone on the same file.

Run ``python benchmarks/logs.py [MILLIONS]`` (10 by default; needs about 80 MB of disk a million). Each reading is a
process of its own. Prints its processor time (user and system), its peak memory, and the ratio of processor times to
the baseline: ``pyarrow.csv.read_csv`` or ``pyarrow.parquet.read_table`` of the same file, which parse and do nothing
else: no order, no clients, no conversations, no look for damage.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

CPU_LIMIT_S = 30.0
MEMORY_LIMIT_GB = 3.0
ALONE = {
    "csv": "import pyarrow.csv as a; a.read_csv({0!r})",
    "parquet": "import pyarrow.parquet as a; a.read_table({0!r})",
}
OURS = "from servegen_fw_pools.logs.read import read_log; read_log([{0!r}], on_bad_rows='skip')"


def make(folder: Path, n: int) -> dict[str, Path]:
    """Write n requests of 5,000 clients with Zipf shares in conversations of three, and the same with 10 % damage."""
    rng = np.random.default_rng(1)
    session = np.arange(n) // 3
    client = np.minimum(rng.zipf(1.5, n // 3 + 1), 5000)[session]
    table = pa.table(
        {
            "timestamp": np.cumsum(rng.exponential(0.01, n)).round(6),
            "input_tokens": rng.integers(1, 9000, n),
            "output_tokens": rng.integers(1, 900, n),
            "client": pa.array(client).cast(pa.string()),
            "session": pa.array(session).cast(pa.string()),
        }
    )
    files = {name: folder / name for name in ("log.csv", "log.parquet", "damaged.csv")}
    pa_csv.write_csv(table, files["log.csv"])
    pq.write_table(table, files["log.parquet"])
    with files["log.csv"].open() as whole, files["damaged.csv"].open("w") as damaged:
        for number, line in enumerate(whole):
            damaged.write(line.replace(",", ",x", 1) if number % 10 == 5 else line)
    return files


def measure(code: str) -> tuple[float, float]:
    """Processor seconds and peak GB of a program in a process of its own."""
    tail = "; import resource as r; u = r.getrusage(r.RUSAGE_SELF); print(u.ru_utime + u.ru_stime, u.ru_maxrss / 1e6)"
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True)
    cpu_s, memory_gb = done.stdout.split()
    return float(cpu_s), float(memory_gb)


def main() -> int:
    """Measure and print; status 1 if a limit is missed."""
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, path in make(Path(folder), round(millions * 1e6)).items():
            alone_s, _ = measure(ALONE[path.suffix[1:]].format(str(path)))
            cpu_s, memory_gb = measure(OURS.format(str(path)))
            fine = cpu_s <= CPU_LIMIT_S * millions / 10 + 1 and memory_gb <= MEMORY_LIMIT_GB
            missed |= not fine
            print(
                f"{name:<12} {millions:g} M rows: {cpu_s:6.2f} s CPU, {memory_gb:.2f} GB "
                f"(limits {CPU_LIMIT_S:g} s per 10 M, {MEMORY_LIMIT_GB:g} GB: {'ok' if fine else 'MISSED'}); "
                f"{cpu_s / alone_s:.1f} x the time of Arrow alone ({alone_s:.2f} s)"
            )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
