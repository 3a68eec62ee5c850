"""Events that differ from an earlier one in their text alone are read without parsing them again."""

from __future__ import annotations

import json
import re
from typing import Any

_PLAIN_RUN = rb"[ !#-\[\]-~]+"

plain = re.compile(_PLAIN_RUN).fullmatch
"""Whether bytes, from one index to before another, are characters that stand for themselves in a JSON string, and some."""

TEXT_KEYS = ("text", "content", "refusal", "reasoning_content", "reasoning")
"""Where a text may stand: in the delta of a choice, or in the choice itself."""

_PROBE = "probe of servegen-fw"
_TRIES = 4
_UNLEARNT = 2**62

_FORMS = 4
_SHAPE_ERRORS = (AttributeError, KeyError, IndexError, TypeError)

_NUMBER = rb"[1-9][0-9]{0,17}"
_OPEN = (
    ("id", re.compile(rb'"id"\s*:\s*"(%b)"' % _PLAIN_RUN), _PLAIN_RUN, _PROBE.encode()),
    ("created", re.compile(rb'"created"\s*:\s*(%b)(?![0-9])' % _NUMBER), _NUMBER, b"7290153846"),
)
"""What else changes from request to request: name, where it stands, what may stand there, and another value."""


class Forms:
    """What the token events of one server have in common, from one request to the next.

    A form is an event with three places left open: the request's id, the time of its creation and the text. Why an
    event of that form is as good as parsed: the form was made from an event that was parsed, and putting something else
    into the three places and parsing again gave the same object but for these three values, so each place is the whole
    of one JSON string or number; and what may stand there now, plain characters or digits, is one, too.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: list[tuple[re.Pattern[bytes], bool]] = []

    def recall(self, data: bytes, template: Template) -> bool:
        """Make a token event of a known form the template; whether it is one."""
        for form, reasoning in self._known:
            found = form.fullmatch(data)
            if found is not None:
                template.take(data, *found.span("text"), reasoning=reasoning)
                return True
        return False

    def note(self, data: bytes, message: dict[str, Any], key: str, template: Template) -> None:
        """Make a form of the token event that `template` was just learnt from; parameters as for `Template.learn`."""
        if len(self._known) >= _FORMS:
            return
        holes = [
            (template.begin, len(data) - template.tail, b"(?P<text>" + _PLAIN_RUN + b")", _PROBE.encode())
        ]
        for name, place, hole, probe in _OPEN:
            if name in message:
                found = list(place.finditer(data))
                if len(found) != 1 or found[0][1] == probe:
                    return
                holes.append((*found[0].span(1), hole, probe))
        pattern = probed = b""
        at = 0
        for begin, end, hole, probe in sorted(holes):
            pattern += re.escape(data[at:begin]) + hole
            probed += data[at:begin] + probe
            at = end
        if _same(probed + data[at:], message, key, open_places=True):
            self._known.append((re.compile(pattern + re.escape(data[at:])), template.reasoning))


class Template:
    """The bytes before and after the text of a token event.

    Why matching is as good as parsing: `learn` puts another text into the place and parses once more; only if the
    result is the same object but for the text is the place known to be the whole of that JSON string. Plain characters
    cannot end the string or stand for others, so any run of them in that place parses to the same object with that text.

    Attributes
    ----------
        before: up to and with the opening quote; b"" as long as nothing was learnt.
        after: from the closing quote on.
        begin: length of `before`; beyond any event as long as nothing was learnt.
        tail: length of `after`.
        reasoning: whether the text is reasoning.
        hit: whether an event matched since the last `learn`; set by whoever matches.
    """

    __slots__ = ("_tries", "after", "before", "begin", "hit", "reasoning", "tail")

    def __init__(self) -> None:
        self._forget()
        self.reasoning = False
        self.hit = False
        self._tries = _TRIES

    def _forget(self) -> None:
        self.before = self.after = b""
        self.begin = _UNLEARNT
        self.tail = 0

    def match(self, data: bytes) -> bytes:
        """Return the text of an event that fits, b"" for any other event."""
        end = len(data) - self.tail
        if (
            end > self.begin
            and data[: self.begin] == self.before
            and data[end:] == self.after
            and plain(data, self.begin, end)
        ):
            return data[self.begin : end]
        return b""

    def take(self, data: bytes, begin: int, end: int, *, reasoning: bool) -> None:
        """Use an event whose text is known to stand from `begin` to before `end`."""
        self.before, self.after = data[:begin], data[end:]
        self.begin, self.tail = begin, len(data) - end
        self.reasoning = reasoning

    def learn(self, data: bytes, message: dict[str, Any], key: str) -> bool:
        """Take a token event as the pattern for those to come.

        Parameters
        ----------
            data: the event.
            message: the same, parsed; its first choice holds the text, in ``delta`` if it has one.
            key: where the text stands, one of `TEXT_KEYS`.

        Returns
        -------
            Whether it could be learnt.
        """
        # A stream whose events differ elsewhere, too, is not worth a second parse each time.
        self._tries = _TRIES if self.hit else self._tries - 1
        self.hit = False
        self._forget()
        if self._tries < 0:
            return False
        said: str = _holder(message)[key]
        if said == _PROBE or not said.isascii() or not plain(said.encode()):
            return False
        text = said.encode()
        at = data.find(b'"%b"' % text, data.rfind(b'"%b"' % key.encode()) + len(key) + 2)
        if at < 0:
            return False
        before, after = data[: at + 1], data[at + 1 + len(text) :]
        learnt = _same(before + _PROBE.encode() + after, message, key)
        if learnt:
            self.take(data, len(before), len(before) + len(text), reasoning=key.startswith("reasoning"))
        return learnt


def _same(probed: bytes, message: dict[str, Any], key: str, *, open_places: bool = False) -> bool:
    """Whether `probed` is `message` with the probes in the places that they were put in, and nowhere else."""
    try:
        found = json.loads(probed)
        values = [(_holder(found), _holder(message), key, _PROBE)]
        if open_places:
            values += [(found, message, name, probe.decode()) for name, _, _, probe in _OPEN]
        for holder, wanted, name, probe in values:
            if name in wanted:
                if str(holder[name]) != probe:
                    return False
                holder[name] = wanted[name]
        return bool(found == message)
    except (ValueError, RecursionError, *_SHAPE_ERRORS):
        return False


def _holder(message: dict[str, Any]) -> dict[str, Any]:
    choice: dict[str, Any] = message["choices"][0]
    delta: dict[str, Any] | None = choice.get("delta")
    return choice if delta is None else delta
