"""The report in a terminal: verdict first, every number with its unit, sample size and interval."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from servegen_fw.data.report import Cell, Estimate, MetricRow, ObjectiveResult, Report
from servegen_fw.hooks.entries import NoOptions
from servegen_fw.suite.display import format_quantity

STYLES = {"PASS": "bold green", "FAIL": "bold red", "INVALID": "bold yellow"}
GATE_STYLES = {"ok": "green", "warn": "yellow", "invalid": "bold yellow", "unknown": "dim", "n/a": "dim"}
CLIENTS_SHOWN = 8
NARROWEST = 120
"""Columns that the tables need."""


def interval(estimate: Estimate, unit: str) -> str:
    """Return the interval as text, "" where there is none."""
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return ""
    return f"({format_quantity(estimate.low, unit)} .. {format_quantity(estimate.high, unit)})"


def _objective_text(result: ObjectiveResult) -> Text:
    sign = "<=" if result.sense == "max" else ">="
    mark, style = {"ok": ("ok", "green"), "missed": ("MISSED", "bold red"), "unknown": ("unknown", "yellow")}[
        result.status
    ]
    if result.status != "unknown" and not result.sure:
        mark += ", not sure"
    stat = f"{result.stat} " if result.stat else ""
    return Text.assemble(f"{stat}{sign} {format_quantity(result.limit, result.unit)} ", (mark, style))


def _metrics(cell: Cell) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for name in ("n", "p50", "p90", "p99"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("95 % interval of p99", no_wrap=True)
    table.add_column("objective", no_wrap=True)
    plain = [result for result in cell.objectives if "where" not in result.text]
    for row in cell.metrics:
        if "p50" not in row.stats or not row.stats["p50"].n:
            continue
        stats = [row.stats.get(name) for name in ("p50", "p90", "p99")]
        cells = [_value(stat, row.unit) for stat in stats]
        tail = stats[-1]
        found = Text("; ").join(_objective_text(result) for result in plain if result.metric == row.name)
        n = f"{row.stats['p50'].n:,}"
        table.add_row(row.label or row.name, n, *cells, interval(tail, row.unit) if tail else "", found)
    return table


def _value(stat: Estimate | None, unit: str) -> Text:
    if stat is None or math.isnan(stat.value):
        return Text("n/a", style="dim")
    text = format_quantity(stat.value, unit)
    return Text(text) if stat.trustworthy else Text(f"{text}?", style="dim")


def _scalars(cell: Cell) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    plain = [result for result in cell.objectives if "where" not in result.text]
    for row in cell.metrics:
        if "value" not in row.stats:
            continue
        stat = row.stats["value"]
        found = Text("; ").join(_objective_text(result) for result in plain if result.metric == row.name)
        table.add_row(row.label or row.name, _value(stat, row.unit), interval(stat, row.unit), found)
    return table


def _untrusted(rows: tuple[MetricRow, ...]) -> list[Text]:
    """Explain the question marks in one line; each figure's own note is in the JSON report."""
    shown = [
        stat
        for row in rows
        for name, stat in row.stats.items()
        if name in {"p50", "p90", "p99", "value"} and stat.n
    ]
    if all(stat.trustworthy for stat in shown):
        return []
    why = "too few requests, or too alike while they share a queue, for this figure or its interval; notes with --json"
    return [Text(f"? {why}", style="dim")]


def _clients(cell: Cell) -> list[RenderableType]:
    clients = cell.clients
    if not clients.name:
        return []
    total = int(clients.requests.sum())
    top = int(clients.requests[:10].sum())
    head = f"clients   {len(clients.name):,}, top 10 send {format_quantity(top / max(1, total), 'ratio')} of {total:,} judged requests"
    if not math.isnan(cell.jain):
        head += f"; fairness (Jain, mean TTFT) {cell.jain:.2f}"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("  client", no_wrap=True)
    for name in ("requests", "failed", "gap CV", "TTFT p50", "TTFT p99", "TPOT p50", "goodput", "output"):
        table.add_column(name, justify="right", no_wrap=True)
    worst = int(np.nanargmax(clients.ttft_p99_s)) if np.isfinite(clients.ttft_p99_s).any() else 0
    shown = [*range(min(CLIENTS_SHOWN, len(clients.name)))]
    if worst not in shown:
        shown.append(worst)
    for at in shown:
        table.add_row(
            f"  {clients.name[at]}" + (" (worst)" if at == worst else ""),
            f"{clients.requests[at]:,}",
            f"{clients.failed[at]:,}",
            format_quantity(float(clients.cv[at]), "1", digits=2),
            format_quantity(float(clients.ttft_p50_s[at]), "s"),
            format_quantity(float(clients.ttft_p99_s[at]), "s"),
            format_quantity(float(clients.tpot_p50_s[at]), "s"),
            format_quantity(float(clients.goodput[at]), "ratio"),
            f"{clients.output_tokens[at]:,} tokens",
        )
    return [Text(head), table]


