"""The driver against a paced server whose true times are known: truthfulness, rate, and processor time per token event.

    python benchmarks/driver.py [--streams 200] [--rounds 5] [--tokens 64] [--repeats 3]

The server (C, one thread) sends the first token 30 ms after a request and then one every 20 ms. Clients, one after the
other, each in a process of its own:

- ``epoll (C)``: the cheapest client there is; counts frames. The floor that ratios refer to. Its streams begin 0.5 ms
  apart and follow each other.
- ``driver, waves``: the local engine with the vllm backend, open loop, in the same pattern as the floor: waves of
  requests 0.5 ms apart, one wave a stream's life. Everything counts: JSON, stamps, chunk times, timers, records.
- ``driver, steady``: the same with evenly spaced requests, `streams` of them in flight. Hardly two tokens come together,
  so each costs more.
- ``driver, closed``: a closed loop; all streams begin at once and stay in step, the worst case for TTFT.
- ``aiohttp, waves``: the best aiohttp client we know how to write (`aiohttp_client.py`); its streams begin and follow
  each other like the floor's.

Processor time is the whole process's from before the connections are opened to after the records are built, divided by
token events. All clients take turns, `repeats` times, and each number is the median of its repeats. A machine that does
other work spoils them: the line about the server's own lateness tells. Targets, for waves: TTFT p50 within 2 ms and p99 within 10 ms of the truth, at most 4 times the floor.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

TTFT_MS = 30.0
ITL_MS = 20.0
FLOOR_GAP_S = 0.0005
"""Time between the C client's first requests; it stands in its source."""

LIMIT_P50_MS = 2.0
LIMIT_P99_MS = 10.0
LIMIT_RATIO = 4.0
NAMES = {
    "waves": "driver, waves",
    "steady": "driver, steady",
    "closed": "driver, closed",
    "aiohttp": "aiohttp, waves",
}
CLIENTS = tuple(NAMES)


def sources() -> Path | None:
    """Folder with paced_sse.c and epoll_client.c: SERVEGEN_FW_BENCH, else shared/bench beside the checkout."""
    stated = os.environ.get("SERVEGEN_FW_BENCH")
    folder = Path(stated) if stated else Path(__file__).resolve().parents[2] / "shared" / "bench"
    return folder if (folder / "paced_sse.c").exists() and (folder / "epoll_client.c").exists() else None


def compiled(folder: Path, name: str, into: Path) -> Path:
    """Compile one C file."""
    binary = into / name
    subprocess.run(["cc", "-O2", "-w", "-o", str(binary), str(folder / f"{name}.c")], check=True)
    return binary


