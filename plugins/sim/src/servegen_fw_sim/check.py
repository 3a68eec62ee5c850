"""Problems of a suite's simulated targets, found before anything runs."""

from __future__ import annotations

from typing import Any

from servegen_fw.plugin import InputError
from servegen_fw_sim.options import SimOptions


def problems(suite: Any) -> list[tuple[str, str, str]]:
    """(key path, what is wrong, what to do) for every target of backend `sim` that cannot be built."""
    found = []
    for name, target in suite.targets.items():
        config = target.backend.config
        if not isinstance(config, SimOptions):
            continue
        # Only now, so that suites without a simulated target pay nothing.
        from servegen_fw_sim.backend import SimBackend

        try:
            SimBackend(config)
        except InputError as error:
            found += [(f"target.{name}.backend.{p.who}", p.what, p.cure) for p in error.problems]
    return found
