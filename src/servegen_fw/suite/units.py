"""Quantities: a number in SI, or a string that carries its unit, ``"20s"``, ``"240/min"``, ``"95 %"``, ``"2 GB"``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import attrs

ANY_UNIT: Final = "any"
"""Unit of a setting whose dimension is known only to its reader (the limit of an objective)."""

_TIMES: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_BYTES: Final = {
    "B": 1.0,
    "kB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "TB": 1e12,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
    "TiB": 2.0**40,
}
_COUNTED: Final = dict.fromkeys(("", "req", "request", "requests", "session", "sessions"), 1.0)


@attrs.frozen
class Dimension:
    """What strings a unit admits.

    Attributes
    ----------
        noun: for messages, "a time".
        example: a string that is right, "20s".
        factors: suffix to SI.
    """

    noun: str
    example: str
    factors: Mapping[str, float]


def _per_time(numerators: Mapping[str, float]) -> dict[str, float]:
    return {
        f"{word}/{time}": factor / seconds
        for word, factor in numerators.items()
        for time, seconds in _TIMES.items()
    }


_TOKENS: Final = {"tokens": 1.0, "token": 1.0}
_SHARE: Final = Dimension("a number or a percentage", "95 %", {"%": 0.01})

DIMENSIONS: Final[Mapping[str, Dimension]] = {
    "s": Dimension("a time", "20s", _TIMES),
    "1/s": Dimension("a rate", "4/s", _per_time(_COUNTED)),
    "tokens": Dimension("a number of tokens", "1024 tokens", _TOKENS),
    "tokens/s": Dimension("a token rate", "500 tokens/s", _per_time(_TOKENS)),
    "bytes": Dimension("a size", "2 GB", _BYTES),
    "bytes/s": Dimension("a data rate", "10 GB/s", _per_time(_BYTES)),
    "": _SHARE,
    "1": _SHARE,
    "ratio": _SHARE,
}
"""SI unit to the strings it admits. A unit that is not listed admits itself only: ``"300 W"`` where the unit is W."""

_QUANTITY: Final = re.compile(r"([+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(\D.*|)", re.DOTALL)
_TIME_PARTS: Final = re.compile(r"(?:\d+(?:\.\d+)?\s*[a-zµμ]+\s*){2,}")
_TIME_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zµμ]+)")


def dimension_of(unit: str) -> Dimension:
    """Return what strings the SI unit `unit` admits."""
    if unit == ANY_UNIT:
        factors = {suffix: factor for one in DIMENSIONS.values() for suffix, factor in one.factors.items()}
        return Dimension("a quantity", "2s", factors)
    return DIMENSIONS.get(unit) or Dimension(f"a quantity in {unit}", f"20 {unit}", {unit: 1.0})


def parse_quantity(text: str, unit: str) -> float:
    """Return the SI value of a string with a unit.

    A time may have several parts, ``"1h 30min"``.

    Parameters
    ----------
        text: as the suite has it.
        unit: SI unit wanted: "s", "1/s", "tokens", "tokens/s", "bytes", "bytes/s", "" or "1" for a ratio, `ANY_UNIT`, or a unit of a plugin's own.

    Raises
    ------
        ValueError: not a number with such a unit; the message says what was expected and what came.
    """
    wanted = dimension_of(unit)
    expected = f"expected {wanted.noun} such as '{wanted.example}', got {text!r}"
    stripped = text.strip()
    if wanted.factors is _TIMES and _TIME_PARTS.fullmatch(stripped):
        parts = _TIME_PART.findall(stripped)
        if all(suffix in _TIMES for _, suffix in parts):
            return math.fsum(_scaled(number, _TIMES[suffix]) for number, suffix in parts)
    found = _QUANTITY.fullmatch(stripped)
    if found is None:
        raise ValueError(expected)
    number, suffix = found[1], re.sub(r"\s*/\s*", "/", found[2].strip())
    if suffix in wanted.factors:
        value = _scaled(number, wanted.factors[suffix])
        if not math.isfinite(value):
            raise ValueError(f"{text!r} is too large")
        return value
    if not suffix:
        with_unit = number + wanted.example.lstrip("0123456789")
        raise ValueError(f"{expected} without a unit; write '{with_unit}', or the number without quotes")
    owner = next((one for one in DIMENSIONS.values() if suffix in one.factors), None)
    if owner is not None:
        raise ValueError(f"{expected}, which is {owner.noun if owner is not _SHARE else 'a percentage'}")
    near = [known for known in wanted.factors if known.casefold() == suffix.casefold()]
    if near:
        raise ValueError(f"{expected}: unknown unit {suffix!r}; did you mean {near[0]!r}?")
    # Lists of rates are long and follow from the example.
    known = f" (known: {', '.join(filter(str.isascii, wanted.factors))})" if len(wanted.factors) <= 10 else ""
    raise ValueError(f"{expected}: unknown unit {suffix!r}{known}")


def _scaled(number: str, factor: float) -> float:
    """`number` times `factor`, in decimal and rounded once, so that "99.9 %" is 0.999 and not its neighbour."""
    number = number.replace("_", "")
    value = float(number)
    if not math.isfinite(value) or value == 0:
        return value
    inverse = round(1 / factor)
    exact = Decimal(number)
    return float(exact / inverse if math.isclose(inverse * factor, 1.0) else exact * Decimal(factor))
