"""The workload table: derived columns, digest, and taking requests out of it."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servegen_fw.data.workload import Clients, Items, Workload

NAN = math.nan


def make_items(*counts: int) -> Items:
    """Items whose token counts tell request and position: 100 * request + position."""
    offsets = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
    tokens = [100 * request + position for request, count in enumerate(counts) for position in range(count)]
    number = np.arange(len(tokens))
    return Items(
        offsets=offsets,
        modality=(number % 2).astype(np.int16),
        tokens=np.array(tokens, np.int32),
        width=(number + 1).astype(np.int32),
        height=(number + 2).astype(np.int32),
        seconds=number / 4,
        modalities=("image", "audio"),
    )


def make_workload(sessions: list[tuple[float, list[float]]], **columns: Any) -> Workload:
    """One row a turn: sessions are (due time of the first turn, think times before the later ones)."""
    due, turn, parent, think, session = [], [], [], [], []
    for ordinal, (at, thinks) in enumerate(sessions):
        for number, pause in enumerate([0.0, *thinks]):
            parent.append(len(due) - 1 if number else -1)
            due.append(NAN if number else at)
            turn.append(number)
            think.append(pause)
            session.append(ordinal)
    n = len(due)
    made = Workload(
        due_s=np.array(due, np.float64),
        client=(np.array(session, np.int32) % 2).astype(np.int32),
        session=np.array(session, np.int64),
        turn=np.array(turn, np.int32),
        parent=np.array(parent, np.int64),
        think_s=np.array(think, np.float64),
        input_tokens=np.arange(10, 10 + n, dtype=np.int32),
        context_tokens=np.zeros(n, np.int32),
        output_tokens=np.arange(20, 20 + n, dtype=np.int32),
        reason_tokens=np.arange(n, dtype=np.int32),
        prefix=np.full(n, -1, np.int64),
        prefix_tokens=np.zeros(n, np.int32),
        items=make_items(*(row % 3 for row in range(n))),
        clients=Clients(("a", "b"), np.zeros(2, np.int16), ("group-1",)),
        duration_s=100.0,
        extra={"hops": np.arange(n, dtype=np.int32)},
        notes=("made by hand",),
    )
    return attrs.evolve(made, **columns)


@pytest.fixture
def workload() -> Workload:
    """Four sessions of 3, 1, 2 and 1 turns."""
    return make_workload([(0.5, [2.0, 4.0]), (1.0, []), (1.5, [8.0]), (7.25, [])])


def test_length_is_the_number_of_rows(workload: Workload) -> None:
    """Len counts requests, not sessions."""
    assert len(workload) == 7


def test_prompt_tokens_add_the_items_of_each_request(workload: Workload) -> None:
    """Prompt tokens are text tokens plus the tokens of the request's own items."""
    # Row r holds r % 3 items of 100 r, 100 r + 1 tokens.
    expected = [10, 11 + 100, 12 + 200 + 201, 13, 14 + 400, 15 + 500 + 501, 16]
    assert workload.prompt_tokens.tolist() == expected


def test_child_is_the_inverse_of_parent(workload: Workload) -> None:
    """Each turn points to the next one of its session, the last to none."""
    assert workload.child.tolist() == [1, 2, -1, -1, 5, -1, -1]


def test_planned_times_add_the_think_times_of_a_session(workload: Workload) -> None:
    """A turn's planned time is its session's start plus all think times up to it; sessions do not mix."""
    np.testing.assert_allclose(workload.planned_s, [0.5, 2.5, 6.5, 1.0, 1.5, 9.5, 7.25], rtol=1e-12)


def test_a_session_already_running_is_planned_from_its_first_row() -> None:
    """A row without a parent starts its session here, whatever its turn number."""
    running = make_workload([(3.0, [5.0])], turn=np.array([4, 5], np.int32))
    assert running.planned_s.tolist() == [3.0, 8.0]


def test_planned_times_stay_exact_after_many_long_thinks() -> None:
    """After 20,000 turns of an hour each, a planned time is still good to a microsecond."""
    many = make_workload([(float(at), [3600.0]) for at in range(20_000)])
    np.testing.assert_allclose(many.planned_s[1::2], np.arange(20_000) + 3600.0, atol=1e-6, rtol=0)


