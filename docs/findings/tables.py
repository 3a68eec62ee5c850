"""Tables whose rows are figures of a characterisation, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from servegen_fw_pools.characterize.section import Number
from servegen_fw_pools.characterize.words import percent, short, told, told_share

NONE = "–"


@attrs.frozen
class Row:
    """One line of a table.

    Attributes
    ----------
        label: what it is.
        at: where the figure stands, "clients.top_shares.10"; a list is entered by ``[key=value]``.
        paper: what the paper says of it, with its section.
        share: whether it is written as a percentage.
    """

    label: str
    at: str
    paper: str = NONE
    share: bool = False


def figure(figures: Mapping[str, Any], at: str) -> Any:
    """Return the figure at a path, None where the source does not tell it."""
    found: Any = figures
    for part in at.split("."):
        name, _, wanted = part.partition("[")
        found = found.get(name) if isinstance(found, Mapping) else None
        if wanted and found is not None:
            key, _, value = wanted.removesuffix("]").partition("=")
            found = next((one for one in found if _plain(one[key]) == value), None)
        if found is None:
            return None
    return found


def _plain(value: Any) -> str:
    return (
        f"{value.value:g}"
        if isinstance(value, Number)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def told_figure(value: Any, *, share: bool = False) -> str:
    """Return a figure as text."""
    if value is None:
        return NONE
    if isinstance(value, Number):
        return told_share(value) if share else told(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return percent(value) if share else short(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(told_figure(one, share=share) for one in value) or NONE
    return str(value)


def compared(rows: Sequence[Row], columns: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the Markdown of a table: what the paper says, then one column for each source of figures."""
    lines = [
        f"| | paper | {' | '.join(columns)} |",
        f"| :-- | :-- | {' | '.join('--:' for _ in columns)} |",
    ]
    for row in rows:
        cells = [told_figure(figure(figures, row.at), share=row.share) for figures in columns.values()]
        lines.append(f"| {row.label} | {row.paper} | {' | '.join(cells)} |")
    return lines
