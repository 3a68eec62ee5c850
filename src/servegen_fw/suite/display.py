"""Quantities for people: ``71 ms``, ``2.0 req/s``, ``3,060 tokens/s``, ``99.1 %``."""

from __future__ import annotations

import math
from typing import Final

_LADDERS: Final[dict[str, tuple[tuple[float, str], ...]]] = {
    # Smallest value that the step serves, in SI after rounding, and its sign.
    "s": ((7200.0, "h"), (600.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (0.0, "ns")),
    "bytes": ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (0.0, "B")),
}
_DIVISORS: Final = {
    "h": 3600.0,
    "min": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "ns": 1e-9,
    "TB": 1e12,
    "GB": 1e9,
    "MB": 1e6,
    "kB": 1e3,
    "B": 1.0,
}
_COUNTS: Final = frozenset({"tokens", "requests", "sessions", "items", "clients", ""})


def _round(value: float, digits: int) -> float:
    if value == 0:
        return 0.0
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


def format_number(value: float, digits: int = 3) -> str:
    """Return `value` to `digits` significant digits with separators and without idle zeros: "17.2", "3,060", "2"."""
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    rounded = _round(value, digits)
    size = math.floor(math.log10(abs(rounded))) if rounded else 0
    if size < -6:
        return f"{rounded:.{digits}g}"
    text = f"{rounded:,.{max(0, digits - 1 - size)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_quantity(value: float, unit: str, *, digits: int = 3) -> str:
    """Return a value with its unit for people.

    Times and sizes choose their step (``71 ms``, ``20 min``, ``2 GB``); rates are in req/s with at least one decimal
    below 10 (``2.0 req/s``); the unit "ratio" is shown in percent; whole counts are exact (``1,204 tokens``).

    Parameters
    ----------
        value: in `unit`; NaN is shown as "n/a".
        unit: SI unit as metrics state it: "s", "1/s", "tokens", "tokens/s", "bytes", "ratio", "1", "" or any other.
        digits: significant digits.
    """
    if math.isnan(value):
        return "n/a"
    if unit in _LADDERS and math.isfinite(value):
        rounded = abs(_round(value, digits))
        sign = next(name for least, name in _LADDERS[unit] if rounded >= least)
        if rounded == 0:
            sign = "B" if unit == "bytes" else "s"
        return f"{format_number(value / _DIVISORS[sign], digits)} {sign}"
    if unit == "ratio":
        return f"{format_number(100 * value, digits)} %"
    if unit == "1/s":
        text = format_number(value, digits)
        return f"{text}.0 req/s" if abs(value) < 10 and text.lstrip("-").isdigit() else f"{text} req/s"
    if unit == "1":
        unit = ""
    whole = unit in _COUNTS and math.isfinite(value) and float(value).is_integer()
    text = f"{int(value):,}" if whole else format_number(value, digits)
    return f"{text} {unit}".rstrip()
