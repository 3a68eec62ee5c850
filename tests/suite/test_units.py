"""Quantities as people write them, and the words for those that are wrong."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servegen_fw.suite.units import ANY_UNIT, DIMENSIONS, dimension_of, parse_quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("20s", "s", 20.0),
        ("10min", "s", 600.0),
        ("1h", "s", 3600.0),
        ("2ms", "s", 0.002),
        ("500us", "s", 0.0005),
        ("500 µs", "s", 0.0005),
        ("500 μs", "s", 0.0005),
        ("40ns", "s", 4e-8),
        ("1.5 d", "s", 129600.0),
        ("1h30min", "s", 5400.0),
        ("1h 30min 5s", "s", 5405.0),
        (" 20 s ", "s", 20.0),
        ("-5s", "s", -5.0),
        ("4/s", "1/s", 4.0),
        ("240/min", "1/s", 4.0),
        ("240 / min", "1/s", 4.0),
        ("3600 req/h", "1/s", 1.0),
        ("2 sessions/s", "1/s", 2.0),
        ("95 %", "", 0.95),
        ("95%", "", 0.95),
        ("99.9%", "1", 0.999),
        ("7 %", "ratio", 0.07),
        ("1024 tokens", "tokens", 1024.0),
        ("4_096 tokens", "tokens", 4096.0),
        ("1 token", "tokens", 1.0),
        ("30 tokens/min", "tokens/s", 0.5),
        ("2GB", "bytes", 2e9),
        ("2 GiB", "bytes", 2.0**31),
        ("10 GB/s", "bytes/s", 1e10),
        ("1.5e3 ms", "s", 1.5),
        (".5s", "s", 0.5),
        ("300 W", "W", 300.0),
        ("2s", ANY_UNIT, 2.0),
        ("95 %", ANY_UNIT, 0.95),
        ("4/s", ANY_UNIT, 4.0),
        ("3 tokens/s", ANY_UNIT, 3.0),
    ],
)
def test_values(text: str, unit: str, value: float) -> None:
    """A number with a unit of the right dimension is converted to SI exactly."""
    assert parse_quantity(text, unit) == value


@given(milliseconds=st.integers(0, 10**9))
def test_division_is_exact(milliseconds: int) -> None:
    """A number of milliseconds is the float nearest to its value in seconds, not off by a rounding."""
    assert parse_quantity(f"{milliseconds}ms", "s") == milliseconds / 1000


@pytest.mark.parametrize(
    ("text", "unit", "message"),
    [
        ("4/s", "s", "expected a time such as '20s', got '4/s', which is a rate"),
        ("20s", "1/s", "expected a rate such as '4/s', got '20s', which is a time"),
        ("20s", "tokens", "expected a number of tokens such as '1024 tokens', got '20s', which is a time"),
        ("20%", "s", "expected a time such as '20s', got '20%', which is a percentage"),
        ("4 tokens/s", "1/s", "expected a rate such as '4/s', got '4 tokens/s', which is a token rate"),
        (
            "20",
            "s",
            "expected a time such as '20s', got '20' without a unit; write '20s', or the number without quotes",
        ),
        (
            "8",
            "tokens",
            "expected a number of tokens such as '1024 tokens', got '8' without a unit; write '8 tokens', or the number without quotes",
        ),
        ("fast", "s", "expected a time such as '20s', got 'fast'"),
        ("", "s", "expected a time such as '20s', got ''"),
        ("s", "s", "expected a time such as '20s', got 's'"),
        (
            "1..2s",
            "s",
            "expected a time such as '20s', got '1..2s': unknown unit '.2s' (known: ns, us, ms, s, min, h, d)",
        ),
        (
            "2 hours",
            "s",
            "expected a time such as '20s', got '2 hours': unknown unit 'hours' (known: ns, us, ms, s, min, h, d)",
        ),
        ("2 MIN", "s", "expected a time such as '20s', got '2 MIN': unknown unit 'MIN'; did you mean 'min'?"),
        (
            "2 gb",
            "bytes",
            "expected a size such as '2 GB', got '2 gb': unknown unit 'gb'; did you mean 'GB'?",
        ),
        (
            "300 kW",
            "W",
            "expected a quantity in W such as '20 W', got '300 kW': unknown unit 'kW' (known: W)",
        ),
        ("1e999s", "s", "'1e999s' is too large"),
        (
            "1h 30",
            "s",
            "expected a time such as '20s', got '1h 30': unknown unit 'h 30' (known: ns, us, ms, s, min, h, d)",
        ),
    ],
)
def test_messages(text: str, unit: str, message: str) -> None:
    """A string of another dimension is refused by what was expected, what came, and what that is."""
    with pytest.raises(ValueError) as caught:
        parse_quantity(text, unit)
    assert str(caught.value) == message


@pytest.mark.parametrize("unit", [*DIMENSIONS, "W", ANY_UNIT])
def test_examples_are_right(unit: str) -> None:
    """The example that a message gives for a unit is itself accepted."""
    assert math.isfinite(parse_quantity(dimension_of(unit).example, unit))


@given(text=st.text(max_size=12), unit=st.sampled_from([*DIMENSIONS, "W", ANY_UNIT]))
def test_any_text(text: str, unit: str) -> None:
    """Any text is a finite number or refused with a message that names it."""
    try:
        value = parse_quantity(text, unit)
    except ValueError as error:
        value, message = 0.0, str(error)
    else:
        message = repr(text)
    assert math.isfinite(value)
    assert repr(text) in message
