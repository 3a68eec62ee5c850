"""Before anything is composed or sent: is every server there, and does it know the model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from servegen_fw.drive.backend_ref import BackendRef
from servegen_fw.drive.interpreter import in_thread, inside_loop
from servegen_fw.errors import BackendError

if TYPE_CHECKING:
    from servegen_fw.hooks.protocols import Backend
    from servegen_fw.hooks.registry import Registry
    from servegen_fw.suite.model import Target


def is_virtual(target: Target) -> bool:
    """Whether the target's backend owns the event clock, so that no message is sent and no time passes."""
    return bool(getattr(target.backend.entry, "virtual", False))


def preflight(
    targets: Mapping[str, Target], registry: Registry
) -> tuple[dict[str, Mapping[str, Any]], dict[str, BackendError]]:
    """Connect to every live target once, and leave again.

    Returns
    -------
        Facts of the targets that answered, and what was wrong with each of the others, both by name. Virtual targets
        have no facts.

    Raises
    ------
        PluginError: a backend cannot be built.
    """
    facts: dict[str, Mapping[str, Any]] = {}
    failed: dict[str, BackendError] = {}
    for name, target in targets.items():
        facts[name] = {}
        if is_virtual(target):
            continue
        backend: Backend = BackendRef.of(target.backend, registry).make()
        try:
            facts[name] = _visit(backend)
        except BackendError as error:
            failed[name] = error
    return facts, failed


def _visit(backend: Backend) -> Mapping[str, Any]:
    async def visit() -> Mapping[str, Any]:
        try:
            return await backend.start()
        finally:
            await backend.stop()

    def run() -> Mapping[str, Any]:
        return asyncio.run(visit())

    return in_thread(run, lambda: None) if inside_loop() else run()
