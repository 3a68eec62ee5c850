"""JSON Schema (2020-12) of suites, made from the same classes and settings as the messages, with all installed entries."""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from servegen_fw.hooks.entries import Choice, Entry
from servegen_fw.hooks.setting import SettingInfo
from servegen_fw.suite.dump import plain
from servegen_fw.suite.model import RateCurve, Suite
from servegen_fw.suite.options import Option, members, options_of
from servegen_fw.suite.units import ANY_UNIT, dimension_of

if TYPE_CHECKING:
    from servegen_fw.hooks.registry import Registry

_NUMBER: Final = r"[+-]?(\d[\d_]*(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_LIMITS: Final = (
    ("ge", "minimum"),
    ("gt", "exclusiveMinimum"),
    ("le", "maximum"),
    ("lt", "exclusiveMaximum"),
)

Schema = dict[str, Any]


def json_schema(registry: Registry) -> Schema:
    """Return the schema of suites that use the entries of `registry`.

    Editors complete and check suites with it. It is a little wider than the reader: what spans several keys (an open
    load needs a duration) and the limits of values written as text ("-5s") are checked by `load_suite` alone.
    """
    making = _Making(registry)
    root = making.table(Suite)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "servegen-fw suite",
        **root,
        "$defs": dict(sorted(making.defs.items())),
    }


def config_schema(config: type, registry: Registry) -> Schema:
    """Return the schema of one config class, with what it refers to under ``$defs``."""
    making = _Making(registry)
    return {**making.table(config), "$defs": dict(sorted(making.defs.items()))}


class _Making:
    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.defs: dict[str, Schema] = {}

    def table(self, cls: type, kind: Schema | None = None) -> Schema:
        """Return the schema of a config class; `kind` is that of the key that chose it."""
        options = options_of(cls)
        properties = {option.key: self.option(option) for option in options}
        required = [option.key for option in options if option.required]
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        if kind is not None:
            schema["properties"] = {"kind": kind, **properties}
            required.insert(0, "kind")
        return {**schema, "required": required} if required else schema

    def option(self, option: Option) -> Schema:
        kinds = [kind for kind in members(option.type) if kind is not type(None)]
        schemas = [self.type(kind, option.info) for kind in kinds]
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        about: Schema = {}
        if option.info.doc:
            about["description"] = option.info.doc
        if option.info.unit and option.info.unit != ANY_UNIT:
            about["x-unit"] = option.info.unit
        if option.info.secret:
            about["x-secret"] = True
        if not option.required and option.default is not None:
            about["default"] = plain(option.default)
        return {**schema, **about}

    def type(self, hint: Any, info: SettingInfo) -> Schema:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hint is Choice:
            schema = self.choice(str(info.kind))
        elif hint is RateCurve:
            schema = self.curve()
        elif isinstance(hint, type) and attrs.has(hint):
            schema = self.reference(_label(hint), lambda: self.table(hint))
        elif origin is tuple:
            schema = self.array(arguments, info)
        elif isinstance(origin, type) and issubclass(origin, Mapping):
            schema = {"type": "object", "additionalProperties": self.type(arguments[1], info)}
        elif origin is Literal:
            schema = {"enum": list(arguments)}
        else:
            schema = _scalar(hint, info)
        return schema

    def array(self, kinds: tuple[Any, ...], info: SettingInfo) -> Schema:
        if len(kinds) == 2 and kinds[1] is Ellipsis:
            return {"type": "array", "items": self.type(kinds[0], info)}
        each = [self.type(kind, info) for kind in kinds]
        return {"type": "array", "prefixItems": each, "minItems": len(each), "maxItems": len(each)}

    def curve(self) -> Schema:
        time, rate = SettingInfo("", "s", ge=0), SettingInfo("", "1/s", ge=0)
        point = {
            "type": "array",
            "prefixItems": [_scalar(float, time), _scalar(float, rate)],
            "minItems": 2,
            "maxItems": 2,
        }
        points = {"type": "array", "items": point, "minItems": 1}
        return self.reference("RateCurve", lambda: {"anyOf": [_scalar(float, rate), points]})

    def choice(self, kind: str) -> Schema:
        return self.reference(kind, lambda: self.choices(kind))

    def choices(self, kind: str) -> Schema:
        """Return what chooses an entry of a kind: its name where all options have defaults, or its table."""
        found = self.registry.entries(kind)
        names = [entry.name for entry, _ in found]
        bare: list[str] = []
        tables: list[Schema] = []
        for entry, distribution in found:
            full = f"{distribution}:{entry.name}"
            written = [full] if names.count(entry.name) > 1 else [entry.name, full]
            if not any(option.required for option in options_of(entry.config)):
                bare += written
            tables.append(self.entry(entry, f"{kind}.{full}", written))
        return {"oneOf": [{"enum": bare}, *tables]} if bare else {"oneOf": tables} if tables else {"not": {}}

    def entry(self, entry: Entry, label: str, written: list[str]) -> Schema:
        about = {"description": entry.summary} if entry.summary else {}
        return self.reference(label, lambda: {**about, **self.table(entry.config, {"enum": written})})

    def reference(self, label: str, make: typing.Callable[[], Schema]) -> Schema:
        """Return a reference to a definition, made on first use; the empty one before it stops circles."""
        if label not in self.defs:
            self.defs[label] = {}
            self.defs[label] = make()
        return {"$ref": f"#/$defs/{label}"}


def _label(cls: type) -> str:
    """Return the name of a class's definition; plugins may have classes of one name."""
    own = cls.__module__.startswith("servegen_fw.")
    return cls.__name__ if own else f"{cls.__module__}.{cls.__qualname__}"


def _scalar(hint: Any, info: SettingInfo) -> Schema:
    if hint is bool:
        return {"type": "boolean"}
    if hint is str:
        pattern = r"[A-Za-z_][A-Za-z0-9_]*" if info.secret else info.pattern
        return {"type": "string", **({"pattern": f"^(?:{pattern})$"} if pattern else {})}
    if hint not in {int, float}:
        return {}
    number: Schema = {"type": "integer" if hint is int else "number"}
    for name, word in _LIMITS:
        limit = getattr(info, name)
        if limit is not None and math.isfinite(limit):
            number[word] = limit
    if hint is int and not info.unit:
        return number
    return {"anyOf": [number, {"type": "string", "pattern": quantity_pattern(info.unit)}]}


def quantity_pattern(unit: str) -> str:
    """Return the regular expression (ECMA 262) of the strings that `parse_quantity` reads for a unit."""
    suffixes = sorted(dimension_of(unit).factors, key=lambda suffix: (-len(suffix), suffix))
    words = "|".join(re.escape(suffix).replace("/", r"\s*/\s*") for suffix in suffixes)
    one = rf"{_NUMBER}\s*({words})\s*"
    return rf"^\s*({one})+$" if unit == "s" else rf"^\s*{one}$"
