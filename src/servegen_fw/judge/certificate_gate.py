"""Gate of the workload's certificate: whether what was measured was measured under the load that the suite claims."""

from __future__ import annotations

from servegen_fw.data.certificate import Certificate
from servegen_fw.data.report import Gate, GateStatus
from servegen_fw.judge.words import counted

NAMED = 3
"""Failed checks that a message names."""


def certified(certificate: Certificate | None, *, required: bool) -> Gate:
    """Whether the workload is certified: a warning if not, invalid where a passing certificate is required."""
    status: GateStatus = "invalid" if required else "warn"
    if certificate is None:
        if not required:
            return Gate("certificate", "unknown", "not-certified", "no certificate was made")
        cure = "run the suite again, to its end"
        return Gate(
            "certificate", status, "not-certified", "a certificate is required and none was made", cure
        )
    if certificate.verdict == "certified":
        message = f"workload certified ({counted(certificate.passed, 'check')})"
        return Gate("certificate", "ok", "not-certified", message, "", 0, 0, "")
    if certificate.verdict == "unknown":
        message = f"workload not certified: {'; '.join(certificate.notes) or 'there is no law to test'}"
        cure = "run what the suite composes, without a workload file"
        return Gate("certificate", status if required else "unknown", "not-certified", message, cure)
    failed = certificate.failed
    named = ", ".join(f"{check.name} ({check.subject})" for check in failed[:NAMED])
    more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    of = counted(len(failed) + certificate.passed, "check")
    message = f"workload not certified, {len(failed)} of {of} failed: {named}{more}"
    cure = "see certificate.md of the cell in the result folder"
    return Gate("certificate", status, "not-certified", message, cure, len(failed), 0, "")
