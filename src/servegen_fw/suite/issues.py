"""A finding about a value of a suite before it is known where in which file the value stands."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal

import attrs

from servegen_fw.errors import Problem
from servegen_fw.suite.paths import KeyPath, format_path


@attrs.frozen
class Issue:
    """One thing wrong with the value at a key path.

    Attributes
    ----------
        path: of the value; () for the document.
        what: what is wrong, one sentence without a full stop.
        cure: what to do about it.
        at: whether the key or the value is to blame, for the caret.
        hide: the line may hold a secret and must not be shown.
    """

    path: KeyPath
    what: str
    cure: str = ""
    at: Literal["key", "value"] = "value"
    hide: bool = False

    def problem(self) -> Problem:
        """Return the finding for data that came from no file."""
        return Problem(self.what, who=format_path(self.path), cure=self.cure)


class RefusedError(ValueError):
    """A single value cannot be used; the message is for the user."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the cure for a mistyped name: the nearest known ones, else all of them."""
    names = sorted(set(known))
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(word.casefold(), folded, n=3)
    if near:
        return f"did you mean {' or '.join(repr(folded[name]) for name in near)}?"
    return f"known: {', '.join(names)}" if names else "none are known"
