"""Pools: compile the published data, open compiled and shipped pools, draw from them; each against a baseline.

Run ``python benchmarks/pools.py [DATA_FOLDER]``; the folder holds ``servegen/reason/deepseek-r1`` and is by default
``$SERVEGEN_FW_DATA``, else ``shared/data`` beside the checkout. Needs servegen-fw-pools. Prints seconds (best of a
few) and ratios to the baseline measured in the same run.
"""

from __future__ import annotations

import ast
import csv
import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from servegen_fw_pools.published.compile import compile_folder
from servegen_fw_pools.shipped import open_shipped, shipped_names

from servegen_fw.plugin import ClientPool, open_pool, save_pool

DRAWS = 1_000_000
COMPILE_LIMIT_S = 5.0
OPEN_LIMIT_S = 0.05


def best_of(times: int, work: Callable[[], object]) -> float:
    """Shortest wall time of `times` runs, in seconds."""
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return min(found)


def naive_load(folder: Path) -> dict[str, object]:
    """Baseline: the csv module for traces, literal_eval for every table, lists and dicts as the result."""
    clients: dict[str, object] = {}
    for trace in sorted(folder.glob("chunk-*-trace.csv")):
        client = trace.name.split("-")[1]
        with trace.open() as file:
            rows = [
                (float(t), float(rate), float(cv), family) for t, rate, cv, family, _, _ in csv.reader(file)
            ]
        data = json.loads((folder / f"chunk-{client}-dataset.json").read_text())
        tables = {
            window: {field: ast.literal_eval(text) for field, text in fields.items()}
            for window, fields in data.items()
        }
        clients[client] = (rows, tables)
    return clients


def bisected(pool: ClientPool, levels: np.ndarray, table: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Baseline: one bisection (numpy.searchsorted) of all tables' levels, shifted by the table's number."""
    at = np.searchsorted(levels, table + u, side="right")
    return np.asarray(pool.tables.value[np.minimum(at, pool.tables.offsets[table + 1] - 1)])


def row(
    what: str, seconds: float, limit_s: float | None = None, baseline: tuple[str, float] | None = None
) -> None:
    """Print one line of the table."""
    against = (
        f"{baseline[1] / seconds:8.1f} x as fast as {baseline[0]} ({baseline[1]:.3f} s)" if baseline else ""
    )
    verdict = "" if limit_s is None else f"(limit {limit_s:g} s: {'ok' if seconds <= limit_s else 'MISSED'})"
    print(f"{what:<58} {seconds * 1e3:9.1f} ms {verdict:<22} {against}")


def main() -> int:
    """Measure and print; status 1 if a limit is missed, 2 without data."""
    default = os.environ.get("SERVEGEN_FW_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else default) / "servegen" / "reason" / "deepseek-r1"
    if not folder.is_dir():
        print(f"no deepseek-r1 data in {folder}; set SERVEGEN_FW_DATA or give the folder", file=sys.stderr)
        return 2
    naive_s = best_of(1, lambda: naive_load(folder))
    compile_s = best_of(3, lambda: compile_folder(folder, "deepseek-r1"))
    row(
        "compile deepseek-r1 from the published files",
        compile_s,
        COMPILE_LIMIT_S,
        ("csv + literal_eval", naive_s),
    )
    pool = compile_folder(folder, "deepseek-r1")
    slowest = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "deepseek-r1.pool"
        save_pool(pool, path)
        open_s = best_of(5, lambda: open_pool(path))
        size = path.stat().st_size / 1e6
        row(
            f"open it compiled ({size:.1f} MB, mapped)", open_s, OPEN_LIMIT_S, ("csv + literal_eval", naive_s)
        )
        slowest = max(slowest, open_s)
    for name in shipped_names():
        open_s = best_of(5, functools.partial(open_shipped, name))
        row(f"open the shipped {name}", open_s, OPEN_LIMIT_S)
        slowest = max(slowest, open_s)
    rng = np.random.default_rng(1)
    table, u = rng.integers(0, len(pool.tables), DRAWS), rng.random(DRAWS)
    pool.tables.ppf(table[:1], u[:1])
    owner = np.repeat(np.arange(len(pool.tables)), np.diff(pool.tables.offsets))
    levels = owner + pool.tables.cdf
    bisect_s = best_of(3, lambda: bisected(pool, levels, table, u))
    row(
        "draw 1,000,000 values, tables at random",
        best_of(3, lambda: pool.tables.ppf(table, u)),
        None,
        ("bisection", bisect_s),
    )
    fitted = open_shipped("deepseek-r1")
    table = rng.integers(0, len(fitted.tables), DRAWS)
    fitted.tables.ppf(table[:1], u[:1])
    row("the same from the shipped, interpolated tables", best_of(3, lambda: fitted.tables.ppf(table, u)))
    return int(compile_s > COMPILE_LIMIT_S or slowest > OPEN_LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
