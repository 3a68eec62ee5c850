"""The simulator against published measurements of real engines (not part of this repository; skipped where absent)."""

from __future__ import annotations

import csv
import json
from math import inf

import numpy as np
import pytest

PLACES = 10
"""Requests for each place of a closed loop: the usual number of sweeps like these; the file does not say."""


def summary(values):
    """Mean, P50, P90 and P99."""
    return np.array([values.mean(), *np.quantile(values, [0.5, 0.9, 0.99])])


def rtx4090(folder):
    """300 requests at 10/s to vLLM 0.19 on an RTX 4090: arrivals, lengths, and the engine's own time stamps."""
    lines = (folder / "rtx4090_llama31_8b" / "requests.jsonl").read_text().splitlines()
    rows = sorted((json.loads(line) for line in lines), key=lambda row: row["queued_ts"])
    names = ("queued_ts", "first_token_ts", "last_token_ts", "input_toks", "output_toks")
    queued, first, last, inputs, outputs = (np.array([row[name] for row in rows]) for name in names)
    return queued - queued[0], first - queued, last - queued, inputs, outputs


def predicted(kit, folder, **options):
    """(simulated / measured - 1) of mean, P50, P90 and P99 of TTFT, TPOT and E2E, float[3, 4]."""
    arrivals, ttft, e2e, inputs, outputs = rtx4090(folder)
    plan = kit.plan(kit.workload(arrivals, inputs, outputs), duration_s=inf)
    # The measured stamps were taken inside the engine, so the API server has no part in them.
    records = kit.replay(plan, profile="llama-3-8b-rtx4090", api_s=0.0, **options)
    assert (records.status == 1).all()
    sim_ttft = (records.first_ns - records.due_ns) / 1e9
    sim_e2e = (records.last_ns - records.due_ns) / 1e9
    pairs = (
        (sim_ttft, ttft),
        ((sim_e2e - sim_ttft) / (outputs - 1), (e2e - ttft) / (outputs - 1)),
        (sim_e2e, e2e),
    )
    return np.array([summary(ours) / summary(theirs) - 1 for ours, theirs in pairs])


def test_overloaded_rtx4090_as_configured(kit, measurements):
    """With the server's own settings all of mean, P50, P90, P99 of TTFT, TPOT and E2E are within 8 %."""
    error = predicted(kit, measurements)
    print(f"\nprefix cache on: {np.round(100 * error, 1).tolist()} %")
    assert np.abs(error).max() < 0.08


def test_overloaded_rtx4090_without_reuse_after_preemption(kit, measurements):
    """If preempted requests are computed anew in full, the same twelve numbers are within 5 %."""
    error = predicted(kit, measurements, prefix_cache=False)
    print(f"\nprefix cache off: {np.round(100 * error, 1).tolist()} %")
    assert np.abs(error).max() < 0.05


def test_a_wrong_number_of_blocks_shows(kit, measurements):
    """With half the KV blocks the mean TTFT is over 20 % longer: their number is an input that matters."""
    right = predicted(kit, measurements)[0, 0]
    wrong = predicted(kit, measurements, blocks=1294, max_model_len=16384)[0, 0]
    assert wrong - right > 0.2


@pytest.fixture(scope="module")
def closed_loop(kit, measurements):
    """(simulated / measured - 1) of mean TTFT and TPOT of each closed-loop row of Llama-3.1-70B FP8 on 4 H100."""
    with (measurements / "llama70b_vllm_closed_loop.csv").open(newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["system"], row["precision"], row["tp_size"]) == ("h100_sxm", "fp8", "4")
        ]
    errors = []
    for row in rows:
        isl, osl, places = int(row["isl"]), int(row["osl"]), int(row["batch_size"])
        n = PLACES * places
        rng = np.random.default_rng(1)
        inputs = rng.integers(int(0.8 * isl), isl + 1, n)
        outputs = rng.integers(int(0.8 * osl), osl + 1, n)
        plan = kit.plan(
            kit.workload(np.zeros(n), inputs, outputs),
            mode="closed",
            concurrency=places,
            duration_s=inf,
            drain_s=inf,
        )
        # vLLM of October 2025 did not yet schedule asynchronously unless asked to.
        records = kit.replay(plan, profile="llama-3-70b-fp8-h100-tp4", async_scheduling=False)
        ttft_ms = (records.first_ns - records.due_ns) / 1e6
        tpot_ms = (records.last_ns - records.first_ns) / 1e6 / (outputs - 1)
        errors.append(
            (
                ttft_ms.mean() / float(row["silicon_ttft_ms"]) - 1,
                tpot_ms.mean() / float(row["silicon_tpot_ms"]) - 1,
            )
        )
    assert len(errors) == 15
    return np.abs(errors)


def test_closed_loops_of_a_70b_model_tpot(closed_loop):
    """Over all 15 closed loops on 4 H100 the median error of mean TPOT is below 4 %, P90 below 10 %."""
    print(f"\nTPOT median {np.median(closed_loop[:, 1]):.3f} p90 {np.quantile(closed_loop[:, 1], 0.9):.3f}")
    assert np.median(closed_loop[:, 1]) < 0.04
    assert np.quantile(closed_loop[:, 1], 0.9) < 0.10


def test_closed_loops_of_a_70b_model_ttft(closed_loop):
    """Over the same loops the median error of mean TTFT is below 6 %, P90 below 15 %, if ten requests a place were sent."""
    print(f"\nTTFT median {np.median(closed_loop[:, 0]):.3f} p90 {np.quantile(closed_loop[:, 0], 0.9):.3f}")
    assert np.median(closed_loop[:, 0]) < 0.06
    assert np.quantile(closed_loop[:, 0], 0.9) < 0.15
