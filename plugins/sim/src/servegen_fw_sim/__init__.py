"""A simulated serving engine: continuous batching, KV blocks and chunked prefill, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servegen_fw.plugin import BackendEntry, hookimpl
from servegen_fw_sim.options import SimOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

servegen_hook_api = (1, 0)

SIM = BackendEntry(
    name="sim",
    config=SimOptions,
    make="servegen_fw_sim.backend:SimBackend",
    summary="simulated engine in virtual time: vLLM-like scheduler, step times of a model on an accelerator",
    virtual=True,
)


@hookimpl
def servegen_backends() -> Sequence[BackendEntry]:
    """Offer the simulated engine."""
    return [SIM]


@hookimpl
def servegen_check(suite: Any) -> Sequence[tuple[str, str, str]]:
    """Report targets whose engine cannot be built."""
    from servegen_fw_sim.check import problems

    return problems(suite)
