"""Prefixes of clients from block hashes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from servegen_fw_pools.fit.prefixes import own_prefix
from servegen_fw_pools.logs.log import Blocks


def blocks_of(lists: list[list[int]], tokens: int = 100) -> Blocks:
    """Blocks of prompts."""
    offsets = np.concatenate(([0], np.cumsum([len(one) for one in lists]))).astype(np.int64)
    return Blocks(offsets, np.array([b for one in lists for b in one], np.int64), tokens)


def test_the_busiest_path_is_the_prefix() -> None:
    """Three of five take block 1, then two of them block 2; the last block is cut at the prompt's length."""
    lists = [[1, 2, 5], [1, 2, 6], [1, 3], [4], []]
    found = own_prefix(
        blocks_of(lists),
        np.arange(5),
        np.zeros(5, np.int32),
        np.array([300, 150, 200, 100, 50], np.int32),
    )
    assert found.tolist() == [200, 150, 100, 0, 0]


def test_each_client_has_a_prefix_of_its_own() -> None:
    """What only one request of a client has is no prefix, though another client's requests have it."""
    lists = [[1, 2], [1, 2], [1, 2], [7], [7, 8]]
    owner = np.array([0, 0, 1, 1, 1], np.int32)
    found = own_prefix(blocks_of(lists), np.arange(5), owner, np.full(5, 1000, np.int32))
    assert found.tolist() == [200, 200, 0, 100, 100]


def test_only_first_turns_are_looked_at() -> None:
    """Later turns get 0 and do not count as a second request."""
    lists = [[1, 2], [1, 2, 3], [1, 9]]
    found = own_prefix(blocks_of(lists), np.array([0, 2]), np.zeros(3, np.int32), np.full(3, 1000, np.int32))
    assert found.tolist() == [100, 0, 100]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 3), max_size=6)), min_size=1, max_size=25)
)
def test_two_requests_of_a_client_share_the_shorter_prefix(rows: list[tuple[int, list[int]]]) -> None:
    """As far as both prefixes reach, the blocks are the same; and no prefix belongs to one request alone."""
    lists = [one for _, one in rows]
    owner = np.array([who for who, _ in rows], np.int32)
    found = own_prefix(blocks_of(lists, 1), np.arange(len(rows)), owner, np.full(len(rows), 99, np.int32))
    for i in range(len(rows)):
        mates = [j for j in range(len(rows)) if j != i and owner[j] == owner[i]]
        for j in mates:
            both = min(found[i], found[j])
            assert lists[i][:both] == lists[j][:both]
        if found[i]:
            assert any(lists[j][: found[i]] == lists[i][: found[i]] for j in mates)
