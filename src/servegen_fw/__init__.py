"""Benchmark framework for LLM serving: per-client workloads, truthful measurement, verdicts.

The Python API, as public as the command line::

    from servegen_fw import Suite, plan, run, Result

    suite = Suite.load("suites/quickstart.toml", overrides=["case[0].load.rate=1/s"])
    for planned in plan(suite):
        print(planned.case.name, len(planned.workload), planned.workload.digest)
    result = run(suite)
    table = Result.open(result.folder.path).records()  # an Arrow table
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from servegen_fw.errors import InputError as InputError
    from servegen_fw.errors import ServegenError as ServegenError
    from servegen_fw.hooks.registry import Registry as Registry
    from servegen_fw.results.result import Result as Result
    from servegen_fw.flow import Planned as Planned
    from servegen_fw.flow import plan as plan
    from servegen_fw.flow import run as run
    from servegen_fw.suite.model import Suite as Suite

__version__ = "0.1.0"

_HOME = {
    "InputError": "errors",
    "Planned": "flow",
    "Registry": "hooks.registry",
    "Result": "results.result",
    "ServegenError": "errors",
    "Suite": "suite.model",
    "plan": "flow",
    "run": "flow",
}

__all__ = sorted([*_HOME, "__version__"])  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"servegen_fw.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
