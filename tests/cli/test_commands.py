"""Every command as a user types it, with what it prints and the status it ends with."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

SUITE = """
servegen = 1
name = "small"
seed = 5

[target.sim]
backend = { kind = "sim", profile = "llama-3-8b-h100" }

[[workload.group]]
name    = "a"
clients = 3
arrival = "poisson"
input   = { kind = "fixed", value = 300 }
output  = { kind = "fixed", value = 20 }

[[case]]
name = "calm"
load = { kind = "open", rate = "4/s", duration = "60s", warmup = "5s" }

[[slo]]
metric = "ttft"
stat   = "p90"
max    = "2s"
"""


def servegen(*arguments: object, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program."""
    return subprocess.run(
        [sys.executable, "-m", "servegen_fw", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **(env or {})},
    )


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A good suite in a file."""
    path = tmp_path / "small.toml"
    path.write_text(SUITE)
    return path


def free_port() -> int:
    """Return a loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_run_passes_and_stores(suite: Path, tmp_path: Path) -> None:
    """A run that meets its objectives ends with 0 and leaves a readable result folder."""
    done = servegen("run", suite, "--out", tmp_path / "r")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("PASS  calm on sim")
    names = {path.name for path in (tmp_path / "r").rglob("*") if path.is_file()}
    assert {
        "result.json",
        "suite.toml",
        "suite.resolved.json",
        "records.parquet",
        "calm.0.parquet",
        "report.txt",
    } <= names
    shown = servegen("show", tmp_path / "r")
    assert shown.returncode == 0
    assert "PASS  calm on sim" in shown.stdout


def test_missed_objective_is_status_1(suite: Path, tmp_path: Path) -> None:
    """A run that misses an objective ends with 1 and says by how much."""
    done = servegen("run", suite, "--out", tmp_path / "r", "--set", "slo[0].max=1ms")
    assert done.returncode == 1
    assert "FAIL  calm on sim  [missed:ttft:p90]" in done.stdout
    assert "the largest allowed" in done.stdout


