"""A section of a characterisation: figures for programs, lines for readers, plots for both."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs


@attrs.frozen
class Number:
    """One measured number with what a reader needs to trust it.

    Attributes
    ----------
        value: finite, always; what cannot be measured has no `Number` but a line in `Section.cannot`.
        unit: "1/s", "tokens", "s", "" for a pure number.
        n: sample size.
        low: lower end of the interval, None if there is none.
        high: upper end.
        method: how the interval was made, one or two words.
        level: coverage of the interval.
    """

    value: float = attrs.field()
    unit: str = ""
    n: int = 0
    low: float | None = None
    high: float | None = None
    method: str = ""
    level: float = 0.95

    @value.validator
    def _finite(self, _attribute: object, value: float) -> None:
        if not math.isfinite(value):
            raise ValueError(f"{value} is no measured number")


@attrs.frozen
class Plot:
    """One picture.

    Attributes
    ----------
        name: file name without its ending, also its key in the JSON.
        title: what it shows, with what is on the axes; serves as the picture's text in the page.
        draw: given a matplotlib `Figure`, draws; imports nothing but what it is given.
    """

    name: str
    title: str
    draw: Callable[[Any], None]


@attrs.frozen
class Section:
    """One part of the characterisation.

    Attributes
    ----------
        key: its key in characterization.json: "arrivals", "lengths", "clients" ...
        title: for the page.
        figures: by name; values are `Number`, texts, whole numbers, truth values, and lists and mappings of them. Long
            columns are lists of floats. Nothing in it is NaN or infinite.
        lines: Markdown, without the heading.
        plots: pictures, in the order of the text.
        cannot: what this source cannot tell, each with the reason and what a log would need to hold.
    """

    key: str
    title: str
    figures: Mapping[str, Any] = attrs.field(factory=dict)
    lines: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    cannot: tuple[str, ...] = ()
