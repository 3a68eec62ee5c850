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
