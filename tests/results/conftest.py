"""A small report by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from servegen_fw.data.report import Cell, ClientTable, Estimate, Gate, MetricRow, ObjectiveResult, Report


@pytest.fixture
def report() -> Report:
    """A failed cell with intervals, an untrusted tail, a warning, two clients and values that JSON lacks."""
    tail = Estimate(
        0.61,
        0.54,
        0.69,
        n=204,
        n_effective=150.5,
        method="block bootstrap",
        trustworthy=False,
        note="needs 370 requests",
    )
    cell = Cell(
        case="steady",
        target="sim",
        repeat=0,
        verdict="FAIL",
        reasons=("ttft.p99",),
        metrics=(
            MetricRow(
                "ttft",
                "TTFT from due time",
                "due to first token",
                "s",
                "lower",
                {"p50": Estimate(0.071, 0.07, 0.072, n=204), "p90": Estimate(0.18, n=204), "p99": tail},
            ),
            MetricRow(
                "goodput",
                "goodput",
                "share",
                "ratio",
                "higher",
                {"value": Estimate(0.991, 0.983, 0.995, n=204)},
            ),
            MetricRow("rate", "offered", "rate", "1/s", "higher", {"value": Estimate(math.nan)}),
        ),
        objectives=(
            ObjectiveResult(
                "ttft p99 <= 500 ms",
                "ttft",
                "p99",
                0.5,
                "s",
                "max",
                tail,
                "missed",
                False,
                "missed by 110 ms; client a",
            ),
            ObjectiveResult(
                "ttft p50 <= 1 s where client = a", "ttft", "p50", 1.0, "s", "max", Estimate(0.07), "ok", True
            ),
        ),
        gates=(
            Gate("lag", "n/a", "driver-lag", "virtual clock"),
            Gate(
                "errors",
                "warn",
                "errors",
                "2 of 204 requests failed",
                "look at the server's log",
                2 / 204,
                0.05,
                "ratio",
            ),
        ),
        clients=ClientTable(
            name=("a", "b"),
            group=("g", "g"),
            requests=np.array([200, 4]),
            failed=np.array([2, 0]),
            cv=np.array([1.5, math.nan]),
            ttft_p50_s=np.array([0.07, 0.5]),
            ttft_p99_s=np.array([0.3, 1.9]),
            tpot_p50_s=np.array([0.017, math.nan]),
            goodput=np.array([0.99, 0.5]),
            output_tokens=np.array([30_000, 12]),
        ),
        jain=0.93,
        counts={"ok": 202, "error": 2, "judged": 204},
        digest="3f9ac21e",
        facts={"accelerator": "A", "count": 8, "limits": [math.inf, math.nan]},
    )
    return Report(
        name="suite",
        seed=7,
        created="2026-11-22T08:15:00+00:00",
        cells=(cell,),
        fingerprint={"python": "3.11"},
        workload=("two clients",),
        suite={"servegen": 1},
    )
