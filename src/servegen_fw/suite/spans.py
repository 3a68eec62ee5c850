"""Where keys and values stand in a TOML text that tomli has accepted, which no TOML reader tells for valid documents.

The grammar is the one of TOML 1.1 (TOML 1.0 is part of it). Nothing is checked here: for a text that tomli refuses,
the result has no meaning.
"""

from __future__ import annotations

import re
from typing import Final

import attrs
import tomli

from servegen_fw.suite.paths import KeyPath

_BLANK: Final = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_INDENT: Final = re.compile(r"[ \t]*")
_KEY: Final = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_DOT: Final = re.compile(r"[ \t]*\.[ \t]*")
_SCALAR: Final = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}'''
    r"""|'''.*?'{3,5}"""
    r"""|"(?:\\.|[^"\\])*"|'[^']*'"""
    # A date may be parted from its time by one space.
    r"""|\d{4}-\d\d-\d\d[ ]\d\d:[^\s,\]}#]*|[^\s,\]}#]+""",
    re.DOTALL,
)


@attrs.frozen
class Span:
    """Where one key and its value stand: half-open ranges of characters in the text whose line ends are line feeds.

    The value of a table with a header is its header's key; an array's element has no key, its `key` is its value.
    """

    key: tuple[int, int]
    value: tuple[int, int]


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.spans: dict[KeyPath, Span] = {}
        self.counts: dict[KeyPath, int] = {}

    def skip(self, pattern: re.Pattern[str]) -> tuple[int, int]:
        """Step over what matches here; returns its range."""
        begin = self.at
        found = pattern.match(self.text, begin)
        self.at = found.end() if found else begin
        return begin, self.at

    def looking_at(self, sign: str) -> bool:
        return self.text.startswith(sign, self.at)

    def key(self) -> list[tuple[str, tuple[int, int]]]:
        """Step over a dotted key; returns its parts, decoded, with their ranges."""
        parts = []
        while True:
            begin, end = self.skip(_KEY)
            word = self.text[begin:end]
            if word[0] == '"':
                word = next(iter(tomli.loads(f"{word} = 0")))
            elif word[0] == "'":
                word = word[1:-1]
            parts.append((word, (begin, end)))
            if not _DOT.match(self.text, self.at):
                return parts
            self.skip(_DOT)

    def document(self) -> None:
        table: KeyPath = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.looking_at("["):
                table = self.header()
            else:
                self.pair(table)
            self.skip(_BLANK)

    def header(self) -> KeyPath:
        """Step over ``[a.b]`` or ``[[a.b]]``; returns the path of the table it opens."""
        many = self.looking_at("[[")
        self.at += 2 if many else 1
        self.skip(_INDENT)
        path: KeyPath = ()
        parts = self.key()
        for number, (word, where) in enumerate(parts):
            path += (word,)
            self.spans.setdefault(path, Span(where, where))
            if many and number == len(parts) - 1:
                self.counts[path] = self.counts.get(path, 0) + 1
            if path in self.counts:
                path += (self.counts[path] - 1,)
                self.spans.setdefault(path, Span(where, where))
        self.skip(_INDENT)
        self.at += 2 if many else 1
        return path

    def pair(self, table: KeyPath) -> None:
        """Step over ``key = value``."""
        parts = self.key()
        for word, where in parts[:-1]:
            table += (word,)
            self.spans.setdefault(table, Span(where, where))
        word, where = parts[-1]
        self.skip(_INDENT)
        self.at += 1  # "="
        self.skip(_INDENT)
        path = (*table, word)
        # Stored before the value is read, so that a table comes before what is in it.
        self.spans[path] = Span(where, where)
        self.spans[path] = Span(where, self.value(path))

    def value(self, path: KeyPath) -> tuple[int, int]:
        """Step over a value, noting the parts of arrays and inline tables; returns its range."""
        begin = self.at
        if not (self.looking_at("[") or self.looking_at("{")):
            return self.skip(_SCALAR)
        closing = "]" if self.looking_at("[") else "}"
        self.at += 1
        self.skip(_BLANK)
        index = 0
        while not self.looking_at(closing):
            if closing == "]":
                start = self.at
                element = (*path, index)
                self.spans[element] = Span((start, start), (start, start))
                where = self.value(element)
                self.spans[element] = Span(where, where)
                index += 1
            else:
                self.pair(path)
            self.skip(_BLANK)
            if self.looking_at(","):
                self.at += 1
                self.skip(_BLANK)
        self.at += 1
        return begin, self.at


def read_spans(text: str) -> dict[KeyPath, Span]:
    """Return the span of every key path of a TOML text that tomli accepts; a table comes before its contents.

    Parameters
    ----------
        text: the document with line feeds as line ends, as tomli sees it.
    """
    reader = _Reader(text)
    reader.document()
    return reader.spans
