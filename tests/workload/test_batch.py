"""Batches of rows and their random numbers."""

from __future__ import annotations

from collections import Counter

import attrs
import numpy as np

from servegen_fw.workload.batch import Batch
from servegen_fw.workload.block import Block
from servegen_fw.workload.coupling import Coupling
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


def test_a_comonotone_batch_has_one_number_a_row() -> None:
    """All purposes, and the parts of a row too, have the row's number, kept or not."""
    one = attrs.evolve(batch(KEPT), comonotone=True)
    assert np.array_equal(one.uniform("x"), one.uniform("y"))
    assert np.array_equal(one.uniform("x"), one.uniform_of_all("z")[np.array(KEPT)])
    owner = np.array([0, 0, 2, 5])
    assert np.array_equal(one.uniform_of_each("tokens", owner), one.uniform_of_all("x")[owner])
    free = batch(KEPT).uniform_of_each("tokens", owner)
    assert len(set(free.tolist())) == 4


def test_places_are_those_of_the_kept_rows() -> None:
    """Tables are asked where the places say, instead of for the batch's client at the planned time."""
    places = np.array([4, 5, 6, 7, 8, 9]), np.array([10.0, 20.0, 30.0, 40.0, 50.0, 60.0])
    placed = attrs.evolve(batch(KEPT), places=places)
    assert np.asarray(placed.whose).tolist() == [4, 6, 7]
    assert placed.at_s.tolist() == [10, 30, 40]
    assert batch(KEPT).whose == 0


def test_dependent_columns_are_the_same_kept_or_not() -> None:
    """A coupling mixes the numbers of kept rows as it does those of all."""
    coupling = Coupling.of(("x", "y"), {("x", "y"): 0.7})
    kept, every = (attrs.evolve(one, coupling=coupling) for one in (batch(KEPT), batch()))
    assert np.array_equal(kept.uniform("y"), every.uniform("y")[np.array(KEPT)])
    assert np.array_equal(kept.uniform_of_all("y"), every.uniform("y"))
    assert not np.array_equal(every.uniform("y"), batch().uniform("y"))
    assert np.array_equal(every.uniform("x"), batch().uniform("x"))
