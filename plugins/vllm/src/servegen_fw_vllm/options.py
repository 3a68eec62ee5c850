"""Options of the backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from servegen_fw.plugin import InputError, Problem, setting

OWN_FIELDS = frozenset({"model", "prompt", "messages", "stream", "stream_options"})
"""Fields of a request that `extra` cannot set."""


@attrs.frozen
class Vllm:
    """How to reach a server and what to ask of it."""

    url: str = setting(
        doc="base URL of the server, for example http://127.0.0.1:8000; a trailing /v1 may be given",
        pattern=r"https?://\S+",
    )
    model: str = setting("", doc="name of the model; default the only one that the server lists")
    endpoint: Literal["completions", "chat"] = setting(
        "completions", doc="completions takes text and token ids, chat takes text with roles"
    )
    stream: bool = setting(True, doc="ask for a stream; without one TTFT is the time of the whole answer")
    ignore_eos: bool = setting(
        True, doc="generate exactly the planned tokens; turn off for servers that refuse unknown fields"
    )
    usage: bool = setting(True, doc="ask streams for token counts (stream_options.include_usage)")
    count: Literal["none", "usage", "token-ids"] = setting(
        "none",
        doc="how tokens per chunk are known: not at all, from running usage, or from token ids (both vLLM only)",
    )
    length_field: Literal["max_tokens", "max_completion_tokens"] = setting(
        "max_tokens", doc="name of the field that limits the output"
    )
    temperature: float = setting(0.0, doc="sampling temperature", ge=0, le=2)
    extra: Mapping[str, Any] = setting(
        factory=dict, doc="further fields of every request, such as { cache_prompt = false } for llama.cpp"
    )
    headers: Mapping[str, str] = setting(factory=dict, doc="further headers of every request")
    api_key_env: str = setting("", doc="environment variable that holds the API key", secret=True)
    ca_file: str = setting(
        "", doc="PEM file with the authorities to trust instead of the system's", path=True
    )
    insecure: bool = setting(False, doc="accept any certificate")
    connect_timeout_s: float = setting(
        10.0, doc="limit for opening a connection", unit="s", gt=0, key="connect_timeout"
    )
    connections: int = setting(
        0,
        doc="connections opened before the clock starts, so that no request pays for connecting",
        ge=0,
        le=50_000,
    )

    def __attrs_post_init__(self) -> None:
        own = sorted({*OWN_FIELDS, self.length_field} & set(self.extra))
        if own:
            what = f"extra cannot set {', '.join(own)}: the workload and the other options do"
            raise InputError(Problem(what, cure="leave it out"))
        if self.count != "none" and not self.stream:
            raise InputError(Problem("count is about the chunks of a stream", cure="leave out count"))
