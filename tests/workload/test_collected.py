"""Slices put together."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.data.workload import COLUMNS, Workload
from servegen_fw.workload.collected import collected


@pytest.fixture(scope="module")
def whole(kit: Any) -> Workload:
    """Return 600 s of sessions with pictures."""
    group = kit.synthetic(
        clients=3, session=kit.Made(kit.Geometric(3.0, 20.0)), modality=(kit.Made(kit.Pictures()),)
    )
    made: Workload = kit.compose(group, rate=3.0, duration_s=600)
    return attrs.evolve(made, notes=("told",), extra={"odd": np.arange(len(made)) / 2})


def slices(whole: Workload, number: int) -> Iterator[Workload]:
    """Cut at heads of sessions into about equal parts, the last of which carries the notes."""
    heads = np.flatnonzero(whole.parent < 0)
    cuts = heads[np.linspace(0, len(heads) - 1, number + 1).astype(int)][1:-1]
    edges = [0, *cuts.tolist(), len(whole)]
    for begin, end in itertools.pairwise(edges):
        part = whole.select(np.arange(begin, end))
        yield part if end == len(whole) else attrs.evolve(part, notes=())


@pytest.mark.parametrize("number", [2, 7])
def test_the_whole_comes_back(whole: Workload, number: int) -> None:
    """All columns, items, further columns and notes are those of the workload that was cut."""
    back = collected(slices(whole, number))
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(back, name), getattr(whole, name), name)
        assert getattr(back, name).dtype == getattr(whole, name).dtype
    assert back.digest == whole.digest
    assert back.items.offsets.tolist() == whole.items.offsets.tolist()
    assert back.extra["odd"].tolist() == whole.extra["odd"].tolist()
    assert back.notes == ("told",)


def test_a_single_slice_is_given_as_it_is(whole: Workload) -> None:
    """Nothing is copied where nothing is to be joined, and the columns of a slice are never written to."""
    back = collected([whole])
    assert back.due_s is whole.due_s
    first, second = slices(whole, 2)
    before = first.due_s.copy()
    collected([first, second])
    np.testing.assert_array_equal(first.due_s, before)


@pytest.mark.parametrize("limit", [0, 1, 300, 10**6])
def test_a_limit_keeps_the_first_requests_and_all_notes(whole: Workload, limit: int) -> None:
    """However slices are cut, the first requests are kept, and what the last slice tells is told."""
    back = collected(slices(whole, 5), limit)
    expected = whole.select(np.arange(min(limit, len(whole))))
    assert back.digest == expected.digest
    assert back.notes == ("told",)
