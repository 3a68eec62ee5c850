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

from typing import TYPE_CHECKING

from servegen_fw.lazy import lazy

if TYPE_CHECKING:
    from servegen_fw.errors import InputError as InputError
    from servegen_fw.errors import ServegenError as ServegenError
    from servegen_fw.flow import certify_result as certify_result
    from servegen_fw.flow import certify_suite as certify_suite
    from servegen_fw.flow import run as run
    from servegen_fw.hooks.registry import Registry as Registry
    from servegen_fw.prepare import Planned as Planned
    from servegen_fw.prepare import plan as plan
    from servegen_fw.results.result import Result as Result
    from servegen_fw.suite.model import Suite as Suite

__version__ = "0.1.0"

_HOME = {
    "InputError": "servegen_fw.errors",
    "Planned": "servegen_fw.prepare",
    "Registry": "servegen_fw.hooks.registry",
    "Result": "servegen_fw.results.result",
    "ServegenError": "servegen_fw.errors",
    "Suite": "servegen_fw.suite.model",
    "certify_result": "servegen_fw.flow",
    "certify_suite": "servegen_fw.flow",
    "plan": "servegen_fw.prepare",
    "run": "servegen_fw.flow",
}

__all__ = sorted([*_HOME, "__version__"])  # noqa: PLE0605
__getattr__ = lazy(__name__, _HOME)


def __dir__() -> list[str]:
    return __all__
