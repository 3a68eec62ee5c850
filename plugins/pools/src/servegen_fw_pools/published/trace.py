"""Client traces of the published data: one row per window with rate, variability and family of the gaps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from servegen_fw.plugin import Problem
from servegen_fw_pools.text import place_at, read_text

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

FAMILIES = ("gamma", "weibull")
"""Names of the arrival entries whose gap families the traces speak of."""

_CODES = {"": -1, "Gamma": 0, "Weibull": 1}
_COLUMNS = ("time in seconds", "rate in requests/s", "CV", "family", "parameter 1", "parameter 2")
_WHOLE_SLACK = 1e-6


@attrs.frozen(eq=False)
class Trace:
    """One client's windows.

    Attributes
    ----------
        start_s: float64[W]; start of each window, ascending.
        rate: float64[W]; requests per second.
        cv: float64[W]; of the inter-arrival times, 0 where inactive.
        family: int16[W]; index into `FAMILIES`, -1 where inactive.
    """

    start_s: npt.NDArray[np.float64]
    rate: npt.NDArray[np.float64]
    cv: npt.NDArray[np.float64]
    family: npt.NDArray[np.int16]

    def count(self, window_s: float) -> npt.NDArray[np.float64]:
        """Requests per window, float64[W]; whole where the rate says so up to rounding."""
        count = self.rate * window_s
        whole = np.rint(count)
        return np.where(np.abs(count - whole) <= _WHOLE_SLACK * np.maximum(1, whole), whole, count)


def read_trace(path: Path, problems: list[Problem]) -> Trace | None:
    """Read one ``chunk-N-trace.csv``; None, and the reasons added to `problems`, if it is damaged.

    Raises
    ------
        InputError: the file cannot be read or is not UTF-8.
    """
    text = read_text(path)
    rows = [line.split(",") for line in text.splitlines()]
    try:
        time, rate, cv, family, _, _ = zip(*rows, strict=True)
        trace = Trace(
            np.array(time, np.float64),
            np.array(rate, np.float64),
            np.array(cv, np.float64),
            np.array([_CODES[name] for name in family], np.int16),
        )
    except (ValueError, KeyError):
        trace = None
    if trace is None or not _sound(trace):
        problems += _explain(path, text) or [
            Problem("the trace is empty", who=str(path), cure="fetch the file again")
        ]
        return None
    return trace


def _sound(trace: Trace) -> bool:
    numbers = np.stack((trace.start_s, trace.rate, trace.cv))
    active = trace.rate > 0
    return bool(
        np.isfinite(numbers).all()
        and (numbers >= 0).all()
        and (np.diff(trace.start_s) > 0).all()
        and np.array_equal(active, trace.family >= 0)
    )


def _explain(path: Path, text: str) -> list[Problem]:
    """Look at every row of a trace that is known to be damaged, and name place and reason of each damage."""
    problems = []
    offset, before = 0, -math.inf
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        what, column = _damage(bare.split(","), before)
        if what:
            start = sum(len(cell) + 1 for cell in bare.split(",")[:column])
            width = max(1, len(bare.split(",")[column])) if column < bare.count(",") + 1 else 1
            where = place_at(path, text, offset + min(start, len(bare)), width)
            problems.append(Problem(what, place=where, cure="fetch the file again or mend the row"))
        else:
            before = float(bare.split(",", 1)[0])
        offset += len(line)
    return problems


def _damage(cells: list[str], before: float) -> tuple[str, int]:
    """What is wrong with one row, and in which column; ("", 0) if nothing is."""
    if len(cells) != len(_COLUMNS):
        return f"the row has {len(cells)} columns instead of {len(_COLUMNS)}", min(
            len(cells), len(_COLUMNS)
        ) - 1
    for column in (0, 1, 2):
        if what := _not_a_quantity(cells[column]):
            return f"{what} ({_COLUMNS[column]})", column
    if cells[3] not in _CODES:
        return f"unknown family {cells[3]!r}; known are Gamma, Weibull and none", 3
    if (float(cells[1]) > 0) != (cells[3] != ""):
        return "a window with requests needs a family, and one without has none", 3
    if float(cells[0]) <= before:
        return "the times do not ascend", 0
    return "", 0


def _not_a_quantity(cell: str) -> str:
    """Why `cell` is not a finite number from 0 up; "" if it is."""
    try:
        number = float(cell)
    except ValueError:
        return f"{cell!r} is not a number"
    return "" if math.isfinite(number) and number >= 0 else f"{cell!r} is negative or not finite"
