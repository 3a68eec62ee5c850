"""Putting requests together and in order."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from servegen_fw.data.workload import Clients, Items, Workload
from servegen_fw.workload.draft import Draft, assemble, empty, in_time_order, joined, microseconds


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


def put_in_order(made: Draft, limit: int | None = None) -> Workload:
    """Return the workload of one client's requests."""
    return assemble(made, Clients(("x",), np.zeros(1, np.int16), ("a",)), 1.0, limit)


def test_rows_are_sorted_by_time_then_client() -> None:
    """Equal times are settled by the order in which clients stand."""
    w = put_in_order(draft([5, 7, 5, 5, 1], [0, 0, 1, 2, 2]))
    assert (w.due_s * 1e6).round().tolist() == [1, 5, 5, 5, 7]
    assert w.client.tolist() == [2, 0, 1, 2, 0]


def test_sessions_stay_together() -> None:
    """Later turns follow their first one, wait for it, and come before a session that begins later."""
    head = np.array([True, False, False, True])
    columns = {"head": head, "session": np.array([0, 0, 0, 1]), "turn": np.array([0, 1, 2, 0], np.int32)}
    w = put_in_order(draft([3, 3, 3, 4], [0] * 4, **columns))
    assert w.parent.tolist() == [-1, 0, 1, -1]
    assert np.isnan(w.due_s).tolist() == [False, True, True, False]


def test_a_limit_keeps_the_first_requests() -> None:
    """The limit counts rows in their final order."""
    w = put_in_order(draft([9, 1, 5], [0, 0, 0]), limit=2)
    assert (w.due_s * 1e6).round().tolist() == [1, 5]


def test_nothing_is_a_workload_too() -> None:
    """A group without requests makes an empty workload with a digest."""
    w = put_in_order(empty())
    assert len(w) == 0
    assert len(w.digest) == 64


def test_rows_can_be_cut_out_without_a_copy() -> None:
    """A cut has the rows between two bounds in all columns, items included, and is a view of them."""
    items = Items(
        offsets=np.array([0, 2, 2, 3]),
        modality=np.zeros(3, np.int16),
        tokens=np.array([1, 2, 3], np.int32),
        width=np.zeros(3, np.int32),
        height=np.zeros(3, np.int32),
        seconds=np.zeros(3),
        modalities=("image",),
    )
    whole = attrs.evolve(draft([1, 2, 3], [0, 0, 0]), items=items, extra={"a": np.array([1.0, 2, 3])})
    part = whole.cut(1, 3)
    assert part.begin_us.tolist() == [2, 3]
    assert part.extra["a"].tolist() == [2, 3]
    assert part.items.offsets.tolist() == [0, 0, 1]
    assert part.items.tokens.tolist() == [3]
    assert np.shares_memory(part.begin_us, whole.begin_us)
    assert joined([whole.cut(0, 1), part]).items.tokens.tolist() == [1, 2, 3]


def test_extra_columns_are_nan_where_a_group_lacks_them() -> None:
    """Groups with different extra columns can be joined."""
    one = attrs.evolve(draft([1], [0]), extra={"a": np.array([1.5])})
    two = attrs.evolve(draft([2], [0]), extra={"b": np.array([2.5])})
    found = joined([one, two]).extra
    assert np.array_equal(found["a"], [1.5, np.nan], equal_nan=True)
    assert np.array_equal(found["b"], [np.nan, 2.5], equal_nan=True)


def test_modalities_are_counted_in_the_order_given() -> None:
    """Whichever part comes first, items are numbered by the names given."""
    one = attrs.evolve(draft([1], [0]), items=one_item("audio"))
    two = attrs.evolve(draft([2], [0]), items=one_item("image"))
    found = joined([one, two], ("image", "audio")).items
    assert found.modalities == ("image", "audio")
    assert found.modality.tolist() == [1, 0]
    assert joined([], ("image",)).items.modalities == ("image",)


def one_item(modality: str) -> Items:
    """Return the items of one request that has one."""
    none = np.zeros(1, np.int32)
    return Items(np.array([0, 1]), np.zeros(1, np.int16), none, none, none, np.zeros(1), (modality,))


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
