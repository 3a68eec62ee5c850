"""Findings: figures with their laws before the level is shared out, and the checks they become."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import attrs
import numpy as np

from servegen_fw.certify.laws import Exactly, Law, holm
from servegen_fw.data.certificate import Check, CheckStatus

NAN = math.nan


@attrs.frozen(eq=False)
class Finding:
    """A figure and how it may scatter; fields as in `Check`.

    Attributes
    ----------
        law: of the generated figure; None where the question cannot be put (`detail` says why).
        sent_law: of the sent figure, where it rests on other rows; None: the same.
        measure: raw figure for comparing methods: a relative error, a distance, a ratio; NaN for none.
        judged: "both" columns, or only one where the other has no law.
    """

    name: str
    subject: str
    law: Law | None
    how: str = ""
    target: float = NAN
    generated: float = NAN
    sent: float = NAN
    unit: str = "1"
    n: int = 0
    detail: str = ""
    sent_law: Law | None = None
    measure: float = NAN
    judged: Literal["both", "sent", "generated"] = "both"

    @property
    def exact(self) -> bool:
        """Whether nothing is left to chance."""
        return isinstance(self.law, Exactly)

    @property
    def p(self) -> float:
        """The smaller of the two columns' p, doubled where both were put to the test and differ."""
        if self.law is None:
            return NAN
        found = []
        if self.judged != "sent" and not math.isnan(self.generated):
            found.append(self.law.p(self.generated))
        if self.judged != "generated" and not math.isnan(self.sent):
            same = found and math.isclose(self.sent, self.generated, rel_tol=1e-9, abs_tol=1e-12)
            if not same or self.sent_law is not None:
                found.append((self.sent_law or self.law).p(self.sent))
        if not found:
            return NAN
        return min(found) if self.exact else min(1.0, len(found) * min(found))


def missing(name: str, subject: str, why: str) -> Finding:
    """Return a question that cannot be put."""
    return Finding(name, subject, None, detail=why)


def settle(findings: Sequence[Finding], level: float) -> tuple[Check, ...]:
    """Checks of the findings: exact ones by themselves, the others at a family-wise `level` by Holm's procedure."""
    p = np.array([finding.p for finding in findings])
    chance = [at for at, finding in enumerate(findings) if not finding.exact and not math.isnan(float(p[at]))]
    bad = {at for at, no in zip(chance, holm(p[chance], level).tolist(), strict=True) if no}
    alpha = level / max(1, len(chance))
    checks = []
    for at, finding in enumerate(findings):
        law, value = finding.law, float(p[at])
        status: CheckStatus = "n/a"
        low = high = NAN
        if law is not None and not math.isnan(value):
            status = "failed" if at in bad or (finding.exact and value == 0) else "ok"
            low, high = law.band(alpha)
        checks.append(
            Check(
                finding.name,
                finding.subject,
                finding.target,
                finding.generated,
                finding.sent,
                finding.unit,
                low,
                high,
                finding.n,
                NAN if finding.exact else value,
                status,
                finding.how,
                finding.detail,
            )
        )
    return tuple(checks)
