"""The page on certificates shows what the quickstart's certificate is, and names every check."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from servegen_fw import Registry, Suite
from servegen_fw.certify import arrivals, columns, field_checks, sent_checks, sessions, times
from servegen_fw.certify.certificate import LEVEL
from servegen_fw.flow import certify_suite
from servegen_fw.judge import driver_gates

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "certificate.md").read_text(encoding="utf-8")


def test_the_quickstarts_certificate_is_that_of_a_run() -> None:
    """The certificate shown is the one that a run makes, to the letter; `python docs/certificate.py` writes it."""
    spec = importlib.util.spec_from_file_location("certificate_page_maker", ROOT / "docs" / "certificate.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert maker.written(PAGE, maker.quickstart()) == PAGE


def test_every_check_is_explained() -> None:
    """Each check that the sources can make has its row."""
    registry = Registry.load()
    suite = Suite.load(ROOT / "suites" / "quickstart.toml", registry=registry)
    names = {check.name for made in certify_suite(suite, registry=registry) for check in made.checks}
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "src/servegen_fw/certify").glob("*.py")
    )
    names |= set(re.findall(r'(?:Finding\(|missing\(|compared\(|plain\(|_none\()\s*"([^"{]+)"', source))
    names -= {"arrivals"}
    told = set(re.findall(r"\*\*(.+?)\*\*", PAGE))
    missing = {name for name in names if not {name, re.sub(r" \d+ s$", "", name)} & told}
    assert missing == set()


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    """Level, replicates, rows and limits stand on the page as the code has them."""
    for number in (
        f"{LEVEL:.0%}".replace("%", " %"),
        f"{arrivals.FEWEST} to {arrivals.MOST}",
        f"{arrivals.BUDGET:,}",
        f"{field_checks.ROWS:,}",
        f"{field_checks.AGAIN_ROWS:,}",
        f"{field_checks.AGAIN} times",
        f"{columns.GRID_ROWS:,}",
        f"{sessions.SESSIONS:,}",
        f"{times.LEAST_GAPS} arrivals",
        f"{times.LEAST_BINS} bins",
        f"{sent_checks.SHIFT_LIMIT * 100:g} %",
        f"{driver_gates.LAG_LIMIT_S * 1e3:g} ms",
    ):
        assert number in PAGE, number
