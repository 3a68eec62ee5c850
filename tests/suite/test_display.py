"""Quantities for people."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servegen_fw.suite.display import format_number, format_quantity
from servegen_fw.suite.units import parse_quantity


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.071, "s", "71 ms"),
        (0.0172, "s", "17.2 ms"),
        (0.61, "s", "610 ms"),
        (1.9, "s", "1.9 s"),
        (1.0, "s", "1 s"),
        (18.0, "s", "18 s"),
        (160.2, "s", "160 s"),
        (1200.0, "s", "20 min"),
        (43200.0, "s", "12 h"),
        (2.5e-5, "s", "25 us"),
        (3e-8, "s", "30 ns"),
        (0.0, "s", "0 s"),
        (-0.071, "s", "-71 ms"),
        (0.9996, "s", "1 s"),
        (599.9, "s", "10 min"),
        (2.0, "1/s", "2.0 req/s"),
        (2.04, "1/s", "2.04 req/s"),
        (16.0, "1/s", "16 req/s"),
        (0.05, "1/s", "0.05 req/s"),
        (3061.7, "tokens/s", "3,060 tokens/s"),
        (1204.0, "tokens", "1,204 tokens"),
        (1204.5, "tokens", "1,200 tokens"),
        (0.991, "ratio", "99.1 %"),
        (0.93, "1", "0.93"),
        (12.0, "", "12"),
        (2.5e9, "bytes", "2.5 GB"),
        (12.0, "bytes", "12 B"),
        (0.0, "bytes", "0 B"),
        (312.4, "W", "312 W"),
        (math.nan, "s", "n/a"),
        (math.inf, "s", "inf s"),
    ],
)
def test_quantities(value: float, unit: str, text: str) -> None:
    """Times and sizes choose their step, rates keep a decimal, whole counts are exact."""
    assert format_quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1234567.0, "1,230,000"),
        (0.00123456, "0.00123"),
        (9.996, "10"),
        (-2.5, "-2.5"),
        (1e-9, "1e-09"),
        (math.nan, "n/a"),
        (-math.inf, "-inf"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    """A number has three significant digits, separators and no idle zeros."""
    assert format_number(value) == text


def test_digits() -> None:
    """The number of significant digits can be chosen."""
    assert format_quantity(0.0171717, "s", digits=5) == "17.172 ms"


@given(value=st.floats(1e-8, 1e8))
def test_times_read_back(value: float) -> None:
    """A time shown is, read again, within half a unit of its third digit."""
    shown = format_quantity(value, "s").replace(",", "")
    assert parse_quantity(shown, "s") == pytest.approx(value, rel=0.0051)
