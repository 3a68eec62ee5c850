"""Finding plugin modules and checking what they declare, one plugin at a time."""

from __future__ import annotations

import difflib
import importlib.metadata
import inspect
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, Final

import attrs

from servegen_fw.errors import PluginError, Problem
from servegen_fw.hooks import entries, specs

COLLECTED: Final[dict[str, type[entries.Entry]]] = {
    "servegen_arrivals": entries.ArrivalEntry,
    "servegen_modulations": entries.ModulationEntry,
    "servegen_lengths": entries.LengthEntry,
    "servegen_modalities": entries.ModalityEntry,
    "servegen_reasoning": entries.ReasoningEntry,
    "servegen_conversations": entries.ConversationEntry,
    "servegen_prompts": entries.PromptEntry,
    "servegen_backends": entries.BackendEntry,
    "servegen_engines": entries.EngineEntry,
    "servegen_observers": entries.ObserverEntry,
    "servegen_metrics": entries.MetricEntry,
    "servegen_reporters": entries.ReporterEntry,
    "servegen_readers": entries.ReaderEntry,
    "servegen_commands": entries.CommandEntry,
}
"""Collecting hooks and what each returns."""

ASKED: Final = ("servegen_check", "servegen_environment")


@attrs.frozen
class Candidate:
    """A plugin module that was found; `module` is None if it could not be imported, and `error` says why."""

    distribution: str
    version: str
    module: ModuleType | None
    error: str = ""


def installed(blocked: frozenset[str]) -> Iterator[Candidate]:
    """Yield the modules behind the entry points of the group ``servegen_fw``, by distribution name."""
    points = importlib.metadata.entry_points(group=specs.PROJECT)
    seen: set[str] = set()
    for point in sorted(points, key=lambda point: (point.dist.name if point.dist else "", point.name)):
        name = point.dist.name if point.dist else point.name
        version = point.dist.version if point.dist else ""
        if blocked & {name, point.name, point.module}:
            continue
        if name in seen:
            yield Candidate(
                f"{name}[{point.name}]",
                version,
                None,
                "a distribution may have one entry point only; merge them",
            )
            continue
        seen.add(name)
        try:
            module = point.load()
        except Exception as error:  # an import may raise anything; it is isolated, not fatal  # noqa: BLE001
            yield Candidate(
                name, version, None, f"import of {point.value} failed: {type(error).__name__}: {error}"
            )
            continue
        if not isinstance(module, ModuleType):
            yield Candidate(
                name,
                version,
                None,
                f"entry point {point.value} must name a module, not {type(module).__name__}",
            )
            continue
        yield Candidate(name, version, module)


def check_api(module: ModuleType) -> tuple[int, int]:
    """Return the hook API version a module states (1.0 if it states none).

    Raises
    ------
        PluginError: it needs a hook API that this kernel does not have.
    """
    stated = getattr(module, "servegen_hook_api", specs.HOOK_API)
    valid = isinstance(stated, tuple) and len(stated) == 2 and all(isinstance(part, int) for part in stated)
    if not valid:
        raise PluginError(Problem(f"servegen_hook_api must be a pair such as (1, 0), not {stated!r}"))
    major, minor = stated
    have_major, have_minor = specs.HOOK_API
    if major != have_major or minor > have_minor:
        cure = "upgrade servegen-fw" if (major, minor) > specs.HOOK_API else "upgrade the plugin"
        raise PluginError(
            Problem(f"needs hook API {major}.{minor}, this is {have_major}.{have_minor}", cure=cure),
        )
    return major, minor


def check_hooks(module: ModuleType) -> None:
    """Check that every hook implementation has a specification and takes only its arguments.

    Raises
    ------
        PluginError: a hook is unknown, misdeclared, or a name looks like a hook but lacks the mark.
    """
    known = (*COLLECTED, *ASKED)
    for name, function in inspect.getmembers(module, inspect.isfunction):
        marked = hasattr(function, f"{specs.PROJECT}_impl")
        if not marked:
            if name in known:
                raise PluginError(
                    Problem(f"{name}() lacks the mark @hookimpl", cure="add it above the function")
                )
            continue
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            cure = f"did you mean {near[0]}?" if near else f"hooks are {', '.join(known)}"
            raise PluginError(Problem(f"unknown hook {name}()", cure=cure))
        takes = set(inspect.signature(function).parameters)
        allowed = set(inspect.signature(getattr(specs, name)).parameters)
        if extra := takes - allowed:
            given = f"only {', '.join(sorted(allowed))}" if allowed else "no arguments"
            raise PluginError(
                Problem(f"{name}() takes {', '.join(sorted(extra))}, but the hook gives {given}")
            )


def checked_entries(hook_name: str, answer: Any, plugin: str) -> Sequence[entries.Entry]:
    """Return what a collecting hook answered if it is what the hook asks for.

    Raises
    ------
        PluginError: it is not a sequence of the right entries, or two share a name.
    """
    wanted = COLLECTED[hook_name]
    if not isinstance(answer, Sequence) or isinstance(answer, str):
        raise PluginError(
            Problem(f"{hook_name}() must return a list of {wanted.__name__}, not {answer!r}", who=plugin)
        )
    names: set[str] = set()
    for entry in answer:
        if not isinstance(entry, wanted):
            raise PluginError(
                Problem(f"{hook_name}() must return {wanted.__name__} objects, not {entry!r}", who=plugin)
            )
        if not attrs.has(entry.config):
            cure = "decorate it with @attrs.frozen"
            raise PluginError(
                Problem(f"config of {entry.name!r} is not an attrs class", who=plugin, cure=cure)
            )
        if entry.name in names:
            raise PluginError(Problem(f"{hook_name}() offers {entry.name!r} twice", who=plugin))
        names.add(entry.name)
    return list(answer)
