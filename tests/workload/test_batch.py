"""Batches of rows and their random numbers."""

from __future__ import annotations

from collections import Counter

import numpy as np

from servegen_fw.workload.batch import Batch
from servegen_fw.workload.block import Block
from servegen_fw.workload.sessions import alone
from servegen_fw.workload.streams import Streams


def batch(kept: list[bool] | None = None, number: int = 3, n: int = 6) -> Batch:
    """Return a batch of single requests, one a second."""
    turns = alone(Block(number, 0, 64, np.arange(float(n))))
    mask = None if kept is None else np.array(kept)
    return Batch(("g", "c"), 0, number, turns, mask, Streams(1), Counter())


KEPT = [True, False, True, True, False, False]


def test_what_is_kept_does_not_hang_on_what_is_not() -> None:
    """The numbers of kept rows are those they have when all rows are kept."""
    assert np.array_equal(batch(KEPT).uniform("x"), batch().uniform("x")[np.array(KEPT)])


def test_rows_and_times_are_those_kept() -> None:
    """Rows count within the block, times are planned ones."""
    assert batch(KEPT).rows.tolist() == [0, 2, 3]
    assert batch(KEPT).at_s.tolist() == [0, 2, 3]
    assert batch().rows.tolist() == [0, 1, 2, 3, 4, 5]


def test_purposes_and_blocks_have_streams_of_their_own() -> None:
    """Another purpose or another block draws other numbers; a longer block begins with the same ones."""
    first = batch().uniform("x")
    assert not np.array_equal(first, batch().uniform("y"))
    assert not np.array_equal(first, batch(number=4).uniform("x"))
    assert np.array_equal(first, batch(n=60).uniform("x")[:6])
