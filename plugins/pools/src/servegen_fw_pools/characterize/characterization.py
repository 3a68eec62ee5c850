"""The whole characterisation of a log or a pool: sections in a fixed order, and why some are absent."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from servegen_fw.plugin import ClientPool, InputError, Problem
from servegen_fw_pools.characterize import arrivals, clients
from servegen_fw_pools.logs.log import Log, Notice

if TYPE_CHECKING:
    from servegen_fw_pools.characterize.section import Section

ORDER: Final = ("arrivals", "lengths", "clients", "modality", "reasoning", "conversations")
"""Keys of the sections; each module of that name has ``section_of(source) -> Section``."""

MOST_WINDOWS: Final = 200_000

_TOLD = ("time_s", "client", "session", "reason_tokens", "latency_s", "items", "blocks")


@attrs.frozen
class Characterization:
    """What a source tells of its workload.

    Attributes
    ----------
        name: of the log or pool.
        source: what it is: "kind" ("log" or "pool"), "requests", "start", "duration_s", "columns" ...
        window_s: length of the windows asked for; a pool has its own.
        notices: what was odd in the log.
        sections: those that apply, in the order of `ORDER`.
        absent: key of each section that does not apply, and why.
    """

    name: str
    source: Mapping[str, Any]
    window_s: float
    notices: tuple[Notice, ...]
    sections: tuple[Section, ...]
    absent: Mapping[str, tuple[str, ...]]

    def figure(self, *path: str) -> Any:
        """Return the figure at `path`, the section's key first; None if there is none."""
        found: Any = {section.key: section.figures for section in self.sections}
        for key in path:
            if not isinstance(found, Mapping) or key not in found:
                return None
            found = found[key]
        return found


def characterize(source: Log | ClientPool, *, window_s: float = arrivals.WINDOW_S) -> Characterization:
    """Describe a log or a pool.

    Parameters
    ----------
        source: what to describe.
        window_s: length of the windows of rates and CVs in seconds; a pool brings its own.

    Raises
    ------
        InputError: the windows are no length, or shorter than 1/200,000 of the log.
    """
    if not 0 < window_s < math.inf:
        raise InputError(
            Problem(f"{window_s:g} s is no length of a window", who="--window", cure="write 60s or 5min")
        )
    if isinstance(source, Log) and source.duration_s > MOST_WINDOWS * window_s:
        what = f"the log lasts {source.duration_s / 86_400:,.1f} days, more than {MOST_WINDOWS:,} windows of {window_s:g} s"
        cure = "choose longer windows (--window), or look for wrong timestamps in the log"
        raise InputError(Problem(what, who=source.name, cure=cure))
    made = []
    for key in ORDER:
        if key == arrivals.KEY:
            made.append(arrivals.section_of(source, window_s))
        elif key == clients.KEY:
            made.append(clients.section_of(source, window_s))
        else:
            made.append(importlib.import_module(f"{__package__}.{key}").section_of(source))
    return Characterization(
        name=source.name,
        source=_described(source),
        window_s=source.window_s if isinstance(source, ClientPool) else window_s,
        notices=source.notices if isinstance(source, Log) else (),
        sections=tuple(section for section in made if section.figures),
        absent={section.key: section.cannot for section in made if not section.figures},
    )


def _described(source: Log | ClientPool) -> dict[str, Any]:
    if isinstance(source, ClientPool):
        return {
            "kind": "pool",
            "requests": float(source.requests.sum()),
            "clients": len(source.clients),
            "duration_s": source.duration_s,
            "window_s": source.window_s,
            "fields": list(source.fields),
            "origin": {
                key: source.meta[key] for key in ("source", "licence", "excerpt") if key in source.meta
            },
        }
    return {
        "kind": "log",
        "requests": len(source),
        "start": source.start,
        "duration_s": source.duration_s,
        "columns": [
            "input_tokens",
            "output_tokens",
            *(name for name in _TOLD if getattr(source, name) is not None),
        ],
    }
