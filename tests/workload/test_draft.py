"""Putting requests together and in order."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
import numpy as np

from servegen_fw.workload.draft import Draft, GroupDraft, assemble, empty, in_time_order, joined, microseconds


def draft(begin_us: list[int], client: list[int], **more: Any) -> Draft:
    """Return a draft of single requests."""
    n = len(begin_us)
    columns = {
        "head": np.ones(n, bool),
        "session": np.arange(n),
        "turn": np.zeros(n, np.int32),
        "think_s": np.zeros(n),
        "prefix": np.full(n, -1),
        **more,
    }
    for name in ("input_tokens", "context_tokens", "output_tokens", "reason_tokens", "prefix_tokens"):
        columns.setdefault(name, np.ones(n, np.int32))
    return Draft(
        begin_us=np.array(begin_us), client=np.array(client, np.int32), items=empty().items.none(n), **columns
    )


def test_due_times_are_whole_microseconds_inside_the_case() -> None:
    """Times are rounded, and one that rounds to the end stays before it."""
    assert microseconds(np.array([0.0, 1.23456789, 9.9999999]), 10.0).tolist() == [0, 1_234_568, 9_999_999]


def test_rows_are_sorted_by_time_then_client() -> None:
    """Equal times are settled by the order of groups and clients."""
    w = assemble(
        [
            GroupDraft("a", ["x", "y"], draft([5, 7, 5], [0, 0, 1])),
            GroupDraft("b", ["z"], draft([5, 1], [0, 0])),
        ],
        1.0,
        Counter(),
    )
    assert (w.due_s * 1e6).round().tolist() == [1, 5, 5, 5, 7]
    assert w.client.tolist() == [2, 0, 1, 2, 0]
    assert w.clients.names == ("x", "y", "z")
    assert w.clients.group.tolist() == [0, 0, 1]


def test_sessions_stay_together() -> None:
    """Later turns follow their first one, wait for it, and come before a session that begins later."""
    head = np.array([True, False, False, True])
    columns = {"head": head, "session": np.array([0, 0, 0, 1]), "turn": np.array([0, 1, 2, 0], np.int32)}
    w = assemble([GroupDraft("a", ["x"], draft([3, 3, 3, 4], [0] * 4, **columns))], 1.0, Counter())
    assert w.parent.tolist() == [-1, 0, 1, -1]
    assert np.isnan(w.due_s).tolist() == [False, True, True, False]


def test_a_limit_keeps_the_first_requests() -> None:
    """The limit counts rows in their final order."""
    w = assemble([GroupDraft("a", ["x"], draft([9, 1, 5], [0, 0, 0]))], 1.0, Counter(), limit=2)
    assert (w.due_s * 1e6).round().tolist() == [1, 5]


def test_notes_are_counted_and_sorted() -> None:
    """Every count becomes a line."""
    w = assemble([GroupDraft("a", ["x"], empty())], 1.0, Counter({"b": 1200, "a": 3}))
    assert w.notes == ("3 x a", "1,200 x b")


def test_nothing_is_a_workload_too() -> None:
    """A group without requests makes an empty workload with a digest."""
    w = assemble([GroupDraft("a", ["x"], empty())], 1.0, Counter())
    assert len(w) == 0
    assert len(w.digest) == 64
    assert w.clients.names == ("x",)


def test_extra_columns_are_nan_where_a_group_lacks_them() -> None:
    """Groups with different extra columns can be joined."""
    one = attrs.evolve(draft([1], [0]), extra={"a": np.array([1.5])})
    two = attrs.evolve(draft([2], [0]), extra={"b": np.array([2.5])})
    found = joined([one, two]).extra
    assert np.array_equal(found["a"], [1.5, np.nan], equal_nan=True)
    assert np.array_equal(found["b"], [np.nan, 2.5], equal_nan=True)


def test_rows_can_be_selected() -> None:
    """A selection has the rows asked for in all columns."""
    part = attrs.evolve(draft([1, 2, 3], [0, 1, 2]), extra={"a": np.array([1.0, 2, 3])}).select(
        np.array([2, 0])
    )
    assert part.begin_us.tolist() == [3, 1]
    assert part.client.tolist() == [2, 0]
    assert part.extra["a"].tolist() == [3, 1]
    assert len(part.items.offsets) == 3


def test_times_too_large_to_be_packed_are_sorted_all_the_same() -> None:
    """Years of microseconds leave no room for a row number; the order is the same, equal times as they stand."""
    begin_us = np.array([2**61, 5, 2**61, 5, 0])
    rows, times = in_time_order(begin_us)
    assert rows.tolist() == [4, 1, 3, 0, 2]
    assert times.tolist() == [0, 5, 5, 2**61, 2**61]
    few, small = in_time_order(np.array([7, 5, 7, 5, 0]))
    assert few.tolist() == rows.tolist()
    assert small.tolist() == [0, 5, 5, 7, 7]
    assert [len(part) for part in in_time_order(np.empty(0, np.int64))] == [0, 0]
