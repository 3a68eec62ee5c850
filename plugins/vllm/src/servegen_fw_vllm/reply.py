"""What a server answers, read into a sink: the events of a stream, or one whole answer."""

from __future__ import annotations

import json
from typing import Any

from servegen_fw.plugin import BackendError, Request, Sink
from servegen_fw_vllm.template import TEXT_KEYS, Forms, Template, plain

_SHOWN = 200
_SHAPE_ERRORS = (AttributeError, KeyError, IndexError, TypeError)


class Reply:
    """Reads the answer to one request.

    Empty deltas (a role alone, the carrier of a finish reason) are no chunks. A chunk usually holds one token, but
    nothing promises it: its count is reported as unknown unless the server states it. A finish reason may come with
    the last token or on its own, usage with either or on a chunk without choices, ``[DONE]`` or not.

    Parameters
    ----------
        sink: is told.
        request: gets the answer's text if it is to be kept.
        count: whether chunks state their tokens: see the option of that name.
        forms: shared by the requests to one server, so that what one learns is known to the next.
    """

    __slots__ = (
        "_chunk",
        "_count",
        "_forms",
        "_keep",
        "_parts",
        "_request",
        "_sink",
        "_template",
        "_thinking",
        "_total",
    )

    def __init__(self, sink: Sink, request: Request, count: str = "none", forms: Forms | None = None) -> None:
        self._sink = sink
        self._chunk = sink.chunk
        self._request = request
        self._keep = request.keep_text
        self._parts: list[str] = []
        self._count = count
        self._total = 0
        self._thinking = False
        self._template = Template()
        self._forms = forms or Forms()

    def event(self, data: bytes) -> None:
        """Take the data of one server-sent event.

        Raises
        ------
            BackendError: ``stream-error``, the server reports an error inside the stream; ``garbage``, the event is
                not what this API sends.
        """
        template = self._template
        # `Template.match`, written out: this is done for every token.
        begin, end = template.begin, len(data) - template.tail
        if (
            end > begin
            and data[:begin] == template.before
            and data[end:] == template.after
            and plain(data, begin, end)
        ) or self._forms.recall(data, template):
            template.hit = True
            chunk = self._chunk
            if template.reasoning:
                self._thinking = True
                chunk(None, reasoning=True)
            else:
                self._thinking = False
                chunk(None)
                if self._keep:
                    self._parts.append(data[template.begin : len(data) - template.tail].decode())
        elif data != b"[DONE]":
            message = _object(data)
            try:
                self._read(data, message)
            except _SHAPE_ERRORS as error:
                raise _garbage(data) from error

    def whole(self, body: bytes) -> None:
        """Take the body of an answer that is no stream: all its tokens arrive together, as one chunk.

        Raises
        ------
            BackendError: as for `event`.
        """
        message = _object(body)
        try:
            for choice in message["choices"]:
                said = choice.get("message") or choice
                text, thought = _texts(said)
                total = _number(message.get("usage"), "completion_tokens")
                if total or (total is None and (text or thought or said.get("tool_calls"))):
                    self._chunk(total, reasoning=bool(thought) and not text)
                self._say(text)
                self._finish(choice)
            self._usage(message)
        except _SHAPE_ERRORS as error:
            raise _garbage(body) from error

    def close(self) -> None:
        """Hand over the text after the last event."""
        if self._keep:
            self._request.answer_text = "".join(self._parts)

    def _read(self, data: bytes, message: dict[str, Any]) -> None:
        choices = message.get("choices") or ()
        for choice in choices:
            delta = choice.get("delta")
            said = choice if delta is None else delta
            text, thought = _texts(said)
            tools = said.get("tool_calls")
            if text or tools:
                self._thinking = False
            elif thought is not None:
                self._thinking = True
            tokens = self._tokens(message, choice)
            if tokens or (tokens is None and (text or thought or tools)):
                self._chunk(tokens, reasoning=self._thinking)
            self._say(text)
            self._finish(choice)
            if tokens is None and not (tools or choice.get("finish_reason")) and len(choices) == 1:
                self._learn(data, message, said)
        self._usage(message)

    def _learn(self, data: bytes, message: dict[str, Any], said: dict[str, Any]) -> None:
        """Make a pattern of an event that holds one text and nothing else worth telling."""
        keys = [key for key in TEXT_KEYS if said.get(key)]
        if (
            len(keys) == 1
            and isinstance(said[keys[0]], str)
            and not (message.get("usage") or message.get("timings"))
            and self._template.learn(data, message, keys[0])
        ):
            self._forms.note(data, message, keys[0], self._template)

    def _tokens(self, message: dict[str, Any], choice: dict[str, Any]) -> int | None:
        if self._count == "usage":
            total = _number(message.get("usage"), "completion_tokens")
            if total is not None:
                new, self._total = total - self._total, total
                return max(0, new)
        elif self._count == "token-ids" and choice.get("token_ids") is not None:
            return len(choice["token_ids"])
        return None

    def _say(self, text: Any) -> None:
        if self._keep and isinstance(text, str):
            self._parts.append(text)

    def _finish(self, choice: dict[str, Any]) -> None:
        reason = choice.get("finish_reason")
        if reason:
            self._sink.finish(str(reason))

    def _usage(self, message: dict[str, Any]) -> None:
        usage, timings = message.get("usage"), message.get("timings")
        if usage:
            self._sink.usage(
                input_tokens=_number(usage, "prompt_tokens"),
                output_tokens=_number(usage, "completion_tokens"),
                reason_tokens=_number(usage.get("completion_tokens_details"), "reasoning_tokens"),
                cached_tokens=_number(usage.get("prompt_tokens_details"), "cached_tokens"),
            )
        elif timings:
            # llama.cpp without usage still says what it did; its prompt_n leaves out what came from the cache.
            cached = _number(timings, "cache_n")
            new = _number(timings, "prompt_n")
            self._sink.usage(
                input_tokens=None if new is None else new + (cached or 0),
                output_tokens=_number(timings, "predicted_n"),
                cached_tokens=cached,
            )


def _texts(said: dict[str, Any]) -> tuple[Any, Any]:
    """Return the answer and the reasoning of a delta, a message or a completions choice; None where there is none."""
    thought = said.get("reasoning_content")
    if thought is None:
        thought = said.get("reasoning")
    return said.get("content") or said.get("text") or said.get("refusal"), thought


def _number(holder: dict[str, Any] | None, key: str) -> int | None:
    value = holder.get(key) if holder else None
    return value if type(value) is int and value >= 0 else None


def _object(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _garbage(data) from error
    if not isinstance(message, dict):
        raise _garbage(data)
    if message.get("error") or message.get("object") == "error":
        raise BackendError("stream-error", _error_text(message))
    return message


def _error_text(message: dict[str, Any]) -> str:
    error = message.get("error") or message
    if isinstance(error, dict):
        error = error.get("message") or error
    text = error if isinstance(error, str) else json.dumps(error)
    return " ".join(text.split())[:_SHOWN]


def _garbage(data: bytes) -> BackendError:
    shown = data[:_SHOWN].decode("utf-8", "replace")
    return BackendError("garbage", f"not an OpenAI-style answer: {shown}")