def test_invalid_run_is_status_3_and_never_says_pass(suite: Path, tmp_path: Path) -> None:
    """A run that did not drain is INVALID with status 3, although its objective would hold."""
    done = servegen(
        "run",
        suite,
        "--out",
        tmp_path / "r",
        "--set",
        "case.calm.load.drain=0s",
        "--set",
        "workload.group[0].output.value=4000",
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "INVALID" in done.stdout
    assert "PASS" not in done.stdout


def test_json_output_is_one_document(suite: Path, tmp_path: Path) -> None:
    """With --json, run and show print one JSON document with verdict and report, and nothing else."""
    done = servegen("run", suite, "--out", tmp_path / "r", "--json")
    data = json.loads(done.stdout)
    assert data["verdict"] == "PASS"
    assert data["report"]["cells"][0]["case"] == "calm"
    assert json.loads(servegen("show", tmp_path / "r", "--json").stdout)["state"] == "complete"


def test_plan_describes_without_load(suite: Path) -> None:
    """Plan prints counts, rates, token totals and the digest, as text and as JSON."""
    done = servegen("plan", suite)
    assert done.returncode == 0, done.stderr
    data = json.loads(servegen("plan", suite, "--json").stdout)
    assert data[0]["case"] == "calm"
    assert data[0]["digest"][:8] in done.stdout
    assert f"{data[0]['requests']:,}" in done.stdout


def test_published_data_are_planned_in_place(shared_data: Path) -> None:
    """The suite over the published deepseek-r1 files composes their clients, recorded and thinned to 2 requests/s."""
    path = shared_data / "servegen" / "reason" / "deepseek-r1"
    suite = Path(__file__).parents[2] / "suites" / "data-pool.toml"
    done = servegen("plan", suite, "--json", "--set", f"workload.group[0].source.path={path}")
    assert done.returncode == 0, done.stderr
    recorded, thinned = json.loads(done.stdout)
    assert recorded["rate"] > 2 * thinned["rate"]
    # 7,200 are expected of 3,600 s at 2/s; five standard deviations of a binomial draw.
    assert abs(thinned["requests"] - 7200) < 5 * 7200**0.5
    assert len(thinned["clients"]) >= 20


@pytest.mark.parametrize("name", ["w.parquet", "w.jsonl", "w.csv", "w.mooncake.jsonl"])
def test_generate_writes_by_suffix(suite: Path, tmp_path: Path, name: str) -> None:
    """Generate writes the workload in the format of the suffix and prints the digest that plan prints."""
    done = servegen("generate", suite, "--out", tmp_path / name)
    assert done.returncode == 0, done.stderr
    digest = json.loads(servegen("plan", suite, "--json").stdout)[0]["digest"]
    assert digest[:8] in done.stdout
    assert (tmp_path / name).stat().st_size > 1000


def test_generated_file_is_what_run_sends(suite: Path, tmp_path: Path) -> None:
    """Run with --workload sends the file: the digest in the result is the file's."""
    servegen("generate", suite, "--out", tmp_path / "w.parquet", "--set", "seed=99")
    digest = json.loads(servegen("plan", suite, "--json", "--set", "seed=99").stdout)[0]["digest"]
    done = servegen("run", suite, "--workload", tmp_path / "w.parquet", "--out", tmp_path / "r", "--json")
    assert json.loads(done.stdout)["report"]["cells"][0]["digest"] == digest


def test_check_shows_all_problems_of_all_files(suite: Path, tmp_path: Path) -> None:
    """Check goes through every file, shows every problem with place and caret, and ends with 2."""
    bad = tmp_path / "bad.toml"
    bad.write_text(
        SUITE.replace("rate =", "rat =").replace("seed = 5", 'seed = "five"').replace("[[slo]]", "[[sloo]]")
    )
    done = servegen("check", suite, bad)
    assert done.returncode == 2
    assert f"{suite}: ok" in done.stdout
    assert f"{bad}:4:8: seed" in done.stderr
    assert "did you mean 'rate'?" in done.stderr
    assert "did you mean 'slo'?" in done.stderr
    assert done.stderr.count("^") > 6
    assert "Traceback" not in done.stderr


def test_plugins_lists_what_is_offered() -> None:
    """Plugins lists each distribution with version and entries; blocked ones are gone."""
    done = servegen("plugins")
    assert "servegen-fw-models 0." in done.stdout
    assert "gamma" in done.stdout
    blocked = json.loads(servegen("plugins", "--json", "--block", "servegen-fw-models").stdout)
    assert "servegen-fw-models" not in {one["distribution"] for one in blocked["plugins"]}
    assert blocked["failed"] == []


def test_schema_is_json_schema() -> None:
    """Schema prints a JSON Schema that names the installed plugins' entries."""
    data = json.loads(servegen("schema").stdout)
    assert data["$schema"].startswith("https://json-schema.org/")
    assert "pareto-lognormal" in json.dumps(data)


def bad_inputs() -> dict[str, tuple[Any, list[str], list[str]]]:
    """Name -> (suite text or bytes or None for no file, more arguments, what the message must hold)."""
    return {
        "missing file": (None, [], ["no such file"]),
        "empty": ("", [], ["empty"]),
        "not UTF-8": (b'name = "\xff"', [], [":1:", "UTF-8"]),
        "not TOML": ("name = = 1", [], [":1:8"]),
        "unknown key": (SUITE.replace("rate =", "rat ="), [], [":18:", "did you mean 'rate'?", "^^^"]),
        "wrong type": (SUITE.replace("seed = 5", "seed = true"), [], [":4:8", "seed"]),
        "wrong unit": (SUITE.replace('"4/s"', '"4s"'), [], [":18:", "4/s"]),
        "unknown model": (SUITE.replace("poisson", "poison"), [], ["did you mean 'poisson'?", ":12:"]),
        "absent plugin": (
            SUITE,
            ["--block", "servegen-fw-models"],
            ["servegen-fw-models", "leave out --block"],
        ),
        "required plugin": (
            SUITE.replace("seed = 5", 'seed = 5\nrequire = ["acme"]'),
            [],
            ["acme", "pip install acme"],
        ),
        "unknown metric": (SUITE.replace('"ttft"', '"ttf"'), [], ["did you mean 'ttft'"]),
        "no statistic": (
            SUITE.replace('stat   = "p90"\n', ""),
            [],
            [":21:10", "missing 'stat'", 'stat = "p99"'],
        ),
        "needless statistic": (
            SUITE.replace('"ttft"', '"goodput"').replace('"2s"', '"1 %"'),
            [],
            [":22:10", "'goodput' has one value per run", "leave 'stat' out"],
        ),
        "bad override": (SUITE, ["--set", "case[7].load.rate=1/s"], ["case[7]"]),
        "unknown case": (SUITE, ["--case", "storm"], ["storm", "calm"]),
        "unknown target": (SUITE, ["--target", "mars"], ["mars", "sim"]),
        "missing pool file": (
            SUITE.replace('arrival = "poisson"', 'source = { kind = "pool", path = "no.pool" }')
            .replace('input   = { kind = "fixed", value = 300 }\n', "")
            .replace('output  = { kind = "fixed", value = 20 }\n', "")
            .replace("clients = 3\n", ""),
            [],
            ["no.pool"],
        ),
    }


@pytest.mark.parametrize("name", bad_inputs())
def test_bad_input_is_one_clear_message(tmp_path: Path, name: str) -> None:
    """Bad input ends with status 2 and a message that names the place and the cure, never with a traceback."""
    text, arguments, wanted = bad_inputs()[name]
    path = tmp_path / "suite.toml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = servegen("run", path, "--out", tmp_path / "r", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
    for part in wanted:
        assert part in done.stderr, (part, done.stderr)
    assert not (tmp_path / "r").exists()


def _distribution(site: Path, name: str, source: str) -> dict[str, str]:
    """Lay out an installed plugin distribution; returns the environment that finds it."""
    module = name.replace("-", "_")
    (site / f"{module}.py").write_text(source)
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[servegen_fw]\nmain = {module}\n")
    return {"PYTHONPATH": str(site)}


POISSON = """
from servegen_fw.plugin import ArrivalEntry, hookimpl
@hookimpl
def servegen_arrivals():
    return [ArrivalEntry(name="poisson", make=print)]
"""


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import no_such_module_anywhere", "No module named 'no_such_module_anywhere'"),
        (POISSON.replace("servegen_arrivals", "servegen_arrival"), "did you mean servegen_arrivals?"),
    ],
)
def test_broken_plugin_warns_and_stops_only_with_strict(
    suite: Path, tmp_path: Path, source: str, told: str
) -> None:
    """A plugin that fails is told and left out; with --strict, or if the suite requires it, nothing is run."""
    env = _distribution(tmp_path, "acme-broken", source)
    done = servegen("run", suite, "--out", tmp_path / "r", env=env)
    assert done.returncode == 0
    assert "warning: plugin acme-broken is left out" in done.stderr
    assert told in done.stderr
    for arguments in (["--strict"], ["--set", 'require=["acme-broken"]']):
        refused = servegen("run", suite, "--out", tmp_path / "s", *arguments, env=env)
        assert refused.returncode == 2
        assert "acme-broken" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert not (tmp_path / "s").exists()


