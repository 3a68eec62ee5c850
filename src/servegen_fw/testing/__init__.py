"""What plugin authors test with: workloads, a scripted HTTP server, a real engine on loopback. Loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servegen_fw.lazy import lazy

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
    "END_OF_CHUNKS": "servegen_fw.testing.script",
    "Close": "servegen_fw.testing.script",
    "OpenAIAnswers": "servegen_fw.testing.openai",
    "Reset": "servegen_fw.testing.script",
    "Script": "servegen_fw.testing.script",
    "ScriptedServer": "servegen_fw.testing.server",
    "Seen": "servegen_fw.testing.script",
    "Send": "servegen_fw.testing.script",
    "Sleep": "servegen_fw.testing.script",
    "Stall": "servegen_fw.testing.script",
    "event": "servegen_fw.testing.script",
    "event_stream": "servegen_fw.testing.script",
    "framed": "servegen_fw.testing.script",
    "head": "servegen_fw.testing.script",
    "llama_server": "servegen_fw.testing.llamacpp",
    "make_workload": "servegen_fw.testing.build",
    "reply": "servegen_fw.testing.script",
}

__all__ = sorted(_HOME)  # noqa: PLE0605
__getattr__ = lazy(__name__, _HOME)


def __dir__() -> list[str]:
    return list(_HOME)