@contextlib.contextmanager
def served(binary: Path) -> Iterator[tuple[int, list[str]]]:
    """Run the paced server on a free port; the list holds what it says about its own lateness, once stopped."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    said: list[str] = []
    pace = [str(round(ITL_MS * 1000)), str(round(TTFT_MS * 1000)), "64"]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen([str(binary), str(port), *pace], stderr=log) as process,
    ):
        try:
            _await_port(port)
            yield port, said
        finally:
            process.kill()
            process.wait()
            log.seek(0)
            said += log.read().splitlines()


def _await_port(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise SystemExit("the paced server did not come up")


def floor(binary: Path, port: int, streams: int, requests: int, tokens: int) -> float:
    """Processor time per event of the C client, in us."""
    done = subprocess.run(
        [str(binary), str(port), str(streams), str(requests), str(tokens)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.split()[-1])


def drive(port: int, streams: int, rounds: int, tokens: int, mode: str) -> dict[str, Any]:
    """Run the driver, in this process."""
    from servegen_fw.data.payload import Payloads
    from servegen_fw.data.plan import Plan
    from servegen_fw.data.workload import Clients, Items, Workload
    from servegen_fw.drive.engines import Local
    from servegen_fw.drive.execute import execute
    from servegen_fw.drive.local import new_loop
    from servegen_fw.hooks.entries import Choice
    from servegen_fw.hooks.registry import Registry
    from servegen_fw.suite.model import Target

    n = streams * rounds
    zeros = np.zeros(n, np.int32)
    wave_s = life_s(tokens) + 0.04
    due_s = {
        "waves": np.add.outer(np.arange(rounds) * wave_s, np.arange(streams) * FLOOR_GAP_S).ravel(),
        "steady": np.arange(n) * (life_s(tokens) / streams),
        "closed": np.zeros(n),
    }[mode]
    workload = Workload(
        due_s=np.sort(due_s).astype(np.float64),
        client=zeros,
        session=np.arange(n),
        turn=zeros,
        parent=np.full(n, -1, np.int64),
        think_s=np.zeros(n),
        input_tokens=np.full(n, 3, np.int32),
        context_tokens=zeros,
        output_tokens=np.full(n, tokens, np.int32),
        reason_tokens=zeros,
        prefix=np.full(n, -1, np.int64),
        prefix_tokens=zeros,
        items=Items.none(n),
        clients=Clients(("bench",), np.zeros(1, np.int16), ("bench",)),
        duration_s=float(due_s.max()) + 1e-6,
    )
    plan = Plan(
        workload,
        Payloads("text", ["x x x"] * n, [""] * n),
        "closed" if mode == "closed" else "open",
        duration_s=float("inf") if mode == "closed" else workload.duration_s,
        concurrency=streams if mode == "closed" else 0,
    )
    registry = Registry.load()
    entry, owner = registry.find("backend", "vllm")
    config = entry.config(
        url=f"http://127.0.0.1:{port}", endpoint="chat", ignore_eos=False, connections=streams
    )
    entry.product(config)  # imports client and engine, which is no part of a run
    registry.find("engine", "local")[0].product(Local())
    new_loop("auto")[0].close()
    cpu = time.process_time()
    records, facts = execute(plan, Target(backend=Choice(entry, config, owner)), None, registry)
    cpu = time.process_time() - cpu
    ok = records.status == 1
    if not ok.all():
        print(f"note: {int((~ok).sum())} of {n} requests failed: {facts['driver']}", file=sys.stderr)
    return {
        "cpu_s": cpu,
        "events": int(records.chunks_n.sum()),
        "ttft_ms": ((records.first_ns - records.due_ns)[ok] / 1e6).tolist(),
        "itl_ms": (
            (records.last_ns - records.first_ns)[ok] / 1e6 / np.maximum(records.chunks_n[ok] - 1, 1)
        ).tolist(),
        "wall_s": float(records.last_ns.max()) / 1e9,
        "lag_ms": ((records.start_ns - records.due_ns)[ok] / 1e6).tolist(),
        "stall_ms": (records.harness.stall_s * 1e3).tolist(),
    }


def life_s(tokens: int) -> float:
    """How long one stream lasts."""
    return (TTFT_MS + ITL_MS * tokens) / 1e3


def child(args: argparse.Namespace) -> dict[str, Any]:
    """Measure one client in this process."""
    if args.client == "aiohttp":
        sys.path.insert(0, str(Path(__file__).parent))
        import aiohttp_client  # type: ignore[import-not-found, unused-ignore]  # beside this file

        found: dict[str, Any] = aiohttp_client.measure(
            args.port, args.streams, args.rounds, args.tokens, FLOOR_GAP_S
        )
        return found
    return drive(args.port, args.streams, args.rounds, args.tokens, args.client)


def measured(client: str, port: int, args: argparse.Namespace) -> dict[str, Any]:
    """Measure one client in a process of its own."""
    sizes = [f"--{name}={getattr(args, name)}" for name in ("streams", "rounds", "tokens")]
    command = [sys.executable, __file__, *sizes, f"--client={client}", f"--port={port}"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def summary(found: dict[str, Any]) -> dict[str, float]:
    """Reduce one measurement to the numbers of its line."""
    p50, p99 = np.percentile(found["ttft_ms"], [50, 99]) - TTFT_MS
    itl50, itl99 = np.percentile(found["itl_ms"], [50, 99]) - ITL_MS
    numbers = {
        "p50": float(p50),
        "p99": float(p99),
        "itl50": float(itl50),
        "itl99": float(itl99),
        "rate": found["events"] / found["wall_s"],
        "cost": found["cpu_s"] / found["events"] * 1e6,
    }
    if "lag_ms" in found:
        numbers["lag99"] = float(np.percentile(found["lag_ms"], 99))
        numbers["stall"] = max(found["stall_ms"], default=0.0)
    return numbers


def median(repeats: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each number."""
    return {name: float(np.median([one[name] for one in repeats])) for name in repeats[0]}


