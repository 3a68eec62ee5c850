"""Strict scalars: ``true`` is not 1.0, 2.7 is not 2, "3" is not 3; limits and patterns as a setting states them."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any, Final

from servegen_fw.hooks.setting import SettingInfo
from servegen_fw.suite.issues import RefusedError
from servegen_fw.suite.units import dimension_of, parse_quantity

_ENVIRONMENT_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOO_LARGE: Final = 2**63
_DATE: Final = "the date or time "


def show(value: Any) -> str:
    """Return a value as a message names it, as TOML writes it where that is short."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, dict | list | tuple):
        return "a table" if isinstance(value, dict) else "an array"
    if isinstance(value, dt.date | dt.time):
        return f"{_DATE}{value}"
    return "a number beyond 64 bits" if isinstance(value, int) and abs(value) >= _TOO_LARGE else str(value)


def read_bool(raw: Any, _info: SettingInfo) -> bool:
    """Return true or false.

    Raises
    ------
        RefusedError: it is neither.
    """
    if not isinstance(raw, bool):
        cure = f"; write {raw.lower()} without quotes" if str(raw).lower() in {"true", "false"} else ""
        raise RefusedError(f"expected true or false, got {show(raw)}{cure}")
    return raw


def read_int(raw: Any, info: SettingInfo) -> int:
    """Return a whole number within the limits; with a unit also from a string.

    Raises
    ------
        RefusedError: it is none.
    """
    value = raw
    if isinstance(raw, str) and info.unit:
        number = parse_quantity(raw, info.unit)
        if not number.is_integer():
            raise RefusedError(f"expected a whole number, got {raw!r} = {number:g} {info.unit}")
        value = int(number)
    if isinstance(value, bool) or not isinstance(value, int):
        noun = f"a whole number{_or_string(info)}"
        raise RefusedError(f"expected {noun}, got {show(raw)}{_unquoted(raw)}")
    if abs(value) >= _TOO_LARGE:
        raise RefusedError("too large: whole numbers have 64 bits")
    _limit(value, raw, info)
    return value


def read_float(raw: Any, info: SettingInfo, default: Any = None) -> float:
    """Return a number within the limits, from a number in SI or a string with a unit.

    Infinity is a value only where it is the default.

    Raises
    ------
        RefusedError: it is none.
    """
    if isinstance(raw, str | float) and raw in {"inf", math.inf} and default == math.inf:
        return math.inf
    value = raw
    if isinstance(raw, str) and (info.unit or raw.rstrip().endswith("%")):
        value = parse_quantity(raw, info.unit)
    if isinstance(value, bool) or not isinstance(value, int | float):
        noun = f"a number{_or_string(info)}"
        raise RefusedError(f"expected {noun}, got {show(raw)}{_unquoted(raw)}")
    value = finite(value)
    _limit(value, raw, info)
    return value


def finite(value: float) -> float:
    """Return a finite number as a float.

    Raises
    ------
        RefusedError: it is not finite, or too large for a float.
    """
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise RefusedError(f"must be finite, got {show(value)}")
    return found


def read_str(raw: Any, info: SettingInfo) -> str:
    """Return a text that matches the setting's pattern.

    Raises
    ------
        RefusedError: it is none, or it looks like a secret where the name of an environment variable is asked for.
    """
    if info.secret:
        # Empty means none: so a resolved suite spells a secret that is not used.
        if not isinstance(raw, str) or (raw and not _ENVIRONMENT_NAME.fullmatch(raw)):
            raise RefusedError(
                "expected the name of an environment variable that holds the secret, such as 'API_KEY'"
            )
        return raw
    if not isinstance(raw, str):
        word = show(raw).removeprefix(_DATE)
        writable = not isinstance(raw, dict | list | tuple) and raw is not None
        raise RefusedError(
            f"expected text, got {show(raw)}" + (f'; write "{word}" in quotes' if writable else "")
        )
    if info.pattern is not None and not re.fullmatch(info.pattern, raw):
        raise RefusedError(f"{show(raw)} does not match the pattern {info.pattern}")
    return raw


def read_any(raw: Any) -> Any:
    """Return a free value as JSON has it: dates and times become ISO 8601 text.

    Raises
    ------
        RefusedError: a number in it is not finite.
    """
    if isinstance(raw, dict):
        return {str(key): read_any(value) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [read_any(value) for value in raw]
    if isinstance(raw, dt.date | dt.time):
        return raw.isoformat()
    if isinstance(raw, float) and not math.isfinite(raw):
        raise RefusedError(f"must be finite, got {raw}")
    return raw


def _or_string(info: SettingInfo) -> str:
    if not info.unit:
        return ""
    wanted = dimension_of(info.unit)
    return f" or {wanted.noun} such as '{wanted.example}'"


def _unquoted(raw: Any) -> str:
    """Return the hint for a number in quotes."""
    try:
        float(raw) if isinstance(raw, str) else int("")
    except ValueError:
        return ""
    return f"; write {raw.strip()} without quotes"


def _limit(value: float, raw: Any, info: SettingInfo) -> None:
    unit = f" {info.unit}" if info.unit and info.unit != "any" else ""
    for limit, holds, words in (
        (info.ge, info.ge is None or value >= info.ge, "at least"),
        (info.gt, info.gt is None or value > info.gt, "greater than"),
        (info.le, info.le is None or value <= info.le, "at most"),
        (info.lt, info.lt is None or value < info.lt, "less than"),
    ):
        if not holds:
            raise RefusedError(f"must be {words} {limit:g}{unit}, got {show(raw)}")
