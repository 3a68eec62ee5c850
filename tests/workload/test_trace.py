"""Recorded requests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from servegen_fw.errors import InputError
from servegen_fw.suite.model import RateCurve


@pytest.fixture(scope="module")
def recording(kit: Any) -> Any:
    """Return 2,000 s of requests at 5/s, alone."""
    return kit.compose(kit.synthetic(clients=4, skew=1.0), rate=5.0, duration_s=2000)


@pytest.fixture(scope="module")
def talk(kit: Any) -> Any:
    """Return 1,000 s of sessions at 5 requests/s, images and prefixes included."""
    group = kit.synthetic(
        clients=3,
        session=kit.Made(kit.Geometric(3.0, 30.0)),
        modality=(kit.Made(kit.Pictures()),),
        reasoning=kit.Made(kit.Half()),
        prefix_tokens=16,
    )
    return kit.compose(group, rate=5.0, duration_s=1000)


def test_a_recording_replays_as_it_is(kit: Any, talk: Any) -> None:
    """All of a recording, unscaled, is the recording: same digest, items, prefixes and names."""
    again = kit.compose(kit.recorded(talk), duration_s=1000)
    assert again.digest == talk.digest
    assert again.clients.names == talk.clients.names
    assert again.items.modalities == talk.items.modalities


def test_a_part_of_a_recording_starts_at_zero(kit: Any, recording: Any) -> None:
    """Requests of [700, 1000) come at their time less 700."""
    part = kit.compose(kit.recorded(recording, start_s=700.0), duration_s=300)
    inside = (recording.due_s >= 700) & (recording.due_s < 1000)
    assert np.allclose(part.due_s, recording.due_s[inside] - 700, atol=1e-6)
    assert np.array_equal(part.input_tokens, recording.input_tokens[inside])


def test_sessions_under_way_are_cut_at_both_ends(kit: Any, talk: Any) -> None:
    """Turns planned inside the part are there, with their history; those outside are not."""
    part = kit.compose(kit.recorded(talk, start_s=400.0), duration_s=200)
    inside = (talk.planned_s >= 400) & (talk.planned_s < 600)
    assert len(part) == inside.sum()
    assert sorted(part.context_tokens.tolist()) == sorted(talk.context_tokens[inside].tolist())
    early = (part.parent < 0) & (part.turn > 0)
    assert early.sum() > 5
    assert np.all(part.due_s[part.parent < 0] < 200)


def test_thinning_keeps_whole_sessions(kit: Any, talk: Any) -> None:
    """A session is there with all its turns or not at all, and the share kept is as asked."""
    part = kit.compose(kit.recorded(talk), rate=2.0, duration_s=1000)
    turns = {}
    for w in (talk, part):
        keys, counts = np.unique(np.stack((w.client, w.session)), axis=1, return_counts=True)
        turns[id(w)] = {
            tuple(key): count for key, count in zip(keys.T.tolist(), counts.tolist(), strict=True)
        }
    assert turns[id(part)].items() <= turns[id(talk)].items()
    share = len(turns[id(part)]) / len(turns[id(talk)])
    kept = 2.0 / (len(talk) / 1000)
    assert abs(share - kept) < 5 * np.sqrt(kept * (1 - kept) / len(turns[id(talk)]))


def test_a_lower_rate_keeps_a_subset(kit: Any, recording: Any) -> None:
    """What is sent at 1/s is also sent at 3/s."""
    low, high = (
        set(kit.rows(kit.compose(kit.recorded(recording), rate=r, duration_s=2000))) for r in (1.0, 3.0)
    )
    assert low < high


def test_a_recording_can_run_faster(kit: Any, recording: Any) -> None:
    """Under ``rate`` at twice the rate the first 1,000 s of the recording take 500 s, each request at half its time."""
    mean = np.count_nonzero(recording.due_s < 500) / 500
    fast = kit.compose(kit.recorded(recording, scale="rate"), rate=2 * mean, duration_s=500)
    inside = recording.due_s < 1000
    assert np.allclose(fast.due_s, recording.due_s[inside] / 2, atol=1e-6)


def test_a_recording_follows_a_curve(kit: Any, recording: Any) -> None:
    """Under a ramp the recording's clock runs as the integral of the ramp."""
    mean = np.count_nonzero(recording.due_s < 600) / 600
    curve = RateCurve((0.0, 600.0), (0.0, 2 * mean))
    due = kit.compose(kit.recorded(recording, scale="rate"), rate=curve, duration_s=600).due_s
    assert np.allclose(due**2 / 600, recording.due_s[: len(due)], atol=1e-3)


def test_a_recording_that_is_used_up_is_told(kit: Any, recording: Any) -> None:
    """Running faster than the recording lasts names what is needed and what is left."""
    with pytest.raises(InputError, match=r"uses up \d+.* of the recording, but only 2000 s are left"):
        kit.compose(kit.recorded(recording, scale="rate"), rate=8.0, duration_s=1900)


