"""Events that differ from an earlier one in their text alone are read without parsing them again."""

from __future__ import annotations

import copy
import json
from typing import Any

PLAIN = bytes(code for code in range(0x20, 0x7F) if code not in b'"\\')
"""Characters that stand for themselves in a JSON string."""

TEXT_KEYS = ("text", "content", "refusal", "reasoning_content", "reasoning")
"""Where a text may stand: in the delta of a choice, or in the choice itself."""

_PROBE = "probe of servegen-fw"
_TRIES = 4


class Template:
    """The bytes before and after the text of a token event.

    Why matching is as good as parsing: `learn` puts another text into the place and parses once more; only if the
    result is the same object but for the text is the place known to be the whole of that JSON string. Plain characters
    cannot end the string or stand for others, so any run of them in that place parses to the same object with that text.

    Attributes
    ----------
        before: up to and with the opening quote; b"" as long as nothing was learnt.
        after: from the closing quote on.
        fixed: length of both.
        reasoning: whether the text is reasoning.
        hits: events matched since the last `learn`; counted by whoever matches.
    """

    __slots__ = ("_tries", "after", "before", "fixed", "hits", "reasoning")

    def __init__(self) -> None:
        self.before = b""
        self.after = b""
        self.fixed = 0
        self.reasoning = False
        self.hits = 0
        self._tries = _TRIES

    def match(self, data: bytes) -> bytes:
        """Return the text of an event that fits, b"" for any other event."""
        if self.before and data.startswith(self.before) and data.endswith(self.after):
            text = data[len(self.before) : len(data) - len(self.after)]
            if len(data) > self.fixed and not text.translate(None, PLAIN):
                return text
        return b""

    def learn(self, data: bytes, message: dict[str, Any], key: str) -> None:
        """Take a token event as the pattern for those to come.

        Parameters
        ----------
            data: the event.
            message: the same, parsed; its first choice holds the text, in ``delta`` if it has one.
            key: where the text stands, one of `TEXT_KEYS`.
        """
        # A stream whose events differ elsewhere, too, is not worth a second parse each time.
        self._tries = _TRIES if self.hits else self._tries - 1
        self.hits = 0
        self.before = b""
        if self._tries < 0:
            return
        said: str = _holder(message)[key]
        if not said.isascii() or said.encode().translate(None, PLAIN) or said in {"", _PROBE}:
            return
        text = said.encode()
        at = data.find(b'"%b"' % text, data.rfind(b'"%b"' % key.encode()) + len(key) + 2)
        if at < 0:
            return
        before, after = data[: at + 1], data[at + 1 + len(text) :]
        wanted = copy.deepcopy(message)
        _holder(wanted)[key] = _PROBE
        try:
            found = json.loads(before + _PROBE.encode() + after)
        except ValueError:
            return
        if found == wanted:
            self.before, self.after = before, after
            self.reasoning = key.startswith("reasoning")
            self.fixed = len(before) + len(after)


def _holder(message: dict[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = message["choices"][0]
    delta: dict[str, Any] | None = choice.get("delta")
    return choice if delta is None else delta