def test_name_offered_twice_is_refused_where_it_is_used(suite: Path, tmp_path: Path) -> None:
    """Two plugins with one name: the suite's line is shown with what to write instead, and writing that works."""
    env = _distribution(tmp_path, "acme-other", POISSON)
    done = servegen("check", suite, env=env)
    assert done.returncode == 2
    assert f"{suite}:12:11" in done.stderr
    assert "write 'acme-other:poisson' or 'servegen-fw-models:poisson'" in done.stderr
    chosen = servegen(
        "check", suite, "--set", "workload.group[0].arrival=servegen-fw-models:poisson", env=env
    )
    assert chosen.returncode == 0, chosen.stderr


def test_damaged_pool_file_is_told(tmp_path: Path) -> None:
    """A pool file that was cut short is one clear message with its name, and no traceback."""
    (tmp_path / "cut.pool").write_bytes(b"ARROW1" + bytes(200))
    path = tmp_path / "suite.toml"
    path.write_text(
        'servegen = 1\nname = "s"\n[target.sim]\nbackend = { kind = "sim", profile = "llama-3-8b-h100" }\n'
        '[[workload.group]]\nsource = { kind = "pool", path = "cut.pool" }\n'
        '[[case]]\nname = "c"\nload = { rate = 1, duration = 60 }\n'
    )
    done = servegen("run", path, "--out", tmp_path / "r")
    assert done.returncode == 2
    assert "cut.pool" in done.stderr
    assert "Traceback" not in done.stderr


