"""Numbers of conversations, and names of clients in order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from servegen_fw_pools.logs.assemble import factorize, turns


@given(codes=st.lists(st.one_of(st.integers(-1, 3), st.integers(0, 2**62)), max_size=40))
def test_numbers_are_given_in_the_order_of_first_appearance(codes: list[int]) -> None:
    """Small codes and huge ones are numbered from 0 as they first come; what is below 0 stays -1."""
    seen: dict[int, int] = {}
    wanted = [-1 if code < 0 else seen.setdefault(code, len(seen)) for code in codes]
    assert factorize(np.array(codes, np.int64)).tolist() == wanted


@given(rows=st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 2)), max_size=30))
def test_turns_count_within_their_session(rows: list[tuple[int, int]]) -> None:
    """By the numbers told, equal ones by the order of the rows; without numbers by the order alone; 0 where alone."""
    session = np.array([one for one, _ in rows], np.int64)
    told = np.array([number for _, number in rows], np.int32)
    for numbers in (told, None):
        key = [(0 if numbers is None else number, row) for row, number in enumerate(told.tolist())]
        wanted = [
            0
            if mine < 0
            else sum(other == mine and key[k] < key[row] for k, other in enumerate(session.tolist()))
            for row, mine in enumerate(session.tolist())
        ]
        assert turns(session, numbers).tolist() == wanted
