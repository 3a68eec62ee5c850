"""Third-party distributions written against the published contract only: installed, listed, planned, run and judged."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from servegen_fw import Registry, plugin
from servegen_fw.plugin import read_workload

HERE = Path(__file__).parent
BUSY_MACHINE = {"driver-lag", "loop-stalls", "offered-not-achieved"}
"""Reasons that a busy test machine may give: they are about the machine and not about the plugin."""

SIMULATED = """
servegen = 1
name = "erlang"
seed = 4

[target.sim]
backend = { kind = "sim", profile = "llama-3-8b-h100" }

[[workload.group]]
arrival = { kind = "acme-servegen-arrivals:erlang", stages = 9 }
input   = { kind = "triangular", low = 100, mode = "200 tokens", high = 600 }
output  = { kind = "triangular", low = 10, mode = 40, high = 100 }

[[case]]
name = "calm"
load = { kind = "open", rate = "20/s", duration = "100s" }

[[slo]]
metric = "ttft"
stat   = "p90"
max    = "1s"
"""

LIVE = """
servegen = 1
name = "echo"
seed = 3

[target.echo]
backend = { kind = "echo", first = "20ms", gap = "5ms" }

[[workload.group]]
clients = 3
arrival = { kind = "erlang", stages = 4 }
input   = { kind = "triangular", low = 10, mode = 20, high = 60 }
output  = { kind = "triangular", low = 4, mode = 8, high = 16 }
reasoning = { kind = "ratio", values = [0.5] }
session = { kind = "geometric", turns = 2, think = { kind = "fixed", value = 0.1 } }

[[case]]
name = "short"
load = { kind = "open", rate = "25/s", duration = "3s", drain = "20s" }

[[slo]]
metric = "output-speed"
stat   = "p50"
max    = "250 tokens/s"

[[slo]]
metric = "goodput"
min    = "90 %"
"""


@pytest.fixture
def suite(tmp_path: Path) -> Any:
    """Write a suite and return its path as text."""

    def write(text: str) -> str:
        (tmp_path / "suite.toml").write_text(text)
        return "suite.toml"

    return write


def records_of(folder: Path) -> Mapping[str, np.ndarray]:
    """Return the columns of the only cell's records."""
    (file,) = folder.glob("cells/*/records.parquet")
    table = pq.read_table(file)
    return {name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names}


