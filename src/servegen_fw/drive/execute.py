"""From a plan and a target to records: picks the engine that the backend needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from servegen_fw.data.plan import Plan
from servegen_fw.data.records import Records
from servegen_fw.drive.backend_ref import BackendRef
from servegen_fw.drive.teller import Silent
from servegen_fw.drive.virtual import VirtualEngine
from servegen_fw.errors import InputError, Problem

if TYPE_CHECKING:
    from servegen_fw.hooks.protocols import Engine, Progress
    from servegen_fw.hooks.registry import Registry
    from servegen_fw.suite.model import Target

DEFAULT_ENGINE = "servegen-fw:local"


def execute(
    plan: Plan, target: Target, progress: Progress | None, registry: Registry
) -> tuple[Records, Mapping[str, Any]]:
    """Run the plan against the target.

    Parameters
    ----------
        progress: told how far the run is; from another thread where the run is live.

    Returns
    -------
        The records, and the backend's facts with the driver's own under ``"driver"``.

    Raises
    ------
        BackendError: the server was not reachable before the clock started.
        InputError: the target's options contradict each other, or the plan lacks prompts.
        PluginError: backend or engine cannot be built, or broke their contract.
    """
    backend = BackendRef.of(target.backend, registry)
    engine = _engine(target, registry, virtual=backend.found().virtual)
    return engine.run(plan, backend, progress or Silent())


def _engine(target: Target, registry: Registry, *, virtual: bool) -> Engine:
    if virtual:
        if target.engine is not None:
            raise InputError(
                Problem(
                    f"backend {target.backend.entry.name!r} owns the clock and needs no engine",
                    who="target.engine",
                    cure="remove the key engine",
                )
            )
        return VirtualEngine()
    if target.engine is not None:
        chosen: Engine = target.engine.make()
        return chosen
    entry, _ = registry.find("engine", DEFAULT_ENGINE)
    default: Engine = entry.product(entry.config())
    return default
