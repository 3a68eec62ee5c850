"""Numbers in sentences: value and unit the way people read them."""

from __future__ import annotations

import math


def amount(value: float, unit: str) -> str:
    """Write a value in an SI unit: 0.071 "s" is "71 ms", 0.991 "1" is "99.1 %", 2.0 "1/s" is "2 req/s"."""
    if math.isnan(value):
        return "unknown"
    if unit == "s":
        if abs(value) >= 1.0 or value == 0.0:
            return f"{_digits(value)} s"
        return f"{_digits(value * 1e3)} ms" if abs(value) >= 1e-3 else f"{_digits(value * 1e6)} us"
    if unit == "1":
        return f"{_digits(value * 100)} %"
    if unit == "1/s":
        return f"{_digits(value)} req/s"
    return f"{_digits(value)} {unit}".rstrip()


def _digits(value: float) -> str:
    """Three significant digits, more only before the point, with thousands separated."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def counted(n: int, noun: str) -> str:
    """Write a number with its noun, in the plural where it is not one: "1 request", "1,204 requests"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
