"""Plugins are found, checked and isolated; names resolve or say how to mend it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

from servegen_fw.errors import InputError, PluginError
from servegen_fw.hooks.entries import ArrivalEntry, Entry, LengthEntry, resolve
from servegen_fw.hooks.known import KNOWN, distribution_for
from servegen_fw.hooks.registry import KERNEL, Registry
from servegen_fw.hooks.specs import hookimpl


def plugin(name: str, source: str = "", **names: Any) -> ModuleType:
    """Make a declaration module from source text."""
    module = ModuleType(name)
    module.__dict__.update(
        {"hookimpl": hookimpl, "ArrivalEntry": ArrivalEntry, "LengthEntry": LengthEntry}, **names
    )
    exec(source, module.__dict__)  # noqa: S102
    return module


def offering(module: str, *names: str) -> ModuleType:
    """Make a plugin that offers arrivals under `names`."""
    entries = ", ".join(f"ArrivalEntry(name={name!r}, make=lambda config: {name!r})" for name in names)
    return plugin(module, f"@hookimpl\ndef servegen_arrivals():\n    return [{entries}]\n")


def installed(folder: Path, distribution: str, module: str, source: str, version: str = "1.2") -> None:
    """Lay out an installed distribution with an entry point, as pip leaves it."""
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[servegen_fw]\nmain = {module}\n")


GOOD = """
from servegen_fw.plugin import ArrivalEntry, hookimpl
@hookimpl
def servegen_arrivals():
    return [ArrivalEntry(name="drip", make=lambda config: "drip", summary="one by one")]
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path that acts as site-packages."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def test_installed_plugin_is_found_by_entry_point(site: Path) -> None:
    """A distribution with an entry point in the group is loaded with its version and file."""
    installed(site, "acme-drip", "acme_drip", GOOD)
    registry = Registry.load()
    entry, owner = registry.find("arrival", "drip")
    assert (entry.name, owner) == ("drip", "acme-drip")
    info = next(info for info in registry.plugins if info.distribution == "acme-drip")
    assert (info.version, Path(info.file).name, info.hook_api) == ("1.2", "acme_drip.py", (1, 0))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
        ("def broken(:", "SyntaxError"),
        (GOOD.replace("servegen_arrivals", "servegen_arivals"), "did you mean servegen_arrivals?"),
        (
            GOOD.replace("servegen_arrivals()", "servegen_arrivals(suite)"),
            "takes suite, but the hook gives no arguments",
        ),
        (GOOD.replace("@hookimpl", ""), "lacks the mark @hookimpl"),
        (GOOD.replace("return [", "return 7 or ["), "must return a list of ArrivalEntry"),
        (GOOD.replace("servegen_arrivals", "servegen_lengths"), "must return LengthEntry objects"),
        (GOOD.replace('"drip", make', '"Drip!", make'), "must match"),
        (GOOD.replace("return [", "raise OSError('disk') or ["), "raised OSError: disk"),
        (GOOD + "\nservegen_hook_api = (2, 0)", "needs hook API 2.0, this is 1.0"),
        (GOOD + "\nservegen_hook_api = (0, 9)", "upgrade the plugin"),
        (GOOD + "\nservegen_hook_api = '1'", "must be a pair"),
        (GOOD.replace("summary=", "config=int, summary="), "is not an attrs class"),
        (GOOD.replace("return [", "return 2 * ["), "twice"),
    ],
)
def test_broken_plugin_is_isolated_and_told(site: Path, source: str, reason: str) -> None:
    """A plugin that fails to import or declare is listed with its reason and disturbs no other."""
    installed(site, "acme-broken", "acme_broken", source)
    registry = Registry.load(plugins=[offering("good", "steady")])
    assert registry.find("arrival", "steady")[1] == "good"
    (failed,) = [failed for failed in registry.failed if failed.distribution == "acme-broken"]
    assert reason in failed.reason
    with pytest.raises(PluginError, match="acme-broken"):
        Registry.load(strict=True)


def test_second_entry_point_of_a_distribution_is_refused(site: Path) -> None:
    """A distribution may have one entry point only; the second is listed as failed."""
    installed(site, "acme-twice", "acme_twice", GOOD)
    (site / "acme_twice-1.2.dist-info/entry_points.txt").write_text(
        "[servegen_fw]\na = acme_twice\nb = acme_twice\n"
    )
    registry = Registry.load()
    assert registry.find("arrival", "drip")[1] == "acme-twice"
    assert any("one entry point only" in failed.reason for failed in registry.failed)


def test_entry_point_must_be_a_module(site: Path) -> None:
    """An entry point whose value is a function is listed as failed."""
    installed(site, "acme-function", "acme_function", GOOD)
    (site / "acme_function-1.2.dist-info/entry_points.txt").write_text(
        "[servegen_fw]\na = acme_function:servegen_arrivals\n"
    )
    assert any("must name a module" in failed.reason for failed in Registry.load().failed)


