"""Numbers as pages, terminals and files tell them."""

from __future__ import annotations

import pytest
from servegen_fw_pools.characterize import words
from servegen_fw_pools.characterize.section import Number


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(0.0, "0"), (123_456.0, "123,456"), (0.01234, "0.0123"), (-2.5, "-2.5"), (1.2e-7, "1.20e-07")],
)
def test_short_numbers_have_three_digits_and_no_powers_where_they_are_large(
    value: float, wanted: str
) -> None:
    """Three significant digits, more where whole numbers have more; thousands separated; tiny ones in powers of ten."""
    assert words.short(value) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"), [(0.123456, 0.1235), (123_456.0, 123_500.0), (0.0, 0.0), (-1 / 3, -0.3333)]
)
def test_files_hold_four_significant_digits(value: float, wanted: float) -> None:
    """Rounded to significant digits, as a plain float; asked for fewer, fewer."""
    assert words.rounded(value) == wanted
    assert words.rounded(value, 1) == float(f"{wanted:.1g}")


def test_a_number_is_told_with_unit_and_interval() -> None:
    """Unit behind the value, both ends in brackets, nothing for an end that is not known."""
    assert words.told(Number(16.0, "1/s", 9, 15.2, 16.8, "t")) == "16 1/s (15.2..16.8)"
    assert words.told(Number(16.0, "", 9)) == "16"
    assert words.told_share(Number(0.25, "", 9, 0.2, None, "t")) == "25 % (20..)"
