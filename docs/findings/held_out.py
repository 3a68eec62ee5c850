"""What a pool fitted on the first half of a trace says of the second half, beside NAIVE."""

from __future__ import annotations

from pathlib import Path

from servegen_fw_pools.characterize.words import short
from servegen_fw_pools.fit.classes import MIN_REQUESTS
from servegen_fw_pools.fit.from_log import WINDOW_S, fit_log
from servegen_fw_pools.fit.held_out import held_out
from servegen_fw_pools.logs.read import read_log
from workloads import Data


def tables(data: Data) -> dict[str, list[str]]:
    """Return one table for each trace."""
    return {"held-out-azure": azure(data), "held-out-mooncake": _table(data.mooncake)}


def azure(data: Data) -> list[str]:
    """Return the table of the Azure trace."""
    return _table(data.azure)


def _table(path: Path) -> list[str]:
    log = read_log([path])
    facts = held_out(
        log,
        0.5,
        lambda part, duration_s: fit_log(
            part, window_s=WINDOW_S, min_requests=MIN_REQUESTS, duration_s=duration_s
        ),
        WINDOW_S,
    )
    lines = [
        f"| {facts['held_out_requests']:,} requests | second half | fitted on the first half | NAIVE fitted on it | closer |",
        "| :-- | --: | --: | --: | :-- |",
    ]
    for name, one in facts["measures"].items():
        truth, ours, naive = one["held_out"], one["fitted"], one["naive"]
        lines.append(
            f"| {name} | {short(truth)} | {_spread(ours)} | {_spread(naive)} | {_closer(truth, ours, naive)} |"
        )
    return lines


def _spread(drawn: dict[str, float]) -> str:
    return f"{short(drawn['mean'])} ({short(drawn['low'])}..{short(drawn['high'])})"


def _closer(truth: float, ours: dict[str, float], naive: dict[str, float]) -> str:
    """Say whose mean is closer, and whether the ranges over seeds overlap."""
    closer = "fitted" if abs(ours["mean"] - truth) < abs(naive["mean"] - truth) else "NAIVE"
    overlap = ours["low"] <= naive["high"] and naive["low"] <= ours["high"]
    return f"{closer} (ranges overlap)" if overlap else f"**{closer}**"
