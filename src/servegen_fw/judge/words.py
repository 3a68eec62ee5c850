"""Numbers in sentences. Values with units are written by `servegen_fw.suite.display.format_quantity`."""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """Write a number with its noun, in the plural where it is not one: "1 request", "1,204 requests"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
