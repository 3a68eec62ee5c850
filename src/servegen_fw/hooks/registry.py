"""The one place where plugins are found, checked and asked; a broken one is isolated and listed, never fatal by itself."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import attrs
import pluggy

from servegen_fw.errors import PluginError, Problem
from servegen_fw.hooks import discovery, specs
from servegen_fw.hooks.entries import ArrivalEntry, Entry, resolve
from servegen_fw.hooks.known import distribution_for

if TYPE_CHECKING:
    from servegen_fw.hooks.protocols import GapFamily

KERNEL = "servegen-fw"


@attrs.frozen
class PluginInfo:
    """A plugin that works.

    Attributes
    ----------
        distribution: name of its distribution, or of its module if registered in process.
        version: of the distribution, "" in process.
        file: of its declaration module.
        hook_api: the hook API version it states.
    """

    distribution: str
    version: str
    file: str
    hook_api: tuple[int, int]


@attrs.frozen
class FailedPlugin:
    """A plugin that failed to import or to declare, and why."""

    distribution: str
    version: str
    reason: str


class Families(Mapping[str, "GapFamily"]):
    """Gap families by the name of their arrival entry, imported when first used."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._made: dict[str, GapFamily] = {}

    def __getitem__(self, name: str) -> GapFamily:
        if name not in self._made:
            entry, _ = self._registry.find("arrival", name)
            family = entry.family if isinstance(entry, ArrivalEntry) else None
            if family is None:
                raise PluginError(
                    Problem(f"arrival {name!r} offers no gap family, which a client pool needs")
                )
            self._made[name] = resolve(family, name, entry.needs)()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        for entry, _ in self._registry.entries("arrival"):
            if isinstance(entry, ArrivalEntry) and entry.family is not None:
                yield entry.name

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Registry:
    """Every entry of every plugin, by kind and name. Make one with `Registry.load`; it does not change afterwards."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(specs.PROJECT)
        self._manager.add_hookspecs(specs)
        self._entries: dict[str, list[tuple[Entry, str]]] = {}
        self.plugins: tuple[PluginInfo, ...] = ()
        self.failed: tuple[FailedPlugin, ...] = ()
        self.blocked: frozenset[str] = frozenset()

    @classmethod
    def load(
        cls, *, block: Iterable[str] = (), plugins: Sequence[ModuleType] = (), strict: bool = False
    ) -> Registry:
        """Find and ask all plugins.

        Parameters
        ----------
            block: distributions or entry-point names to leave out.
            plugins: declaration modules to register besides the installed ones, without being installed.
            strict: a plugin that fails is an error.

        Raises
        ------
            PluginError: with `strict`, for every plugin that failed; always, if the kernel's own declarations fail.
        """
        import servegen_fw
        from servegen_fw import builtin

        self = cls()
        self._add(discovery.Candidate(KERNEL, servegen_fw.__version__, builtin))
        if self.failed:
            raise PluginError(Problem(self.failed[0].reason, who=KERNEL))
        self.blocked = blocked = frozenset(block)
        for candidate in discovery.installed(blocked):
            self._add(candidate)
        for module in plugins:
            if module.__name__ not in blocked:
                self._add(discovery.Candidate(module.__name__, "", module))
        if strict:
            self.require_intact()
        return self

    def _add(self, candidate: discovery.Candidate) -> None:
        name, version, module = candidate.distribution, candidate.version, candidate.module
        if module is None:
            self.failed += (FailedPlugin(name, version, candidate.error),)
            return
        try:
            hook_api = discovery.check_api(module)
            discovery.check_hooks(module)
            self._manager.register(module, name=name)
        except (PluginError, ValueError, pluggy.PluginValidationError) as error:
            self.failed += (FailedPlugin(name, version, str(error)),)
            return
        found: list[Entry] = []
        try:
            for hook_name in discovery.COLLECTED:
                found += self._ask(hook_name, module, name)
        except PluginError as error:
            self._manager.unregister(module)
            self.failed += (FailedPlugin(name, version, str(error)),)
            return
        for entry in found:
            self._entries.setdefault(entry.kind, []).append((entry, name))
        self.plugins += (PluginInfo(name, version, getattr(module, "__file__", None) or "", hook_api),)

    def _ask(self, hook_name: str, module: ModuleType, name: str) -> list[Entry]:
        """Call one collecting hook of one plugin and check what it returns."""
        others = [plugin for plugin in self._manager.get_plugins() if plugin is not module]
        try:
            answers = self._manager.subset_hook_caller(hook_name, others)()
        except Exception as error:  # a plugin may raise anything
            raise PluginError(
                Problem(f"{hook_name}() raised {type(error).__name__}: {error}", who=name)
            ) from error
        return [entry for answer in answers for entry in discovery.checked_entries(hook_name, answer, name)]

    @property
    def hook(self) -> Any:
        """The pluggy relay, for the hooks that are asked once per suite or run."""
        return self._manager.hook

    @property
    def manager(self) -> pluggy.PluginManager:
        """The pluggy manager, for tests that watch hook calls."""
        return self._manager

    @property
    def families(self) -> Mapping[str, GapFamily]:
        """Gap families of arrival entries, by name."""
        return Families(self)

    def entries(self, kind: str) -> list[tuple[Entry, str]]:
        """Return all (entry, distribution) of a kind, by name."""
        return sorted(self._entries.get(kind, ()), key=lambda found: (found[0].name, found[1]))

    def find(self, kind: str, name: str) -> tuple[Entry, str]:
        """Return the entry that a suite calls `name`, or ``"distribution:name"``, and its distribution.

        Raises
        ------
            PluginError: none or several plugins offer it; the message tells what to write or to install.
        """
        distribution, _, short = name.rpartition(":")
        found = [
            (entry, owner)
            for entry, owner in self._entries.get(kind, ())
            if entry.name == short and (not distribution or owner == distribution)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            choices = " or ".join(repr(f"{owner}:{short}") for _, owner in found)
            raise PluginError(Problem(f"several plugins offer the {kind} {short!r}", cure=f"write {choices}"))
        raise PluginError(self._unknown(kind, name, short))

    def _unknown(self, kind: str, name: str, short: str) -> Problem:
        offered = sorted({entry.name for entry, _ in self._entries.get(kind, ())})
        hints = []
        if near := difflib.get_close_matches(short, offered, n=3):
            hints.append("did you mean " + " or ".join(repr(one) for one in near) + "?")
        known = distribution_for(kind, short)
        if known in self.blocked:
            hints.append(f"it is part of {known}, which is blocked: leave out --block {known}")
        elif known and known not in {plugin.distribution for plugin in self.plugins}:
            hints.append(f"it is part of {known}: pip install {known}")
        if not hints:
            hints.append(
                f"installed: {', '.join(offered)}" if offered else f"no installed plugin offers any {kind}"
            )
        if self.failed:
            hints.append(
                "plugins that failed to load: " + ", ".join(failed.distribution for failed in self.failed)
            )
        return Problem(f"unknown {kind} {name!r}", cure="; ".join(hints))

    def require_intact(self, required: Sequence[str] | None = None) -> None:
        """Check that the `required` distributions (default: every one found) are installed and did not fail.

        Raises
        ------
            PluginError: one problem for each that is absent or failed.
        """
        problems = [
            Problem(failed.reason, who=f"plugin {failed.distribution}", cure="repair, upgrade or --block it")
            for failed in self.failed
            if required is None or failed.distribution in required
        ]
        present = {plugin.distribution for plugin in self.plugins} | {
            failed.distribution for failed in self.failed
        }
        problems += [
            Problem(
                "required by the suite, but not installed", who=f"plugin {name}", cure=f"pip install {name}"
            )
            for name in required or ()
            if name not in present
        ]
        if problems:
            raise PluginError(*problems)
