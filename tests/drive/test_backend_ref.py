"""A backend by name travels; what must not travel does not."""

from __future__ import annotations

import json
import pickle
from types import ModuleType
from typing import Any

import attrs
import pytest

from servegen_fw.drive import backend_ref as module
from servegen_fw.drive.backend_ref import BackendRef
from servegen_fw.errors import PluginError
from servegen_fw.hooks.entries import BackendEntry, Choice, LengthEntry
from servegen_fw.hooks.registry import Registry
from servegen_fw.hooks.setting import setting
from servegen_fw.hooks.specs import hookimpl


@attrs.frozen
class Fixed:
    """Options of a length."""

    value: int = setting(3, doc="tokens", ge=1)


@attrs.frozen
class Server:
    """Options of a backend: plain ones, a nested choice, and the name of a secret."""

    url: str = setting(doc="where")
    retries: int = setting(0, doc="how often", ge=0)
    tags: tuple[str, ...] = setting((), doc="labels")
    extra: dict[str, Any] = setting(factory=dict, doc="anything")
    length: Choice | None = setting(None, doc="a distribution", kind="length")
    key_env: str = setting("", doc="name of a variable", secret=True)


def plugin() -> ModuleType:
    """Make a declaration module with a backend and a length."""
    made = ModuleType("acme_refs")

    def servegen_backends() -> list[BackendEntry]:
        return [BackendEntry(name="acme", config=Server, make=lambda config: ("made", config))]

    def servegen_lengths() -> list[LengthEntry]:
        return [LengthEntry(name="acme-fixed", config=Fixed, make=lambda config: config.value)]

    made.servegen_backends = hookimpl(servegen_backends)  # type: ignore[attr-defined]
    made.servegen_lengths = hookimpl(servegen_lengths)  # type: ignore[attr-defined]
    return made


@pytest.fixture
def registry() -> Registry:
    """A registry that knows the plugin."""
    return Registry.load(plugins=[plugin()])


def choice(registry: Registry, **options: Any) -> Choice:
    """Choose the backend."""
    entry, owner = registry.find("backend", "acme")
    return Choice(entry, Server(**options), owner)


def test_the_same_backend_is_built(registry: Registry) -> None:
    """Options go through plain values and come back equal, nested choices included."""
    length, owner = registry.find("length", "acme-fixed")
    chosen = choice(
        registry,
        url="http://x",
        retries=2,
        tags=("a", "b"),
        extra={"n": [1, {"m": None}]},
        length=Choice(length, Fixed(value=9), owner),
    )
    kind, config = BackendRef.of(chosen, registry).make()
    assert kind == "made"
    assert config == chosen.config
    assert config.length.make() == 9


def test_a_reference_holds_plain_values_only(registry: Registry) -> None:
    """What travels can be written as JSON: names, numbers, lists and mappings."""
    length, owner = registry.find("length", "acme-fixed")
    ref = BackendRef.of(
        choice(registry, url="u", tags=("a",), length=Choice(length, Fixed(), owner)), registry
    )
    plain = json.loads(json.dumps(ref.config))
    assert plain["url"] == "u"
    assert plain["length"]["name"] == "acme_refs:acme-fixed"


def test_neither_registry_nor_secret_is_pickled(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickled reference names the secret's variable and holds no value of it, no callable and no registry."""
    monkeypatch.setenv("ACME_KEY", "s3cr3t-value")
    ref = BackendRef.of(choice(registry, url="u", key_env="ACME_KEY"), registry)
    data = pickle.dumps(ref)
    assert b"s3cr3t-value" not in data
    assert b"ACME_KEY" in data
    assert b"Registry" not in data
    found = pickle.loads(data)  # noqa: S301
    assert found.registry is None
    assert (found.distribution, found.entry, found.config) == (ref.distribution, ref.entry, ref.config)


def test_another_process_loads_its_own_registry(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """After unpickling the entry is found in a registry that is loaded there."""
    found = pickle.loads(pickle.dumps(BackendRef.of(choice(registry, url="u"), registry)))  # noqa: S301
    with pytest.raises(PluginError, match="unknown backend"):
        found.make()
    monkeypatch.setattr(Registry, "load", lambda: registry)
    assert found.make()[1] == Server(url="u")


def test_another_version_is_refused(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker with another version of the plugin stops with both versions and the cure."""
    monkeypatch.setattr(module, "_version", lambda _: "1.4")
    ref = BackendRef.of(choice(registry, url="u"), registry)
    monkeypatch.setattr(module, "_version", lambda _: "1.5")
    with pytest.raises(PluginError, match=r"version 1\.5 of it, the run was planned with 1\.4") as caught:
        ref.make()
    assert "install acme_refs==1.4 here" in str(caught.value)


def test_an_absent_plugin_is_named(registry: Registry) -> None:
    """Where the plugin is not installed the message says which backend is unknown."""
    ref = BackendRef.of(choice(registry, url="u"), registry)
    with pytest.raises(PluginError, match="unknown backend 'acme_refs:acme'"):
        attrs.evolve(ref, registry=Registry.load()).make()


@pytest.mark.parametrize("config", [{}, {"url": "u", "colour": "red"}, {"url": "u", "tags": 3}])
def test_options_that_do_not_fit_are_refused(registry: Registry, config: dict[str, Any]) -> None:
    """Missing, unknown and ill-typed options give one clear error, not a traceback from the plugin."""
    ref = BackendRef("acme_refs", "", "acme", config, registry)
    with pytest.raises(PluginError, match="backend acme: options do not fit"):
        ref.make()


def test_versions_are_the_installed_ones(registry: Registry) -> None:
    """An installed distribution's version goes into the reference, a module's in process is empty."""
    assert BackendRef.of(choice(registry, url="u"), registry).version == ""
    assert module._version("servegen-fw") != ""
