"""Rate curves as suites write them: ``"4/s"``, or ``[["0s", "4/s"], ["10min", "16/s"]]``."""

from __future__ import annotations

import math
from typing import Any, Final

from servegen_fw.suite.issues import Issue, RefusedError
from servegen_fw.suite.model import RateCurve
from servegen_fw.suite.paths import KeyPath
from servegen_fw.suite.scalars import finite, show
from servegen_fw.suite.units import parse_quantity

EXAMPLE: Final = '"4/s", or points in time such as [["0s", "4/s"], ["10min", "16/s"]]'


def _number(raw: Any, unit: str) -> float:
    if isinstance(raw, str):
        return parse_quantity(raw, unit)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        noun, example = ("time", "10min") if unit == "s" else ("rate", "4/s")
        raise RefusedError(f"expected a {noun} such as '{example}', got {show(raw)}")
    return finite(raw)


def _value(raw: Any, unit: str, path: KeyPath, issues: list[Issue]) -> float:
    """Read one number; on a finding returns NaN and appends it."""
    try:
        value = _number(raw, unit)
    except ValueError as error:
        issues.append(Issue(path, str(error)))
        return math.nan
    if value < 0:
        issues.append(Issue(path, f"must not be negative, got {show(raw)}"))
        return math.nan
    return value


def read_curve(raw: Any, path: KeyPath, issues: list[Issue]) -> RateCurve | None:
    """Return the curve, or None after appending what is wrong with it to `issues`."""
    before = len(issues)
    times: list[float] = []
    rates: list[float] = []
    if not isinstance(raw, list | tuple):
        times, rates = [0.0], [_value(raw, "1/s", path, issues)]
    for number, point in enumerate(raw if isinstance(raw, list | tuple) else ()):
        here = (*path, number)
        if not isinstance(point, list | tuple) or len(point) != 2:
            issues.append(Issue(here, 'expected a point [time, rate] such as ["10min", "16/s"]'))
            continue
        time = _value(point[0], "s", (*here, 0), issues)
        if times and time < times[-1]:
            issues.append(
                Issue(
                    (*here, 0),
                    f"times must ascend, got {show(point[0])} after {times[-1]:g} s",
                    "sort the points",
                )
            )
        times.append(time)
        rates.append(_value(point[1], "1/s", (*here, 1), issues))
    if len(issues) > before:
        return None
    if not rates or max(rates) == 0:
        what = "the rate is zero all the time" if rates else "the curve has no points"
        issues.append(Issue(path, what, f"write {EXAMPLE}"))
        return None
    return RateCurve(tuple(times), tuple(rates))


def write_curve(curve: RateCurve) -> float | list[list[float]]:
    """Return what `read_curve` reads as `curve`: one rate, or points, in SI."""
    if curve.times_s == (0.0,):
        return curve.rates[0]
    return [[time, rate] for time, rate in zip(curve.times_s, curve.rates, strict=True)]