def test_an_empty_workload_has_empty_columns() -> None:
    """No requests: no children, no planned times, a digest all the same."""
    empty = make_workload([])
    assert len(empty) == len(empty.child) == len(empty.planned_s) == len(empty.prompt_tokens) == 0
    assert len(empty.digest) == 64


DIGEST = "6270196af9b3b5dcfe466b7a30f6c5ea7e834418bd1c5b7bef269709533b4ac5"


def test_the_digest_is_pinned(workload: Workload) -> None:
    """A known workload has the digest it had when the format was fixed; a change needs a new DIGEST_VERSION."""
    assert workload.digest == DIGEST


@pytest.mark.parametrize(
    "column",
    [
        "client",
        "session",
        "turn",
        "parent",
        "input_tokens",
        "context_tokens",
        "output_tokens",
        "reason_tokens",
        "prefix",
        "prefix_tokens",
    ],
)
def test_the_digest_covers_every_integer_column(workload: Workload, column: str) -> None:
    """Adding one to a single value of any column changes the digest."""
    changed = getattr(workload, column).copy()
    changed[-1] += 1
    assert attrs.evolve(workload, **{column: changed}).digest != workload.digest


@pytest.mark.parametrize(("column", "smallest", "nothing"), [("due_s", 1e-6, 4e-7), ("think_s", 1e-3, 4e-4)])
def test_the_digest_sees_times_to_a_stated_grain(
    workload: Workload, column: str, smallest: float, nothing: float
) -> None:
    """Due times count to the microsecond and think times to the millisecond; what rounds away does not."""
    for step, differs in ((smallest, True), (nothing, False)):
        moved = getattr(workload, column).copy()
        moved[3] += step
        assert (attrs.evolve(workload, **{column: moved}).digest != workload.digest) is differs


@pytest.mark.parametrize("column", ["modality", "tokens", "width", "height", "seconds"])
def test_the_digest_covers_the_items(workload: Workload, column: str) -> None:
    """Changing one item in any way changes the digest."""
    changed = getattr(workload.items, column).copy()
    changed[2] += 1
    items = attrs.evolve(workload.items, **{column: changed})
    assert attrs.evolve(workload, items=items).digest != workload.digest


def test_the_digest_sees_which_request_owns_an_item(workload: Workload) -> None:
    """The same items shifted to a neighbouring request are another workload."""
    offsets = workload.items.offsets.copy()
    offsets[2] += 1
    items = attrs.evolve(workload.items, offsets=offsets)
    assert attrs.evolve(workload, items=items).digest != workload.digest


def test_a_waiting_turn_differs_from_one_due_at_zero() -> None:
    """NaN, "waits for its parent", is not mistaken for a time."""
    waiting = make_workload([(0.0, [0.0])])
    assert attrs.evolve(waiting, due_s=np.zeros(2)).digest != waiting.digest


def test_the_digest_does_not_hang_on_types_or_names(workload: Workload) -> None:
    """Wider integers, negative zeros, other client names and other notes leave the digest as it is."""
    same = attrs.evolve(
        workload,
        client=workload.client.astype(np.int64),
        think_s=np.where(workload.think_s == 0, -0.0, workload.think_s),
        clients=attrs.evolve(workload.clients, names=("x", "y")),
        notes=(),
    )
    assert same.digest == workload.digest


def test_select_keeps_whole_sessions_and_renumbers_parents(workload: Workload) -> None:
    """Rows of the chosen sessions keep their values and order; parents point to their new rows."""
    rows = np.array([0, 1, 2, 4, 5])
    kept = workload.select(rows)
    assert kept.parent.tolist() == [-1, 0, 1, -1, 3]
    assert kept.child.tolist() == [1, 2, -1, 4, -1]
    for name in ("client", "session", "turn", "think_s", "input_tokens", "output_tokens", "reason_tokens"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(workload, name)[rows])
    np.testing.assert_array_equal(kept.planned_s, workload.planned_s[rows])
    np.testing.assert_array_equal(kept.prompt_tokens, workload.prompt_tokens[rows])
    np.testing.assert_array_equal(kept.extra["hops"], rows)
    assert (kept.duration_s, kept.notes, kept.clients) == (
        workload.duration_s,
        workload.notes,
        workload.clients,
    )


