"""A suite as plain data with every default filled in, for result folders and for worker processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from servegen_fw.hooks.entries import Choice
from servegen_fw.suite.curves import write_curve
from servegen_fw.suite.model import RateCurve, Suite
from servegen_fw.suite.options import options_of


def resolved(suite: Suite) -> dict[str, Any]:
    """Return the suite in its resolved form: JSON-able, in SI units, names of entries as ``"distribution:name"``.

    `servegen_fw.suite.load.suite_from_data` reads it as an equal suite. Options that are None are left out, infinity is
    the text "inf".
    """
    return config_data(suite)


def config_data(config: Any) -> dict[str, Any]:
    """Return a config object as the plain table that `configure` reads."""
    return {
        option.key: plain(value)
        for option in options_of(config.__class__)
        if (value := getattr(config, option.name)) is not None
    }


def choice_data(choice: Choice) -> dict[str, Any]:
    """Return a choice as the table ``{ kind = "distribution:name", ... }`` with all options."""
    name = f"{choice.plugin}:{choice.entry.name}" if choice.plugin else choice.entry.name
    return {"kind": name, **config_data(choice.config)}


def plain(value: Any) -> Any:
    """Return a config value as JSON has it."""
    if isinstance(value, Choice):
        return choice_data(value)
    if isinstance(value, RateCurve):
        return write_curve(value)
    if attrs.has(type(value)):
        return config_data(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return "inf" if value == float("inf") else value
