"""Columns of one value."""

from __future__ import annotations

import numpy as np
import pytest

from servegen_fw.workload.steady import picked, put_together, steady, value_of, written_out


@pytest.mark.parametrize(("value", "dtype"), [(0, np.int32), (-1, np.int64), (True, bool), (0.5, np.float64)])
def test_a_steady_column_reads_like_any_other(value: float, dtype: type) -> None:
    """Length, type and values are those of a full column, and it cannot be written to by mistake."""
    column = steady(value, 5, dtype)
    assert np.array_equal(column, np.full(5, value, dtype))
    assert column.dtype == dtype
    with pytest.raises(ValueError, match="read-only"):
        column[0] = value


def test_its_value_is_known_without_looking() -> None:
    """Only steady columns have a value; full ones and empty ones have none."""
    assert value_of(steady(7, 3, np.int32)) == 7
    assert value_of(np.full(3, 7)) is None
    assert value_of(steady(7, 0, np.int32)) is None


def test_picking_rows_keeps_it_steady() -> None:
    """A selection of a steady column is steady; of another it is the rows asked for."""
    rows = np.array([4, 0, 0])
    assert value_of(picked(steady(7, 5, np.int32), rows)) == 7
    assert picked(np.arange(5) * 2, rows).tolist() == [8, 0, 0]


def test_putting_together_keeps_equal_values_steady() -> None:
    """Equal steady columns stay steady, empty ones do not disturb, and different ones are written out."""
    one, two, none = steady(1, 2, np.int32), steady(2, 2, np.int32), np.empty(0, np.int32)
    assert value_of(put_together([one, none, one])) == 1
    assert len(put_together([one, none, one])) == 4
    assert put_together([one, two]).tolist() == [1, 1, 2, 2]
    assert put_together([one, np.array([5], np.int32)]).tolist() == [1, 1, 5]
    assert len(put_together([none, none])) == 0


@pytest.mark.parametrize("value", [0, 3])
def test_written_out_it_is_an_array_of_its_own(value: int) -> None:
    """What leaves composition can be written to and saved."""
    column = written_out(steady(value, 4, np.int64))
    column[0] = 9
    assert column.tolist() == [9, value, value, value]
    full = np.arange(3)
    assert written_out(full) is full
