"""The page of findings and the command that makes its tables."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from servegen_fw import Suite

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
PLACES = dict(re.findall(r"<!-- table: ([a-z0-9-]+) -->\n(.*?)<!-- end of table -->", PAGE, re.DOTALL))


@pytest.fixture
def chapter(monkeypatch: pytest.MonkeyPatch) -> object:
    """Import a module of docs/findings by name."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "findings"))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for path in (ROOT / "docs" / "findings").glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("name", PLACES)
def test_every_table_is_filled(name: str) -> None:
    """Each place of the page holds a table of at least two rows, all as wide as its head."""
    rows = [line for line in PLACES[name].splitlines() if line.startswith("|")]
    assert len(rows) >= 4
    assert len({row.count("|") for row in rows}) == 1


def test_a_table_takes_the_place_of_the_old_one_and_a_lost_place_is_told(chapter) -> None:
    """Text outside stays; a name that the page does not have, or has twice, is an error."""
    make = chapter("make")
    page = "a\n<!-- table: x -->\n| old |\n<!-- end of table -->\nb\n"
    assert (
        make.replaced(page, "x", ["| new |"])
        == "a\n<!-- table: x -->\n\n| new |\n\n<!-- end of table -->\nb\n"
    )
    with pytest.raises(LookupError):
        make.replaced(page, "y", [])
    with pytest.raises(LookupError):
        make.replaced(page + page, "x", [])


def test_figures_are_found_by_path_and_what_is_not_told_is_a_dash(chapter) -> None:
    """Mappings by name, lists by a key's value; numbers with unit and interval."""
    tables = chapter("tables")
    number = chapter("servegen_fw_pools.characterize.section").Number
    figures = {"a": {"b": [{"s": number(1.0, "s"), "v": number(0.5, "", 9, 0.25, 0.75)}]}, "t": True}
    assert tables.told_figure(tables.figure(figures, "a.b[s=1].v"), share=True) == "50 % (25..75)"
    assert tables.told_figure(tables.figure(figures, "a.b[s=2].v")) == tables.NONE
    assert tables.told_figure(tables.figure(figures, "a.c.d")) == tables.NONE
    assert tables.told_figure(tables.figure(figures, "t")) == "yes"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "suites" / "findings").glob("*.toml")), ids=lambda path: path.stem
)
def test_suites_of_findings_load_and_take_every_method(path: Path) -> None:
    """Each suite is right as it is and, where it has a source, with the other methods."""
    suite = Suite.load(path)
    if suite.workload.groups[0].source is None:
        return
    for method, scale in (("naive", "thin"), ("reference", "rate")):
        group = Suite.load(
            path, overrides=[f'workload.group[0].method="{method}"', f'workload.group[0].scale="{scale}"']
        ).workload.groups[0]
        assert group.method == method


@pytest.mark.parametrize(
    ("module", "name"),
    [("held_out", "held-out-azure"), ("conversations", "prefixes"), ("conversations", "conversations")],
)
def test_the_command_makes_the_table_of_the_page(module: str, name: str, chapter, shared_data: Path) -> None:
    """The quick tables come out as the page has them, to the letter."""
    data = chapter("workloads").Data(shared_data)
    lines = chapter(module).azure(data) if name == "held-out-azure" else chapter(module).tables(data)[name]
    assert PLACES[name].strip().splitlines() == lines
