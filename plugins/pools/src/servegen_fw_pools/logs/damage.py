"""Damaged rows: all counted, the first ones with their places; then told at once, or as what was skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from servegen_fw.plugin import InputError, Problem
from servegen_fw_pools.logs.log import Notice
from servegen_fw_pools.text import MAX_PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PLACES: Final = 5
"""How many places a notice names."""

_WHAT: Final = {
    "damaged-row": "rows that could not be read were skipped",
    "negative-length": "rows with a negative count of tokens were skipped",
}


@attrs.define
class Damage:
    """What was found damaged in the files of a log.

    Attributes
    ----------
        skip: whether damaged rows are left out; otherwise they end the reading.
        problems: the first ones, with places.
        total: how many problems there are; a row can have several.
        rows: damaged rows by the code of their notice.
        where: the first places, by the code.
    """

    skip: bool
    problems: list[Problem] = attrs.field(factory=list)
    total: int = 0
    rows: dict[str, int] = attrs.field(factory=dict)
    where: dict[str, list[str]] = attrs.field(factory=dict)

    @property
    def room(self) -> int:
        """How many more problems are worth being told with their place."""
        return MAX_PROBLEMS - len(self.problems)

    def add(self, code: str, rows: int, problems: Iterable[Problem], total: int | None = None) -> None:
        """Count `rows` damaged rows with `total` problems (as many as rows by default), of which some are told."""
        told = list(problems)
        self.problems += told[: self.room]
        self.total += rows if total is None else total
        if rows:
            self.rows[code] = self.rows.get(code, 0) + rows
            places = self.where.setdefault(code, [])
            places += [str(one.place) for one in told if one.place][: MAX_PLACES - len(places)]

    def stop(self) -> None:
        """Raise what was found, unless damaged rows are to be skipped.

        Raises
        ------
            InputError: up to 20 problems, and how many more there are.
        """
        if self.skip or not self.total:
            return
        told = sorted(self.problems, key=_stand)
        rest = self.total - len(told)
        more = [Problem(f"and {rest:,} more problems of this kind")] if rest > 0 else []
        raise InputError(*told, *more)

    def notices(self) -> tuple[Notice, ...]:
        """What was skipped."""
        return tuple(
            Notice(code, count, f"{count:,} {_WHAT[code]}", tuple(self.where[code]))
            for code, count in sorted(self.rows.items())
        )


def _stand(problem: Problem) -> tuple[str, int, int]:
    place = problem.place
    return (place.file, place.line, place.column) if place else ("", 0, 0)