def show(name: str, numbers: dict[str, float], floor_us: float) -> None:
    """Print one line."""
    n = numbers
    driver = f"{n['lag99']:8.2f} {n['stall']:7.1f}" if "lag99" in n else ""
    print(
        f"{name:<16} {n['p50']:+7.2f} {n['p99']:+8.2f} {n['itl50']:+9.3f} {n['itl99']:+8.3f} {n['rate']:10,.0f}"
        f" {n['cost']:8.1f} {n['cost'] / floor_us:7.2f}x {driver}"
    )


def main() -> int:
    """Measure and compare; 0 if the targets are met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5, help="requests per stream")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--client", choices=CLIENTS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.client:
        print(json.dumps(child(args)))
        return 0
    folder = sources()
    if folder is None or shutil.which("cc") is None:
        print("skipped: needs a C compiler, and paced_sse.c and epoll_client.c (set SERVEGEN_FW_BENCH)")
        return 0
    requests = args.streams * args.rounds
    print(
        f"{args.streams} streams x {1000 / ITL_MS:.0f} tokens/s, {requests} requests of {args.tokens} tokens,"
        f" {args.repeats} repeats; {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}"
    )
    floors: list[float] = []
    found: dict[str, list[dict[str, float]]] = {client: [] for client in CLIENTS}
    with tempfile.TemporaryDirectory() as temporary:
        server, epoll = (compiled(folder, name, Path(temporary)) for name in ("paced_sse", "epoll_client"))
        with served(server) as (port, said):
            for _ in range(args.repeats):
                floors.append(floor(epoll, port, args.streams, requests, args.tokens))
                for client in CLIENTS:
                    found[client].append(summary(measured(client, port, args)))
    return report(found, float(np.median(floors)), said)


def report(found: dict[str, list[dict[str, float]]], floor_us: float, said: list[str]) -> int:
    """Print the table and the verdict; 0 if the targets are met."""
    print(
        f"{'':<16} {'TTFT error, ms':>16} {'ITL error, ms':>18} {'':>10} {'CPU us':>8} {'ratio to':>8}   lag p99   longest"
    )
    print(
        f"{'client':<16} {'p50':>7} {'p99':>8} {'p50':>9} {'p99':>8} {'tokens/s':>10} {'/event':>8} {'floor':>8}"
        f" {'ms':>8} {'stall':>7}"
    )
    print(f"{'epoll (C)':<16} {'':>7} {'':>8} {'':>9} {'':>8} {'':>10} {floor_us:8.1f} {1:7.2f}x")
    for client in CLIENTS:
        show(NAMES[client], median(found[client]), floor_us)
    late = [int(line.split("maxlate")[1].split()[0]) / 1000 for line in said if "maxlate" in line]
    print(
        f"the server itself was late by {np.median(late):.1f} ms at most in half of the seconds,"
        f" by {max(late):.1f} ms in the worst"
    )
    ours = median(found["waves"])
    met = (
        ours["p50"] <= LIMIT_P50_MS and ours["p99"] <= LIMIT_P99_MS and ours["cost"] <= LIMIT_RATIO * floor_us
    )
    print(
        f"targets (waves): TTFT p50 within {LIMIT_P50_MS:.0f} ms, p99 within {LIMIT_P99_MS:.0f} ms,"
        f" at most {LIMIT_RATIO:.0f}x the floor: {'met' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
