"""All gates together, and whether the objectives rest on enough requests."""

from __future__ import annotations

import numpy as np

from servegen_fw.data.report import Estimate, ObjectiveResult
from servegen_fw.judge import gates


def test_a_good_run_passes_every_gate(build):
    """A live run on time, complete and steady has only ok gates."""
    due = np.arange(1000.0)
    ttft = np.random.default_rng(1).lognormal(-2, 0.3, 1000)
    found = gates.examine(build(due, first_s=due + ttft, last_s=due + 2, done_s=due + 2, wall_s=1000.0))
    assert {gate.status for gate in found} == {"ok"}


def test_every_gate_has_a_name_a_code_and_a_message(build):
    """Names are unique, codes are stable words, and a gate that is not ok says what to do."""
    due = np.arange(300.0)
    found = gates.examine(
        build(
            due, start_s=due + 1, status=np.where(due < 30, 2, 1), stall_s=[5.0], cpu_s=99.0, interrupted="x"
        )
    )
    assert len({gate.name for gate in found}) == len(found) == len(gates.GATES)
    for gate in found:
        assert gate.message
        assert gate.code == gate.code.lower().replace(" ", "-")
        assert bool(gate.cure) == (gate.status in {"warn", "invalid"})


def test_an_empty_run_raises_nothing(build):
    """Gates of a run without requests are unknown or invalid, never an exception."""
    found = gates.examine(build([], duration_s=1.0))
    assert "invalid" in {gate.status for gate in found}


def result(*, trustworthy, status="ok", note=""):
    """An objective's result on an estimate."""
    estimate = Estimate(1.0, n=120, trustworthy=trustworthy, note=note)
    return ObjectiveResult("ttft p99 <= 1 s", "ttft", "p99", 1.0, "s", "max", estimate, status, sure=False)


def test_an_objective_on_too_few_requests_is_a_warning():
    """The gate names the metric, the statistic, n and the reason."""
    gate = gates.enough([result(trustworthy=True), result(trustworthy=False, note="so few lie beyond it")])
    assert (gate.status, gate.code) == ("warn", "too-few-requests")
    assert "ttft p99 on 120 requests: so few lie beyond it" in gate.message


def test_enough_requests_are_ok():
    """Trustworthy estimates pass; without objectives the gate does not apply; unknown ones are not its matter."""
    assert gates.enough([result(trustworthy=True)]).status == "ok"
    assert gates.enough([]).status == "n/a"
    assert gates.enough([result(trustworthy=False, status="unknown")]).status == "ok"
