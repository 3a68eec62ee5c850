"""Runs against backends that own the event clock: a plan goes in, records come out, no time passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from servegen_fw.data.plan import Plan
from servegen_fw.data.records import Records
from servegen_fw.errors import PluginError, Problem

if TYPE_CHECKING:
    from servegen_fw.hooks.protocols import BackendRef, Progress, VirtualBackend


class VirtualEngine:
    """Replays a plan in virtual time. An `Engine` for virtual backends; closed loops and sessions are the backend's."""

    def run(self, plan: Plan, backend: BackendRef, progress: Progress) -> tuple[Records, Mapping[str, Any]]:
        """Replay the plan.

        Returns
        -------
            The records, and the backend's facts with the driver's own under ``"driver"``.

        Raises
        ------
            PluginError: what the backend returned is not a record of this plan.
        """
        product: VirtualBackend = backend.make()
        records = product.replay(plan, progress)
        who = f"backend {backend.entry}"
        if not isinstance(records, Records):
            raise PluginError(Problem(f"replay() must return Records, not {type(records).__name__}", who=who))
        if len(records) != len(plan.workload):
            raise PluginError(
                Problem(f"replay() returned {len(records)} rows for {len(plan.workload)} requests", who=who)
            )
        if records.harness.clock != "virtual":
            # Otherwise the gates would judge a lag and stalls that were never measured.
            raise PluginError(Problem('replay() must state Harness(clock="virtual")', who=who))
        return records, dict(product.facts()) | {"driver": {"engine": "virtual"}}
