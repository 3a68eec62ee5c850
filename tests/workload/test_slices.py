"""Requests in slices of time: put together they are the workload composed at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.data.workload import COLUMNS, ITEM_COLUMNS, Workload
from servegen_fw.suite.model import Load, RateCurve, WorkloadSpec
from servegen_fw.workload.collected import collected
from servegen_fw.workload.compose import compose, compose_stream
from servegen_fw.workload.draft import Draft, GroupDraft, Stretch, empty
from servegen_fw.workload.slices import Slices
from servegen_fw.workload.streams import Streams


def assert_same(one: Workload, other: Workload) -> None:
    """Every column agrees to the bit, and so do names and notes."""
    for name in COLUMNS:
        assert getattr(one, name).dtype == getattr(other, name).dtype, name
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
    for name in ("offsets", *ITEM_COLUMNS):
        np.testing.assert_array_equal(getattr(one.items, name), getattr(other.items, name), name)
    assert one.items.modalities == other.items.modalities
    assert list(one.extra) == list(other.extra)
    for name, column in one.extra.items():
        np.testing.assert_array_equal(column, other.extra[name], name)
    assert one.clients.names == other.clients.names
    assert one.clients.group.tolist() == other.clients.group.tolist()
    assert one.notes == other.notes
    assert one.duration_s == other.duration_s


def groups(kit: Any) -> dict[str, tuple[Any, ...]]:
    """Return groups of all kinds by name."""
    rng = np.random.default_rng(3)
    count = rng.integers(0, 200, (12, 9))
    masses = (*kit.LENGTHS, {0.0: 0.5, 2.0: 0.5}, {64.0: 1.0}, {0.25: 1.0})
    fields = ("input_tokens", "output_tokens", "image_count", "image_tokens", "odd")
    pool = kit.pool(count, cv=1.5, masses=masses, fields=fields)
    spoken = (*kit.LENGTHS, {1.0: 0.5, 4.0: 0.5}, {30.0: 0.8, 600.0: 0.2})
    talking = kit.pool(count, masses=spoken, fields=(*fields[:2], "turns", "think_s"), carries_context=True)
    chat = kit.synthetic(
        name="chat",
        clients=7,
        skew=1.0,
        session=kit.Made(kit.Geometric(3.0, 100.0)),
        reasoning=kit.Made(kit.Half()),
        modality=(kit.Made(kit.Pictures("audio")), kit.Made(kit.Pictures())),
        prefix_tokens=4,
        max_input=4000,
    )
    talk = kit.compose(chat, rate=4.0, duration_s=5400)
    recorded = kit.recorded(talk, name="talk")
    return {
        "recorded": (kit.recorded(pool),),
        "process": (kit.recorded(pool, counts="process", scale="rate"),),
        "clients": (kit.recorded(pool, scale="clients", session=kit.Made(kit.Geometric(2.0, 50.0))),),
        "synthetic": (chat,),
        "naive": (kit.recorded(pool, method="naive"),),
        "reference": (kit.recorded(pool, method="reference", scale="rate"),),
        "talking": (kit.recorded(talking, scale="rate", modality=(kit.Made(kit.Pictures()),)),),
        "replay": (recorded,),
        "all": (recorded, kit.recorded(pool, name="pool", scale="rate"), chat),
    }


KINDS = ["recorded", "process", "clients", "synthetic", "naive", "reference", "talking", "replay", "all"]


@pytest.mark.parametrize("which", KINDS)
def test_slices_put_together_are_what_is_composed_at_once(kit: Any, which: str) -> None:
    """Whatever the groups, and wherever slices are cut, every column, name and note is the same to the bit."""
    spec = WorkloadSpec(groups=groups(kit)[which])
    load = Load(rate=RateCurve((0.0, 4000.0), (1.4, 0.4)), duration_s=4000)
    whole = compose(spec, load, Streams(5), kit.families)
    assert len(whole) > 2000
    for rows in (300, 1111):
        slices = list(compose_stream(spec, load, Streams(5), kit.families, slice_rows=rows))
        assert len(slices) >= len(whole) // rows // 2
        assert_same(collected(slices), whole)
        begins = [part.due_s[part.parent < 0] for part in slices if len(part)]
        assert all(one.max() < two.min() for one, two in itertools.pairwise(begins))
        assert max(len(part) for part in slices) < 4 * rows


def test_every_slice_is_a_workload(kit: Any) -> None:
    """Parents lie within the slice, sessions are whole, and only the last slice carries notes."""
    spec = WorkloadSpec(groups=groups(kit)["all"])
    load = Load(rate=RateCurve((0.0,), (2.0,)), duration_s=4000)
    slices = list(compose_stream(spec, load, Streams(5), kit.families, slice_rows=500))
    for part in slices:
        later = np.flatnonzero(part.parent >= 0)
        assert np.array_equal(part.parent[later], later - 1)
        assert np.array_equal(part.session[later], part.session[later - 1])
        assert part.items.modalities == slices[0].items.modalities
    assert not any(part.notes for part in slices[:-1])
    assert slices[-1].notes


def test_a_closed_load_comes_in_one_slice(kit: Any) -> None:
    """A closed load is composed at once, whatever the size of slices."""
    spec = WorkloadSpec(groups=groups(kit)["recorded"])
    load = Load(kind="closed", requests=3000, concurrency=4)
    found = list(compose_stream(spec, load, Streams(5), kit.families, slice_rows=100))
    assert len(found) == 1
    assert_same(found[0], compose(spec, load, Streams(5), kit.families))


def one_group(flows: list[list[Draft]], **more: Any) -> GroupDraft:
    """Return a group of clients named by numbers, each draft as far-reaching as its last row."""

    def stretches(drafts: list[Draft]) -> Iterator[Stretch]:
        for one in drafts:
            drawn.append(one)
            yield Stretch(one, int(one.begin_us[-1]))

    drawn: list[Draft] = []
    names = [str(k) for k in range(len(flows))]
    return GroupDraft("g", names, [stretches(flow) for flow in flows], **more)


def rows(begin_us: list[int], session: int = 0) -> Draft:
    """Return single requests of one client."""
    n = len(begin_us)
    one = empty()
    columns = {
        field.name: np.zeros(n, getattr(one, field.name).dtype)
        for field in attrs.fields(Draft)
        if field.name not in {"items", "extra"}
    }
    columns |= {"begin_us": np.array(begin_us), "head": np.ones(n, bool), "session": session + np.arange(n)}
    return Draft(**columns, items=one.items.none(n))


def test_nothing_is_drawn_before_its_slice_needs_it() -> None:
    """Of a client's ten stretches a slice draws those that begin in it, and one more to know that it has all."""
    count = 0

    def stretches() -> Iterator[Stretch]:
        nonlocal count
        for k in range(10):
            count += 1
            yield Stretch(rows([k * 1_000_000 + 10]), k * 1_000_000 + 10)

    group = GroupDraft("g", ["a"], [stretches()], expected=lambda at_s: at_s)
    seen = [(len(part), count) for part in Slices([group], 10.0, rows=2)]
    assert [n for n, _ in seen] == [2, 2, 2, 2, 2]
    assert [drawn for _, drawn in seen] == [3, 5, 7, 9, 10]


