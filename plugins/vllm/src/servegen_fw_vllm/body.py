"""Request bodies: what never changes is written once, and each request adds its prompt and its length."""

from __future__ import annotations

import json
from typing import Any

from servegen_fw.plugin import BackendError, Request
from servegen_fw_vllm.options import Vllm

_QUOTED = '[{"role": "user", "content": %s}]'
_quote = json.encoder.encode_basestring_ascii  # what json.dumps does to a string, without its way there

PATHS = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}


class BodyMaker:
    """Makes the bodies of one target's requests.

    Parameters
    ----------
        config: options of the backend.
        model: name of the model.
    """

    def __init__(self, config: Vllm, model: str) -> None:
        fields: dict[str, Any] = {"model": model, "temperature": config.temperature, **config.extra}
        if config.ignore_eos:
            fields.setdefault("ignore_eos", True)
        if config.stream:
            fields["stream"] = True
            if config.usage or config.count == "usage":
                options = {"include_usage": True}
                if config.count == "usage":
                    options["continuous_usage_stats"] = True
                fields["stream_options"] = options
        if config.count == "token-ids":
            fields["return_token_ids"] = True
        self._chat = config.endpoint == "chat"
        self._tail = b"," + json.dumps(fields).encode()[1:]
        self._head = f'{{"{config.length_field}":%d,"{"messages" if self._chat else "prompt"}":'.encode()

    def make(self, request: Request) -> bytes:
        """Return the body of one request.

        Raises
        ------
            BackendError: ``form``, a chat endpoint was given token ids.
        """
        if self._chat and request.form != "text":
            cure = "use endpoint = 'completions', or prompts that are text"
            raise BackendError("form", f"chat endpoints take text, the prompts are token ids: {cure}")
        if self._chat and not request.history:
            written = _QUOTED % _quote(str(request.user))
        else:
            prompt = request.messages() if self._chat else request.prompt()
            # Token ids may come in any sequence; JSON knows lists.
            written = json.dumps(prompt if isinstance(prompt, (str, list)) else list(prompt))
        return self._head % request.output_tokens + written.encode() + self._tail
