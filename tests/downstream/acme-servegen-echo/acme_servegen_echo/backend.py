"""A backend without a server: it waits, and reports tokens to the sink."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from servegen_fw.plugin import BackendError

if TYPE_CHECKING:
    from acme_servegen_echo import Echo
    from servegen_fw.plugin import Request, Sink


class EchoBackend:
    """Implements `start`, `send` and `stop`. It never reads a clock: the sink stamps every call."""

    def __init__(self, config: Echo) -> None:
        self._config = config

    async def start(self) -> Mapping[str, Any]:
        """Return facts about the server; a real backend connects here, and raises `BackendError` if it cannot."""
        return {"server": "echo", "longest": self._config.longest}

    async def send(self, request: Request, sink: Sink) -> None:
        """Answer with the reasoning tokens and then the answer's."""
        if request.output_tokens > self._config.longest:
            raise BackendError("too-long", f"{request.output_tokens} tokens asked for")
        sink.sent()
        await asyncio.sleep(self._config.first_s)
        for number in range(request.output_tokens):
            if number:
                await asyncio.sleep(self._config.gap_s)
            sink.chunk(1, reasoning=number < request.reason_tokens)
        sink.usage(input_tokens=request.input_tokens, output_tokens=request.output_tokens)
        sink.finish("length")

    async def stop(self) -> None:
        """Close connections; there are none."""
