"""The plugin's rooms stand in the order in which its README lists them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parents[1]
SOURCE = HERE / "src" / "servegen_fw_pools"


def rooms() -> list[str]:
    """Names of the README's table of rooms, in its order."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    table = text.split("## The rooms")[1].split("\n## ")[0].split("|---|---|")[1]
    return [
        name
        for row in table.splitlines()
        if row.startswith("|")
        for name in re.findall(r"`([\w/]+)`", row.split("|")[1])
    ]


def test_the_readme_lists_every_room_and_module() -> None:
    """What lies in the package is in the table, and nothing else is."""
    found = {f"{path.name}/" for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    found |= {path.stem for path in SOURCE.glob("*.py")} - {"__init__"}
    assert set(rooms()) == found


def test_rooms_import_one_way() -> None:
    """A room imports only itself, rooms above it in the table, and modules outside the rooms."""
    order = [name.rstrip("/") for name in rooms() if name.endswith("/")]
    wrong = []
    for at, room in enumerate(order):
        for path in sorted((SOURCE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("servegen_fw_pools."):
                    target = (node.module or "").split(".")[1]
                    if target in order[at + 1 :]:
                        wrong.append(f"{path.relative_to(SOURCE)}:{node.lineno} {node.module}")
    assert order == ["published", "logs", "characterize", "fit", "pool"]
    assert wrong == []
