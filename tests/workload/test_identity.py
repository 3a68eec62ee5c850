"""Names and prefix ids across groups."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.workload.identity import apart, moved, natural_order, prefix_id, shared_prefix_id


def test_names_stay_where_they_are_unique() -> None:
    """Groups whose clients have names of their own keep them."""
    assert apart([("a", ["1", "2"]), ("b", ["b-1"])]) == [["1", "2"], ["b-1"]]


def test_groups_that_share_a_name_are_written_in_full() -> None:
    """If one name is in two groups, all names of both carry their group; the third keeps its own."""
    groups = [("a", ["1", "2"]), ("b", ["2", "3"]), ("c", ["c-1"])]
    assert apart(groups) == [["a/1", "a/2"], ["b/2", "b/3"], ["c-1"]]


def test_a_prefix_id_hangs_on_group_and_client() -> None:
    """Ids are stable, of 63 bits, and differ for other groups, other clients and other splits of one text."""
    labels = [("a", "1"), ("a", "2"), ("b", "1"), ("a|", "1"), ("a", "|1"), ("", "a|1")]
    ids = [prefix_id(*label) for label in labels]
    assert ids == [prefix_id(*label) for label in labels]
    assert len(set(ids)) == len(ids)
    assert all(0 <= one < 2**63 for one in ids)
    assert prefix_id("chat", "chat-1") == 1565828719038082141


def test_moved_ids_keep_what_they_tell_apart() -> None:
    """Equal ids stay equal, different ones different, and no prefix stays none; another group moves them elsewhere."""
    prefix = np.array([7, -1, 7, 0, 9], np.int64)
    here, there = moved(prefix, "a"), moved(prefix, "b")
    assert here[1] == there[1] == -1
    assert here[0] == here[2]
    assert len(set(here.tolist())) == 4
    assert not set(here.tolist()) & set(there.tolist()) - {-1}


def columns(workload: Any, client: str) -> list[tuple[Any, ...]]:
    """Return all that is sent by one client, prefix included."""
    w = workload
    rows = np.flatnonzero(w.client == w.clients.names.index(client))
    names = ("session", "turn", "input_tokens", "output_tokens", "prefix", "prefix_tokens")
    return list(zip(w.planned_s[rows], *(getattr(w, name)[rows] for name in names), strict=True))


def test_adding_a_client_changes_no_other_not_even_its_prefix(kit: Any) -> None:
    """With a client more, ahead of the others, every row of every other client is the same in every column."""
    pool = kit.pool(np.full((4, 2), 40), names=("b", "c", "d", "a"))
    fewer = attrs.evolve(
        pool,
        clients=pool.clients[:3],
        count=pool.count[:3],
        cv=pool.cv[:3],
        family=pool.family[:3],
        table=pool.table[:, :3],
    )
    small, large = (kit.compose(kit.recorded(p, prefix_tokens=8), duration_s=1200) for p in (fewer, pool))
    assert large.clients.names == ("a", "b", "c", "d")
    for client in "bcd":
        assert columns(small, client) == columns(large, client)
        assert len(columns(small, client)) == 80


def test_adding_a_group_changes_no_prefix(kit: Any) -> None:
    """A group's ids are the same whoever sends beside it, ahead of it too."""
    chat = kit.synthetic(name="chat", clients=2, prefix_tokens=8)
    alone = kit.compose(chat, rate=2.0, duration_s=100)
    both = kit.compose(kit.synthetic(name="api", prefix_tokens=8), chat, rate=4.0, duration_s=100)
    for client in ("chat-1", "chat-2"):
        assert columns(both, client) == columns(alone, client)


def test_recordings_with_equal_ids_are_kept_apart(kit: Any) -> None:
    """One recording keeps its ids; the same one in two groups shares no prefix, and no client's name."""
    recording = kit.compose(kit.synthetic(clients=2, prefix_tokens=8), rate=5.0, duration_s=100)
    one = kit.compose(kit.recorded(recording, name="a"), duration_s=100)
    assert np.array_equal(one.prefix, recording.prefix)
    assert one.clients.names == recording.clients.names
    two = kit.compose(
        kit.recorded(recording, name="a"), kit.recorded(recording, name="b"), rate=2.0, duration_s=100
    )
    held = [set(two.prefix[two.clients.group[two.client] == group].tolist()) for group in (0, 1)]
    assert all(len(ids - {-1}) == 2 for ids in held)
    assert not held[0] & held[1] - {-1}
    assert two.clients.names == ("a/group-1-1", "a/group-1-2", "b/group-1-1", "b/group-1-2")


def test_pools_with_equal_ids_are_kept_apart(kit: Any) -> None:
    """Two groups of one pool have names of their own, whose requests objectives can name."""
    pool = kit.pool(np.full((2, 1), 40))
    w = kit.compose(kit.recorded(pool, name="a"), kit.recorded(pool, name="b"), rate=0.1, duration_s=600)
    assert w.clients.names == ("a/0", "a/1", "b/0", "b/1")
    assert kit.compose(kit.recorded(pool, name="a"), duration_s=600).clients.names == ("0", "1")


@pytest.mark.parametrize("groups", [2, 3])
def test_synthetic_groups_have_clients_of_their_own_name(kit: Any, groups: int) -> None:
    """No two clients of a workload have one name."""
    w = kit.compose(*(kit.synthetic(clients=2) for _ in range(groups)), rate=1.0, duration_s=60)
    assert w.clients.names == tuple(f"group-{g + 1}-{k + 1}" for g in range(groups) for k in range(2))


def test_shared_prefixes_have_ids_of_their_own() -> None:
    """Ids are stable, of 63 bits, and differ by group, by number and from every client's."""
    ids = [shared_prefix_id(group, number) for group in ("a", "b") for number in range(3)]
    ids += [prefix_id(group, str(number)) for group in ("a", "b") for number in range(3)]
    assert len(set(ids)) == 12
    assert all(0 <= one < 2**63 for one in ids)
    assert shared_prefix_id("chat", 0) == shared_prefix_id("chat", 0)


def test_names_are_put_in_an_order_of_their_own() -> None:
    """Numbers in names compare as numbers, and no order of reading shows."""
    names = ["10", "9", "a2", "a10", "a", "x1y2"]
    assert [names[k] for k in natural_order(names)] == ["9", "10", "a", "a2", "a10", "x1y2"]
    assert [names[::-1][k] for k in natural_order(names[::-1])] == ["9", "10", "a", "a2", "a10", "x1y2"]


def test_a_superscript_is_no_number() -> None:
    """Characters that count as digits but hold no number are letters, behind numbers; numbers of any script compare as numbers."""
    names = ["x²", "x2", "x¹", "x٣"]
    assert [names[k] for k in natural_order(names)] == ["x2", "x٣", "x²", "x¹"]
