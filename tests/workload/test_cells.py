"""Cells: from which client's tables, of which window, requests without a client are drawn."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from servegen_fw.workload.batch import Batch
from servegen_fw.workload.block import Block
from servegen_fw.workload.cells import Cells
from servegen_fw.workload.sessions import alone
from servegen_fw.workload.streams import Streams


def batch(n: int) -> Batch:
    """Return a batch of n requests that stand alone."""
    turns = alone(Block(0, 0, n, np.arange(n, dtype=float)))
    return Batch(("g", "naive"), 0, 0, turns, None, Streams(3), Counter())


def test_cells_are_picked_in_proportion_to_their_requests(kit: Any) -> None:
    """Three cells of 100, 300 and 600 requests of the chosen windows: chi-square, false alarm 1e-4."""
    count = np.zeros((3, 72))
    count[0, 30] = 100
    count[1, 40] = 300
    count[1, 71] = 600
    count[2, 10] = 5000
    pool = kit.pool(count)
    cells = Cells.of(pool, slice(20, 72), start_s=12_000.0)
    assert cells.client.tolist() == [0, 1]
    assert cells.reach == pytest.approx([0.1, 1.0])
    count[1, 30] = 300
    cells = Cells.of(kit.pool(count), slice(20, 72), start_s=12_000.0)
    assert sorted(zip(cells.client.tolist(), cells.at_s.tolist(), strict=True)) == [
        (0, -1200.0),
        (1, -1200.0),
        (1, 20_400.0),
    ]
    client, at_s = cells.places(batch(20_000))
    seen = [
        np.count_nonzero((client == c) & (at_s == t)) for c, t in ((0, -1200.0), (1, -1200.0), (1, 20_400.0))
    ]
    assert sum(seen) == 20_000
    assert stats.chisquare(seen, 20_000 * np.array([100, 300, 900]) / 1300).pvalue > 1e-4


def test_the_time_of_a_cell_lies_in_its_table_window(kit: Any) -> None:
    """Tables asked at a cell's time are those of its window, wherever in the recording the case begins."""
    pool = kit.pool(np.ones((2, 72)))
    for start_s in (0.0, 30_000.0):
        cells = Cells.of(pool, slice(0, 72), start_s)
        window = ((cells.at_s + start_s - pool.start_s) // pool.table_window_s).astype(int)
        assert sorted(zip(cells.client.tolist(), window.tolist(), strict=True)) == [
            (0, 0),
            (0, 1),
            (1, 0),
            (1, 1),
        ]


def test_small_and_no_counts(kit: Any) -> None:
    """Fractions of a request weigh as they are, and an empty stretch has no cell."""
    cells = Cells.of(kit.pool([[0.2], [0.6]]), slice(0, 1), 0.0)
    assert cells.reach == pytest.approx([0.25, 1.0])
    assert len(Cells.of(kit.pool([[0.0, 5.0]]), slice(0, 1), 0.0).client) == 0