def test_unreachable_servers_are_all_told_before_anything_is_made(suite: Path, tmp_path: Path) -> None:
    """Every server that is not there is named, with its place in the suite, and no result folder is made."""
    text = SUITE
    for name in ("left", "right"):
        url = f"http://127.0.0.1:{free_port()}"
        text += f'\n[target.{name}]\nbackend = {{ kind = "vllm", url = "{url}", model = "m" }}\n'
    suite.write_text(text)
    done = servegen("run", suite, "--out", tmp_path / "r")
    assert done.returncode == 2
    assert "target.left.backend" in done.stderr
    assert "target.right.backend" in done.stderr
    assert f"{suite}:26:11" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "r").exists()


SLOW = """
servegen = 1
name = "slow"

[target.server]
backend = {{ kind = "vllm", url = "{url}", model = "scripted" }}

[[workload.group]]
arrival = "poisson"
input   = {{ kind = "fixed", value = 20 }}
output  = {{ kind = "fixed", value = 5 }}

[[case]]
name = "long"
load = {{ kind = "open", rate = "20/s", duration = "60s" }}
"""


def _killed(tmp_path: Path, how: signal.Signals) -> tuple[int, Path, str]:
    """Start a run against a scripted server, stop it by a signal after some seconds; (status, folder, stderr)."""
    from servegen_fw.testing import OpenAIAnswers, ScriptedServer

    with ScriptedServer(OpenAIAnswers()) as server:
        path = tmp_path / "slow.toml"
        path.write_text(SLOW.format(url=server.url))
        command = [sys.executable, "-m", "servegen_fw", "run", str(path), "--out", str(tmp_path / "r")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        journal = tmp_path / "r" / "cells" / "long.server.0" / "records.journal"
        deadline = time.monotonic() + 60
        while not (journal.exists() and journal.stat().st_size > 4000) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(how)
        _, told = process.communicate(timeout=60)
    return process.returncode, tmp_path / "r", told


def test_interrupted_run_keeps_what_it_measured(tmp_path: Path) -> None:
    """Ctrl-C ends with 130; the result is stored, marked partial, INVALID, and opens again."""
    status, folder, told = _killed(tmp_path, signal.SIGINT)
    assert status == 130, told
    assert "Traceback" not in told
    shown = servegen("show", folder)
    assert shown.returncode == 3
    assert "partial" in shown.stdout
    assert "PASS" not in shown.stdout
    data = json.loads(servegen("show", folder, "--json").stdout)
    assert data["state"] == "partial"
    assert data["report"]["cells"][0]["counts"]["ok"] >= 10


def test_killed_run_keeps_all_but_the_last_second(tmp_path: Path) -> None:
    """A run killed outright leaves a journal from which show judges the rows that had ended, marked partial."""
    status, folder, _ = _killed(tmp_path, signal.SIGKILL)
    assert status == -signal.SIGKILL
    shown = servegen("show", folder)
    assert shown.returncode == 3, shown.stderr
    assert "killed" in shown.stdout
    assert "PASS" not in shown.stdout
    assert json.loads(servegen("show", folder, "--json").stdout)["report"]["cells"][0]["counts"]["ok"] >= 5
