"""What can go wrong, told so that the reader can mend it: who, where, what, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

import attrs


@attrs.frozen
class Place:
    """A place in a text file, for messages of the form ``file:line:col`` with a caret.

    Attributes
    ----------
        file: path as the user wrote it.
        line: line number, from 1.
        column: column number, from 1.
        text: the line itself, without its end; empty if unknown.
        width: how many characters the caret underlines.
    """

    file: str
    line: int = 0
    column: int = 0
    text: str = ""
    width: int = 1

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


@attrs.frozen
class Problem:
    """One thing that is wrong.

    Attributes
    ----------
        what: what is wrong, one sentence without a full stop.
        who: the part that speaks: a key path (``case[0].load.rate``), a plugin, a file.
        place: where it stands, if it stands in a file.
        cure: what to do about it; empty if `what` says it already.
    """

    what: str
    who: str = ""
    place: Place | None = None
    cure: str = ""

    def __str__(self) -> str:
        head = ": ".join(part for part in (str(self.place or ""), self.who, self.what) if part)
        lines = [head]
        if self.place is not None and self.place.text:
            number = f"{self.place.line:>5} | "
            lines.append(f"{number}{self.place.text}")
            # Tabs are kept so that the caret stands under the same column in every terminal.
            lead = "".join("\t" if c == "\t" else " " for c in self.place.text[: self.place.column - 1])
            lines.append(f"{'|':>{len(number) - 1}} {lead}{'^' * max(1, self.place.width)}")
        if self.cure:
            lines.append(f"      {self.cure}")
        return "\n".join(lines)


class ServegenError(Exception):
    """Base of every error this package raises on purpose; `problems` holds all that were found.

    `exit_status` is what the command line returns for it.
    """

    exit_status = 2

    def __init__(self, *problems: Problem | str) -> None:
        self.problems: tuple[Problem, ...] = tuple(
            Problem(problem) if isinstance(problem, str) else problem for problem in problems
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> ServegenError:
        """Build one error from many problems."""
        return cls(*problems)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), self.problems)


class InputError(ServegenError):
    """The user's input cannot be used: suite, options, data files. Exit status 2."""


class PluginError(ServegenError):
    """A plugin is missing, ambiguous, incompatible or broken. Exit status 2."""


class BackendError(Exception):
    """A request failed, or a server is not there; raised by backends, mapped to a record's error code.

    `code` is a short stable name for statistics (``"refused"``, ``"reset"``, ``"timeout"``, ``"http-429"``,
    ``"truncated"``, ``"stream-error"``, ``"garbage"``); `detail` is for the reader.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{code}: {detail}" if detail else code)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.code, self.detail))
