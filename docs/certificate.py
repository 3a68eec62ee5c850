"""Write the quickstart's certificate into its page: python docs/certificate.py."""

from __future__ import annotations

import tempfile
from pathlib import Path

from servegen_fw import Registry, Suite, run

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "certificate.md"
BEGIN, END = "<!-- certificate of the quickstart -->\n", "<!-- end -->\n"


def quickstart() -> str:
    """Run the quickstart and return its certificate, less its list of tolerances."""
    suite = Suite.load(ROOT / "suites" / "quickstart.toml", registry=Registry.load())
    with tempfile.TemporaryDirectory() as folder:
        result = run(suite, out=Path(folder) / "result")
        (page,) = result.folder.path.glob("cells/*/certificate.md")
        return page.read_text(encoding="utf-8").split("\n## Tolerances")[0].rstrip() + "\n"


def written(page: str, certificate: str) -> str:
    """Return the page with this certificate between its marks."""
    head, rest = page.split(BEGIN)
    return f"{head}{BEGIN}\n```text\n{certificate}```\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), quickstart()), encoding="utf-8")
