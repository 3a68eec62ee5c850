"""Backend for vLLM and every server that speaks the OpenAI completions or chat completions API."""

from __future__ import annotations

from servegen_fw.plugin import BackendEntry, hookimpl
from servegen_fw_vllm import options


@hookimpl
def servegen_backends() -> list[BackendEntry]:
    """Offer the backend."""
    return [
        BackendEntry(
            name="vllm",
            config=options.Vllm,
            make="servegen_fw_vllm.backend:make",
            summary="vLLM, llama.cpp and every other OpenAI-compatible server, over HTTP",
            capabilities=frozenset({"text", "token-ids"}),
        )
    ]
