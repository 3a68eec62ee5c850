"""The main job end to end on the simulated engine: plan, run, judge, store, open again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from servegen_fw import InputError, Registry, Result, Suite, plan, run
from servegen_fw.results.export import write_workload
from servegen_fw.results.store import read_workload
from servegen_fw.suite.load import parse_suite

SUITE = """
servegen = 1
name = "small"
seed = 5

[target.one]
backend = { kind = "sim", profile = "llama-3-8b-h100" }
[target.two]
backend = { kind = "sim", profile = "llama-3-8b-a100" }

[[workload.group]]
name    = "a"
clients = 4
skew    = 1.0
arrival = { kind = "gamma", cv = 1.5 }
input   = { kind = "lognormal", median = 200, sigma = 0.8, max = 2000 }
output  = { kind = "exponential", mean = 40 }
session = { kind = "geometric", turns = 2.0, think = { kind = "fixed", value = 3 } }

[[case]]
name = "calm"
load = { kind = "open", rate = "4/s", duration = "60s", warmup = "5s" }

[[case]]
name = "closed"
load = { kind = "closed", concurrency = 3, requests = 60 }

[[slo]]
metric = "ttft"
stat   = "p90"
max    = "2s"
"""


@pytest.fixture(scope="module")
def registry() -> Registry:
    """All installed plugins."""
    return Registry.load()


@pytest.fixture(scope="module")
def suite(registry: Registry) -> Suite:
    """A suite of two cases on two simulated targets."""
    return parse_suite(SUITE, source="small.toml", registry=registry)


@pytest.fixture(scope="module")
def result(suite: Suite, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The suite, run once."""
    return run(suite, registry=registry, out=tmp_path_factory.mktemp("results") / "r")


def test_plan_composes_without_sending(suite: Suite, registry: Registry) -> None:
    """Planning yields every case once, and the same digests every time."""
    first = [(planned.case.name, planned.workload.digest) for planned in plan(suite, registry=registry)]
    again = [(planned.case.name, planned.workload.digest) for planned in plan(suite, registry=registry)]
    assert [name for name, _ in first] == ["calm", "closed"]
    assert first == again


def test_every_cell_is_judged(result: Result) -> None:
    """Each case on each target is one cell with a verdict, its figures and its gates."""
    cells = result.report.cells
    assert [(cell.case, cell.target) for cell in cells] == [
        ("calm", "one"),
        ("calm", "two"),
        ("closed", "one"),
        ("closed", "two"),
    ]
    assert {cell.verdict for cell in cells} == {"PASS"}
    assert result.verdict == "PASS"
    assert all(
        cell.counts["ok"]
        == sum(v for k, v in cell.counts.items() if k not in {"ok", "judged"}) + cell.counts["ok"]
        for cell in cells
    )


def test_targets_are_sent_the_same_bytes(result: Result) -> None:
    """All targets of a case have the workload's digest, and the stored workload has it too."""
    calm = {cell.digest for cell in result.report.cells if cell.case == "calm"}
    assert calm == {result.folder.read_workload("calm", 0).digest}


def test_slower_hardware_is_slower(result: Result) -> None:
    """The same workload takes longer per token on the simulated A100 than on the H100."""
    tpot = {
        cell.target: row.stats["p50"].value
        for cell in result.report.cells
        if cell.case == "calm"
        for row in cell.metrics
        if row.name == "tpot"
    }
    assert tpot["two"] > 1.3 * tpot["one"]


def test_closed_loop_sends_exactly_the_requests_asked_for(result: Result) -> None:
    """A closed case sends its number of requests, never more than its concurrency at a time."""
    table = result.records("closed", "one")
    assert table.num_rows == 60
    start, done = (table.column(name).to_numpy() for name in ("start_ns", "done_ns"))
    in_flight = [int(np.count_nonzero((start <= t) & (done > t))) for t in start]
    assert max(in_flight) == 3