def test_think_times_stay_as_they_were(kit: Any, talk: Any) -> None:
    """A faster clock brings sessions closer together, not their turns."""
    fast = kit.compose(kit.recorded(talk, scale="rate"), rate=10.0, duration_s=400)
    times = {
        (c, s, t): think
        for c, s, t, think in zip(talk.client, talk.session, talk.turn, talk.think_s, strict=True)
    }
    later = fast.parent >= 0
    assert later.sum() > 100
    for c, s, t, think in zip(
        fast.client[later], fast.session[later], fast.turn[later], fast.think_s[later], strict=True
    ):
        assert times[c, s, t] == think


def test_models_replace_recorded_fields(kit: Any, recording: Any) -> None:
    """Given lengths, reasoning and items replace the recorded ones; arrivals stay."""
    group = kit.recorded(
        recording,
        input=kit.Made(kit.Fixed(50)),
        output=kit.Made(kit.Fixed(20)),
        reasoning=kit.Made(kit.Half()),
        modality=(kit.Made(kit.Pictures()),),
        prefix_tokens=30,
    )
    w = kit.compose(group, duration_s=2000)
    assert np.array_equal(w.due_s, recording.due_s)
    assert set(w.input_tokens) == {50}
    assert set(w.output_tokens) == {20}
    assert 0 < w.reason_tokens.mean() < 20
    assert set(w.items.count.tolist()) == {1, 2, 3}
    assert set(w.prefix_tokens) == {30}


def test_history_follows_replaced_outputs(kit: Any, talk: Any) -> None:
    """With other outputs the carried context is counted anew."""
    w = kit.compose(kit.recorded(talk, output=kit.Made(kit.Fixed(7))), duration_s=1000)
    later = np.flatnonzero(w.parent >= 0)
    before = w.parent[later]
    assert np.array_equal(
        w.context_tokens[later], (w.input_tokens + w.output_tokens - w.reason_tokens)[before]
    )
    assert set(w.output_tokens) == {7}


def test_limits_apply_to_recorded_requests(kit: Any, talk: Any) -> None:
    """Long outputs are cut, and sessions end before a prompt that is too long; both are told."""
    w = kit.compose(kit.recorded(talk, max_input=800, max_output=50), duration_s=1000)
    assert w.input_tokens.max() <= 800
    assert w.output_tokens.max() == 50
    assert any("max_output = 50" in note for note in w.notes)
    assert any("left out" in note for note in w.notes)


def test_the_order_of_clients_in_a_recording_does_not_show(kit: Any, recording: Any) -> None:
    """A recording whose clients are listed in another order is the same workload."""
    import attrs

    names = recording.clients.names
    place = np.array([2, 0, 3, 1])
    listed = attrs.evolve(
        recording,
        client=place[recording.client].astype(np.int32),
        clients=attrs.evolve(recording.clients, names=tuple(names[k] for k in np.argsort(place))),
    )
    one, other = (kit.compose(kit.recorded(data), rate=2.0, duration_s=2000) for data in (recording, listed))
    assert one.digest == other.digest


def test_a_closed_load_takes_the_first_requests(kit: Any, recording: Any) -> None:
    """The first 1,000 requests of the recording are sent, whatever their times."""
    w = kit.compose(kit.recorded(recording), kind="closed", requests=1000, concurrency=4)
    assert np.array_equal(w.input_tokens, recording.input_tokens[:1000])


def test_fewer_clients_are_whole_clients(kit: Any) -> None:
    """Below 1 clients stay with all their requests or not at all, the same ones whatever comes beside them."""
    recording = kit.compose(kit.synthetic(clients=200), rate=20.0, duration_s=300)
    group = kit.recorded(recording, scale="clients")
    high, low = (kit.compose(group, rate=f * len(recording) / 300, duration_s=300) for f in (0.6, 0.3))
    original = kit.rows(recording)
    for made, share in ((high, 0.6), (low, 0.3)):
        # Binomial: five standard deviations.
        assert abs(len(made.clients) - 200 * share) < 5 * np.sqrt(200 * share * (1 - share))
        assert kit.rows(made) == [row for row in original if row[0] in made.clients.names]
    assert set(low.clients.names) < set(high.clients.names)
    assert "of its 200 clients" in high.notes[0]


