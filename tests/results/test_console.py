"""What a terminal shows: verdict, figures with intervals, objectives, clients, gates."""

from __future__ import annotations

import io
from pathlib import Path

import attrs
import pytest
from rich.console import Console

from servegen_fw.data.report import Report
from servegen_fw.results.console import ConsoleReporter, print_report


def text(report: Report, width: int = 150) -> str:
    """Render a report as text."""
    file = io.StringIO()
    print_report(report, Console(file=file, width=width, highlight=False, no_color=True))
    return file.getvalue()


def test_report_shows_what_a_reader_needs(report: Report) -> None:
    """Verdict, reasons, intervals, objectives with their outcome, warnings with cures, clients: all are there."""
    shown = text(report)
    assert shown.splitlines()[:2] == ["suite · seed 7 · two clients", "FAIL  steady on sim  [ttft.p99]"]
    for part in (
        "71 ms",
        "(540 ms .. 690 ms)",
        "p99 <= 500 ms MISSED, not sure",
        "missed by 110 ms; client a",
        "99.1 %",
        "(98.3 % .. 99.5 %)",
        "610 ms?",
        "? too few requests",
        "2 of 204 requests failed; look at the server's log [errors]",
        "lag n/a",
        "ttft p50 <= 1 s where client = a",
        "b (worst)",
        "202 ok, 2 error, 204 judged",
        "Jain",
    ):
        assert part in shown, part


def test_invalid_report_never_says_pass(report: Report) -> None:
    """Neither an invalid cell nor a partial result prints PASS anywhere."""
    broken = attrs.evolve(report.cells[0], verdict="INVALID", partial="interrupted")
    shown = text(attrs.evolve(report, cells=(broken,), partial="interrupted"))
    assert "PASS" not in shown
    assert "partial: interrupted" in shown


@pytest.mark.parametrize("width", [60, 80, 120])
def test_narrow_terminals_lose_no_figure(report: Report, width: int) -> None:
    """At any width every metric's p50 and p99 are still printed in full."""
    shown = text(report, width)
    assert "71 ms" in shown
    assert "610 ms" in shown


def test_reporter_leaves_the_text_in_the_folder(
    report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reporter prints and writes the same report to report.txt."""
    (path,) = ConsoleReporter().write(report, tmp_path)
    assert "FAIL  steady on sim" in capsys.readouterr().out
    assert "FAIL  steady on sim" in path.read_text()
