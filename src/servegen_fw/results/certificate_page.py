"""A certificate for people: Markdown that reads as well in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from servegen_fw.data.certificate import Certificate, Check, ClientFigures
from servegen_fw.suite.display import format_number, format_quantity

CLIENTS_SHOWN = 10

HEAD = {
    "certified": "the workload is what its suite claims",
    "not certified": "the workload, or what was sent, is not what its suite claims",
    "unknown": "there is no law to hold the workload against",
}


def certificate_page(certificate: Certificate) -> str:
    """Return the certificate as Markdown with aligned columns."""
    made = certificate
    lines = [f"# {made.verdict}: {HEAD[made.verdict]}", ""]
    where = f" on {made.target}" if made.target else ""
    lines += [
        f"case {made.case}{where}, repeat {made.repeat + 1}" + (f", against {made.law}" if made.law else "")
    ]
    lines += [f"workload {made.digest[:16]}" + _sent(made)]
    if made.law:
        told = f"{made.passed} checks hold, {len(made.failed)} failed; a right workload fails any with probability "
        lines.append(f"{told}{made.level:.0%} (Holm); {made.replicates} simulated workloads")
    lines += [*(f"note: {note}" for note in made.notes), ""]
    held = [check for check in made.checks if check.status != "n/a"]
    lines += [*_table(held), ""]
    failed = [f"- {check.name} of {check.subject}: {check.detail or check.how}" for check in made.failed]
    lines += ["## Failed", "", *failed, ""] if failed else []
    open_ = [check for check in made.checks if check.status == "n/a"]
    if open_:
        lines += ["## Not tested", ""]
        lines += [f"- {check.name} of {check.subject}: {check.detail}" for check in open_] + [""]
    lines += _clients(made.clients)
    hows = dict.fromkeys((check.name, check.how) for check in held)
    lines += ["## Tolerances", "", *(f"- {name}: {how}" for name, how in hows), ""]
    return "\n".join(lines)


def _sent(made: Certificate) -> str:
    if not made.sent_digest:
        return ", nothing sent"
    same = made.sent_digest == made.digest
    return ", sent in full" if same else f", sent in part or at other times: {made.sent_digest[:16]}"


def _table(checks: Sequence[Check]) -> list[str]:
    head = ("check", "of", "target", "generated", "sent", "tolerance", "n", "p", "")
    rows = [
        (
            check.name,
            check.subject,
            _value(check.target, check.unit),
            _value(check.generated, check.unit),
            _value(check.sent, check.unit),
            _tolerance(check),
            f"{check.n:,}",
            "exact" if math.isnan(check.p) else format_number(check.p, 2),
            "ok" if check.status == "ok" else "FAILED",
        )
        for check in checks
    ]
    return _aligned(head, rows, left=2)


def _value(value: float, unit: str) -> str:
    return "" if math.isnan(value) else format_quantity(value, unit)


def _tolerance(check: Check) -> str:
    low, high = _value(check.low, check.unit), _value(check.high, check.unit)
    return low if low == high else f"{low} .. {high}"


def _clients(clients: ClientFigures) -> list[str]:
    if not clients.name:
        return []
    known = ~np.isnan(clients.target_cv)
    inside = known & (clients.generated_cv >= clients.low_cv) & (clients.generated_cv <= clients.high_cv)
    of = f"{int(inside.sum())} of the {int(known.sum())} with enough arrivals"
    many = f"{len(clients.name):,} clients; gap CV inside its own 99 % band for {of}"
    lines = ["## Clients", "", many, ""]
    head = (
        "client",
        "arrivals: target",
        "generated",
        "sent",
        "gap CV: target",
        "99 % band",
        "generated",
        "sent",
    )
    rows = []
    for at in range(min(CLIENTS_SHOWN, len(clients.name))):
        band = f"{format_number(clients.low_cv[at], 2)} .. {format_number(clients.high_cv[at], 2)}"
        rows.append(
            (
                clients.name[at],
                format_number(clients.target[at]),
                f"{clients.generated[at]:,}",
                f"{clients.sent[at]:,}" if clients.sent[at] >= 0 else "",
                *((format_number(clients.target_cv[at]), band) if known[at] else ("", "")),
                format_number(clients.generated_cv[at]),
                "" if math.isnan(clients.sent_cv[at]) else format_number(clients.sent_cv[at]),
            )
        )
    return [*lines, *_aligned(head, rows, left=1), ""]


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> list[str]:
    """Lines of a Markdown table whose columns line up, the first `left` of them to the left."""
    width = [max(len(line[at]) for line in (head, *rows)) for at in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width[at]) if at < left else cell.rjust(width[at]) for at, cell in enumerate(cells)
        )
        return f"| {' | '.join(padded)} |"

    rule = (("-" * width[at]) if at < left else "-" * (width[at] - 1) + ":" for at in range(len(head)))
    return [line(head), f"| {' | '.join(rule)} |", *(line(row) for row in rows)]
