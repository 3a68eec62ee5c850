"""One suite document: its data, and where in the text (or in which ``--set``) each value came from."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from servegen_fw.errors import Place, Problem
from servegen_fw.suite.issues import Issue
from servegen_fw.suite.paths import KeyPath, format_path
from servegen_fw.suite.spans import Span, read_spans

_OPTION: Final = "--set "


@attrs.frozen(eq=False, slots=False)
class Document:
    """Data with its origin.

    Attributes
    ----------
        data: as tomli gives it, overrides applied.
        source: file as the user wrote it; "" for data without a file.
        text: the TOML text with line feeds as line ends; "" for data without a text.
        overrides: path of each value that an option replaced, and the option as it was written.
    """

    data: dict[str, Any]
    source: str = ""
    text: str = ""
    overrides: Mapping[KeyPath, str] = attrs.field(factory=dict)

    @functools.cached_property
    def spans(self) -> Mapping[KeyPath, Span]:
        """Spans of the text's keys and values, read only when a problem is to be shown."""
        return read_spans(self.text)

    def locate(self, text: str, path: KeyPath) -> str:
        """Return the path of a file that the value at `path` names: from the suite's folder, or as an option gave it.

        A suite then works from every working directory, and ``--set`` names files as the shell completes them.
        """
        if text.startswith("~") or any(path[:length] in self.overrides for length in range(1, len(path) + 1)):
            return text
        return str(Path(self.source).parent / text)

    def problem(self, issue: Issue) -> Problem:
        """Return the finding with its place: the option that set the value, else where it stands in the text."""
        place = self._place(issue)
        who = format_path(issue.path)
        if place is not None and self.overrides.get(issue.path) == place.file.removeprefix(_OPTION):
            who = ""  # the option says it already
        return Problem(issue.what, who=who, place=place, cure=issue.cure)

    def problems(self, issues: list[Issue]) -> list[Problem]:
        """Return the findings with their places in the order of the text; those of options come last."""
        found = [self.problem(issue) for issue in issues]
        hidden = {
            one.place.line for one, issue in zip(found, issues, strict=True) if issue.hide and one.place
        }
        found = [_without_text(one) if one.place and one.place.line in hidden else one for one in found]

        options = {_OPTION + option: number for number, option in enumerate(self.overrides.values(), 1)}

        def rank(problem: Problem) -> tuple[int, int, int]:
            place = problem.place or Place("")
            return options.get(place.file, 0), place.line, place.column

        return sorted(found, key=rank)

    def _place(self, issue: Issue) -> Place | None:
        path = issue.path
        for length in range(len(path), 0, -1):
            if path[:length] in self.overrides:
                return Place(_OPTION + self.overrides[path[:length]])
        if path not in self.spans:
            for inner, option in self.overrides.items():
                if path and inner[: len(path)] == path:
                    return Place(_OPTION + option)
        while path and path not in self.spans:
            path = path[:-1]
        if not path:
            return Place(self.source) if self.source else None
        span = self.spans[path]
        begin, end = span.key if issue.at == "key" and path == issue.path else span.value
        return place_at(self.source, self.text, begin, end, show=not issue.hide)


def _without_text(problem: Problem) -> Problem:
    return attrs.evolve(problem, place=attrs.evolve(problem.place, text="") if problem.place else None)


def place_at(source: str, text: str, begin: int, end: int = -1, *, show: bool = True) -> Place:
    """Return the place of the characters [begin, end) of a text, cut at the end of the first line.

    Parameters
    ----------
        source: name of the file.
        text: its content with line feeds as line ends.
        begin: first character.
        end: one past the last; default one character.
        show: whether the line itself may be shown.
    """
    line_begin = text.rfind("\n", 0, begin) + 1
    line_end = text.find("\n", begin)
    line_end = len(text) if line_end < 0 else line_end
    width = max(1, min(end, line_end) - begin)
    line = text.count("\n", 0, begin) + 1
    return Place(source, line, begin - line_begin + 1, text[line_begin:line_end] if show else "", width)
