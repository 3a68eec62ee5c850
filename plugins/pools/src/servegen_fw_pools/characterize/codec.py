"""characterization.json: written strictly finite, read back whole but for the pictures.

The figures of a section stand at the top under its key (``data["arrivals"]["rate"]["value"]``); its words are under
``sections``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np

from servegen_fw.plugin import InputError, Place, Problem
from servegen_fw_pools.characterize.characterization import Characterization
from servegen_fw_pools.characterize.section import Number, Section
from servegen_fw_pools.logs.log import Notice

FORMAT: Final = "servegen-fw characterization"
VERSION: Final = 1
"""Raised when a reader of an older file would misunderstand a newer one."""

_NUMBER = {field.name for field in attrs.fields(Number)}
_ALWAYS = {"value", "unit", "n"}


def to_json(found: Characterization) -> dict[str, Any]:
    """Return plain data: what `json` writes, without NaN or infinity.

    A `Number` becomes a mapping of "value", "unit" and "n", with "low", "high", "level" and "method" where it has an interval.

    Raises
    ------
        ValueError: a figure is not finite, with its path.
        TypeError: a figure is of a type that a section may not hold, with its path.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": found.name,
        "source": _plain(found.source, "source"),
        "window_s": found.window_s,
        "notices": [
            {"code": one.code, "count": int(one.count), "what": one.what, "where": list(one.where)}
            for one in found.notices
        ],
        "sections": {
            section.key: {
                "title": section.title,
                "lines": list(section.lines),
                "plots": [{"name": plot.name, "title": plot.title} for plot in section.plots],
                "cannot": list(section.cannot),
            }
            for section in found.sections
        },
        "absent": {key: list(why) for key, why in found.absent.items()},
        **{section.key: _plain(section.figures, section.key) for section in found.sections},
    }


def write(found: Characterization, path: Path) -> None:
    """Write characterization.json; raises as `to_json`."""
    path.write_text(dumped(to_json(found)) + "\n", encoding="utf-8")


def dumped(data: Any) -> str:
    """Return JSON with one line per key, except that lists of numbers stay on one line."""
    return _dump(data, "")


def read(path: Path) -> Characterization:
    """Read characterization.json back; its sections have no plots.

    Raises
    ------
        InputError: there is no such file, it is no characterization, or one of a newer version.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(Problem(f"cannot read it: {error.strerror}", who=str(path))) from None
    except UnicodeDecodeError:
        raise InputError(Problem("is not UTF-8 text", who=str(path))) from None
    except json.JSONDecodeError as error:
        raise InputError(
            Problem(f"is not JSON: {error.msg}", place=Place(str(path), error.lineno, error.colno))
        ) from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        cure = "give the characterization.json that `servegen-fw characterize` wrote"
        raise InputError(Problem("is no characterization", who=str(path), cure=cure))
    if data.get("version") != VERSION:
        what = f"has version {data.get('version')}, this program reads {VERSION}"
        raise InputError(
            Problem(what, who=str(path), cure="characterize the log again, or update servegen-fw-pools")
        )
    try:
        return _characterization(data)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        what = f"is damaged: {type(error).__name__} {error}"
        raise InputError(Problem(what, who=str(path), cure="characterize the log again")) from None


def _characterization(data: dict[str, Any]) -> Characterization:
    return Characterization(
        name=data["name"],
        source=_rich(data["source"]),
        window_s=float(data["window_s"]),
        notices=tuple(
            Notice(one["code"], one["count"], one["what"], tuple(one["where"])) for one in data["notices"]
        ),
        sections=tuple(
            Section(key, one["title"], _rich(data[key]), tuple(one["lines"]), cannot=tuple(one["cannot"]))
            for key, one in data["sections"].items()
        ),
        absent={key: tuple(why) for key, why in data["absent"].items()},
    )


def _plain(value: Any, path: str) -> Any:
    if isinstance(value, Number):
        kept = {name: getattr(value, name) for name in ("value", "unit", "n")}
        if value.low is not None or value.high is not None:
            kept |= {name: getattr(value, name) for name in ("low", "high", "level", "method")}
        return {name: _plain(one, f"{path}.{name}") for name, one in kept.items()}
    if isinstance(value, Mapping):
        return {str(key): _plain(one, f"{path}.{key}") for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one, path) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        raise ValueError(f"{path} is {value}, which is no measured number")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(f"{path} is a {type(value).__name__}, which characterization.json cannot hold")


def _rich(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() >= _ALWAYS and value.keys() <= _NUMBER:
            return Number(**value)
        return {key: _rich(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rich(one) for one in value]
    return value


def _dump(value: Any, indent: str) -> str:
    inner = indent + " "
    if isinstance(value, dict) and value and not value.keys() >= _ALWAYS:
        parts = [f"{inner}{json.dumps(key)}: {_dump(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(one, (dict, str)) for one in value):
        parts = [f"{inner}{_dump(one, inner)}" for one in value]
        return "[\n" + ",\n".join(parts) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False, ensure_ascii=False)
