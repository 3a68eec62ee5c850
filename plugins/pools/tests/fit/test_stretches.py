"""Neighbouring windows taken together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from servegen_fw_pools.fit.stretches import stretches


def test_windows_are_joined_until_there_are_enough() -> None:
    """Two owners; what is left over at an owner's end joins the stretch before it, a small owner is one stretch."""
    owner = np.array([0, 0, 0, 0, 0, 1, 1])
    size = np.array([5, 5, 12, 3, 4, 2, 1])
    assert stretches(owner, size, 10).tolist() == [0, 0, 1, 1, 1, 2, 2]


def test_nothing_is_no_stretch() -> None:
    """No windows, no stretches."""
    assert stretches(np.zeros(0, np.int64), np.zeros(0, np.int64), 10).tolist() == []


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), min_size=1, max_size=60),
    st.integers(1, 40),
)
def test_stretches_are_whole(windows: list[tuple[int, int]], least: int) -> None:
    """Numbers rise by one, no stretch has two owners, and each holds enough unless it is all of its owner."""
    owner, size = (
        np.array(column, np.int64) for column in zip(*sorted(windows, key=lambda w: w[0]), strict=True)
    )
    number = stretches(owner, size, least)
    assert number[0] == 0
    assert set(np.diff(number).tolist()) <= {0, 1}
    for stretch in range(int(number[-1]) + 1):
        rows = number == stretch
        assert len(set(owner[rows].tolist())) == 1
        whole = (owner == owner[rows][0]) == rows
        assert size[rows].sum() >= least or whole.all()
