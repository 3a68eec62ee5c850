"""Overrides from the command line, ``--set path=value``: applied to the plain data, then checked like the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tomli

from servegen_fw.errors import InputError, Problem
from servegen_fw.suite.issues import RefusedError, did_you_mean
from servegen_fw.suite.paths import KeyPath, format_path, parse_path


def apply_overrides(data: dict[str, Any], overrides: Iterable[str]) -> dict[KeyPath, str]:
    """Set every ``path=value`` in `data`, in order, and return the concrete path and the text of each.

    A path has keys, positions (``case[0].load.rate``) and, in arrays of tables, names (``case.peak.load.rate``,
    ``workload.group.group-1.share``). Tables on the way are made; the short form of a choice (``backend = "vllm"``)
    becomes its table. A value is read as TOML; what is not TOML is text, so ``rate=2/s`` needs no quotes.

    Raises
    ------
        InputError: one problem for each override that is not ``path=value`` or whose path leads nowhere.
    """
    applied: dict[KeyPath, str] = {}
    problems: list[Problem] = []
    for text in overrides:
        try:
            path, value = _split(text)
            applied[_set(data, path, value)] = text
        except ValueError as error:
            problems.append(Problem(str(error), who=f"--set {text}"))
    if problems:
        raise InputError(*problems)
    return applied


def _split(text: str) -> tuple[KeyPath, Any]:
    written, sign, value = text.partition("=")
    if not sign:
        raise RefusedError("expected path=value, such as case[0].load.rate=2/s")
    return parse_path(written.strip()), parse_value(value)


def parse_value(text: str) -> Any:
    """Return the TOML value that a text is, or the text itself where it is none."""
    try:
        read = tomli.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text.strip()
    return read["value"] if read.keys() == {"value"} else text.strip()


def concrete(data: Any, path: KeyPath) -> KeyPath:
    """Return the path with names in arrays of tables replaced by positions, as far as it leads in `data`.

    Raises
    ------
        RefusedError: an array has no such element.
    """
    found: list[str | int] = []
    node = data
    for part in path:
        if isinstance(node, list):
            part = _position(node, part, tuple(found))  # noqa: PLW2901
            node = node[part]
        else:
            node = node.get(part) if isinstance(node, Mapping) else None
        found.append(part)
    return tuple(found)


def element_names(array: Sequence[Any], key: str | int) -> list[str]:
    """Return the name of every element of an array of tables; groups without one are group-1, group-2 ..."""
    names = []
    for number, element in enumerate(array, 1):
        name = element.get("name") if isinstance(element, Mapping) else None
        default = f"group-{number}" if key == "group" else ""
        names.append(name if isinstance(name, str) and name else default)
    return names


def _position(array: Sequence[Any], part: str | int, path: KeyPath) -> int:
    where = format_path(path)
    if isinstance(part, int):
        if part < len(array):
            return part
        held = f"positions 0 to {len(array) - 1}" if array else "no elements"
        raise RefusedError(f"{where} has {held}, not {part}")
    names = element_names(array, path[-1] if path else "")
    if part in names:
        return names.index(part)
    raise RefusedError(f"{where} has no element named {part!r}; {did_you_mean(part, filter(None, names))}")


def _set(data: dict[str, Any], path: KeyPath, value: Any) -> KeyPath:
    """Set the value at a path in nested dicts and lists; returns the concrete path."""
    node: Any = data
    part: Any
    done: list[str | int] = []
    for number, part in enumerate(path):
        last = number == len(path) - 1
        if isinstance(node, list):
            part = _position(node, part, tuple(done))  # noqa: PLW2901
        elif not isinstance(node, dict):
            raise RefusedError(f"{format_path(tuple(done))} is {node!r}, which holds no {part!r}")
        elif isinstance(part, int):
            raise RefusedError(
                f"{format_path(tuple(done)) or 'the suite'} is no array, so it has no [{part}]"
            )
        done.append(part)
        if last:
            node[part] = value
        elif isinstance(node, list):
            node = node[part]
        else:
            if isinstance(node.get(part), str):
                node[part] = {"kind": node[part]}
            node = node.setdefault(part, {})
    return tuple(done)
