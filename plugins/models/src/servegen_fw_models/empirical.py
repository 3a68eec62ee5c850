"""Laws given by their values: a probability mass function from a suite, from a file, or by Zipf's law."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw.plugin import InputError, Place, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servegen_fw_models import options

F8: TypeAlias = npt.NDArray[np.float64]

_FORM = "each line holds value,weight, both numbers >= 0; the weight may be left out"


@attrs.frozen(eq=False)
class Pmf:
    """Finitely many values; a `Lengths`.

    Attributes
    ----------
        value: float64[k], ascending, each with a probability above 0.
        cdf: float64[k], ascending, the last one 1; value j is drawn for u in [cdf[j - 1], cdf[j]).
    """

    value: F8
    cdf: F8

    @classmethod
    def of(cls, values: Sequence[float] | F8, weights: Sequence[float] | F8 = ()) -> Pmf:
        """Return the law of `values` in proportion to `weights` (equal if empty)."""
        value = np.asarray(values, np.float64)
        weight = np.asarray(weights, np.float64) if len(weights) else np.ones(len(value))
        order = np.argsort(value, kind="stable")
        order = order[weight[order] > 0]
        cdf = np.cumsum(weight[order])
        cdf /= cdf[-1]
        return cls(value[order], cdf)

    def ppf(self, u: F8) -> F8:
        """Quantiles: the smallest value whose cumulative probability exceeds u."""
        at = np.searchsorted(self.cdf, np.asarray(u), side="right")
        return np.asarray(self.value[np.minimum(at, len(self.value) - 1)])


def make(config: options.Empirical) -> Pmf:
    """Return the law of the values given, or of the file.

    Raises
    ------
        InputError: the file cannot be read or a line of it is wrong.
    """
    if not config.path:
        return Pmf.of(config.values, config.weights)
    return Pmf.of(*read_csv(config.path))


def make_zipf(config: options.Zipf) -> Pmf:
    """Whole numbers from 1 to `max`, P(k) in proportion to k^-exponent."""
    rank = np.arange(1.0, config.max + 1)
    return Pmf.of(rank, rank**-config.exponent)


def read_csv(path: str) -> tuple[list[float], list[float]]:
    """Read values and weights; a first line ``value,weight`` or ``value`` is a heading, empty lines are skipped.

    Raises
    ------
        InputError: the file cannot be read, a line is wrong, or there is nothing to draw.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(Problem(f"not UTF-8: {error.reason} at byte {error.start}", path)) from error
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror}", path)) from error
    values, weights, problems = [], [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or (number == 1 and line.replace(" ", "") in {"value,weight", "value"}):
            continue
        row = _row(line)
        if row is None:
            place = Place(path, number, 1, line, len(line))
            problems.append(Problem("not a value and its weight", place=place, cure=_FORM))
            continue
        values.append(row[0])
        weights.append(row[1])
    if problems:
        raise InputError(*problems)
    if not sum(weights) > 0:
        raise InputError(Problem("no value has a weight above 0", path, cure=_FORM))
    return values, weights


def _row(line: str) -> tuple[float, float] | None:
    """Return a line's value and weight, None if it does not hold such."""
    try:
        row = [float(field) for field in line.split(",")]
    except ValueError:
        return None
    if len(row) > 2 or not all(0 <= number < math.inf for number in row):
        return None
    return row[0], row[1] if len(row) == 2 else 1.0
