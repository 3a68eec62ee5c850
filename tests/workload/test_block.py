"""Blocks of rows."""

from __future__ import annotations

import numpy as np

from servegen_fw.workload.block import LARGEST, SMALLEST, in_blocks


def test_blocks_hold_every_row_once_and_in_order() -> None:
    """Put together, the blocks are the series."""
    times = np.arange(10_000.0)
    blocks = list(in_blocks(times))
    assert np.array_equal(np.concatenate([block.due_s for block in blocks]), times)
    assert [block.number for block in blocks] == list(range(len(blocks)))
    assert [block.first for block in blocks] == [int(block.due_s[0]) for block in blocks]


def test_blocks_grow_from_the_smallest_to_the_largest() -> None:
    """Sizes double from 64 to 4,096 and stay there, the last block's too, however few rows it has."""
    sizes = [block.size for block in in_blocks(np.arange(20_000.0))]
    assert sizes[:8] == [64, 128, 256, 512, 1024, 2048, 4096, 4096]
    assert sizes[0] == SMALLEST
    assert set(sizes[6:]) == {LARGEST}


def test_a_longer_series_leaves_earlier_blocks_alone() -> None:
    """All but the last block of a series are the same in a longer one."""
    short, long = list(in_blocks(np.arange(3000.0))), list(in_blocks(np.arange(9000.0)))
    for one, other in zip(short[:-1], long, strict=False):
        assert np.array_equal(one.due_s, other.due_s)
        assert (one.number, one.first, one.size) == (other.number, other.first, other.size)


def test_no_rows_make_no_blocks() -> None:
    """An empty series has no blocks."""
    assert list(in_blocks(np.empty(0))) == []