def test_blocked_plugin_is_not_loaded(site: Path) -> None:
    """Blocking works by distribution name and keeps the module from being imported at all."""
    installed(site, "acme-drip", "acme_drip_blocked", "raise SystemError('imported')")
    registry = Registry.load(block=["acme-drip"])
    assert not [failed for failed in registry.failed if failed.distribution == "acme-drip"]
    assert "acme_drip_blocked" not in sys.modules


def test_same_name_twice_is_an_error_only_when_used() -> None:
    """Two plugins may offer one name; using it is an error that shows what to write, and the long form works."""
    registry = Registry.load(plugins=[offering("one", "steady"), offering("two", "steady", "other")])
    assert registry.find("arrival", "other")[1] == "two"
    with pytest.raises(PluginError, match="write 'one:steady' or 'two:steady'"):
        registry.find("arrival", "steady")
    assert registry.find("arrival", "two:steady")[1] == "two"


def test_unknown_name_tells_what_was_meant_and_who_failed(site: Path) -> None:
    """An unknown name gets near names and the plugins that failed to load."""
    installed(site, "acme-broken", "acme_broken_two", "1 / 0")
    registry = Registry.load(plugins=[offering("good", "steadfast")])
    with pytest.raises(PluginError) as error:
        registry.find("arrival", "steadfats")
    assert "did you mean 'steadfast'" in str(error.value)
    assert "acme-broken" in str(error.value)


def test_absent_first_party_plugin_is_named_with_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of a first-party plugin that is not installed gets the command that installs it; of a blocked one, not."""
    with pytest.raises(PluginError, match="which is blocked: leave out --block servegen-fw-models"):
        Registry.load(block=["servegen-fw-models"]).find("arrival", "gamma")
    monkeypatch.setattr("servegen_fw.hooks.discovery.installed", lambda _blocked: iter(()))
    with pytest.raises(PluginError, match="pip install servegen-fw-models"):
        Registry.load().find("arrival", "gamma")


def test_make_that_raises_is_a_plugin_error() -> None:
    """What a plugin's `make` raises becomes one error that names the entry; errors it raises on purpose pass."""

    def broken(_config: object) -> object:
        raise OSError("disk")

    with pytest.raises(PluginError, match="length 'bad' could not be made: OSError: disk"):
        LengthEntry(name="bad", make=broken).product(None)

    def refusing(_config: object) -> object:
        raise InputError("no such file")

    with pytest.raises(InputError, match="no such file"):
        LengthEntry(name="bad", make=refusing).product(None)


def test_known_names_are_true() -> None:
    """The table of first-party names lists exactly what the first-party plugins offer."""
    registry = Registry.load()
    have = {plugin.distribution for plugin in registry.plugins}
    for distribution, kinds in KNOWN.items():
        assert distribution in have, f"{distribution} is not installed in the test environment"
        for kind in {kind for offered in KNOWN.values() for kind in offered} | set(kinds):
            offered = tuple(entry.name for entry, owner in registry.entries(kind) if owner == distribution)
            assert offered == tuple(sorted(kinds.get(kind, ()))), (distribution, kind)
    assert distribution_for("arrival", "no-such") == ""


def test_required_distribution_absent_or_failed() -> None:
    """`require` names every distribution that is absent, with the command that installs it."""
    registry = Registry.load()
    registry.require_intact([KERNEL])
    with pytest.raises(PluginError) as error:
        registry.require_intact(["acme-one", "acme-two"])
    assert len(error.value.problems) == 2
    assert "pip install acme-two" in str(error.value)


def test_make_given_as_text_is_imported_when_used() -> None:
    """`make="module:callable"` is resolved on use; what cannot be imported names the packages to install."""
    entry = LengthEntry(name="ok", make="attrs:asdict")
    assert entry.product(attrs.make_class("C", [])()) == {}
    broken = LengthEntry(name="broken", make="no_such_module_anywhere:make", needs=("acme-stats",))
    with pytest.raises(PluginError, match="pip install acme-stats"):
        broken.product(None)
    with pytest.raises(PluginError, match="not callable"):
        resolve("attrs:__name__", "x")
    with pytest.raises(PluginError, match="broken"):
        resolve("attrs:no_such", "x")


def test_families_come_from_arrival_entries() -> None:
    """Gap families are found by arrival name, made once, and their absence is told."""
    made: list[int] = []

    def family() -> object:
        made.append(1)
        return "family"

    module = plugin(
        "fam",
        "@hookimpl\ndef servegen_arrivals():\n"
        "    return [ArrivalEntry(name='a', make=print, family=family), ArrivalEntry(name='b', make=print)]\n",
        family=family,
    )
    families = Registry.load(block=["servegen-fw-models"], plugins=[module]).families
    assert families["a"] is families["a"]
    assert made == [1]
    assert list(families) == ["a"]
    with pytest.raises(PluginError, match="offers no gap family"):
        families["b"]


def test_entry_kinds_are_distinct() -> None:
    """Each entry class has a kind of its own, so that a suite's table decides which plugins are asked."""
    kinds = [cls.kind for cls in Entry.__subclasses__()]
    assert len(set(kinds)) == len(kinds) == 14
