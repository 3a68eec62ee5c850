"""What large workloads cost: ten million requests with sessions, reasoning and images in memory, a hundred million as a file.

    python benchmarks/compose_large.py [--requests 10000000] [--stream 100000000] [--pool deepseek-r1]

Three jobs, each in a process of its own, on one core:

compose    a group of recorded clients (the shipped mm-image pool, scale = "rate") whose requests carry the recorded
           images, and a synthetic group of 200 clients, half of the requests each; conversations of 3.5 turns with
           log-normal think times and a bimodal reasoning split in both. `Workload` in memory.
generate   the same through `compose_stream` to a Parquet file.
stream     a shipped pool alone, scale = "rate", for a day, to a Parquet file.

Each prints requests, wall and processor seconds and the largest resident size; files are removed. Times are of one process
on whatever else the machine does; run it on a quiet one.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from servegen_fw import Suite

CONVERSATION = (
    'session = { kind = "geometric", turns = 3.5, think = { kind = "lognormal", median = 60, sigma = 1.0 } }'
)

MIXED = """
servegen = 1
name = "large"
seed = 1

[target.sim]
backend = "sim"

[[workload.group]]
name   = "pictures"
source = { kind = "pool", name = "mm-image" }
scale  = "rate"
CONVERSATION
reasoning = { kind = "bimodal" }

[[workload.group]]
name      = "chat"
clients   = 200
skew      = 1.1
arrival   = { kind = "gamma", cv = 1.4 }
input     = { kind = "lognormal", median = 300, sigma = 0.9, max = 4096 }
output    = { kind = "exponential", mean = 220 }
CONVERSATION
reasoning = { kind = "bimodal" }
MODALITY

[[case]]
name = "large"
load = { kind = "open", rate = "RATE/s", duration = "SPAN" }
"""

ALONE = """
servegen = 1
name = "stream"
seed = 1

[target.sim]
backend = "sim"

[[workload.group]]
source = { kind = "pool", name = "POOL" }
scale  = "rate"

[[case]]
name = "large"
load = { kind = "open", rate = "RATE/s", duration = "SPAN" }
"""


def suite_of(text: str, requests: int, span_s: float, **names: str) -> Suite:
    """Return a suite whose one case has about so many requests."""
    text = text.replace("CONVERSATION", CONVERSATION).replace("SPAN", f"{span_s:g}s")
    for name, value in names.items():
        text = text.replace(name, value)
    return Suite.parse(text.replace("RATE", f"{requests / span_s:.6f}"))


def modality() -> str:
    """Return images for the synthetic group if a plugin offers a model of them."""
    from servegen_fw.errors import InputError
    from servegen_fw.hooks.registry import Registry

    try:
        Registry.load().find("modality", "image")
    except InputError:
        return ""
    return 'modality  = [{ kind = "image", tokens = { kind = "lognormal", median = 600, sigma = 0.6 } }]'


def run(job: str, options: argparse.Namespace) -> None:
    """Do one job and print its line."""
    from servegen_fw.prepare import plan, sliced
    from servegen_fw.results.export import write_slices

    begin = time.perf_counter()
    if job == "stream":
        suite = suite_of(ALONE, options.stream, options.span_s, POOL=options.pool)
    else:
        suite = suite_of(MIXED, options.requests, options.mixed_span_s, MODALITY=modality())
    size = ""
    if job == "compose":
        workload = next(plan(suite)).workload
        n, items = len(workload), len(workload.items)
        size = f"{(workload.turn > 0).mean():.0%} later turns, {items:,} items"
    else:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder) / "large.parquet"
            n, _ = write_slices(sliced(suite, "large"), path)
            size = f"{path.stat().st_size / 1e9:.2f} GB on disk"
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"{job:<10}{n:>14,} requests{time.perf_counter() - begin:>9.1f} s wall"
        f"{used.ru_utime + used.ru_stime:>9.1f} s processor{peak_mb():>8,.0f} MB peak   {size}"
    )


def peak_mb() -> float:
    """Return the largest resident size of this process in MB."""
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
    parser.add_argument("--requests", type=int, default=10_000_000, help="of compose and generate")
    parser.add_argument(
        "--stream", type=int, default=100_000_000, help="requests of stream; 0 to leave it out"
    )
    parser.add_argument("--pool", default="deepseek-r1", help="shipped pool of stream")
    parser.add_argument("--mixed-span-s", type=float, default=21_600.0, help="length of compose and generate")
    parser.add_argument("--span-s", type=float, default=86_400.0, help="length of stream")
    parser.add_argument("--folder", type=Path, default=None, help="where scratch files go")
    parser.add_argument(
        "--only", choices=("compose", "generate", "stream"), help="do one job in this process"
    )
    options = parser.parse_args()
    if options.only:
        run(options.only, options)
        return
    jobs = ["compose", "generate", "stream"] if options.stream else ["compose", "generate"]
    for job in jobs:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--only", job], check=True, env=environment)


if __name__ == "__main__":
    main()
