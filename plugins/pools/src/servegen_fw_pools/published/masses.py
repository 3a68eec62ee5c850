"""Probability mass functions as the published data writes them: ``{224: 0.000315, 225: 0.0021}``.

The text is data and is never evaluated: only digits, signs, points, exponents and the separators may occur, and they
must alternate as a mapping's do. What is left is a flat JSON list, read by the json module in one call.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]

_FOREIGN = re.compile(r"[^0-9eE+\-., :]")
_SEPARATOR = re.compile(r"[:,]")
_SUM_SLACK = 1e-6


class MassError(ValueError):
    """A text is not a mass function; `offset` counts characters from the start of the text."""

    def __init__(self, what: str, offset: int) -> None:
        self.what = what
        self.offset = offset
        super().__init__(f"{what} (character {offset})")


def parse_masses(text: str) -> tuple[F8, F8]:
    """Return support and cumulative distribution of a mass function.

    Parameters
    ----------
        text: a mapping from value to probability; ``"{}"`` for no distribution.

    Returns
    -------
        values (float64[n], ascending, distinct, each of positive mass) and cdf (float64[n], the last exactly 1).

    Raises
    ------
        MassError: not such a mapping, negative, not summing to 1 within 1e-6, or a value that stands twice.
    """
    if len(text) < 2 or text[0] != "{" or text[-1] != "}":
        raise MassError("a mapping {value: probability, ...} was expected", 0)
    body = text[1:-1]
    foreign = _FOREIGN.search(body)
    if foreign:
        raise MassError(f"{foreign[0]!r} has no place in a table of numbers", foreign.start() + 1)
    if not body.strip():
        return np.empty(0), np.empty(0)
    _check_alternation(body)
    try:
        numbers = np.array(json.loads(f"[{body.replace(':', ',')}]"), np.float64)
    except json.JSONDecodeError as error:
        raise MassError("a number was expected", error.pos) from error
    except (OverflowError, ValueError) as error:
        raise MassError("a number is too large", 0) from error
    return _distribution(numbers[0::2], numbers[1::2], body)


def _check_alternation(body: str) -> None:
    marks = np.frombuffer(body.encode("ascii"), np.uint8)
    places = np.flatnonzero((marks == ord(":")) | (marks == ord(",")))
    wanted = np.where(np.arange(len(places)) % 2 == 0, ord(":"), ord(","))
    wrong = np.flatnonzero(marks[places] != wanted)
    if len(wrong):
        at = int(places[wrong[0]])
        raise MassError(f"{chr(wanted[wrong[0]])!r} was expected instead of {body[at]!r}", at + 1)
    if len(places) % 2 == 0:
        raise MassError("the last value has no probability", len(body) + 1)


def _distribution(values: F8, mass: F8, body: str) -> tuple[F8, F8]:
    def check(bad: npt.NDArray[np.bool_], what: str, odd: int) -> None:
        if bad.any():
            raise MassError(what, _start_of(body, 2 * int(np.argmax(bad)) + odd))

    check(~(np.isfinite(values) & (values >= 0)), "a value is negative or not finite", 0)
    check(~(np.isfinite(mass) & (mass >= 0)), "a probability is negative or not finite", 1)
    order = np.argsort(values, kind="stable")
    twice = np.zeros(len(values), np.bool_)
    twice[order[1:]] = np.diff(values[order]) == 0
    check(twice, "a value stands twice", 0)
    total = float(mass.sum())
    if abs(total - 1) > _SUM_SLACK:
        raise MassError(f"the probabilities sum to {total:.6g}, not 1", 0)
    order = order[mass[order] > 0]
    cdf = np.cumsum(mass[order])
    cdf /= cdf[-1]
    return values[order], cdf


def _start_of(body: str, index: int) -> int:
    """Offset in the text of the `index`-th number."""
    ends = [-1, *(mark.start() for mark in _SEPARATOR.finditer(body))]
    at = ends[index] + 1
    return at + 1 + len(body[at:]) - len(body[at:].lstrip())
