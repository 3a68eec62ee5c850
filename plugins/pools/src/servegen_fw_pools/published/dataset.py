"""Length data of the published clients: one JSON file per client, window by window, field by field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from servegen_fw.plugin import Problem
from servegen_fw_pools.published.masses import MassError, parse_masses
from servegen_fw_pools.text import place_at, read_text

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    Masses = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

RENAMED = {"text_tokens": "input_tokens"}
"""Fields of the release that go by another name here: the text of a prompt is its `input_tokens`."""

_RATIOS = ("reason_ratio",)
_CURE = "fetch the file again"


def read_dataset(path: Path, problems: list[Problem]) -> dict[tuple[float, str], Masses]:
    """Read one ``chunk-N-dataset.json``: (window start in s, field) -> (values, cdf), both empty in unused windows.

    Damage is added to `problems` with its place.

    Raises
    ------
        InputError: the file cannot be read or is not UTF-8.
    """
    text = read_text(path)
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = error.pos if isinstance(error, json.JSONDecodeError) else 0
        what = error.msg if isinstance(error, json.JSONDecodeError) else "cannot be parsed"
        problems.append(Problem(f"not JSON: {what}", place=place_at(path, text, at), cure=_CURE))
        return {}
    found: dict[tuple[float, str], Masses] = {}
    for window, fields in _mapping(tree, path, "the file", problems).items():
        try:
            start_s = float(window)
        except ValueError:
            problems.append(_at(path, text, window, 0, f"{window!r} is not a time in seconds"))
            continue
        for field, written in _mapping(fields, path, f"window {window!r}", problems).items():
            name = RENAMED.get(field, field)
            try:
                masses = _masses(name, written)
            except MassError as error:
                what = f"{field} of window {window}: {error.what}"
                problems.append(_at(path, text, written, error.offset, what))
                continue
            found[start_s, name] = masses
    return found


def _masses(field: str, written: object) -> Masses:
    if not isinstance(written, str):
        raise MassError("a string that holds a mapping was expected", 0)
    values, cdf = parse_masses(written)
    if field in _RATIOS and len(values) and values[-1] > 1:
        raise MassError("a ratio is above 1", 0)
    return values, cdf


def _mapping(found: object, path: Path, who: str, problems: list[Problem]) -> dict[str, Any]:
    if isinstance(found, dict):
        return found
    problems.append(Problem(f"{who} holds no JSON object", who=str(path), cure=_CURE))
    return {}


def _at(path: Path, text: str, written: object, offset: int, what: str) -> Problem:
    """A problem `offset` characters inside a value, found again in the raw text by how JSON writes it."""
    found = text.find(json.dumps(written))
    at = found + 1 + offset if found >= 0 else 0
    return Problem(what, place=place_at(path, text, at), cure=_CURE)
