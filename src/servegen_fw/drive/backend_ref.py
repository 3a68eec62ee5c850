"""A backend by name: what another process needs to build the same one, and nothing that must not travel."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import cattrs

from servegen_fw.errors import PluginError, Problem
from servegen_fw.hooks.entries import BackendEntry, Choice, Entry

if TYPE_CHECKING:
    from servegen_fw.hooks.registry import Registry


@attrs.frozen(eq=False)
class BackendRef:
    """A backend as plain values; picklable. Secrets in `config` are names of environment variables, never values.

    Attributes
    ----------
        distribution: that offers the entry.
        version: of the distribution; "" for a module registered in process.
        entry: name of the backend.
        config: its options as plain values: numbers, strings, lists and mappings.
        registry: of this process; another process loads its own.
    """

    distribution: str
    version: str
    entry: str
    config: Mapping[str, Any]
    registry: Registry | None = attrs.field(default=None, repr=False)

    @classmethod
    def of(cls, choice: Choice, registry: Registry) -> BackendRef:
        """Refer to the backend that a suite chose."""
        return cls(
            choice.plugin,
            _version(choice.plugin),
            choice.entry.name,
            _converter(registry).unstructure(choice.config),
            registry,
        )

    def found(self) -> BackendEntry:
        """Return the entry as this process knows it.

        Raises
        ------
            PluginError: it is absent, or of another version than where the reference was made.
        """
        registry = self._registry()
        name = f"{self.distribution}:{self.entry}" if self.distribution else self.entry
        entry, distribution = registry.find("backend", name)
        have = _version(distribution)
        if have != self.version:
            raise PluginError(
                Problem(
                    f"this process has version {have or 'none'} of it, the run was planned with {self.version or 'none'}",
                    who=f"plugin {distribution}",
                    cure=f"install {distribution}=={self.version} here",
                )
            )
        if not isinstance(entry, BackendEntry):
            raise PluginError(Problem(f"{name!r} is not a backend", who=f"plugin {distribution}"))
        return entry

    def make(self) -> Any:
        """Build the backend.

        Raises
        ------
            PluginError: see `found`; or the options do not fit the entry.
        """
        entry = self.found()
        try:
            config: Any = _converter(self._registry()).structure(dict(self.config), entry.config)
        except Exception as error:  # cattrs raises what the class's own validators raise
            lines = "; ".join(cattrs.transform_error(error))
            raise PluginError(Problem(f"options do not fit: {lines}", who=f"backend {self.entry}")) from error
        return entry.product(config)

    def _registry(self) -> Registry:
        if self.registry is not None:
            return self.registry
        from servegen_fw.hooks.registry import Registry

        return Registry.load()

    def __reduce__(self) -> tuple[Any, ...]:
        return BackendRef, (self.distribution, self.version, self.entry, dict(self.config))


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""


def _converter(registry: Registry) -> cattrs.Converter:
    """Return a converter between config objects and plain values; a chosen entry travels by its names."""
    converter = cattrs.Converter(forbid_extra_keys=True)

    def plain(choice: Choice) -> dict[str, Any]:
        return {
            "kind": choice.entry.kind,
            "name": f"{choice.plugin}:{choice.entry.name}",
            "config": converter.unstructure(choice.config),
        }

    def built(value: Mapping[str, Any], _: type) -> Choice:
        found: tuple[Entry, str] = registry.find(value["kind"], value["name"])
        entry, distribution = found
        return Choice(entry, converter.structure(value["config"], entry.config), distribution)

    converter.register_unstructure_hook(Choice, plain)
    converter.register_structure_hook(Choice, built)
    converter.register_structure_hook(Any, lambda value, _: value)
    return converter
