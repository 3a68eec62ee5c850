"""Lengths of time and rates as the commands take them: ``90``, ``10min``, ``6h``; ``5/s``, ``300/min``."""

from __future__ import annotations

import math
import re
from typing import Any

import click

_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "": 1.0}
_LENGTH = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(ms|s|min|h|d|)\s*")
_RATE = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(?:/\s*(s|min|h|d))?\s*")


class Seconds(click.ParamType):  # type: ignore[type-arg]
    """A length of time; converts to seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds; a bare number is seconds."""
        if isinstance(value, float):
            return value
        found = _LENGTH.fullmatch(str(value))
        if not found or not math.isfinite(float(found[1])):
            self.fail(f"{value!r} is no length of time; write 90s, 10min or 6h", param, ctx)
        return float(found[1]) * _SECONDS[found[2]]


class Rate(click.ParamType):  # type: ignore[type-arg]
    """Requests per time; converts to requests per second."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return requests per second; a bare number is that."""
        if isinstance(value, float):
            return value
        found = _RATE.fullmatch(str(value))
        if not found or not 0 < float(found[1]) < math.inf:
            self.fail(f"{value!r} is no rate; write 5/s or 300/min", param, ctx)
        return float(found[1]) / _SECONDS[found[2] or "s"]
