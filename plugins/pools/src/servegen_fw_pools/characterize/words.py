"""Numbers as they are told: short, with unit and interval on pages and terminals, rounded in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from servegen_fw_pools.characterize.section import Number


def short(value: float, digits: int = 3) -> str:
    """Return `value` with 3 significant digits, thousands separated, never in powers of ten below 1e15."""
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    text = f"{value:.{digits}g}"
    return text if "e" not in text else f"{value:.{digits - 1}e}"


def rounded(value: float, digits: int = 4) -> float:
    """Return `value` to `digits` significant digits, as files state what is known no better."""
    return float(f"{float(value):.{digits}g}")


def percent(share: float) -> str:
    """Return a share as a percentage."""
    return f"{short(100 * share)} %"


def told(number: Number, digits: int = 3) -> str:
    """Return a number with its unit and interval: "16.0 1/s (15.2..16.8)"."""
    unit = f" {number.unit}" if number.unit else ""
    return f"{short(number.value, digits)}{unit}{_interval(number, lambda value: short(value, digits))}"


def told_share(number: Number) -> str:
    """Return a share as a percentage with its interval."""
    return f"{percent(number.value)}{_interval(number, lambda value: short(100 * value))}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Return the lines of a Markdown table; the first column is left-aligned, the others right."""
    marks = [":--", *["--:"] * (len(header) - 1)]
    return (
        "",
        f"| {' | '.join(header)} |",
        f"| {' | '.join(marks)} |",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    )


def many(count: int, what: str) -> str:
    """Return "1 client", "2 clients"."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _interval(number: Number, write: Callable[[float], str]) -> str:
    if number.low is None and number.high is None:
        return ""
    low = "" if number.low is None else write(number.low)
    high = "" if number.high is None else write(number.high)
    return f" ({low}..{high})"
