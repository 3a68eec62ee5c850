"""All that a plugin may import. Names are loaded on first use, so that a declaration module stays cheap to import.

Declare entries with `setting` and the ``...Entry`` classes, mark hooks with `hookimpl`; the rest is what products are
made of and given.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from servegen_fw.data.payload import Payloads as Payloads
    from servegen_fw.data.payload import Request as Request
    from servegen_fw.data.plan import Plan as Plan
    from servegen_fw.data.pool import ClientPool as ClientPool
    from servegen_fw.data.pool import Tables as Tables
    from servegen_fw.data.records import STATUS_NAMES as STATUS_NAMES
    from servegen_fw.data.records import Chunks as Chunks
    from servegen_fw.data.records import Harness as Harness
    from servegen_fw.data.records import Records as Records
    from servegen_fw.data.report import Cell as Cell
    from servegen_fw.data.report import Report as Report
    from servegen_fw.data.run import Observations as Observations
    from servegen_fw.data.run import Run as Run
    from servegen_fw.data.run import Scalar as Scalar
    from servegen_fw.data.run import Series as Series
    from servegen_fw.data.workload import Clients as Clients
    from servegen_fw.data.workload import Items as Items
    from servegen_fw.data.workload import Workload as Workload
    from servegen_fw.drive.schedule import Schedule as Schedule
    from servegen_fw.drive.schedule import Turn as Turn
    from servegen_fw.drive.wire.client import HttpClient as HttpClient
    from servegen_fw.errors import BackendError as BackendError
    from servegen_fw.errors import InputError as InputError
    from servegen_fw.errors import Place as Place
    from servegen_fw.errors import Problem as Problem
    from servegen_fw.hooks.entries import ArrivalEntry as ArrivalEntry
    from servegen_fw.hooks.entries import BackendEntry as BackendEntry
    from servegen_fw.hooks.entries import Choice as Choice
    from servegen_fw.hooks.entries import Column as Column
    from servegen_fw.hooks.entries import CommandEntry as CommandEntry
    from servegen_fw.hooks.entries import ConversationEntry as ConversationEntry
    from servegen_fw.hooks.entries import EngineEntry as EngineEntry
    from servegen_fw.hooks.entries import LengthEntry as LengthEntry
    from servegen_fw.hooks.entries import MetricEntry as MetricEntry
    from servegen_fw.hooks.entries import ModalityEntry as ModalityEntry
    from servegen_fw.hooks.entries import ModulationEntry as ModulationEntry
    from servegen_fw.hooks.entries import NoOptions as NoOptions
    from servegen_fw.hooks.entries import ObserverEntry as ObserverEntry
    from servegen_fw.hooks.entries import PromptEntry as PromptEntry
    from servegen_fw.hooks.entries import ReaderEntry as ReaderEntry
    from servegen_fw.hooks.entries import ReasoningEntry as ReasoningEntry
    from servegen_fw.hooks.entries import ReporterEntry as ReporterEntry
    from servegen_fw.hooks.protocols import Arrivals as Arrivals
    from servegen_fw.hooks.protocols import Lengths as Lengths
    from servegen_fw.hooks.protocols import Progress as Progress
    from servegen_fw.hooks.protocols import Sink as Sink
    from servegen_fw.hooks.protocols import Streams as Streams
    from servegen_fw.hooks.setting import setting as setting
    from servegen_fw.hooks.specs import hookimpl as hookimpl
    from servegen_fw.workload.pool_file import open_pool as open_pool
    from servegen_fw.workload.pool_file import save_pool as save_pool
    from servegen_fw.workload.renewal import renewal as renewal

_HOME = {
    "ArrivalEntry": "hooks.entries",
    "Arrivals": "hooks.protocols",
    "BackendEntry": "hooks.entries",
    "BackendError": "errors",
    "Cell": "data.report",
    "Choice": "hooks.entries",
    "Chunks": "data.records",
    "ClientPool": "data.pool",
    "Clients": "data.workload",
    "Column": "hooks.entries",
    "CommandEntry": "hooks.entries",
    "ConversationEntry": "hooks.entries",
    "EngineEntry": "hooks.entries",
    "Harness": "data.records",
    "HttpClient": "drive.wire.client",
    "InputError": "errors",
    "Items": "data.workload",
    "LengthEntry": "hooks.entries",
    "Lengths": "hooks.protocols",
    "MetricEntry": "hooks.entries",
    "ModalityEntry": "hooks.entries",
    "ModulationEntry": "hooks.entries",
    "NoOptions": "hooks.entries",
    "Observations": "data.run",
    "ObserverEntry": "hooks.entries",
    "Payloads": "data.payload",
    "Place": "errors",
    "Plan": "data.plan",
    "Problem": "errors",
    "Progress": "hooks.protocols",
    "PromptEntry": "hooks.entries",
    "ReaderEntry": "hooks.entries",
    "ReasoningEntry": "hooks.entries",
    "Records": "data.records",
    "Report": "data.report",
    "ReporterEntry": "hooks.entries",
    "Request": "data.payload",
    "Run": "data.run",
    "STATUS_NAMES": "data.records",
    "Scalar": "data.run",
    "Schedule": "drive.schedule",
    "Series": "data.run",
    "Sink": "hooks.protocols",
    "Streams": "hooks.protocols",
    "Tables": "data.pool",
    "Turn": "drive.schedule",
    "Workload": "data.workload",
    "hookimpl": "hooks.specs",
    "open_pool": "workload.pool_file",
    "renewal": "workload.renewal",
    "save_pool": "workload.pool_file",
    "setting": "hooks.setting",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"servegen_fw.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(_HOME)