def test_result_opens_again(result: Result) -> None:
    """An opened result has the same report, and its records and workload as Arrow tables."""
    again = Result.open(result.folder.path)
    assert again.state == "complete"
    assert [cell.verdict for cell in again.report.cells] == [cell.verdict for cell in result.report.cells]
    assert isinstance(again.records("calm", "two"), pa.Table)
    assert again.workload("calm").num_rows == again.records("calm", "one").num_rows
    judged = again.run("calm", "one")
    assert len(judged.rows) == next(cell.counts["judged"] for cell in result.report.cells)
    with pytest.raises(InputError, match="cells: calm on one"):
        again.records("no-such-case")


def test_result_folder_holds_the_suite_twice(result: Result, suite: Suite) -> None:
    """The folder has the suite as given, and as resolved with every default filled in."""
    assert (result.folder.path / "suite.toml").read_text() == suite.text
    resolved = json.loads((result.folder.path / "suite.resolved.json").read_text())
    assert resolved["repeats"] == 1
    assert resolved["case"][0]["load"]["timeout"] == 600


def test_workload_file_replays(suite: Suite, registry: Registry, tmp_path: Path) -> None:
    """A workload written to a file and sent from there gives the same records as the composed one."""
    (planned,) = plan(suite, registry=registry, cases=["calm"])
    write_workload(planned.workload, tmp_path / "w.parquet")
    given = read_workload(tmp_path / "w.parquet")
    direct = run(suite, registry=registry, out=tmp_path / "a", cases=["calm"], targets=["one"])
    replayed = run(
        suite, registry=registry, out=tmp_path / "b", cases=["calm"], targets=["one"], workload=given
    )
    assert direct.report.cells[0].digest == replayed.report.cells[0].digest
    assert direct.records().equals(replayed.records())


def test_workload_file_needs_one_case(suite: Suite, registry: Registry) -> None:
    """A workload given for a suite of several cases is refused with the cases to choose from."""
    (planned,) = plan(suite, registry=registry, cases=["calm"])
    with pytest.raises(InputError, match="choose one of calm, closed"):
        list(plan(suite, registry=registry, workload=planned.workload))


def test_repeats_differ_and_the_first_is_the_single_run(registry: Registry) -> None:
    """Repeats draw other workloads; the first of several equals the run without repeats."""
    three = parse_suite(SUITE.replace("seed = 5", "seed = 5\nrepeats = 3"), registry=registry)
    one = parse_suite(SUITE, registry=registry)
    digests = [planned.workload.digest for planned in plan(three, registry=registry, cases=["calm"])]
    assert len(set(digests)) == 3
    assert digests[0] == next(plan(one, registry=registry, cases=["calm"])).workload.digest


@pytest.mark.parametrize(("what", "names"), [("cases", ["no"]), ("targets", ["no", "nor"])])
def test_unknown_names_are_told(
    suite: Suite, registry: Registry, tmp_path: Path, what: str, names: list[str]
) -> None:
    """A case or target that the suite lacks is an input error that lists those it has, before anything is made."""
    with pytest.raises(InputError) as error:
        run(suite, registry=registry, out=tmp_path / "r", **{what: names})  # type: ignore[arg-type]
    assert len(error.value.problems) == len(names)


def test_no_hook_runs_while_the_clock_runs(suite: Suite, registry: Registry, tmp_path: Path) -> None:
    """Between clock start and drain no plugin hook is called."""
    calls: list[str] = []
    entry, _ = registry.find("backend", "sim")
    backend = entry.product(entry.config())
    replay = type(backend).replay
    inside: list[int] = []

    def watched(self: object, *arguments: object) -> object:
        before = len(calls)
        records = replay(self, *arguments)
        inside.append(len(calls) - before)
        return records

    undo = registry.manager.add_hookcall_monitoring(
        lambda name, _impls, _arguments: calls.append(name), lambda *_: None
    )
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(backend), "replay", watched)
            run(suite, registry=registry, out=tmp_path / "r", cases=["calm"])
    finally:
        undo()
    assert inside == [0, 0]
    assert "servegen_environment" in calls
