"""JSON files of several values: one after the other, one a line, or in one array."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from servegen_fw.plugin import Place, Problem
from servegen_fw_pools.text import place_at, read_text

if TYPE_CHECKING:
    from servegen_fw_pools.logs.damage import Damage

_BETWEEN: Final = re.compile(r"[\s,\[\]]*")
_INLINE: Final = re.compile(r"\{\s*\"(?:id|conversations|name|context|resourceSpans|traceId)\"")


def json_values(path: Path, damage: Damage) -> Iterator[tuple[Place, Any]]:
    """Yield every value of a file, those of a top-level array one by one, with the place of its first character.

    A broken value counts as one damaged row; reading goes on at the next value that begins like it: as far from the
    margin, or, in an array on one line, with a usual first key.

    Raises
    ------
        InputError: the file cannot be read or is not UTF-8.
    """
    text = read_text(path)
    decoder = json.JSONDecoder()
    lines = np.flatnonzero(np.frombuffer(text.encode("utf-32-le"), "<u4") == ord("\n"))
    at = _skip(text, 0)
    while at < len(text):
        line = int(np.searchsorted(lines, at))
        begin = int(lines[line - 1]) + 1 if line else 0
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            wrong = error.pos if isinstance(error, json.JSONDecodeError) else at
            what = f"not JSON: {error.msg}" if isinstance(error, json.JSONDecodeError) else "not JSON"
            if "\n" in text[at:wrong]:
                # A value that is not closed is noticed far below; it is told where it begins.
                what, wrong = f"{what} (line {int(np.searchsorted(lines, wrong)) + 1})", at
            damage.add(
                "damaged-row", 1, [Problem(what, place=place_at(path, text, wrong), cure="mend the value")]
            )
            end = _next(text, at, begin)
        else:
            yield Place(str(path), line + 1, at - begin + 1), value
        at = _skip(text, end)


def _skip(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _next(text: str, at: int, begin: int) -> int:
    """Where the value after the broken one at `at` begins, which stands in the line from `begin`."""
    lead = text[begin:at].strip("[")
    if not lead.strip() and (found := text.find(f"\n{lead}{{", at)) >= 0:
        return found
    later = _INLINE.search(text, at + 1)
    return later.start() if later else len(text)


def codes(texts: Sequence[str | None]) -> tuple[Any, list[str]]:
    """Texts as int32[n] into a list of names; -1 for None and an empty text."""
    number: dict[str, int] = {}
    found = [number.setdefault(text, len(number)) if text else -1 for text in texts]
    return np.array(found, np.int32), list(number)
