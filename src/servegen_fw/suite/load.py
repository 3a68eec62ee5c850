"""From a suite file to a `Suite`: every problem found in one pass and shown at its line, nothing run and nothing sent."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import tomli

from servegen_fw.errors import InputError, PluginError, Problem
from servegen_fw.suite import checks
from servegen_fw.suite.document import Document, place_at
from servegen_fw.suite.issues import Issue, RefusedError, did_you_mean
from servegen_fw.suite.model import SUITE_FORMAT, Suite
from servegen_fw.suite.overrides import apply_overrides, concrete
from servegen_fw.suite.paths import parse_path
from servegen_fw.suite.structure import structure

if TYPE_CHECKING:
    from servegen_fw.hooks.registry import Registry

_OUTLINE: Final = f"a suite begins with: servegen = {SUITE_FORMAT}, name = ..., then [target.NAME], [[workload.group]] and [[case]]"
_UNQUOTED: Final = re.compile(r"=\s*[\[{]?\s*([+-]?[\d.]+\s*(?:[A-Za-zµμ%][\w/%]*|/[A-Za-z]+))")


def load_suite(path: str | Path, *, overrides: Iterable[str] = (), registry: Registry | None = None) -> Suite:
    """Read, check and type a suite file.

    Parameters
    ----------
        path: of the TOML file.
        overrides: ``path=value`` texts, applied in order before anything is checked; see `apply_overrides`.
        registry: the plugins to resolve names with; default all that are installed.

    Raises
    ------
        InputError: one problem for everything that is wrong, each with its place.
    """
    return parse_suite(_read(Path(path), str(path)), source=str(path), overrides=overrides, registry=registry)


def parse_suite(
    text: str, *, source: str = "<suite>", overrides: Iterable[str] = (), registry: Registry | None = None
) -> Suite:
    """Check and type the text of a suite; as `load_suite`, with `source` as the file's name in messages.

    Raises
    ------
        InputError: one problem for everything that is wrong, each with its place.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        data = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise InputError(_syntax_problem(error, text, source)) from None
    except RecursionError:
        raise InputError(Problem("arrays or tables are nested too deeply", who=source)) from None
    except ValueError as error:
        # Python refuses to convert numbers of thousands of digits.
        raise InputError(Problem(f"not valid TOML: {error}", who=source)) from None
    if not data:
        raise InputError(Problem("the suite is empty", who=source, cure=_OUTLINE))
    return _build(data, source, text, overrides, registry)


def suite_from_data(
    data: Mapping[str, Any],
    *,
    source: str = "",
    overrides: Iterable[str] = (),
    registry: Registry | None = None,
) -> Suite:
    """Check and type plain data, for example the resolved form that a result folder holds.

    Raises
    ------
        InputError: one problem for everything that is wrong, each with its key path.
    """
    return _build(copy.deepcopy(dict(data)), source, "", overrides, registry)


def _build(
    data: dict[str, Any], source: str, text: str, overrides: Iterable[str], registry: Registry | None
) -> Suite:
    plain = Document(data, source, text)
    if issue := _format_issue(data):
        raise InputError(plain.problem(issue))
    document = Document(data, source, text, apply_overrides(data, overrides))
    if registry is None:
        from servegen_fw.hooks.registry import Registry

        registry = Registry.load()
    issues: list[Issue] = list(checks.check_required(data.get("require"), registry))
    suite = structure(
        Suite,
        data,
        issues=issues,
        registry=registry,
        checks=checks.object_checks(registry, data),
        locate=document.locate,
    )
    issues += checks.check_names(data)
    if suite is not None:
        suite = attrs.evolve(
            _named_groups(suite), source=source, text=text, overrides=document.overrides, registry=registry
        )
        issues += checks.check_suite(suite)
    if suite is not None and not issues:
        issues += _plugin_issues(suite, data, registry)
    if suite is None or issues:
        raise InputError(*document.problems(issues))
    return suite


def _format_issue(data: Mapping[str, Any]) -> Issue | None:
    """Tell whether the suite is of another format, before its keys are judged by the rules of this one."""
    stated = data.get("servegen")
    if type(stated) is int and stated == SUITE_FORMAT:
        return None
    if stated is None:
        return Issue(
            (),
            "missing 'servegen', the format of this file",
            f"begin the file with: servegen = {SUITE_FORMAT}",
        )
    what = f"suite format {stated!r} is not supported, this version reads format {SUITE_FORMAT}"
    newer = type(stated) is int and stated > SUITE_FORMAT
    cure = (
        "upgrade servegen-fw: pip install --upgrade servegen-fw"
        if newer
        else f"write: servegen = {SUITE_FORMAT}"
    )
    return Issue(("servegen",), what, cure)


