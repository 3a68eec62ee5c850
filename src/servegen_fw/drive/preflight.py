"""Before anything is composed or sent: is every server there, and does it know the model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from servegen_fw.data.payload import Payloads
from servegen_fw.data.workload import Workload
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


@attrs.frozen
class Reached:
    """A target that is there.

    Attributes
    ----------
        facts: what it says about itself; none for a virtual one.
        capabilities: what its wire can carry (see `lacking`); None for a virtual one, which sends nothing.
    """

    facts: Mapping[str, Any]
    capabilities: frozenset[str] | None = None


def preflight(
    targets: Mapping[str, Target], registry: Registry
) -> tuple[dict[str, Reached], dict[str, BackendError]]:
    """Connect to every live target once, and leave again.

    Returns
    -------
        The targets that are there, and what was wrong with each of the others, both by name.

    Raises
    ------
        PluginError: a backend cannot be built.
    """
    reached: dict[str, Reached] = {}
    failed: dict[str, BackendError] = {}
    for name, target in targets.items():
        if is_virtual(target):
            reached[name] = Reached({})
            continue
        ref = BackendRef.of(target.backend, registry)
        backend: Backend = ref.make()
        # Options may narrow what the entry promises: a chat endpoint takes no token ids.
        capabilities = getattr(backend, "capabilities", ref.found().capabilities)
        try:
            reached[name] = Reached(_visit(backend), frozenset(capabilities))
        except BackendError as error:
            failed[name] = error
    return reached, failed


def lacking(capabilities: frozenset[str] | None, workload: Workload, payloads: Payloads | None) -> list[str]:
    """Return what the workload needs and a wire with `capabilities` cannot carry.

    Needed are the form of its prompts ("text" or "token-ids") and each modality whose items it carries ("image",
    "audio", "video" or a plugin's own).
    """
    if capabilities is None or payloads is None:
        return []
    present = np.unique(workload.items.modality).tolist()
    needed = {payloads.form} | {workload.items.modalities[code] for code in present}
    return sorted(needed - capabilities)


def _visit(backend: Backend) -> Mapping[str, Any]:
    async def visit() -> Mapping[str, Any]:
        try:
            return await backend.start()
        finally:
            await backend.stop()

    def run() -> Mapping[str, Any]:
        return asyncio.run(visit())

    return in_thread(run, lambda: None) if inside_loop() else run()
