"""Columns of one value."""

from __future__ import annotations

import numpy as np
import pytest

from servegen_fw.workload.steady import all_picked, picked, put_together, steady, value_of, written_out


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
    full = np.array([5, 6], np.int32)
    found = put_together(
        {"a": [one, none, one], "b": [one, two, none], "c": [one, none, full], "d": [full, none, full]}
    )
    assert value_of(found["a"]) == 1
    assert {name: column.tolist() for name, column in found.items()} == {
        "a": [1, 1, 1, 1], "b": [1, 1, 2, 2], "c": [1, 1, 5, 6], "d": [5, 6, 5, 6],
    }  # fmt: skip
    assert len(put_together({"a": [none, none]})["a"]) == 0


def test_picking_rows_of_many_columns_makes_columns_of_their_own() -> None:
    """Each has the rows asked for, keeps its dtype and can be written to, whatever it shares its room with."""
    rows = np.array([2, 0])
    columns = {
        "a": np.arange(3, dtype=np.int32),
        "b": np.arange(3) * 10,
        "c": steady(-1, 3, np.int64),
        "d": np.arange(3, dtype=np.int32) + 5,
    }
    found = all_picked(columns, rows)
    assert list(found) == list(columns)
    assert all(found[name].dtype == columns[name].dtype for name in columns)
    found["a"][0] = 99
    assert {name: column.tolist() for name, column in found.items()} == {
        "a": [99, 0], "b": [20, 0], "c": [-1, -1], "d": [7, 5],
    }  # fmt: skip


@pytest.mark.parametrize("value", [0, 3])
def test_written_out_it_is_an_array_of_its_own(value: int) -> None:
    """What leaves composition can be written to and saved."""
    column = written_out(steady(value, 4, np.int64))
    column[0] = 9
    assert column.tolist() == [9, value, value, value]
    full = np.arange(3)
    assert written_out(full) is full
