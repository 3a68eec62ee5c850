"""Numbers in sentences."""

from __future__ import annotations

import math

import pytest

from servegen_fw.judge.words import amount, counted


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.071, "s", "71 ms"),
        (0.0005, "s", "500 us"),
        (1.0, "s", "1 s"),
        (0.0, "s", "0 s"),
        (160.2, "s", "160 s"),
        (-0.25, "s", "-250 ms"),
        (0.9912, "1", "99.1 %"),
        (2.0, "1/s", "2 req/s"),
        (2100.4, "1/s", "2,100 req/s"),
        (3060.0, "tokens/s", "3,060 tokens/s"),
        (7.25, "", "7.25"),
        (math.nan, "s", "unknown"),
        (math.inf, "s", "inf s"),
    ],
)
def test_amounts_read_as_people_write_them(value, unit, expected):
    """Three digits, the fitting unit, thousands separated."""
    assert amount(value, unit) == expected


def test_one_is_singular():
    """One request, two requests, a thousand with a comma."""
    assert [counted(n, "request") for n in (1, 2, 1204)] == ["1 request", "2 requests", "1,204 requests"]