@pytest.mark.parametrize("file", sorted(HERE.glob("acme-*/**/*.py")), ids=lambda path: path.name)
def test_they_import_nothing_but_the_facade(file: Path) -> None:
    """Of this framework a third party needs `servegen_fw.plugin` alone, and only names that it exports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("servegen_fw") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("servegen_fw"):
            assert node.module == "servegen_fw.plugin"
            assert {alias.name for alias in node.names} <= set(dir(plugin))


def test_they_are_listed_with_their_versions(cli: Any, site: Path) -> None:
    """`plugins` lists both distributions, what each offers, and no failure."""
    done = cli("plugins", "--json", "--strict", sites=[site])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["failed"] == []
    versions = {one["distribution"]: one["version"] for one in found["plugins"]}
    assert versions["acme-servegen-arrivals"] == "1.0.0"
    assert versions["acme-servegen-echo"] == "2.1.0"
    offered = {
        (one["distribution"], one["kind"], one["name"])
        for one in found["entries"]
        if one["distribution"].startswith("acme")
    }
    assert offered == {
        ("acme-servegen-arrivals", "arrival", "erlang"),
        ("acme-servegen-arrivals", "length", "triangular"),
        ("acme-servegen-echo", "backend", "echo"),
        ("acme-servegen-echo", "metric", "output-speed"),
    }


def test_without_being_installed_they_do_not_exist(cli: Any, suite: Any) -> None:
    """The same suite without the distributions is bad input that names the unknown arrival, without a traceback."""
    done = cli("check", suite(SIMULATED), sites=[])
    assert done.returncode == 2
    assert "unknown arrival 'acme-servegen-arrivals:erlang'" in done.stderr
    assert "Traceback" not in done.stderr


def test_their_arrivals_and_lengths_make_the_workload(
    cli: Any, suite: Any, site: Path, tmp_path: Path
) -> None:
    """A planned suite holds Erlang gaps and triangular lengths (each check at 5 standard errors: false alarm 6e-7)."""
    done = cli("generate", suite(SIMULATED), "--out", "w.parquet", sites=[site])
    assert done.returncode == 0, done.stderr
    workload = read_workload(tmp_path / "w.parquet")
    n, gaps = len(workload), np.diff(workload.due_s)
    # A stationary renewal process of CV 1/3: the count of 2,000 scatters by sqrt(2,000) / 3.
    assert abs(n - 2000) < 5 * np.sqrt(2000) / 3
    assert abs(gaps.std() / gaps.mean() - 1 / 3) < 0.05
    tokens = workload.input_tokens
    assert tokens.min() >= 100
    assert tokens.max() <= 600
    # Mean and variance of the triangular law: (a + b + c) / 3 and (a2 + b2 + c2 - ab - ac - bc) / 18.
    assert abs(tokens.mean() - 300) < 5 * np.sqrt(11666.7 / n)


def test_a_suite_with_their_arrivals_passes_on_the_simulated_engine(
    cli: Any, suite: Any, site: Path, tmp_path: Path
) -> None:
    """It is planned, run and judged like any other."""
    planned = cli("plan", suite(SIMULATED), "--json", sites=[site])
    assert planned.returncode == 0, planned.stderr
    done = cli("run", "suite.toml", "--out", "r", "--json", sites=[site])
    assert done.returncode == 0, done.stderr
    cell = json.loads(done.stdout)["report"]["cells"][0]
    assert cell["verdict"] == "PASS"
    assert cell["digest"] == json.loads(planned.stdout)[0]["digest"]
    assert set(records_of(tmp_path / "r")["status"]) == {"ok"}


def test_their_backend_is_driven_live_and_their_metric_judged(
    cli: Any, suite: Any, site: Path, tmp_path: Path
) -> None:
    """The local engine drives the echo backend, sessions included; its metric decides an objective and goodput."""
    done = cli("run", suite(LIVE), "--out", "r", "--json", sites=[site])
    assert "Traceback" not in done.stderr
    cell = json.loads(done.stdout)["report"]["cells"][0]
    assert cell["verdict"] == "PASS" or set(cell["reasons"]) <= BUSY_MACHINE, cell["reasons"]
    assert [(one["metric"], one["status"]) for one in cell["objectives"]] == [
        ("output-speed", "ok"),
        ("goodput", "ok"),
    ]
    assert cell["facts"]["server"] == "echo"

    records = records_of(tmp_path / "r")
    sent = pq.read_table(tmp_path / "r" / "workload" / "short.0.parquet")
    wanted = sent.column("output_tokens").to_numpy()
    assert set(records["status"]) == {"ok"}
    assert set(records["finish"]) == {"length"}
    assert (records["output_reported"] == wanted).all()
    assert (records["output_counted"] == wanted).all()
    # The stamps hold the backend's own waits, however late a busy machine makes them. Event loops keep timers in whole
    # milliseconds, so that a sleep may end one early.
    assert (records["first_ns"] - records["sent_ns"] >= 19e6).all()
    assert (records["last_ns"] - records["first_ns"] >= (wanted - 1) * 4e6).all()
    assert (records["answer_ns"] >= records["first_ns"]).all()
    assert (sent.column("turn").to_numpy() > 0).any()


def test_what_their_backend_refuses_is_an_error_of_that_request(cli: Any, suite: Any, site: Path) -> None:
    """A `BackendError` becomes the code of its record; with every request refused the run is invalid, not crashed."""
    text = LIVE.replace('gap = "5ms"', 'gap = "5ms", longest = 1').replace("geometric", "single")
    text = text.replace('turns = 2, think = { kind = "fixed", value = 0.1 }', "").replace(
        'single", ', 'single"'
    )
    done = cli("run", suite(text), "--out", "r", "--json", sites=[site])
    assert done.returncode == 3, done.stderr
    cell = json.loads(done.stdout)["report"]["cells"][0]
    assert "no-success" in cell["reasons"]
    assert any("too-long" in gate["message"] for gate in cell["gates"])


@pytest.mark.parametrize(
    ("arrival", "length", "what"),
    [
        ("stages = 0", "", "stages"),
        ("stages = 2.5", "", "stages"),
        ("stage = 2", "", "did you mean 'stages'"),
        ("stages = 2", "low = 300, mode = 20, high = 60", "low <= mode <= high"),
        ("stages = 2", 'low = "10s", mode = 20, high = 60', "tokens"),
    ],
)
def test_their_options_have_the_same_messages(
    cli: Any, suite: Any, site: Path, arrival: str, length: str, what: str
) -> None:
    """Limits, types, misspelt keys, units and a class's own checks are told with file, line and column, status 2."""
    text = LIVE.replace("stages = 4", arrival)
    if length:
        text = text.replace("low = 10, mode = 20, high = 60", length)
    done = cli("check", suite(text), sites=[site])
    assert done.returncode == 2
    assert what in done.stderr
    assert "suite.toml:" in done.stderr
    assert "Traceback" not in done.stderr


def test_their_metric_refuses_limits_in_another_unit(cli: Any, suite: Any, site: Path) -> None:
    """The unit that the metric declares is what an objective's limit must have."""
    done = cli("check", suite(LIVE.replace("250 tokens/s", "3 s")), sites=[site])
    assert done.returncode == 2
    assert "output-speed" in done.stderr
    assert "token rate" in done.stderr


def test_one_name_of_two_distributions_must_be_written_in_full(
    cli: Any, suite: Any, site: Path, rival_site: Path
) -> None:
    """With a second `erlang` installed the short name is refused with what to write, and the full one works."""
    sites = [site, rival_site]
    refused = cli("check", suite(LIVE), sites=sites)
    assert refused.returncode == 2
    assert "several plugins offer the arrival 'erlang'" in refused.stderr
    assert "'acme-servegen-arrivals:erlang'" in refused.stderr
    assert "'rival-arrivals:erlang'" in refused.stderr
    full = LIVE.replace('"erlang"', '"acme-servegen-arrivals:erlang"')
    assert cli("check", suite(full), sites=sites).returncode == 0
    blocked = cli("check", suite(LIVE), "--block", "rival-arrivals", sites=sites)
    assert blocked.returncode == 0, blocked.stderr


def test_a_module_can_be_registered_without_being_installed(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Registry.load(plugins=[module])` offers what the installed distribution would."""
    monkeypatch.syspath_prepend(str(HERE / "acme-servegen-arrivals"))
    import acme_servegen_arrivals  # type: ignore[import-not-found]

    registry = Registry.load(plugins=[acme_servegen_arrivals])
    entry, owner = registry.find("arrival", "erlang")
    assert owner == "acme_servegen_arrivals"
    times = entry.product(entry.config(stages=3)).unit_times(5000.0, np.random.default_rng(1))
    # CV 1/sqrt(3): five standard errors of the count (false alarm 6e-7).
    assert abs(len(times) - 5000) < 5 * np.sqrt(5000 / 3)
    assert (site / "acme_servegen_arrivals.py").exists()
