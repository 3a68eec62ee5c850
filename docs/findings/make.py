"""Write the tables and pictures of docs/findings.md from the real data: python docs/findings/make.py [--data FOLDER] [--only NAME ...].

A table stands in the page between ``<!-- table: NAME -->`` and ``<!-- end of table -->``; what is outside is text. Seeds are
those of the suites, so that the same data and versions give the same tables.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from workloads import ROOT, Data

CHAPTERS = ("language", "multimodal", "reasoning", "conversations", "fidelity", "held_out", "round_trip")
PICTURES = "pictures"
PAGE = ROOT / "docs" / "findings.md"
DATA = Path(os.environ.get("SERVEGEN_FW_DATA", ROOT.parent / "shared" / "data"))


def replaced(page: str, name: str, lines: list[str]) -> str:
    """Return the page with one table replaced.

    Raises
    ------
        LookupError: the page has no such table.
    """
    pattern = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end of table -->)", re.DOTALL)
    body = "\n".join(["", *lines, "", ""])
    page, count = pattern.subn(lambda found: found[1] + body + found[2], page)
    if count != 1:
        raise LookupError(f"{PAGE.name} has {count} places for the table {name!r}")
    return page


def main() -> None:
    """Write the tables of the chapters asked for, and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder with servegen, azure and mooncake")
    whole = (*CHAPTERS, PICTURES)
    parser.add_argument("--only", nargs="*", choices=whole, default=whole, help="chapters; default all")
    asked = parser.parse_args()
    if not asked.data.is_dir():
        parser.error(f"no data in {asked.data}; give --data")
    for chapter in (name for name in CHAPTERS if name in asked.only):
        for name, lines in importlib.import_module(chapter).tables(Data(asked.data)).items():
            PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), name, lines), encoding="utf-8")
            print(f"{chapter}: {name}, {len(lines) - 2} rows", flush=True)
    if PICTURES in asked.only:
        for path in importlib.import_module(PICTURES).write(Data(asked.data)):
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
