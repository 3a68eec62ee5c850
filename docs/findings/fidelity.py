"""How close each method comes to what the clients' own law says, at the recorded rate and at a hundredth of it."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from servegen_fw_pools.characterize.words import percent, short
from tables import NONE
from workloads import METHODS, TITLES, Data, planned, suite_of

from servegen_fw.certify.certificate import Examination
from servegen_fw.data.certificate import Certificate, Check

POPULATIONS = {
    "deepseek-r1": ("reasoning", "reason/deepseek-r1", 16.0146875),
    "mm-image": ("multimodal", "multimodal/mm-image", 9.474652),
}
SCALES = {"at the recorded rate": 1.0, "at 1/100 of it": 0.01}

ROUNDING = 1e-12
"""What arithmetic leaves of differences that are none."""

EFFORT = 30.0
"""So that sixty replicates of the whole day are simulated."""


def tables(data: Data) -> dict[str, list[str]]:
    """Return one table for each population."""
    return {f"fidelity-{name}": _population(name, data) for name in POPULATIONS}


def _population(name: str, data: Data) -> list[str]:
    suite_name, folder, recorded = POPULATIONS[name]
    columns: list[tuple[str, str, Certificate]] = []
    for scale, factor in SCALES.items():
        rate = None if factor == 1 else f"{recorded * factor:.6g}/s"
        columns += [
            (scale, method, certified(suite_name, data.clients(folder), method, rate)) for method in METHODS
        ]
    rows = _rows([certificate for *_, certificate in columns])
    heads = [f"{TITLES[method]}, {scale}" for scale, method, _ in columns]
    lines = [f"| | {' | '.join(heads)} |", f"| :-- | {' | '.join('--:' for _ in heads)} |"]
    return lines + [f"| {label} | {' | '.join(cells)} |" for label, cells in rows]


@functools.cache
def certified(suite_name: str, folder: Path, method: str, rate: str | None) -> Certificate:
    """Certify the workload of a method against the law of the clients, thinned to `rate` (None: as recorded)."""
    law = suite_of(suite_name, folder, "clients", rate=rate or "recorded")
    made = planned(suite_of(suite_name, folder, method, rate=rate or "recorded"))
    return Examination.of(
        law, made.case, made.workload, made.streams, law.registry, effort=EFFORT
    ).certificate()


def _rows(columns: Sequence[Certificate]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = [
        ("verdict", [one.verdict for one in columns]),
        ("checks that hold", [f"{one.passed} of {one.passed + len(one.failed)}" for one in columns]),
        ("clients whose CV is outside the 99 % band", [_outside(one) for one in columns]),
    ]
    for name, subject in dict.fromkeys(
        (check.name, check.subject) for one in columns for check in one.checks
    ):
        if name in {"known clients", "recorded counts"}:
            continue
        what = "" if ":" not in subject else f" of {subject.split(': ')[1]}"
        found.append((f"{name}{what}", [_told(_check(one, name, subject)) for one in columns]))
    return found


def _check(certificate: Certificate, name: str, subject: str) -> Check | None:
    return next(
        (check for check in certificate.checks if (check.name, check.subject) == (name, subject)), None
    )


def _told(check: Check | None) -> str:
    """Return what was generated and what is tolerated; what fails stands in bold."""
    if check is None or check.status == "n/a" or not math.isfinite(check.generated):
        return NONE
    digits = 6 if check.name == "total rate" else 3

    def told(figure: float) -> str:
        return short(figure if abs(figure) > ROUNDING else 0.0, digits)

    value = told(check.generated)
    value = f"**{value}**" if check.status == "failed" else value
    return f"{value} ({told(check.low)}..{told(check.high)})" if math.isfinite(check.high) else value


def _outside(certificate: Certificate) -> str:
    clients = certificate.clients
    seen = ~np.isnan(clients.target_cv)
    cv, low, high = clients.generated_cv[seen], clients.low_cv[seen], clients.high_cv[seen]
    inside = (cv >= low) & (cv <= high)
    return f"{percent(float(1 - inside.mean()))} of {int(seen.sum())}" if seen.any() else NONE
