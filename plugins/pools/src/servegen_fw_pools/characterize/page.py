"""The readable page of a characterisation, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servegen_fw_pools.characterize.plots import INSTALL
from servegen_fw_pools.characterize.summary import summary
from servegen_fw_pools.characterize.words import many, short, table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from servegen_fw_pools.characterize.characterization import Characterization
    from servegen_fw_pools.characterize.section import Section

_TITLES = {
    "arrivals": "Arrivals",
    "lengths": "Lengths",
    "clients": "Clients",
    "modality": "Modality",
    "reasoning": "Reasoning",
    "conversations": "Conversations",
}


def page(found: Characterization, pictures: Mapping[str, Path], *, plots_wanted: bool = True) -> str:
    """Write the page: summary, notices, sections with their pictures, and what the source cannot tell.

    Parameters
    ----------
        found: what to show.
        pictures: name of each plot that was drawn and its file, relative to the page.
        plots_wanted: whether missing pictures deserve a word on how to get them.
    """
    lines = [f"# {found.name}", "", _source_line(found.source), ""]
    lines += table(("figure", "value (95 % interval)", "n"), [(a, b, f"{n:,}") for a, b, n in summary(found)])
    if plots_wanted and not pictures and any(section.plots for section in found.sections):
        lines += [f"There are no plots, because matplotlib is not installed: `{INSTALL}`.", ""]
    if found.notices:
        lines += ["## Notices", "", *(_notice_line(one) for one in found.notices), ""]
    for section in found.sections:
        lines += _section_lines(section, pictures)
    if found.absent:
        lines += ["## Not in this source", ""]
        lines += [f"- {_TITLES.get(key, key)}: {' '.join(why)}" for key, why in found.absent.items()]
    text = "\n".join(lines)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.strip() + "\n"


def _source_line(source: Mapping[str, Any]) -> str:
    hours = source["duration_s"] / 3600
    lasting = f"over {short(hours)} hours" if hours >= 1 else f"over {short(source['duration_s'])} s"
    if source["kind"] == "pool":
        origin = ", ".join(f"{key}: {value}" for key, value in source["origin"].items())
        return (
            f"A pool of {source['clients']:,} clients: {source['requests']:,.0f} requests recorded {lasting}, in windows of "
            f"{short(source['window_s'])} s. Its fields: {', '.join(source['fields'])}."
            + (f" {origin[0].upper()}{origin[1:]}." if origin else "")
        )
    since = f", from {source['start']}" if source["start"] else ""
    if "time_s" not in source["columns"]:
        lasting = "without times"
    return f"A log of {many(source['requests'], 'request')} {lasting}{since}. It tells: {', '.join(source['columns'])}."


def _notice_line(one: Any) -> str:
    where = f" ({', '.join(one.where)})" if one.where else ""
    return f"- **{one.code}**, {one.count:,}: {one.what}{where}"


def _section_lines(section: Section, pictures: Mapping[str, Path]) -> list[str]:
    lines = [f"## {section.title}", "", *section.lines, ""]
    for plot in section.plots:
        if plot.name in pictures:
            lines += [f"![{plot.title}]({pictures[plot.name].as_posix()})", "", f"*{plot.title}.*", ""]
    if section.cannot:
        lines += ["What cannot be said:", "", *(f"- {one}" for one in section.cannot), ""]
    return lines