def _named_groups(suite: Suite) -> Suite:
    """Give groups without a name theirs: group-1, group-2 ..."""
    groups = tuple(
        group if group.name else attrs.evolve(group, name=f"group-{number}")
        for number, group in enumerate(suite.workload.groups, 1)
    )
    return attrs.evolve(suite, workload=attrs.evolve(suite.workload, groups=groups))


def _plugin_issues(suite: Suite, data: Mapping[str, Any], registry: Registry) -> Iterator[Issue]:
    """Ask every plugin's ``servegen_check``, one plugin at a time so that a broken one can be named."""
    manager = registry.manager
    for plugin, module in manager.list_name_plugin():
        others = [other for other in manager.get_plugins() if other is not module]
        try:
            answers = manager.subset_hook_caller("servegen_check", others)(suite=suite)
            found = [(parse_path(path), what, cure) for answer in answers for path, what, cure in answer]
        except Exception as error:
            raise PluginError(
                Problem(f"servegen_check() failed: {type(error).__name__}: {error}", who=f"plugin {plugin}")
            ) from error
        for path, what, cure in found:
            # A plugin may name what the document does not have; then the nearest place is shown.
            with contextlib.suppress(RefusedError):
                path = concrete(data, path)  # noqa: PLW2901
            yield Issue(path, what, cure)


def _read(path: Path, source: str) -> str:
    """Return the text of a suite file.

    Raises
    ------
        InputError: there is no such file, it cannot be read, or it is not UTF-8.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        folder = path.parent
        near = [one.name for one in folder.glob("*.toml")] if folder.is_dir() else []
        cure = did_you_mean(path.name, near) if near else ""
        cure = (
            cure.replace("known:", f"suites in {folder}:")
            if folder.is_dir()
            else f"there is no folder {folder}"
        )
        raise InputError(Problem("no such file", who=source, cure=cure)) from None
    except IsADirectoryError:
        near = sorted(one.name for one in path.glob("*.toml"))
        cure = f"name a file in it: {', '.join(near[:8])}" if near else "name a suite file (TOML)"
        raise InputError(Problem("is a folder, not a suite file", who=source, cure=cure)) from None
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror}", who=source)) from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
        rest = raw[error.start :].split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
        place = place_at(source, before + rest, len(before))
        what = f"not UTF-8: byte 0x{raw[error.start]:02x} at offset {error.start}"
        raise InputError(Problem(what, place=place, cure="save the file as UTF-8")) from None


def _syntax_problem(error: tomli.TOMLDecodeError, text: str, source: str) -> Problem:
    """Return tomli's finding with its place and, for the usual slips, what to write instead."""
    message = re.sub(r" \(at (?:line \d+, column \d+|end of document)\)$", "", str(error))
    numbers = re.search(r"\(at line (\d+), column (\d+)\)$", str(error))
    ended = numbers is None
    at = len(text.rstrip())
    if numbers is not None:
        lines = text.split("\n")
        at = sum(len(line) + 1 for line in lines[: int(numbers[1]) - 1]) + int(numbers[2]) - 1
    line_begin = text.rfind("\n", 0, at) + 1
    line = text[line_begin:].split("\n", 1)[0]
    cure = ""
    if message.startswith(("Cannot overwrite", "Cannot declare", "Duplicate")):
        cure = "the same key or table is given twice; keep one"
        at = line_begin + len(line) - len(line.lstrip())
    elif found := _UNQUOTED.search(line):
        cure = f'a value with a unit is text and needs quotes: "{found[1]}"'
    elif ended:
        cure = "the text ends before the value does; close every [, { and quote"
    elif message.startswith("Invalid value"):
        cure = 'text needs quotes, "..."; numbers, true and false have none'
    elif message.startswith("Unescaped '\\'"):
        at = text.rindex("\\", 0, at)
        cure = "write \\\\ for a backslash, or use '...' quotes, which take text as it is"
    elif message.startswith("Expected newline"):
        cure = "one key = value a line; text needs quotes"
    what = f"not valid TOML: {message[:1].lower()}{message[1:]}"
    return Problem(what, place=place_at(source, text, min(at, len(text))), cure=cure)
