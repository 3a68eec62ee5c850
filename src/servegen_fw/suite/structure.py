"""Plain data to config objects, strictly, with every problem found; derived from the classes' annotations and settings.

Written by hand rather than with cattrs: nearly every case here (strict scalars, units, limits, renamed keys, choices
through the registry, key paths, suggestions) would be a hook of ours, and its generated code and import cost more time
than loading a suite does.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, cast

import attrs

from servegen_fw.errors import InputError, PluginError, Problem
from servegen_fw.hooks.entries import Choice
from servegen_fw.suite import scalars
from servegen_fw.suite.curves import EXAMPLE, read_curve
from servegen_fw.suite.issues import Issue, did_you_mean
from servegen_fw.suite.model import RateCurve
from servegen_fw.suite.options import Option, members, options_of
from servegen_fw.suite.paths import KeyPath

if TYPE_CHECKING:
    from servegen_fw.hooks.registry import Registry

T = TypeVar("T")

Check = Callable[[Any, Mapping[str, Any], KeyPath], Iterable[Issue]]
"""A check beyond types of one object: (object, its table, its path) to what is wrong."""

Locate = Callable[[str, KeyPath], str]
"""Where a file lies: (path as written, key path) to the path to open."""


def _as_written(text: str, _path: KeyPath) -> str:
    return text


_BAD: Final[Any] = object()
_NO_CHECKS: Final[Mapping[type, Check]] = {}


def structure(
    cls: type[T],
    data: Any,
    *,
    issues: list[Issue],
    path: KeyPath = (),
    registry: Registry | None = None,
    checks: Mapping[type, Check] = _NO_CHECKS,
    locate: Locate = _as_written,
) -> T | None:
    """Return `data` as an object of the attrs class `cls`, or None after appending all that is wrong to `issues`.

    Parameters
    ----------
        cls: attrs class whose attributes are declared with `setting`.
        data: plain data as TOML or JSON gives it.
        issues: what is wrong is appended here.
        path: key path of `data`, for the issues.
        registry: finds the entries of ``{ kind = "name" }`` tables; needed if `cls` has such.
        checks: checks beyond types by class, made on every object that is right in itself.
        locate: what becomes of options that name files.

    Raises
    ------
        PluginError: `cls` itself is at fault: an annotation that suites cannot express.
    """
    value = _Reading(issues, registry, checks, locate).table(cls, data, path)
    return None if value is _BAD else cast(T, value)


def configure(cls: type[T], data: Mapping[str, Any], *, registry: Registry | None = None, who: str = "") -> T:
    """Return `data` as an object of the config class `cls`.

    Raises
    ------
        InputError: one problem for each thing that is wrong, with `who` before its key path.
    """
    issues: list[Issue] = []
    value = structure(cls, data, issues=issues, registry=registry)
    if value is None:
        problems = [issue.problem() for issue in issues]
        raise InputError(
            *(
                attrs.evolve(problem, who=": ".join(part for part in (who, problem.who) if part))
                for problem in problems
            )
        )
    return value


class _Reading:
    """One pass over one document."""

    def __init__(
        self, issues: list[Issue], registry: Registry | None, checks: Mapping[type, Check], locate: Locate
    ) -> None:
        self.issues = issues
        self.registry = registry
        self.checks = checks
        self.locate = locate

    def bad(self, path: KeyPath, what: str, cure: str = "", at: Literal["key", "value"] = "value") -> Any:
        self.issues.append(Issue(path, what, cure, at))
        return _BAD

    def table(self, cls: type, data: Any, path: KeyPath, owner: str = "") -> Any:
        """Read a table as an attrs class; `owner` names the entry whose config it is."""
        if not isinstance(data, Mapping):
            return self.bad(path, f"expected a table {{ key = value, ... }}, got {scalars.show(data)}")
        options = {option.key: option for option in options_of(cls)}
        before = len(self.issues)
        values: dict[str, Any] = {}
        for key in data:
            if key not in options:
                self.unknown(key, path, options, owner)
        for key, option in options.items():
            if key in data:
                values[option.argument] = self.value(option.type, data[key], (*path, key), option)
            elif option.required:
                self.missing(option, path, owner)
        if len(self.issues) > before or _BAD in values.values():
            return _BAD
        try:
            made = cls(**values)
        except InputError as error:
            self.issues += [Issue(path, problem.what, problem.cure) for problem in error.problems]
            return _BAD
        except (ValueError, TypeError) as error:
            # A config class may check its fields together; what it raises is meant for the reader.
            return self.bad(path, f"{owner}: {error}" if owner else str(error))
        if cls in self.checks:
            self.issues += self.checks[cls](made, data, path)
        return made

    def unknown(self, key: str, path: KeyPath, options: Mapping[str, Option], owner: str) -> None:
        what = f"{owner} has no option {key!r}" if owner else f"unknown key {key!r}"
        home = next((outer for outer, option in options.items() if key in _inner_keys(option)), None)
        if home is not None:
            cure = f"it belongs into {home!r}: {home} = {{ {key} = ... }}"
        else:
            cure = did_you_mean(key, options) if options else "it takes no options"
        self.bad((*path, key), what, cure, "key")

    def missing(self, option: Option, path: KeyPath, owner: str) -> None:
        where = f" of {owner}" if owner else ""
        self.bad(
            path,
            f"missing {option.key!r}{where}: {option.info.doc}"
            if option.info.doc
            else f"missing {option.key!r}{where}",
        )

    def value(self, hint: Any, raw: Any, path: KeyPath, option: Option) -> Any:
        """Read a value of any type that a suite can express."""
        kinds = [kind for kind in members(hint) if kind is not type(None)]
        if raw is None and len(kinds) < len(members(hint)):
            return None
        if isinstance(raw, Mapping):
            # The reader of the one member that takes tables says best what is wrong with a table.
            tables = [kind for kind in kinds if kind is Choice or attrs.has(kind)]
            kinds = tables if len(tables) == 1 else kinds
        if len(kinds) == 1:
            return self.single(kinds[0], raw, path, option)
        for kind in kinds:
            trial = _Reading([], self.registry, self.checks, self.locate)
            found = trial.single(kind, raw, path, option)
            if found is not _BAD:
                return found
        nouns = " or ".join(_noun(kind) for kind in kinds)
        return self.bad(path, f"expected {nouns}, got {scalars.show(raw)}")

    def single(self, hint: Any, raw: Any, path: KeyPath, option: Option) -> Any:
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hint is Choice:
            found = self.choice(raw, path, option)
        elif hint is RateCurve:
            found = read_curve(raw, path, self.issues) or _BAD
        elif attrs.has(hint):
            found = self.table(hint, raw, path)
        elif origin is tuple:
            found = self.array(arguments, raw, path, option)
        elif isinstance(origin, type) and issubclass(origin, Mapping):
            found = self.mapping(arguments[1], raw, path, option)
        elif origin is Literal:
            found = self.literal(arguments, raw, path)
        else:
            found = self.scalar(hint, raw, path, option)
        return found

    def scalar(self, hint: Any, raw: Any, path: KeyPath, option: Option) -> Any:
        try:
            value = _scalar(hint, raw, option)
            return self.locate(value, path) if option.info.path and value else value
        except ValueError as error:
            self.issues.append(Issue(path, str(error), hide=option.info.secret))
            return _BAD

    def literal(self, allowed: tuple[Any, ...], raw: Any, path: KeyPath) -> Any:
        # 1 == True, so types are compared as well.
        for value in allowed:
            if type(raw) is type(value) and raw == value:
                return value
        words = ", ".join(scalars.show(value) for value in allowed)
        near = did_you_mean(raw, map(str, allowed)) if isinstance(raw, str) else ""
        return self.bad(
            path, f"expected one of {words}, got {scalars.show(raw)}", near if near.startswith("did") else ""
        )

    def array(self, kinds: tuple[Any, ...], raw: Any, path: KeyPath, option: Option) -> Any:
        many = len(kinds) == 2 and kinds[1] is Ellipsis
        if not isinstance(raw, list | tuple):
            size = "" if many else f" of {len(kinds)}"
            sample = scalars.show(raw) if isinstance(raw, str) else "..."
            cure = f"write [{sample}]" if many and isinstance(raw, str | Mapping) else ""
            return self.bad(path, f"expected an array{size}, got {scalars.show(raw)}", cure)
        if not many and len(raw) != len(kinds):
            return self.bad(path, f"expected an array of {len(kinds)}, got {len(raw)}")
        each = [kinds[0]] * len(raw) if many else kinds
        found = [
            self.value(kind, item, (*path, number), option)
            for number, (kind, item) in enumerate(zip(each, raw, strict=True))
        ]
        return _BAD if any(item is _BAD for item in found) else tuple(found)

    def mapping(self, kind: Any, raw: Any, path: KeyPath, option: Option) -> Any:
        if not isinstance(raw, Mapping):
            return self.bad(path, f"expected a table {{ name = value, ... }}, got {scalars.show(raw)}")
        found = {key: self.value(kind, item, (*path, key), option) for key, item in raw.items()}
        return _BAD if any(item is _BAD for item in found.values()) else found

    def choice(self, raw: Any, path: KeyPath, option: Option) -> Any:
        """Read ``{ kind = "name", ... }`` or ``"name"`` through the registry."""
        kind = option.info.kind
        if kind is None or self.registry is None:
            raise PluginError(
                Problem(
                    f"the option {option.name!r} chooses an entry: it needs setting(kind=...) and a registry"
                )
            )
        name: Any = raw
        rest: Mapping[str, Any] = {}
        named_at = path
        if isinstance(raw, str):
            pass
        elif isinstance(raw, Mapping):
            if "kind" not in raw:
                known = [entry.name for entry, _ in self.registry.entries(kind)]
                cure = f"add kind = ...; {did_you_mean('', known)}"
                return self.bad(path, f"missing 'kind', the name of a {kind}", cure)
            name, named_at = raw["kind"], (*path, "kind")
            rest = {key: value for key, value in raw.items() if key != "kind"}
        else:
            return self.bad(
                path,
                f'expected the name of a {kind} or a table {{ kind = "name", ... }}, got {scalars.show(raw)}',
            )
        if not isinstance(name, str):
            return self.bad(named_at, f"expected the name of a {kind}, got {scalars.show(name)}")
        try:
            entry, distribution = self.registry.find(kind, name)
        except PluginError as error:
            self.issues += [Issue(named_at, problem.what, problem.cure) for problem in error.problems]
            return _BAD
        config = self.table(entry.config, rest, path, f"{kind} {entry.name!r}")
        return _BAD if config is _BAD else Choice(entry, config, distribution)


def _inner_keys(option: Option) -> frozenset[str]:
    """Return the keys of the table that an option holds, if it holds one of fixed keys."""
    for kind in members(option.type):
        if isinstance(kind, type) and attrs.has(kind) and kind not in {Choice, RateCurve}:
            return frozenset(inner.key for inner in options_of(kind))
    return frozenset()


def _scalar(hint: Any, raw: Any, option: Option) -> Any:
    if hint is bool:
        return scalars.read_bool(raw, option.info)
    if hint is int:
        return scalars.read_int(raw, option.info)
    if hint is float:
        return scalars.read_float(raw, option.info, option.default)
    if hint is str:
        return scalars.read_str(raw, option.info)
    if hint is Any:
        return scalars.read_any(raw)
    raise PluginError(
        Problem(f"the option {option.name!r} has a type that suites cannot express: {hint}", cure=_TYPES)
    )


_TYPES: Final = "use bool, int, float, str, Literal, tuple, Mapping[str, ...], Any, an attrs class, or Choice"
_NOUNS: Final = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Choice: "a choice",
}


def _noun(kind: Any) -> str:
    if kind is RateCurve:
        return EXAMPLE
    if kind in _NOUNS:
        return _NOUNS[kind]
    origin = typing.get_origin(kind)
    return (
        "one of " + ", ".join(map(repr, typing.get_args(kind)))
        if origin is Literal
        else "an array"
        if origin is tuple
        else "a table"
    )
