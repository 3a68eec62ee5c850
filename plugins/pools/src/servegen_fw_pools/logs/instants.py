"""Times written as ISO 8601 texts, to the nanosecond."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?")


class NotAnInstant(ValueError):  # noqa: N818 - it says what the text is not
    """Texts that are no instants; `rows` holds (index, what is wrong)."""

    def __init__(self, rows: list[tuple[int, str]]) -> None:
        self.rows = rows
        super().__init__(f"{len(rows)} texts are no instants")


def instants_ns(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Nanoseconds since 1970 of ISO 8601 texts with up to 9 fraction digits; int64[n].

    A text without a zone counts as UTC.

    Raises
    ------
        NotAnInstant: some texts are not of that form, or no such day exists.
    """
    matches = [_INSTANT.fullmatch(text.strip()) for text in texts]
    bad = [(row, f"{texts[row]!r} is no ISO 8601 time") for row, match in enumerate(matches) if match is None]
    if bad:
        raise NotAnInstant(bad)
    found = [match for match in matches if match]
    try:
        local = np.array([match[1] for match in found], "datetime64[ns]").astype(np.int64)
    except ValueError as error:
        raise NotAnInstant(_impossible([match[1] for match in found])) from error
    return np.asarray(local - np.array([_zone_ns(match[2] or "Z") for match in found], np.int64))


def _impossible(texts: list[str]) -> list[tuple[int, str]]:
    bad = []
    for row, text in enumerate(texts):
        try:
            np.datetime64(text, "ns")
        except ValueError:
            bad.append((row, f"{text!r} names no moment that exists"))
    return bad


def _zone_ns(zone: str) -> int:
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return (-1 if zone[0] == "-" else 1) * minutes * 60 * 10**9