def test_rows_out_of_time_order_wait_for_their_slice() -> None:
    """A stretch of sessions begun before the case is not in the order of time; each comes in its own slice all the same."""
    early = rows([7_000_000, 1_000_000, 5_000_000], session=-3)
    group = one_group([[early, rows([1_000_000, 8_000_000])]], expected=lambda at_s: at_s)
    parts = list(Slices([attrs.evolve(group)], 10.0, rows=2))
    assert np.concatenate([part.due_s for part in parts]).tolist() == [1, 1, 5, 7, 8]
    assert np.concatenate([part.session for part in parts]).tolist() == [-2, 0, -1, -3, 1]


def test_no_requests_make_one_empty_slice() -> None:
    """A case in which nobody sends is one slice of no rows that knows its clients and columns."""
    group = one_group([[]], modalities=("image",), extra={"odd": np.dtype(float)})
    (only,) = Slices([group], 10.0)
    assert len(only) == 0
    assert only.clients.names == ("0",)
    assert only.items.modalities == ("image",)
    assert list(only.extra) == ["odd"]


def test_recorded_prefixes_give_way() -> None:
    """Ids that a recording shares with another group are renamed in the recording, and only there."""
    mine = attrs.evolve(rows([1]), prefix=np.array([77]))
    theirs = attrs.evolve(rows([2]), prefix=np.array([77]))
    one = one_group([[mine]], prefixes={77}, recorded=True)
    other = attrs.evolve(one_group([[theirs]], prefixes={77}), name="h")
    (w,) = Slices([one, other], 1.0)
    assert w.prefix[1] == 77
    assert w.prefix[0] not in (77, -1)
