"""How often the 95 % intervals hold the truth: independent, autocorrelated and queueing data of which the truth is known.

Run ``python benchmarks/coverage.py -r 1000``. Beside the coverage of all intervals stands the share of estimates that
call themselves trustworthy, and, as the baseline, the coverage of a plain bootstrap that resamples single requests.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from statistics import NormalDist

import attrs
import numpy as np

from servegen_fw.data.run import Series
from servegen_fw.judge.quantiles import Sample

STATS = {"mean": math.nan, "p50": 0.5, "p90": 0.9, "p99": 0.99}


@attrs.frozen
class Process:
    """Replications of a process and its true quantile function and mean."""

    name: str
    draw: Callable[[int, np.random.Generator], np.ndarray[tuple[int, int], np.dtype[np.float64]]]
    quantile: Callable[[float], float]
    mean: float


def independent(n: int) -> Process:
    """Independent exponential values."""
    return Process(
        f"independent, n = {n:,}", lambda r, g: g.exponential(size=(r, n)), lambda p: -math.log(1 - p), 1.0
    )


def autocorrelated(n: int, phi: float) -> Process:
    """Lognormal values over a Gaussian AR(1)."""

    def draw(r: int, g: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        z = g.standard_normal((n, r))
        for t in range(1, n):
            z[t] = phi * z[t - 1] + math.sqrt(1 - phi**2) * z[t]
        return np.exp(z.T)

    return Process(
        f"AR(1) {phi:g}, n = {n:,}", draw, lambda p: math.exp(NormalDist().inv_cdf(p)), math.exp(0.5)
    )


def queue(n: int, load: float) -> Process:
    """Sojourn times of an M/M/1 queue in equilibrium: exponential with mean load / (1 - load) at arrival rate 1."""

    def draw(r: int, g: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        wait = np.where(g.random(r) < load, g.exponential(load / (1 - load), r), 0.0)
        out = np.empty((r, n))
        for t in range(n):
            out[:, t] = wait + g.exponential(load, r)
            wait = np.maximum(0.0, out[:, t] - g.exponential(1.0, r))
        return out

    scale = load / (1 - load)
    return Process(f"queue at {load:.0%}, n = {n:,}", draw, lambda p: -scale * math.log(1 - p), scale)


def plain(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], stat: str, g: np.random.Generator
) -> tuple[float, float]:
    """Percentile interval of 200 resamples of single requests."""
    again = values[g.integers(0, len(values), (200, len(values)))]
    found = again.mean(axis=1) if stat == "mean" else np.quantile(again, STATS[stat], axis=1)
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-r", "--replications", type=int, default=1000)
    parser.add_argument("--plain", type=int, default=50, help="replications of the baseline")
    options = parser.parse_args(argv)
    g = np.random.default_rng(20261122)
    print(
        f"{'process':26} {'stat':5} {'coverage':>9} {'trusted':>8} {'if trusted':>10} {'n eff.':>9} {'plain':>6}"
    )
    for process in (
        independent(500),
        independent(5000),
        autocorrelated(3000, 0.9),
        autocorrelated(30000, 0.9),
        queue(2000, 0.5),
        queue(20000, 0.5),
        queue(20000, 0.8),
        queue(100000, 0.8),
    ):
        rows = process.draw(
            options.replications if len(process.draw(1, g)[0]) < 50000 else options.replications // 5, g
        )
        for stat, share in STATS.items():
            truth = process.mean if stat == "mean" else process.quantile(share)
            found = [
                Sample.of(Series(row, np.arange(len(row), dtype=np.float64), "s", "lower")).statistic(stat)
                for row in rows
            ]
            # An end that the sample does not hold is infinite.
            hit = np.array([not (e.low > truth or e.high < truth) for e in found])
            trusted = np.array([e.trustworthy for e in found])
            simple = [plain(row, stat, g) for row in rows[: options.plain]] if len(rows[0]) <= 20000 else []
            old = np.mean([low <= truth <= high for low, high in simple]) if simple else math.nan
            of_trusted = hit[trusted].mean() if trusted.any() else math.nan
            effective = np.median([e.n_effective for e in found])
            print(
                f"{process.name:26} {stat:5} {hit.mean():9.3f} {trusted.mean():8.2f} {of_trusted:10.3f}"
                f" {effective:9,.0f} {old:6.2f}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
