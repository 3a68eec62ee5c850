"""A whole cell judged: PASS, FAIL and INVALID, and what stands in it."""

from __future__ import annotations

import types

import attrs
import numpy as np
import pytest

from servegen_fw.data.records import ERROR, OK
from servegen_fw.data.run import Scalar, Series
from servegen_fw.errors import PluginError
from servegen_fw.hooks.entries import MetricEntry
from servegen_fw.hooks.registry import Registry
from servegen_fw.hooks.specs import hookimpl
from servegen_fw.judge.catalogue import METRICS
from servegen_fw.judge.cell import judge
from servegen_fw.suite.model import Objective, Where

FAST = Objective(metric="ttft", stat="p99", max=2.0)
GOOD = Objective(metric="goodput", min=0.95)


@pytest.fixture
def run(build):
    """A thousand requests of two clients on a live clock: TTFT lognormal about 135 ms, everything on time."""
    g = np.random.default_rng(1)
    due = np.arange(1000.0)
    ttft = g.lognormal(-2, 0.3, 1000)
    return build(
        due,
        client=g.integers(0, 2, 1000),
        names=("a", "b"),
        first_s=due + ttft,
        last_s=due + ttft + 0.9,
        done_s=due + ttft + 0.9,
        wall_s=1000.0,
    )


@pytest.fixture
def verdict(suite_of, registry):
    """Judge a run under objectives."""

    def make(run, *slos, registry=registry, **more):
        given = {"case": "c", "target": "t", "repeat": 0, "facts": {}} | more
        return judge(run.plan, run.records, suite=suite_of(*slos), registry=registry, **given)

    return make


def with_status(run, count, status):
    """The run with its first `count` requests of another status."""
    changed = run.records.status.copy()
    changed[:count] = status
    return attrs.evolve(run, records=attrs.evolve(run.records, status=changed))


def test_a_run_that_meets_its_objectives_passes(run, verdict):
    """All gates and objectives ok: PASS without reasons."""
    cell = verdict(run, FAST, GOOD)
    assert (cell.verdict, cell.reasons) == ("PASS", ())
    assert [result.status for result in cell.objectives] == ["ok", "ok"]


def test_a_missed_objective_fails(run, verdict):
    """One objective missed: FAIL with its code, once."""
    tight = Objective(metric="ttft", stat="p99", max=0.01)
    cell = verdict(run, tight, FAST, tight)
    assert (cell.verdict, cell.reasons) == ("FAIL", ("missed:ttft:p99",))


def test_invalid_outranks_fail(run, verdict):
    """A driver that lagged makes the run INVALID, whatever its objectives say; no PASS, no FAIL."""
    records = attrs.evolve(run.records, start_ns=run.records.start_ns + 40_000_000)
    late = attrs.evolve(run, records=records)
    for slo in (FAST, Objective(metric="ttft", stat="p99", max=0.01)):
        cell = verdict(late, slo)
        assert (cell.verdict, cell.reasons) == ("INVALID", ("driver-lag",))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda run: with_status(run, 100, ERROR), "errors"),
        (lambda run: with_status(run, 100, 3), "truncated"),
        (lambda run: with_status(run, 100, 4), "not-drained"),
        (lambda run: with_status(run, 1000, ERROR), "no-success"),
        (lambda run: attrs.evolve(run, plan=attrs.evolve(run.plan, warmup_s=1e6)), "empty-window"),
    ],
)
def test_what_makes_a_run_invalid_has_its_code(run, verdict, change, code):
    """Errors, truncation, unfinished requests, no success, an empty window: each makes the run INVALID by its code."""
    cell = verdict(change(run), FAST)
    assert cell.verdict == "INVALID"
    assert code in cell.reasons


def test_an_interrupted_run_is_invalid_and_partial(run, verdict):
    """The cell says why it is incomplete, and its figures still stand."""
    harness = attrs.evolve(run.records.harness, interrupted="stopped by the user")
    cell = verdict(attrs.evolve(run, records=attrs.evolve(run.records, harness=harness)), FAST)
    assert (cell.verdict, cell.partial) == ("INVALID", "stopped by the user")
    assert cell.metrics[0].stats["p50"].value > 0


def test_an_objective_without_data_does_not_pass(run, verdict):
    """An objective on a client that is not there cannot be judged: INVALID, not PASS."""
    cell = verdict(run, Objective(metric="ttft", stat="p99", max=2.0, where=Where(client="nobody")))
    assert (cell.verdict, cell.reasons) == ("INVALID", ("no-data:ttft",))


def test_a_few_errors_warn_and_count_against_goodput(run, verdict):
    """Half a percent of errors leaves a PASS with a warning, and goodput counts them."""
    cell = verdict(with_status(run, 5, ERROR), FAST, GOOD)
    assert cell.verdict == "PASS"
    assert {gate.name: gate.status for gate in cell.gates}["errors"] == "warn"
    goodput = next(row for row in cell.metrics if row.name == "goodput").stats["value"]
    assert goodput.value == pytest.approx(0.995)
    assert goodput.low < 0.995 < goodput.high


