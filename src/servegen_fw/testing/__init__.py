"""What plugin authors test with: workloads, a scripted HTTP server, a real engine on loopback. Loaded on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from servegen_fw.testing.build import make_workload as make_workload
    from servegen_fw.testing.llamacpp import llama_server as llama_server
    from servegen_fw.testing.openai import OpenAIAnswers as OpenAIAnswers
    from servegen_fw.testing.script import END_OF_CHUNKS as END_OF_CHUNKS
    from servegen_fw.testing.script import Close as Close
    from servegen_fw.testing.script import Reset as Reset
    from servegen_fw.testing.script import Script as Script
    from servegen_fw.testing.script import Seen as Seen
    from servegen_fw.testing.script import Send as Send
    from servegen_fw.testing.script import Sleep as Sleep
    from servegen_fw.testing.script import Stall as Stall
    from servegen_fw.testing.script import event as event
    from servegen_fw.testing.script import event_stream as event_stream
    from servegen_fw.testing.script import framed as framed
    from servegen_fw.testing.script import head as head
    from servegen_fw.testing.script import reply as reply
    from servegen_fw.testing.server import ScriptedServer as ScriptedServer

_HOME = {
    "END_OF_CHUNKS": "script",
    "Close": "script",
    "OpenAIAnswers": "openai",
    "Reset": "script",
    "Script": "script",
    "ScriptedServer": "server",
    "Seen": "script",
    "Send": "script",
    "Sleep": "script",
    "Stall": "script",
    "event": "script",
    "event_stream": "script",
    "framed": "script",
    "head": "script",
    "llama_server": "llamacpp",
    "make_workload": "build",
    "reply": "script",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"servegen_fw.testing.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(_HOME)