def test_copies_of_clients_are_turned_in_time(kit: Any, talk: Any) -> None:
    """Above 1 every client is as recorded, and a copy has all its requests on a circle that is turned; what passes the end comes first."""
    w = kit.compose(kit.recorded(talk, scale="clients"), rate=2 * len(talk) / 1000, duration_s=1000)
    names = w.clients.names
    assert names == (*(f"{n}{tail}" for n in talk.clients.names for tail in ("", "~2")),)
    assert len(w) == 2 * len(talk)
    for number, name in enumerate(talk.clients.names):
        mine = talk.client == number
        assert [row for row in kit.rows(w) if row[0] == name] == [
            row for row in kit.rows(talk) if row[0] == name
        ]
        copy = w.client == names.index(f"{name}~2")
        was, now = np.sort(talk.planned_s[mine]), np.sort(w.planned_s[copy])
        assert len(was) == len(now)
        # The same gaps around the circle, begun elsewhere.
        gaps = [np.diff(t, append=t[0] + 1000) for t in (was, now)]
        turns = [k for k in range(len(was)) if np.allclose(np.roll(gaps[0], -k), gaps[1], atol=1e-5)]
        assert turns
        assert not np.allclose(was, now, atol=1.0)
        for column in ("input_tokens", "output_tokens", "context_tokens", "reason_tokens"):
            assert sorted(getattr(w, column)[copy]) == sorted(getattr(talk, column)[mine])
        assert w.items.count[copy].sum() == talk.items.count[mine].sum()
        assert set(w.prefix[copy].tolist()) & set(talk.prefix[mine].tolist()) <= {-1}


def test_copies_keep_sessions_whole_or_cut_once(kit: Any, talk: Any) -> None:
    """A copy's session has its turns in order with their think times; one that passes the end goes on from the beginning below 0."""
    w = kit.compose(kit.recorded(talk, scale="clients"), rate=2 * len(talk) / 1000, duration_s=1000)
    later = np.flatnonzero(w.parent >= 0)
    assert np.array_equal(w.parent[later], later - 1)
    assert np.array_equal(w.turn[later], w.turn[later - 1] + 1)
    copies = np.array([name.endswith("~2") for name in w.clients.names])[w.client]
    cut = copies & (w.parent < 0) & (w.turn > 0)
    original = (talk.parent < 0) & (talk.turn > 0)
    assert cut.sum() > original.sum()
    assert np.all(w.session[cut] < 0)
    keys = np.stack((w.client, w.session, w.turn))
    assert np.unique(keys, axis=1).shape[1] == len(w)
    assert w.due_s[w.parent < 0].min() >= 0
    assert w.planned_s.max() < 1000


def test_copies_bring_the_rate_asked_for(kit: Any) -> None:
    """In a quiet part of a recording, copies turned over all of it still make the rate asked for: within five standard errors."""
    curve = RateCurve((0.0, 1000.0, 1000.0, 2000.0), (4.0, 4.0, 16.0, 16.0))
    recording = kit.compose(kit.synthetic(clients=400), rate=curve, duration_s=2000)
    w = kit.compose(kit.recorded(recording, scale="clients"), rate=12.0, duration_s=1000)
    # A copy has 25 requests on average; their number varies with the moment it is turned to.
    assert abs(len(w) - 12_000) < 5 * np.sqrt(12_000 + 400 * 0.8 * 15**2)
    assert len(w.clients) > 400


def test_a_larger_service_holds_the_smaller_one(kit: Any, talk: Any) -> None:
    """What is sent at 1.3 times the rate is also sent at 2.6 times."""
    rate = len(talk) / 1000
    low, high = (
        set(kit.rows(kit.compose(kit.recorded(talk, scale="clients"), rate=f * rate, duration_s=1000)))
        for f in (1.3, 2.6)
    )
    assert low < high


def test_a_recording_of_nobody_in_particular_has_no_clients_to_take(kit: Any) -> None:
    """One client, which is also what a log without ids has, is refused with the scales that can be had."""
    recording = kit.compose(kit.synthetic(), rate=2.0, duration_s=300)
    with pytest.raises(InputError, match="does not say who sent what") as caught:
        kit.compose(kit.recorded(recording, scale="clients"), rate=1.0, duration_s=300)
    assert 'scale = "rate"' in str(caught.value)


def test_copies_share_what_several_clients_share(kit: Any, recording: Any) -> None:
    """A prefix of one client is another one in its copy; a prefix of several clients is the copies' too."""
    import attrs

    prefix = np.where(recording.turn % 2 == 0, 5, -1)
    prefix[(recording.client == 0) & (np.arange(len(recording)) % 2 == 0)] = 7
    marked = attrs.evolve(recording, prefix=prefix, prefix_tokens=np.full(len(recording), 3, np.int32))
    w = kit.compose(kit.recorded(marked, scale="clients"), rate=2 * len(marked) / 2000, duration_s=2000)
    copies = np.array([name.endswith("~2") for name in w.clients.names])[w.client]
    assert np.count_nonzero(w.prefix[copies] == 5) == np.count_nonzero(prefix == 5)
    assert not np.any(w.prefix[copies] == 7)
    assert np.count_nonzero(w.prefix[~copies] == 7) == np.count_nonzero(prefix == 7)
