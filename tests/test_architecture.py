"""The shape of the project: rooms import one way, plugins use only the facade, start-up stays light, files stay short."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servegen_fw import plugin as facade

ROOT = Path(__file__).parent.parent
KERNEL = ROOT / "src" / "servegen_fw"
ROOMS = (
    "data",
    "hooks",
    "suite",
    "workload",
    "drive",
    "judge",
    "certify",
    "results",
    "prepare",
    "flow",
    "cli",
)
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))
DECLARATIONS = [f"servegen_fw_{folder.name}" for folder in PLUGINS]
HEAVY = ("numpy", "scipy", "pyarrow", "rich", "httptools", "uvloop", "cattrs", "asyncio", "ssl")


def imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports when it runs; what only a type checker sees is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str | None:
    """Return the room of a kernel module, None for what lies outside the order (errors, plugin, builtin, testing)."""
    parts = module.split(".")
    return parts[1] if parts[0] == "servegen_fw" and len(parts) > 1 and parts[1] in ROOMS else None


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_one_way(room: str) -> None:
    """A room imports only itself and the rooms before it, so that there is no circle."""
    files = [KERNEL / f"{room}.py"] if room in {"prepare", "flow"} else sorted((KERNEL / room).rglob("*.py"))
    assert files
    allowed = ROOMS[: ROOMS.index(room) + 1]
    wrong = [
        (str(path.relative_to(KERNEL)), module)
        for path in files
        for module in imports(path)
        if (target := room_of(module)) is not None and target not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_first_party_plugins_use_only_the_facade(folder: Path) -> None:
    """First-party plugins import nothing of the kernel but `servegen_fw.plugin` and `servegen_fw.testing`."""
    files = sorted((folder / "src").rglob("*.py"))
    assert files
    wrong = {
        (path.name, module)
        for path in files
        for module in imports(path)
        if module.split(".")[0] == "servegen_fw"
        and not module.startswith(("servegen_fw.plugin", "servegen_fw.testing"))
        and module != "servegen_fw"
    }
    assert not wrong


@pytest.mark.parametrize(
    "module", ["servegen_fw", "servegen_fw.plugin", "servegen_fw.cli.main", *DECLARATIONS]
)
def test_start_up_imports_are_light(module: str) -> None:
    """Declaring and listing needs neither numpy nor any other heavy library."""
    script = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_registry_of_everything_is_light() -> None:
    """Finding and asking every installed plugin imports no heavy library either."""
    script = (
        "import sys; from servegen_fw.hooks.registry import Registry; registry = Registry.load(); "
        f"print(len(registry.failed), *(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0"]


def test_facade_is_small_and_complete() -> None:
    """A plugin author has at most 60 names to know, and each of them can be imported."""
    names = dir(facade)
    assert len(names) <= 60
    for name in names:
        assert getattr(facade, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(importlib.import_module("servegen_fw.plugin"), "no_such_" + "name")


def test_facade_declares_for_type_checkers_what_it_serves() -> None:
    """The names a type checker sees in the facade are exactly those it serves at run time."""
    tree = ast.parse((KERNEL / "plugin.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == set(dir(facade))


def test_the_guide_names_all_that_a_plugin_may_import() -> None:
    """The table of docs/writing-a-plugin.md holds the names of the facade, each once, and no others."""
    guide = (ROOT / "docs" / "writing-a-plugin.md").read_text(encoding="utf-8")
    table = guide.split("## All names")[1].split("\n## ")[0].split("|---|---|")[1]
    named = [name for row in table.splitlines() if row for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(dir(facade))


def code_lines(path: Path) -> int:
    """Count lines that are neither empty, comment nor docstring."""
    text = path.read_text(encoding="utf-8")
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            skipped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = text.splitlines()
    return sum(
        1
        for number, line in enumerate(lines, 1)
        if number not in skipped and line.strip() and not line.strip().startswith("#")
    )


def test_files_are_short() -> None:
    """No source file holds more than 300 lines of code, and half of them at most 130."""
    files = [path for base in (ROOT / "src", ROOT / "plugins") for path in base.rglob("src/**/*.py")]
    files += list(KERNEL.rglob("*.py"))
    sizes = {path: code_lines(path) for path in set(files)}
    assert len(sizes) > 50
    assert {str(path.relative_to(ROOT)): size for path, size in sizes.items() if size > 300} == {}
    assert sorted(sizes.values())[len(sizes) // 2] <= 130


def test_every_test_states_its_claim() -> None:
    """Every test function has a docstring of one line."""
    folders = [ROOT / "tests", *(folder / "tests" for folder in PLUGINS)]
    silent = []
    for path in (path for folder in folders for path in folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                claim = ast.get_docstring(node) or ""
                if not claim or "\n" in claim:
                    silent.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert silent == []