def test_where_judges_only_its_requests(build, verdict):
    """One slow client misses its own objective and not the other's."""
    due = np.arange(2000.0)
    owner = np.arange(2000) % 2
    run = build(
        due,
        client=owner,
        names=("a", "b"),
        first_s=due + np.where(owner, 3.0, 0.1),
        last_s=due + 4,
        done_s=due + 4,
        wall_s=2e3,
    )
    of = {name: Objective(metric="ttft", stat="p50", max=1.0, where=Where(client=name)) for name in "ab"}
    cell = verdict(run, of["a"], of["b"])
    assert [result.status for result in cell.objectives] == ["ok", "missed"]
    assert [result.estimate.n for result in cell.objectives] == [1000, 1000]
    goodput = next(row for row in cell.metrics if row.name == "goodput").stats["value"]
    assert goodput.value == 0.5


def test_every_kernel_metric_is_listed_with_n_and_unit(run, verdict):
    """The rows of a report are the kernel's metrics in catalogue order, each estimate with its n."""
    cell = verdict(run, FAST)
    assert [row.name for row in cell.metrics] == [entry.name for entry in METRICS]
    for row in cell.metrics:
        if row.name not in {"itl", "goodput"}:
            assert row.unit
            assert all(990 <= estimate.n <= 1000 for estimate in row.stats.values())


def test_the_cell_carries_counts_digest_facts_and_clients(run, verdict):
    """Names, counts by status, the workload's digest, facts, the client table and fairness."""
    cell = verdict(with_status(run, 5, ERROR), FAST, repeat=2, facts={"accelerator": "A"})
    assert (cell.case, cell.target, cell.repeat) == ("c", "t", 2)
    assert (cell.counts["ok"], cell.counts["error"], cell.counts["judged"]) == (995, 5, 1000)
    assert cell.digest == run.workload.digest
    assert cell.facts == {"accelerator": "A"}
    assert set(cell.clients.name) == {"a", "b"}
    assert cell.clients.goodput.mean() == pytest.approx(0.995, abs=0.003)
    assert cell.jain > 0.99


def test_judging_twice_gives_the_same_numbers(run, verdict):
    """Nothing is drawn at random: two judgements agree to the last bit."""
    assert repr(verdict(run, FAST, GOOD).metrics) == repr(verdict(run, FAST, GOOD).metrics)


def test_objectives_of_other_cases_do_not_count(run, verdict):
    """An objective of another case or target is not judged here."""
    other = Objective(metric="ttft", stat="p99", max=0.001, cases=("other",))
    cell = verdict(run, other)
    assert (cell.verdict, cell.objectives) == ("PASS", ())


def plugin(**answers):
    """A plugin module that offers metrics with fixed answers."""
    module = types.ModuleType("acme_metrics")

    def make(answer):
        return lambda _config: types.SimpleNamespace(compute=lambda _run: answer)

    @hookimpl
    def servegen_metrics():
        return [MetricEntry(name=name, make=make(answer), label=name) for name, answer in answers.items()]

    module.servegen_metrics = servegen_metrics
    return module


def test_a_plugins_metric_is_read_only_if_an_objective_names_it(run, verdict):
    """What else is installed changes neither rows nor verdict; a named metric is listed, judged, and counts for goodput."""
    watts = Series(np.array([1.0, 9.0]), np.array([0.0, 1.0]), "J", "lower", rows=np.array([0, 1]))
    registry = Registry.load(plugins=[plugin(energy=watts, cost=Scalar(3.0, "ratio", "lower", 5))])
    silent = verdict(run, FAST, registry=registry)
    assert [row.name for row in silent.metrics] == [row.name for row in verdict(run, FAST).metrics]
    named = verdict(run, Objective(metric="energy", stat="max", max=5.0), GOOD, registry=registry)
    assert "energy" in {row.name for row in named.metrics}
    assert named.reasons == ("missed:energy:max",)
    assert next(row for row in named.metrics if row.name == "goodput").stats["value"].value == 0.999


def test_an_unknown_metric_is_the_users_error(run, verdict):
    """A metric that nobody offers stops with the registry's message."""
    with pytest.raises(PluginError):
        verdict(run, Objective(metric="latencyy", stat="p99", max=1.0))


def test_a_virtual_clock_has_no_lag_and_can_pass(run, verdict):
    """A replay in virtual time is judged without lag, which is n/a and not ok."""
    harness = attrs.evolve(run.records.harness, clock="virtual")
    cell = verdict(attrs.evolve(run, records=attrs.evolve(run.records, harness=harness)), FAST)
    assert cell.verdict == "PASS"
    assert {gate.name: gate.status for gate in cell.gates}["lag"] == "n/a"
    lag = next(row for row in cell.metrics if row.name == "lag")
    assert lag.note == "n/a (virtual clock)"


def test_overload_is_invalid_or_failed_never_passed(build, verdict):
    """A queue that grows without end does not pass an objective that its early requests meet."""
    due = np.arange(1000.0)
    ttft = np.linspace(0.1, 60.0, 1000)
    run = build(due, first_s=due + ttft, last_s=due + ttft + 1, done_s=due + ttft + 1, wall_s=1e3)
    cell = verdict(run, FAST)
    assert cell.verdict == "FAIL"
    assert {gate.name: gate.status for gate in cell.gates}["stationary"] == "warn"
    assert cell.counts["ok"] == int((run.records.status == OK).sum())
