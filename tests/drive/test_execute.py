"""From plan and target to records; virtual and live alike."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.data.plan import Plan
from servegen_fw.data.records import OK, Harness, Records
from servegen_fw.drive.execute import execute
from servegen_fw.errors import InputError, PluginError
from servegen_fw.hooks.entries import BackendEntry, Choice, EngineEntry, NoOptions
from servegen_fw.hooks.registry import Registry
from servegen_fw.hooks.specs import hookimpl
from servegen_fw.suite.model import Target


class Replayed:
    """A virtual backend that answers every request a second after it was due."""

    clock = "virtual"
    short = 0
    wrong = False

    def replay(self, plan: Plan, progress: Any) -> Any:
        """Answer."""
        if self.wrong:
            return {"rows": 3}
        records = Records.empty(len(plan.workload) - self.short, Harness(self.clock, 1.0))
        records.status[:] = OK
        records.due_ns[:] = np.rint(plan.workload.due_s * 1e9)[: len(records)]
        progress.update(at_s=1.0, due=1, done=1, in_flight=0, errors=0, lag_s=0.0)
        return records

    def facts(self) -> dict[str, Any]:
        """Say what it is."""
        return {"model": "toy"}


class OtherEngine:
    """An engine that notes what it was asked."""

    def __init__(self, _: Any) -> None:
        self.asked: list[Any] = []

    def run(self, plan: Plan, backend: Any, progress: Any) -> tuple[Records, dict[str, Any]]:
        """Return empty rows."""
        del progress
        records = Records.empty(len(plan.workload), Harness("monotonic", 0.0))
        return records, {"other": backend.entry}


def plugin(product: Any, virtual: bool) -> ModuleType:
    """Make a declaration module with one backend and one engine."""
    made = ModuleType("acme_exec")

    def servegen_backends() -> list[BackendEntry]:
        return [BackendEntry(name="acme", make=lambda _: product, virtual=virtual)]

    def servegen_engines() -> list[EngineEntry]:
        return [EngineEntry(name="other", make=OtherEngine)]

    made.servegen_backends = hookimpl(servegen_backends)  # type: ignore[attr-defined]
    made.servegen_engines = hookimpl(servegen_engines)  # type: ignore[attr-defined]
    return made


def setup(product: Any, *, virtual: bool, engine: str = "") -> tuple[Target, Registry]:
    """Make a target for a product, and the registry that knows it."""
    registry = Registry.load(plugins=[plugin(product, virtual)])
    entry, owner = registry.find("backend", "acme")
    chosen = None
    if engine:
        engine_entry, engine_owner = registry.find("engine", engine)
        chosen = Choice(engine_entry, engine_entry.config(), engine_owner)
    return Target(backend=Choice(entry, NoOptions(), owner), engine=chosen), registry


def test_a_live_backend_gets_the_local_engine(lab: Any) -> None:
    """Without an engine in the target the kernel's own drives the load."""
    target, registry = setup(lab.FakeBackend(lab.good), virtual=False)
    records, facts = execute(lab.plan([(0.0, []), (0.01, [])]), target, None, registry)
    assert records.status.tolist() == [OK, OK]
    assert facts["driver"]["engine"] == "local"
    assert facts["version"] == "1.2"


def test_a_virtual_backend_replays(lab: Any) -> None:
    """A backend that owns the clock gets the plan, payloads or not, and states its facts."""
    target, registry = setup(Replayed(), virtual=True)
    plan = attrs.evolve(lab.plan([(0.0, []), (86_000.0, [])]), payloads=None)
    records, facts = execute(plan, target, None, registry)
    assert records.due_ns.tolist() == [0, 86_000 * 10**9]
    assert records.harness.clock == "virtual"
    assert facts == {"model": "toy", "driver": {"engine": "virtual"}}


def test_another_engine_is_used_where_it_is_named(lab: Any) -> None:
    """A target's engine gets a reference to the backend, not the backend."""
    target, registry = setup(lab.FakeBackend(lab.good), virtual=False, engine="other")
    _, facts = execute(lab.plan([(0.0, [])]), target, None, registry)
    assert facts == {"other": "acme"}


def test_a_virtual_backend_takes_no_engine(lab: Any) -> None:
    """Naming one is a contradiction that is told, not ignored."""
    target, registry = setup(Replayed(), virtual=True, engine="local")
    with pytest.raises(InputError, match=r"target\.engine: .* owns the clock") as caught:
        execute(lab.plan([(0.0, [])]), target, None, registry)
    assert "remove the key engine" in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"short": 1}, "returned 1 rows for 2 requests"),
        ({"clock": "monotonic"}, "must state"),
        ({"wrong": True}, "must return Records, not dict"),
    ],
)
def test_a_replay_that_is_not_of_this_plan_is_refused(lab: Any, fault: dict[str, Any], message: str) -> None:
    """Missing rows, a wrong clock or another type are the plugin's errors and are told as such."""
    product = Replayed()
    for name, value in fault.items():
        setattr(product, name, value)
    target, registry = setup(product, virtual=True)
    with pytest.raises(PluginError, match=message):
        execute(lab.plan([(0.0, []), (1.0, [])]), target, None, registry)


def test_no_hook_runs_while_the_clock_does(lab: Any) -> None:
    """From the first request to the last not one hook of any plugin is called."""
    calls: list[tuple[str, bool]] = []
    flying = [False]

    async def behave(request: Any, sink: Any) -> None:
        flying[0] = True
        await lab.slow(request, sink)

    target, registry = setup(lab.FakeBackend(behave), virtual=False)
    undo = registry.manager.add_hookcall_monitoring(
        before=lambda name, *_: calls.append((name, flying[0])),
        after=lambda *_: None,
    )
    try:
        registry.hook.servegen_arrivals()
        execute(lab.plan([(0.002 * i, [0.001]) for i in range(20)], duration_s=1.0), target, None, registry)
    finally:
        undo()
    assert ("servegen_arrivals", False) in calls
    assert [name for name, during in calls if during] == []
