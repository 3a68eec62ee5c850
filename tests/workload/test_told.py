"""What is said of a recording."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from servegen_fw.suite.model import RateCurve


@pytest.fixture(scope="module")
def pool(kit: Any) -> Any:
    """Return three clients of 0.5 requests/s each over two hours, from 11:00 on."""
    return kit.pool(np.full((3, 12), 300), start_s=39_600.0, name="day")


def first_note(kit: Any, *groups: Any, **load: Any) -> str:
    """Return the first note of what the groups send."""
    return str(kit.compose(*groups, **{"duration_s": 600, **load}).notes[0])


@pytest.mark.parametrize(
    ("options", "rate", "told"),
    [
        ({}, None, "day: 1.5 req/s recorded from 12:00, sent as recorded"),
        ({}, 0.3, 'day: 1.5 req/s recorded from 12:00, thinned to 0.3 req/s (scale = "thin")'),
        (
            {"scale": "rate"},
            0.3,
            'day: 1.5 req/s recorded from 12:00, every client slowed down to 0.3 req/s (scale = "rate")',
        ),
        (
            {"scale": "rate", "counts": "process"},
            3.0,
            'day: 1.5 req/s recorded from 12:00, every client sped up to 3 req/s (counts = "process", scale = "rate")',
        ),
        (
            {"counts": "process"},
            None,
            'day: 1.5 req/s recorded from 12:00, sent at the recorded rate (counts = "process")',
        ),
        (
            {"scale": "clients"},
            3.0,
            'day: 1.5 req/s recorded from 12:00, 6 copies of its 3 clients for 3 req/s (scale = "clients")',
        ),
        (
            {},
            RateCurve((0.0, 600.0), (0.0, 1.0)),
            'day: 1.5 req/s recorded from 12:00, thinned to 0.5 req/s on average (scale = "thin")',
        ),
    ],
)
def test_the_recorded_and_the_asked_rate_and_the_scale_are_told(
    kit: Any, pool: Any, options: dict[str, Any], rate: Any, told: str
) -> None:
    """One sentence names the recording, its rate, where it is entered, the rate asked for and the settings used."""
    assert first_note(kit, kit.recorded(pool, start_s=43_200.0, **options), rate=rate) == told


def test_clients_that_miss_the_rate_asked_for_are_told(kit: Any, pool: Any) -> None:
    """Two of three clients, where 0.75 requests/s are asked for, send 1: a third more, which is said."""
    notes = {first_note(kit, kit.recorded(pool, scale="clients"), rate=0.75, seed=seed) for seed in range(20)}
    told = 'day: 1.5 req/s recorded from 11:00, {} of its 3 clients for 0.75 req/s (scale = "clients"); they send {} than asked'
    assert notes == {
        told.format(0, "0 req/s, 100% less"),
        told.format(1, "0.5 req/s, 33% less"),
        told.format(2, "1 req/s, 33% more"),
        told.format(3, "1.5 req/s, 100% more"),
    }


def test_groups_are_told_apart(kit: Any, pool: Any) -> None:
    """Where there are several groups, or a group has a name, the sentence begins with it; synthetic ones need none."""
    assert first_note(kit, kit.recorded(pool, name="chat")).startswith("chat (day): 1.5 req/s")
    assert first_note(kit, kit.recorded(pool, name="day")).startswith("day: 1.5 req/s")
    w = kit.compose(kit.recorded(pool), kit.recorded(pool), kit.synthetic(), rate=0.9, duration_s=600)
    assert [note.split(":")[0] for note in w.notes[:2]] == ["group-1 (day)", "group-2 (day)"]
    assert "thinned to 0.3 req/s" in w.notes[1]
    assert not any("group-3" in note for note in w.notes)


@pytest.mark.parametrize(
    ("start_s", "told"),
    [(43_230.0, "from 12:00:30,"), (86_400.0 + 3600, "from 01:00 of day 2,"), (0.0, "from 00:00,")],
)
def test_the_moment_is_a_time_of_day(kit: Any, start_s: float, told: str) -> None:
    """Seconds are told where there are any, the day from the second one on."""
    pool = kit.pool(np.full((1, 300), 60))
    assert told in first_note(kit, kit.recorded(pool, start_s=start_s))


def test_recorded_requests_are_told_too(kit: Any) -> None:
    """A recording has no name and no time of day."""
    recording = kit.compose(kit.synthetic(clients=2), rate=5.0, duration_s=1200)
    mean = np.count_nonzero((recording.due_s >= 60) & (recording.due_s < 660)) / 600
    told = first_note(kit, kit.recorded(recording, start_s=60.0), rate=2.0)
    assert told == f'recording: {mean:.4g} req/s recorded from 60 s, thinned to 2 req/s (scale = "thin")'
    told = first_note(kit, kit.recorded(recording, scale="rate"), rate=8.0)
    assert told.endswith(', the recording sped up to 8 req/s (scale = "rate")')


def test_a_closed_load_has_an_order_and_no_rate(kit: Any, pool: Any) -> None:
    """Requests leave when others end, so only the order is the recording's; a share of it is told as one."""
    load = {"kind": "closed", "concurrency": 2, "requests": 50, "duration_s": None}
    assert (
        first_note(kit, kit.recorded(pool), **load) == "day: the requests recorded from 11:00, in their order"
    )
    told = first_note(kit, kit.recorded(pool), rate=0.3, **load)
    assert told.endswith('in their order, thinned to 0.2 of the recorded rate (scale = "thin")')


def test_synthetic_groups_have_no_note(kit: Any) -> None:
    """Nothing was recorded, so nothing is told."""
    assert kit.compose(kit.synthetic(input=kit.Made(kit.Fixed(9))), rate=1.0, duration_s=60).notes[1:] == ()
