"""All that a plugin may import. Names are loaded on first use, so that a declaration module stays cheap to import.

Declare entries with `setting` and the ``...Entry`` classes, mark hooks with `hookimpl`; the rest is what products are
made of and given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from servegen_fw.lazy import lazy

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
    from servegen_fw.prepare import plan as plan
    from servegen_fw.results.result import Result as Result
    from servegen_fw.results.store import read_workload as read_workload
    from servegen_fw.suite.model import Suite as Suite
    from servegen_fw.workload.identity import natural_order as natural_order
    from servegen_fw.workload.pool_file import open_pool as open_pool
    from servegen_fw.workload.pool_file import save_pool as save_pool
    from servegen_fw.workload.renewal import renewal as renewal

_HOME = {
    "ArrivalEntry": "servegen_fw.hooks.entries",
    "Arrivals": "servegen_fw.hooks.protocols",
    "BackendEntry": "servegen_fw.hooks.entries",
    "BackendError": "servegen_fw.errors",
    "Cell": "servegen_fw.data.report",
    "Choice": "servegen_fw.hooks.entries",
    "Chunks": "servegen_fw.data.records",
    "ClientPool": "servegen_fw.data.pool",
    "Clients": "servegen_fw.data.workload",
    "CommandEntry": "servegen_fw.hooks.entries",
    "ConversationEntry": "servegen_fw.hooks.entries",
    "EngineEntry": "servegen_fw.hooks.entries",
    "Harness": "servegen_fw.data.records",
    "HttpClient": "servegen_fw.drive.wire.client",
    "InputError": "servegen_fw.errors",
    "Items": "servegen_fw.data.workload",
    "LengthEntry": "servegen_fw.hooks.entries",
    "Lengths": "servegen_fw.hooks.protocols",
    "MetricEntry": "servegen_fw.hooks.entries",
    "ModalityEntry": "servegen_fw.hooks.entries",
    "ModulationEntry": "servegen_fw.hooks.entries",
    "NoOptions": "servegen_fw.hooks.entries",
    "Observations": "servegen_fw.data.run",
    "ObserverEntry": "servegen_fw.hooks.entries",
    "Payloads": "servegen_fw.data.payload",
    "Place": "servegen_fw.errors",
    "Plan": "servegen_fw.data.plan",
    "Problem": "servegen_fw.errors",
    "Progress": "servegen_fw.hooks.protocols",
    "PromptEntry": "servegen_fw.hooks.entries",
    "ReaderEntry": "servegen_fw.hooks.entries",
    "ReasoningEntry": "servegen_fw.hooks.entries",
    "Records": "servegen_fw.data.records",
    "Report": "servegen_fw.data.report",
    "ReporterEntry": "servegen_fw.hooks.entries",
    "Request": "servegen_fw.data.payload",
    "Result": "servegen_fw.results.result",
    "Run": "servegen_fw.data.run",
    "STATUS_NAMES": "servegen_fw.data.records",
    "Scalar": "servegen_fw.data.run",
    "Schedule": "servegen_fw.drive.schedule",
    "Series": "servegen_fw.data.run",
    "Sink": "servegen_fw.hooks.protocols",
    "Streams": "servegen_fw.hooks.protocols",
    "Tables": "servegen_fw.data.pool",
    "Turn": "servegen_fw.drive.schedule",
    "Workload": "servegen_fw.data.workload",
    "Suite": "servegen_fw.suite.model",
    "hookimpl": "servegen_fw.hooks.specs",
    "natural_order": "servegen_fw.workload.identity",
    "open_pool": "servegen_fw.workload.pool_file",
    "read_workload": "servegen_fw.results.store",
    "plan": "servegen_fw.prepare",
    "renewal": "servegen_fw.workload.renewal",
    "save_pool": "servegen_fw.workload.pool_file",
    "setting": "servegen_fw.hooks.setting",
}

__all__ = sorted(_HOME)  # noqa: PLE0605
__getattr__ = lazy(__name__, _HOME)


def __dir__() -> list[str]:
    return list(_HOME)
