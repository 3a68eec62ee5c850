"""The suite reference page: it says what the code says, and the committed one is up to date."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import attrs
import pytest

from servegen_fw import plugin
from servegen_fw.hooks.discovery import COLLECTED, installed
from servegen_fw.hooks.registry import Registry
from servegen_fw.plugin import ArrivalEntry, BackendEntry, hookimpl, setting
from servegen_fw.suite import model
from servegen_fw.suite.options import options_of
from servegen_fw.suite.reference import main, reference

PAGE = Path(__file__).parents[2] / "docs" / "suite-reference.md"


@attrs.frozen
class Inner:
    """A nested table."""

    depth_s: float = setting(0.5, doc="how deep", unit="s", gt=0, lt=7, key="depth")


@attrs.frozen
class Odd:
    """Options of every sort."""

    inner: Inner | None = setting(None, doc="a table")
    secret: str = setting("", doc="key", secret=True)
    either: int | str = setting("a|b", doc="one or the other", pattern="a|b")
    think: plugin.Choice | None = setting(None, doc="a length", kind="length")


def third_party() -> ModuleType:
    """Make a plugin with a name that clashes, one with many options, and one that needs a package."""
    module = ModuleType("acme")

    @hookimpl
    def servegen_arrivals() -> list[ArrivalEntry]:
        return [
            ArrivalEntry(name="gamma", make=len, summary="ours"),
            ArrivalEntry(name="odd", config=Odd, make=len, needs=("acme-core",)),
        ]

    @hookimpl
    def servegen_backends() -> list[BackendEntry]:
        return [BackendEntry(name="dream", make=len, virtual=True)]

    for function in (servegen_arrivals, servegen_backends):
        function.__module__ = "acme"
        setattr(module, function.__name__, function)
    return module


@pytest.fixture(scope="module")
def page() -> str:
    """The page with a third-party plugin registered in process."""
    return reference(Registry.load(plugins=[third_party()]))


def test_the_committed_page_is_what_the_code_makes() -> None:
    """docs/suite-reference.md is up to date; if not: python -m servegen_fw.suite.reference docs/suite-reference.md."""
    foreign = [
        one.distribution for one in installed(frozenset()) if not one.distribution.startswith("servegen-fw")
    ]
    assert PAGE.read_text(encoding="utf-8") == reference(Registry.load(block=foreign))


@pytest.mark.parametrize(
    ("heading", "cls"),
    [
        ("The file", model.Suite),
        ("`[target.NAME]`", model.Target),
        ("`[workload]`", model.WorkloadSpec),
        ("`[[workload.group]]`", model.Group),
        ("`[[case]]`", model.Case),
        ("`[case.load]`", model.Load),
        ("`[[slo]]`", model.Objective),
        ("`[slo.where]`", model.Where),
        ("`[report]`", model.ReportSpec),
    ],
)
def test_every_key_of_a_suite_has_its_row(page: str, heading: str, cls: type) -> None:
    """Under its table's heading every key stands with its doc, once."""
    section = page.split(f"## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [option.key for option in options_of(cls)]
    for option, row in zip(options_of(cls), rows, strict=True):
        assert option.info.doc in row
        assert ("**required**" in row) == option.required


def test_every_installed_entry_and_option_is_listed() -> None:
    """Each entry of each kind has a row with its distribution, each of its options a row in its table."""
    registry = Registry.load()
    text = reference(registry)
    for kind in COLLECTED.values():
        for entry, owner in registry.entries(kind.kind):
            assert f"| `{entry.name}` | {owner} | {entry.summary} |" in text
            for option in options_of(entry.config):
                table = text.split(f"### {kind.kind} `{entry.name}`\n")[1].split("\n### ")[0]
                assert f"| `{option.key}` |" in table


def test_a_name_of_two_distributions_is_written_in_full(page: str) -> None:
    """Where two plugins offer one name the page shows what a suite must write."""
    assert "| `acme:gamma` | acme | ours |" in page
    assert "| `servegen-fw-models:gamma` | servegen-fw-models |" in page


def test_options_of_plugins_show_type_unit_limits_and_secrets(page: str) -> None:
    """A plugin's options appear as the kernel's own do, nested tables and what must be installed included."""
    assert "| `odd` | acme |  | needs acme-core |" in page
    assert "| `dream` | acme |  | virtual clock |" in page
    assert '| `secret` | string | `""` |  | key (the name of an environment variable) |' in page
    assert '| `either` | whole number or string | `"a\\|b"` | matches `a\\|b` | one or the other |' in page
    assert "| `think` | [length](#length) |  |  | a length |" in page
    nested = page.split("`arrival` `odd`, table `inner`:")[1]
    assert "| `depth` | number in `s` | `0.5` | > 0, < 7 | how deep |" in nested


def test_every_kind_that_a_suite_chooses_has_a_section(page: str) -> None:
    """Options link to the section of their kind, which is there even if nothing of the kind is installed."""
    linked = {line.partition("](#")[2].partition(")")[0] for line in page.splitlines() if "](#" in line}
    assert {"backend", "arrival", "length", "observer"} <= linked
    for kind in linked:
        assert f"\n## {kind}\n" in page
    assert "## observer\n\nChosen by `target.NAME.observers`.\n\nNo installed plugin offers any.\n" in page


def test_the_page_is_written_or_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a file the page goes there, without one to standard output."""
    main([str(tmp_path / "page.md")])
    main([])
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == capsys.readouterr().out
