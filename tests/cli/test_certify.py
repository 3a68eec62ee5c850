"""``certify`` and ``run --require-certificate`` as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from servegen_fw.results.export import write_workload
from servegen_fw.results.store import read_workload

SUITE = """
servegen = 1
name = "small"
seed = 5

[target.sim]
backend = { kind = "sim", profile = "llama-3-8b-h100" }

[[workload.group]]
name    = "a"
clients = 3
arrival = { kind = "gamma", cv = 1.5 }
input   = { kind = "lognormal", median = 300, sigma = 0.5 }
output  = { kind = "exponential", mean = 20 }

[[case]]
name = "calm"
load = { kind = "open", rate = "4/s", duration = "60s", warmup = "5s" }
"""


def servegen(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the program."""
    command = [sys.executable, "-m", "servegen_fw", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good suite in a file."""
    path = tmp_path_factory.mktemp("suite") / "small.toml"
    path.write_text(SUITE)
    return path


@pytest.fixture(scope="module")
def result(suite: Path) -> Path:
    """Its result folder."""
    folder = suite.parent / "result"
    done = servegen("run", suite, "--out", folder, "--require-certificate")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_suite_is_certified_without_sending(suite: Path) -> None:
    """Certifying a suite prints the checks, nothing sent, and ends with 0."""
    done = servegen("certify", suite)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("# certified")
    assert "nothing sent" in done.stdout
    assert "total rate" in done.stdout


def test_certificates_are_json_on_demand(suite: Path) -> None:
    """With --json each certificate is an object with its verdict and checks."""
    found = json.loads(servegen("certify", suite, "--json").stdout)
    assert [one["verdict"] for one in found] == ["certified"]
    assert {"name", "target", "generated", "sent", "p", "how"} <= set(found[0]["checks"][0])


def test_a_result_holds_its_certificates(result: Path) -> None:
    """result.json holds the certificate of each cell, its folder a page, and the console a line."""
    report = json.loads((result / "result.json").read_text())["report"]
    certificate = report["cells"][0]["certificate"]
    assert certificate["sent_digest"] == certificate["digest"]
    gate = next(gate for gate in report["cells"][0]["gates"] if gate["name"] == "certificate")
    assert gate["status"] == "ok"
    assert gate["message"].startswith("workload certified (")
    assert (result / "cells/calm.sim.0/certificate.md").read_text().startswith("# certified")
    assert "workload  certified against the suite's models" in (result / "report.txt").read_text()


def test_a_result_is_certified_anew(result: Path) -> None:
    """Certifying a result composes its workload again to the digest and finds all of it sent."""
    done = servegen("certify", result)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "workload composed again" in done.stdout
    assert "sent in full" in done.stdout


def test_a_result_with_a_replaced_workload_is_not_certified(suite: Path, tmp_path: Path) -> None:
    """Another workload put into a result folder does not compose again."""
    folder = tmp_path / "result"
    assert servegen("run", suite, "--out", folder).returncode == 0
    other = tmp_path / "other.parquet"
    assert servegen("generate", suite, "--set", "case[0].load.rate=8/s", "--out", other).returncode == 0
    stored = folder / "workload/calm.0.parquet"
    write_workload(read_workload(other).select(np.arange(len(read_workload(stored)))), stored)
    done = servegen("certify", folder)
    assert done.returncode == 1
    assert "workload composed again of all" in done.stdout


def test_a_workload_file_is_not_certified_where_one_is_required(suite: Path, tmp_path: Path) -> None:
    """A workload of another suite is sent; with --require-certificate the run is invalid, without it passes."""
    other = tmp_path / "other.parquet"
    assert servegen("generate", suite, "--set", "seed=6", "--out", other).returncode == 0
    calm = servegen("run", suite, "--workload", other, "--out", tmp_path / "calm")
    assert calm.returncode == 0, calm.stdout + calm.stderr
    strict = servegen(
        "run", suite, "--workload", other, "--out", tmp_path / "strict", "--require-certificate"
    )
    assert strict.returncode == 3
    assert "[not-certified]" in strict.stdout
    key = servegen(
        "run",
        suite,
        "--workload",
        other,
        "--out",
        tmp_path / "key",
        "--set",
        "report.require_certificate=true",
    )
    assert key.returncode == 3
    assert servegen("certify", tmp_path / "calm").returncode == 1


def test_bad_input_is_told(tmp_path: Path) -> None:
    """What is neither a suite nor a result ends with 2 and one message."""
    done = servegen("certify", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert servegen("certify", tmp_path / "none.toml").returncode == 2


def test_effort_looks_at_more(suite: Path) -> None:
    """Three times the effort: more replicates, which the certificate states, and the same verdict."""
    once, more = (
        json.loads(servegen("certify", suite, "--json", "--effort", effort).stdout)[0]
        for effort in (0.1, 0.3)
    )
    assert once["verdict"] == more["verdict"] == "certified"
    assert once["replicates"] < more["replicates"]
