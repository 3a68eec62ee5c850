"""The gate of the workload's certificate: a warning, or invalid where a passing one is required."""

from __future__ import annotations

import math

import numpy as np
import pytest

from servegen_fw.data.certificate import Certificate, Check, ClientFigures
from servegen_fw.judge.certificate_gate import certified

NONE = ClientFigures((), (), *(np.empty(0) for _ in range(8)))


def certificate(*statuses: str, law: str = "the suite's models") -> Certificate:
    """Return a certificate whose checks have these statuses."""
    checks = tuple(
        Check(f"check {at}", "g", 1.0, 1.0, math.nan, "1", 0.0, 2.0, 9, 0.5, status, "somehow")
        for at, status in enumerate(statuses)
    )
    return Certificate(
        "case", 0, "t", law, "d", "d", 0.01, 60, checks, NONE, () if law else ("given as a file",)
    )


@pytest.mark.parametrize("required", [True, False])
def test_a_passing_certificate_is_ok(required: bool) -> None:
    """Checks that hold are counted; those that could not be put are not."""
    gate = certified(certificate("ok", "ok", "n/a"), required=required)
    assert (gate.status, gate.message) == ("ok", "workload certified (2 checks)")


@pytest.mark.parametrize(("required", "status"), [(True, "invalid"), (False, "warn")])
def test_a_failing_certificate_warns_or_invalidates(required: bool, status: str) -> None:
    """The message names the failed checks, the code is stable."""
    gate = certified(certificate("ok", "failed"), required=required)
    assert (gate.status, gate.code) == (status, "not-certified")
    assert gate.message == "workload not certified, 1 of 2 checks failed: check 1 (g)"
    assert gate.cure


@pytest.mark.parametrize(("required", "status"), [(True, "invalid"), (False, "unknown")])
def test_a_workload_without_a_law_is_unknown(required: bool, status: str) -> None:
    """A given file is no failure, but not what was required either; a missing certificate likewise."""
    gate = certified(certificate("ok", law=""), required=required)
    assert gate.status == status
    assert "given as a file" in gate.message
    assert certified(None, required=required).status == status
