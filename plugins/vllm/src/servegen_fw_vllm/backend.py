"""The backend: finds server and model, sends requests, reads answers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from servegen_fw.plugin import BackendError, HttpClient, InputError, Problem, Request, Sink
from servegen_fw_vllm.body import PATHS, BodyMaker
from servegen_fw_vllm.options import Vllm
from servegen_fw_vllm.reply import Reply
from servegen_fw_vllm.template import Forms

_NAMES_SHOWN = 20


class VllmBackend:
    """A client of one OpenAI-compatible server.

    Parameters
    ----------
        config: options.

    Raises
    ------
        InputError: the URL, a header, the certificate file or the environment variable of the key cannot be used.
    """

    def __init__(self, config: Vllm) -> None:
        self._config = config
        self._client = HttpClient(
            config.url.rstrip("/").removesuffix("/v1"),
            headers={"Content-Type": "application/json", **config.headers, **_authorization(config)},
            ca_file=config.ca_file,
            insecure=config.insecure,
            connect_timeout_s=config.connect_timeout_s,
        )
        self._path = PATHS[config.endpoint]
        self._bodies = BodyMaker(config, config.model)
        self._forms = Forms()

    @property
    def capabilities(self) -> frozenset[str]:
        """Forms of prompts that the endpoint takes."""
        return frozenset({"text"} if self._config.endpoint == "chat" else {"text", "token-ids"})

    async def start(self) -> Mapping[str, Any]:
        """Make sure that server and model are there; returns ``server``, ``model``, ``endpoint`` and, where the server tells, ``version`` and ``max_model_len``.

        Raises
        ------
            BackendError: the server cannot be reached (code of the connection), is none of this kind, or has no such
                model (``no-model``; names those that it has).
        """
        facts: dict[str, Any] = {"endpoint": self._path}
        try:
            response = await self._client.request("GET", "/v1/models")
        except BackendError as error:
            if error.code not in {"http-404", "http-405", "http-501"} or not self._config.model:
                raise self._explain(error) from error
            card: Mapping[str, Any] = {"id": self._config.model}  # a server that lists nothing is believed
        else:
            facts["server"] = response.headers.get("server", "")
            card = self._choose(_cards(response.body))
        facts["model"] = self._config.model or card["id"]
        if "max_model_len" in card:
            facts["max_model_len"] = card["max_model_len"]
        facts |= await self._version()
        self._bodies = BodyMaker(self._config, facts["model"])
        await self._client.open(self._config.connections)
        return facts

    async def send(self, request: Request, sink: Sink) -> None:
        """Send one request and report its answer.

        Raises
        ------
            BackendError: see `HttpClient.stream`, `Reply.event` and `BodyMaker.make`.
        """
        body = self._bodies.make(request)
        reply = Reply(sink, request, self._config.count, self._forms)
        if self._config.stream:
            response = await self._client.stream("POST", self._path, body, sink, reply.event)
            if not response.streamed:
                raise _no_stream(response.headers.get("content-type", ""), response.body)
        else:
            response = await self._client.request("POST", self._path, body, sink)
            reply.whole(response.body)
        reply.close()

    async def stop(self) -> None:
        """Close all connections."""
        await self._client.close()

    def _explain(self, error: BackendError) -> BackendError:
        if error.code in {"http-404", "http-405", "http-501"}:
            cure = "set `model`, or check the URL"
            return BackendError(error.code, f"{self._client.where} does not list its models: {cure}")
        if error.code in {"http-401", "http-403"}:
            cure = "set `api_key_env` to the environment variable that holds the key"
            return BackendError(error.code, f"{self._client.where} refuses access ({error.detail}): {cure}")
        return error

    def _choose(self, cards: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
        """Return the card of the model that was asked for, or of the only one there is."""
        name = self._config.model
        if name in cards:
            return cards[name]
        models = sorted({str(card["id"]) for card in cards.values()})
        if not name and len(models) == 1:
            return cards[models[0]]
        shown = ", ".join(models[:_NAMES_SHOWN]) + (" ..." if len(models) > _NAMES_SHOWN else "")
        if not models:
            detail = f"{self._client.where} serves no model"
        elif name:
            detail = f"{self._client.where} has no model {name!r}; it has {shown}"
        else:
            detail = f"{self._client.where} serves several models; set `model` to one of {shown}"
        raise BackendError("no-model", detail)

    async def _version(self) -> dict[str, Any]:
        """Return the version that vLLM tells; other servers do not."""
        try:
            found = json.loads((await self._client.request("GET", "/version")).body)
        except (BackendError, ValueError, RecursionError):
            return {}
        return {"version": str(found["version"])} if isinstance(found, dict) and "version" in found else {}


def _authorization(config: Vllm) -> dict[str, str]:
    if not config.api_key_env:
        return {}
    key = os.environ.get(config.api_key_env, "")
    if not key:
        cure = f"export {config.api_key_env}=..."
        raise InputError(
            Problem(f"environment variable {config.api_key_env} is not set", who="vllm", cure=cure)
        )
    return {"Authorization": f"Bearer {key}"}


def _cards(body: bytes) -> dict[str, Mapping[str, Any]]:
    """Return the models of a listing by every name they answer to."""
    try:
        found: dict[str, Mapping[str, Any]] = {}
        for card in json.loads(body)["data"]:
            for name in (card["id"], *(card.get("aliases") or ())):
                found.setdefault(str(name), card)
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise BackendError("garbage", "GET /v1/models is not answered as the OpenAI API says") from error
    return found


def _no_stream(kind: str, body: bytes) -> BackendError:
    try:
        message = json.loads(body)
        error = message.get("error") if isinstance(message, dict) else None
    except (ValueError, RecursionError):
        error = None
    if error:
        said = error.get("message", error) if isinstance(error, dict) else error
        return BackendError("stream-error", str(said)[:200])
    return BackendError("garbage", f"asked for an event stream, the server answered with {kind or 'nothing'}")


def make(config: Vllm) -> VllmBackend:
    """Build the backend."""
    return VllmBackend(config)