def _certificate(cell: Cell) -> list[Text]:
    """What the workload was held against, in one line; failed checks are told by their gate."""
    made = cell.certificate
    if made is None:
        return []
    style = {"certified": "green", "not certified": "bold yellow", "unknown": "dim"}[made.verdict]
    checks = (
        f"{made.passed} checks"
        if not made.failed
        else f"{len(made.failed)} of {made.passed + len(made.failed)} checks failed"
    )
    law = f" against {made.law}" if made.law else ""
    return [Text.assemble("workload  ", (made.verdict, style), f"{law} ({checks})")]


def _gates(cell: Cell) -> list[Text]:
    line = Text("gates     ")
    for gate in cell.gates:
        line.append_text(Text.assemble(f"{gate.name} ", (gate.status, GATE_STYLES[gate.status]), " · "))
    line.right_crop(3)
    lines = [line]
    for gate in cell.gates:
        if gate.status in {"invalid", "warn"}:
            cure = f"; {gate.cure}" if gate.cure else ""
            lines.append(
                Text(f"  {gate.status}: {gate.message}{cure} [{gate.code}]", style=GATE_STYLES[gate.status])
            )
    return lines


def _cell(cell: Cell, repeats: int) -> RenderableType:
    repeat = f" · repeat {cell.repeat + 1}" if repeats > 1 else ""
    partial = f" · partial: {cell.partial}" if cell.partial else ""
    reasons = f"  [{', '.join(cell.reasons)}]" if cell.reasons else ""
    parts: list[RenderableType] = [
        Text.assemble(
            (cell.verdict, STYLES[cell.verdict]), f"  {cell.case} on {cell.target}{repeat}{partial}{reasons}"
        ),
        _metrics(cell),
        _scalars(cell),
        *_untrusted(cell.metrics),
    ]
    for result in cell.objectives:
        if "where" in result.text:
            parts.append(
                Text.assemble(
                    f"{result.text}: {format_quantity(result.estimate.value, result.unit)} ",
                    _objective_text(result),
                )
            )
        if result.status != "ok" and result.detail:
            parts.append(
                Text(
                    f"  {result.text}: {result.detail}",
                    style="red" if result.status == "missed" else "yellow",
                )
            )
    tally = ", ".join(f"{count:,} {name}" for name, count in cell.counts.items() if count)
    parts += [*_clients(cell), *_certificate(cell), *_gates(cell), Text(f"requests  {tally}"), Text("")]
    return Group(*parts)


def render(report: Report) -> RenderableType:
    """Return the whole report as one rich renderable."""
    parts: list[RenderableType] = [
        Text(f"{report.name} · seed {report.seed} · {line}", style="dim") for line in report.workload
    ]
    repeats = 1 + max((cell.repeat for cell in report.cells), default=0)
    parts += [_cell(cell, repeats) for cell in report.cells]
    if report.partial:
        parts.append(Text(f"INVALID  the result is partial: {report.partial}", style=STYLES["INVALID"]))
    return Group(*parts)


def print_report(report: Report, console: Console | None = None) -> None:
    """Print the report. Figures are never cut: in a terminal narrower than the tables, lines wrap."""
    target = console or Console(highlight=False)
    target.width = max(target.width, NARROWEST)
    target.print(render(report), crop=False)


class ConsoleReporter:
    """The reporter "console": prints, and leaves the same text in ``report.txt``."""

    def write(self, report: Report, folder: Path) -> list[Path]:
        """Print the report and write it to the folder."""
        print_report(report)
        path = folder / "report.txt"
        with path.open("w", encoding="utf-8") as file:
            print_report(report, Console(file=file, width=160, highlight=False, no_color=True))
        return [path]


def make_console(config: NoOptions) -> ConsoleReporter:
    """Make the reporter "console"."""
    del config
    return ConsoleReporter()
