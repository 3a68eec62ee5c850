"""Scripts of an OpenAI-compatible server: paced completions and chat streams in the manners that real servers have."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from servegen_fw.testing.script import (
    END_OF_CHUNKS,
    Script,
    Seen,
    Sleep,
    Step,
    event,
    event_stream,
    reply,
)


@attrs.frozen(kw_only=True)
class OpenAIAnswers:
    """Answers ``/v1/models``, ``/v1/completions`` and ``/v1/chat/completions``; give it to `ScriptedServer`.

    Attributes
    ----------
        model: name of the only model.
        tokens: length of every output; None for the request's own ``max_tokens``, or 16 without it.
        reasoning: leading tokens that come as reasoning deltas (chat only).
        reasoning_key: name of the reasoning delta.
        first_s: time from the request to the first event.
        gap_s: time between events.
        per_event: tokens in one event.
        opening: what a chat stream begins with: a delta with the role alone, with empty content, with null content,
            or nothing.
        finish: where the finish reason stands: on a chunk of its own, on the last token's, or nowhere.
        usage: where usage stands: on a chunk of its own with ``choices: []``, on the finish chunk, or nowhere. A chunk
            of its own is sent only if the request asked for it.
        done: whether ``[DONE]`` closes the stream.
        cached: cached prompt tokens in the usage; None leaves the details out.
        break_after: after this many tokens `fault` is played instead of the rest.
        fault: see `break_after`.
    """

    model: str = "scripted"
    tokens: int | None = None
    reasoning: int = 0
    reasoning_key: Literal["reasoning", "reasoning_content"] = "reasoning_content"
    first_s: float = 0.0
    gap_s: float = 0.0
    per_event: int = 1
    opening: Literal["role", "empty", "null", "none"] = "role"
    finish: Literal["own", "last", "none"] = "own"
    usage: Literal["own", "finish", "none"] = "own"
    done: bool = True
    cached: int | None = None
    break_after: int | None = None
    fault: Script = ()

    def __call__(self, seen: Seen) -> Script:
        """Return the script for one request."""
        path = seen.path.partition("?")[0]
        if path == "/v1/models" and seen.method == "GET":
            return reply({"object": "list", "data": [{"id": self.model, "object": "model"}]})
        if path not in {"/v1/completions", "/v1/chat/completions"} or seen.method != "POST":
            return reply({"error": {"message": f"no route {path}", "code": 404}}, 404)
        asked = seen.json()
        if asked.get("stream"):
            return self._stream(asked, chat="chat" in path)
        return self._whole(asked, chat="chat" in path)

    def _length(self, asked: dict[str, Any]) -> int:
        if self.tokens is not None:
            return self.tokens
        return int(asked.get("max_completion_tokens") or asked.get("max_tokens") or 16)

    def _usage(self, asked: dict[str, Any], chat: bool) -> dict[str, Any]:
        prompt = asked.get("prompt", "") if not chat else "".join(m["content"] for m in asked["messages"])
        used = len(prompt) if isinstance(prompt, list) else len(prompt.split())
        length = self._length(asked)
        found: dict[str, Any] = {
            "prompt_tokens": used,
            "completion_tokens": length,
            "total_tokens": used + length,
        }
        if self.cached is not None:
            found["prompt_tokens_details"] = {"cached_tokens": self.cached}
        if self.reasoning:
            found["completion_tokens_details"] = {"reasoning_tokens": self.reasoning}
        return found

    def _whole(self, asked: dict[str, Any], chat: bool) -> Script:
        length = self._length(asked)
        text = " word" * (length - self.reasoning)
        choice: dict[str, Any] = {"index": 0, "finish_reason": "length" if self.finish != "none" else None}
        if chat:
            choice["message"] = {"role": "assistant", "content": text}
            if self.reasoning:
                choice["message"][self.reasoning_key] = " thought" * self.reasoning
        else:
            choice["text"] = text
        body: dict[str, Any] = {"id": "scripted", "model": self.model, "choices": [choice]}
        if self.usage != "none":
            body["usage"] = self._usage(asked, chat)
        return [Sleep(self.first_s + max(0, length - 1) * self.gap_s), *reply(body)]

    def _stream(self, asked: dict[str, Any], chat: bool) -> Script:
        length = self._length(asked)
        events: list[bytes] = []
        if chat and self.opening != "none":
            opening: dict[str, Any] = {"role": "assistant"}
            if self.opening != "role":
                opening["content"] = "" if self.opening == "empty" else None
            events.append(self._event(chat, opening))
        kept = length if self.break_after is None else min(length, self.break_after)
        at = 0
        while at < kept:
            thinking = at < self.reasoning
            count = min(self.per_event, kept - at, self.reasoning - at if thinking else kept)
            key, word = (self.reasoning_key, " thought") if thinking else ("content", " word")
            at += count
            last = at == length and self.finish == "last"
            events.append(self._event(chat, {key: word * count}, "length" if last else None))
        if chat and self.opening != "none" and len(events) > 1:
            events[:2] = [events[0] + events[1]]  # so that the first token comes at `first_s`
        steps: list[Step] = event_stream(events, first_s=self.first_s, gap_s=self.gap_s)
        if self.break_after is not None:
            return [*steps, *self.fault]
        steps += event_stream(self._closing(asked, chat))[1:]
        return [*steps, END_OF_CHUNKS]

    def _closing(self, asked: dict[str, Any], chat: bool) -> list[bytes]:
        events: list[bytes] = []
        usage = self._usage(asked, chat)
        if self.finish == "own":
            more = {"usage": usage} if self.usage == "finish" else {}
            events.append(self._event(chat, {}, "length", **more))
        if self.usage == "own" and (asked.get("stream_options") or {}).get("include_usage"):
            events.append(event({"id": "scripted", "model": self.model, "choices": [], "usage": usage}))
        if self.done:
            events.append(event("[DONE]"))
        return events

    def _event(self, chat: bool, delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
        if chat:
            choice["delta"] = delta
        else:
            choice["text"] = delta.get("content") or ""
        return event({"id": "scripted", "model": self.model, "choices": [choice], **more})
