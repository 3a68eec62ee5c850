"""Draw a stored result as an SVG picture of the terminal: python docs/picture.py RESULT docs/quickstart.svg."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from servegen_fw import Result
from servegen_fw.results.console import print_report


def main(folder: str, picture: str) -> None:
    """Write the picture."""
    console = Console(record=True, width=124, file=io.StringIO(), force_terminal=True, highlight=False)
    print_report(Result.open(folder).report, console)
    drawn = console.export_svg(title="servegen-fw run suites/quickstart.toml")
    # A picture in a repository must not load fonts from the network.
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL).replace(
        "Fira Code", "ui-monospace, Menlo, Consolas"
    )
    Path(picture).write_text(re.sub(r"<!--.*?-->", "", drawn), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
