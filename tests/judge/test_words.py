"""Numbers in sentences."""

from __future__ import annotations

from servegen_fw.judge.words import counted


def test_one_is_singular():
    """One request, two requests, a thousand with a comma."""
    assert [counted(n, "request") for n in (1, 2, 1204)] == ["1 request", "2 requests", "1,204 requests"]
