"""A section while it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from servegen_fw_pools.characterize.section import Section

if TYPE_CHECKING:
    from servegen_fw_pools.characterize.section import Plot


@attrs.define(eq=False)
class Draft:
    """Figures, lines, pictures and what cannot be told, added to by each part of a section."""

    figures: dict[str, Any] = attrs.field(factory=dict)
    lines: list[str] = attrs.field(factory=list)
    plots: list[Plot] = attrs.field(factory=list)
    cannot: list[str] = attrs.field(factory=list)

    def section(self, key: str, title: str) -> Section:
        """The section made of it."""
        return Section(key, title, self.figures, tuple(self.lines), tuple(self.plots), tuple(self.cannot))