def test_select_takes_the_leading_turns_of_a_session(workload: Workload) -> None:
    """A session may be cut after any turn; the last kept turn has no child."""
    kept = workload.select(np.array([0, 1, 3]))
    assert kept.parent.tolist() == [-1, 0, -1]
    assert kept.child.tolist() == [1, -1, -1]


def test_select_of_everything_changes_nothing(workload: Workload) -> None:
    """Selecting all rows gives the same digest."""
    assert workload.select(np.arange(7)).digest == workload.digest


def test_select_of_nothing_gives_an_empty_workload(workload: Workload) -> None:
    """No rows: no requests and no items, and every column keeps its type."""
    none = workload.select(np.empty(0, np.int64))
    assert len(none) == len(none.items) == 0
    assert none.items.offsets.tolist() == [0]
    for field in ("due_s", "client", "session", "parent", "input_tokens"):
        assert getattr(none, field).dtype == getattr(workload, field).dtype


def test_select_forgets_what_was_computed_before(workload: Workload) -> None:
    """Derived columns of the original do not leak into the selection."""
    assert len(workload.child) == len(workload.planned_s) == 7
    assert workload.digest
    kept = workload.select(np.array([3]))
    assert len(kept.child) == len(kept.planned_s) == 1
    assert kept.digest != workload.digest


def test_items_of_requests_without_any() -> None:
    """Items.none has an offset per request and no rows."""
    none = Items.none(3)
    assert none.count.tolist() == [0, 0, 0]
    assert none.request_tokens.tolist() == [0, 0, 0]
    assert len(none) == 0


def test_item_tokens_do_not_overflow() -> None:
    """Sums of item tokens are 64-bit: three items of 2^30 tokens count fully."""
    items = attrs.evolve(make_items(3, 1), tokens=np.full(4, 2**30, np.int32))
    assert items.request_tokens.tolist() == [3 * 2**30, 2**30]


@given(st.lists(st.integers(0, 4), max_size=8), st.data())
def test_items_select_gathers_each_request_s_items(counts: list[int], data: st.DataObject) -> None:
    """Any selection of requests, in any order and with repeats, brings exactly their items, in order."""
    items = make_items(*counts)
    choice = st.lists(st.integers(0, len(counts) - 1), max_size=8) if counts else st.just([])
    rows = np.array(data.draw(choice), np.int64)
    found = items.select(rows)
    assert found.modalities == items.modalities
    assert found.count.tolist() == [counts[row] for row in rows]
    for name in ("modality", "tokens", "width", "height", "seconds"):
        column = getattr(items, name)
        expected = [column[items.offsets[row] : items.offsets[row + 1]] for row in rows]
        np.testing.assert_array_equal(
            getattr(found, name), np.concatenate(expected) if expected else column[:0]
        )
        assert getattr(found, name).dtype == column.dtype


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.data())
def test_select_never_tears_a_turn_from_its_parent(turns: list[int], data: st.DataObject) -> None:
    """For any choice of sessions, each cut after any turn, every later turn follows its own parent."""
    whole = make_workload([(float(at), [1.0] * (count - 1)) for at, count in enumerate(turns)])
    kept_turns = [data.draw(st.integers(0, count)) for count in turns]
    rows = np.flatnonzero(whole.turn < np.array(kept_turns)[whole.session])
    kept = whole.select(rows)
    assert ((kept.parent < 0) == (kept.turn == 0)).all()
    later = np.flatnonzero(kept.parent >= 0)
    np.testing.assert_array_equal(kept.session[kept.parent[later]], kept.session[later])
    np.testing.assert_array_equal(kept.turn[kept.parent[later]], kept.turn[later] - 1)


def test_clients_count_their_names() -> None:
    """The dictionary of clients has the length of its names."""
    assert len(Clients(("a", "b", "c"), np.zeros(3, np.int16), ("g",))) == 3
