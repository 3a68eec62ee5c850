"""The reference of suites as a page: every key, then every installed entry by kind with its options.

Made from the classes and settings that also give the messages and the JSON Schema::

    python -m servegen_fw.suite.reference docs/suite-reference.md
"""

from __future__ import annotations

import json
import math
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from servegen_fw.hooks.discovery import COLLECTED
from servegen_fw.hooks.entries import BackendEntry, Choice, Entry, MetricEntry
from servegen_fw.hooks.setting import SettingInfo
from servegen_fw.suite.dump import plain
from servegen_fw.suite.model import RateCurve, Suite
from servegen_fw.suite.options import Option, members, options_of
from servegen_fw.suite.units import ANY_UNIT, DIMENSIONS

if TYPE_CHECKING:
    from servegen_fw.hooks.registry import Registry

HEAD: Final = """\
# Suite reference

Every key of a suite, then everything installed by kind. This page is made from the code, by
`python -m servegen_fw.suite.reference docs/suite-reference.md`; run it without a file to see your own plugins too. For
editors there is `servegen-fw schema`.

A key that is not listed is an error. A number with a unit is written in that unit (`20`), or as a string that carries
one (`"20s"`, `"1h 30min"`, `"95 %"`). An entry is chosen by a table, `arrival = { kind = "gamma", cv = 1.4 }`, or by its
name alone where all its options have defaults, `arrival = "poisson"`. Where two distributions offer one name, write
`kind = "distribution:name"`.
"""

RULES: Final = """\
## What spans several keys

- A group with `source` is recorded; `arrival`, `clients` and `skew` are then refused. A group without is synthetic and
  needs `arrival`, `input` and `output`; `from`, `counts` and `scale` are then refused.
- An open load needs `duration`, and `rate` or `session_rate` (not both) unless all its groups are recorded. A closed one
  needs `concurrency` and `requests`.
- The warm-up is shorter than the duration. An objective has `max` or `min`; write two `[[slo]]` tables to give both.
- Names of cases, groups and targets are unique, and objectives name only those that exist.
"""

_LIMITS: Final = (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
_SCALARS: Final = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "string",
    Any: "any value",
}
_ANY_NUMBER: Final = 2**53


def reference(registry: Registry) -> str:
    """Return the page for the entries of `registry`, as Markdown."""
    parts = [HEAD, _quantities()]
    for heading, cls in _tables():
        parts.append(f"## {heading}\n\n{_table(cls)}")
    parts.append(RULES)
    parts += [section for kind in COLLECTED.values() if (section := _kind(kind.kind, registry))]
    return "\n".join(parts)


def _quantities() -> str:
    """Return the table of units: what a string may carry."""
    rows = []
    for unit, dimension in DIMENSIONS.items():
        if unit not in {"1", "ratio"}:
            suffixes = [f"`{suffix}`" for suffix in dimension.factors if suffix and suffix.isascii()]
            rows.append(
                (f"`{unit}`" if unit else "none", dimension.noun, f'`"{dimension.example}"`', _some(suffixes))
            )
    return "## Quantities\n\n" + _markdown(("unit", "what", "example", "strings may end in"), rows)


def _some(words: Sequence[str]) -> str:
    return ", ".join(words) if len(words) <= 12 else ", ".join(words[:12]) + " ..."


def _tables() -> Iterator[tuple[str, type]]:
    """Yield every table of a suite with its heading, each followed by those within it."""
    yield "The file", Suite
    yield from _inner("", Suite)


def _inner(path: str, cls: type) -> Iterator[tuple[str, type]]:
    """Yield the tables within a table, with their headings."""
    for option in options_of(cls):
        if (found := _nested(option.type)) is not None:
            form, inner = found
            place = form.format(f"{path}.{option.key}" if path else option.key)
            yield f"`{place}`", inner
            yield from _inner(place.strip("[]"), inner)


def _nested(hint: Any) -> tuple[str, type] | None:
    """Return how a suite writes the table that an option holds, and its class; None if it holds no table of ours."""
    for one in members(hint):
        origin, arguments = typing.get_origin(one), typing.get_args(one)
        if origin is tuple:
            inner, form = arguments[0], "[[{}]]"
        elif isinstance(origin, type) and issubclass(origin, Mapping):
            inner, form = arguments[1], "[{}.NAME]"
        else:
            inner, form = one, "[{}]"
        if isinstance(inner, type) and attrs.has(inner) and inner not in {Choice, RateCurve}:
            return form, inner
    return None


def _table(cls: type) -> str:
    """Return the options of a class as a table."""
    rows = [
        (
            f"`{option.key}`",
            _type(option.type, option.info),
            _default(option),
            _limits(option),
            option.info.doc + (" (the name of an environment variable)" if option.info.secret else ""),
        )
        for option in options_of(cls)
    ]
    return _markdown(("key", "type", "default", "limits", "what"), rows)


def _type(hint: Any, info: SettingInfo) -> str:
    """Return an option's type and unit in words."""
    kinds = [kind for kind in members(hint) if kind is not type(None)]
    return " or ".join(dict.fromkeys(_one_type(kind, info) for kind in kinds))


def _one_type(hint: Any, info: SettingInfo) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Choice:
        text = f"[{info.kind}](#{info.kind})"
    elif hint is RateCurve:
        text = 'rate in `1/s`, or `[["0s", "4/s"], ["10min", "16/s"]]`'
    elif origin is Literal:
        text = ", ".join(f"`{json.dumps(one)}`" for one in arguments)
    elif origin is tuple:
        text = f"list of {_many(_type(arguments[0], info))}"
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        text = f"table of {_many(_type(arguments[1], info))}"
    elif isinstance(hint, type) and attrs.has(hint):
        text = "table"
    else:
        unit = "in the metric's unit" if info.unit == ANY_UNIT else f"in `{info.unit}`" if info.unit else ""
        text = f"{_SCALARS.get(hint, 'any value')} {unit}".rstrip()
    return text


def _many(words: str) -> str:
    return f"{words}s" if words.isalpha() or words == _SCALARS[int] else words


def _default(option: Option) -> str:
    if option.required:
        return "**required**"
    if option.default is None:
        return ""
    value = plain(option.default)
    return f"`{_toml(value)}`" if value not in ({}, []) or not _nested(option.type) else ""


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }" if value else "{}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < _ANY_NUMBER:
        return str(int(value))
    return "inf" if value == "inf" else json.dumps(value, ensure_ascii=False)


def _limits(option: Option) -> str:
    """Return an option's limits in signs."""
    found = [
        f"{sign} {getattr(option.info, name):g}"
        for name, sign in _LIMITS
        if getattr(option.info, name) is not None
    ]
    if option.info.pattern:
        found.append(f"matches `{option.info.pattern}`")
    return ", ".join(found)


def _kind(kind: str, registry: Registry) -> str:
    """Return the section of one kind of entries; "" if none is installed and no suite asks for one."""
    entries = registry.entries(kind)
    used = [f"`{place}`" for place, found in _uses() if found == kind]
    if not entries and not used:
        return ""
    names = [entry.name for entry, _ in entries]
    parts = [f"## {kind}\n"]
    if used:
        parts.append(f"Chosen by {', '.join(used)}.\n")
    if not entries:
        return "\n".join([*parts, "No installed plugin offers any.\n"])
    rows = [
        (
            f"`{entry.name if names.count(entry.name) == 1 else f'{owner}:{entry.name}'}`",
            owner,
            *_about(entry),
        )
        for entry, owner in entries
    ]
    parts.append(_markdown(("name", "distribution", "what", "more"), rows))
    for entry, _ in entries:
        if options_of(entry.config):
            parts.append(f"### {kind} `{entry.name}`\n\n{_table(entry.config)}")
        for heading, cls in _inner("", entry.config):
            parts.append(f"`{kind}` `{entry.name}`, table `{heading.strip('`[]')}`:\n\n{_table(cls)}")
    return "\n".join(parts)


def _about(entry: Entry) -> tuple[str, str]:
    more = [f"needs {', '.join(entry.needs)}"] if entry.needs else []
    if isinstance(entry, MetricEntry):
        more += [f"unit `{entry.unit}`"] if entry.unit else []
        more += [entry.definition] if entry.definition else []
    if isinstance(entry, BackendEntry) and entry.virtual:
        more.append("virtual clock")
    return entry.summary, "; ".join(more)


def _uses() -> Iterator[tuple[str, str]]:
    """Yield where a suite chooses entries: (key path, kind)."""
    for heading, cls in _tables():
        for option in options_of(cls):
            if option.info.kind is not None:
                yield f"{heading.strip('`[]')}.{option.key}", option.info.kind


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table without the columns that are empty in all rows."""
    kept = [at for at in range(len(head)) if any(row[at] for row in rows)]
    lines = [[head[at] for at in kept], ["---"] * len(kept)]
    lines += [[row[at].replace("|", "\\|") for at in kept] for row in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def main(arguments: Sequence[str]) -> None:
    """Write the page to the file named, or to standard output."""
    from servegen_fw.hooks.registry import Registry

    page = reference(Registry.load())
    if arguments:
        Path(arguments[0]).write_text(page, encoding="utf-8")
    else:
        sys.stdout.write(page)


if __name__ == "__main__":
    main(sys.argv[1:])
