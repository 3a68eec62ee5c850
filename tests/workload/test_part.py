"""Groups made ready."""

from __future__ import annotations

from typing import Any

import pytest

from servegen_fw.errors import InputError
from servegen_fw.suite.model import Group
from servegen_fw.workload.part import ready


def test_groups_without_a_name_are_numbered(kit: Any) -> None:
    """The second group is group-2 unless it has a name."""
    assert ready(kit.synthetic(), 1).name == "group-2"
    assert ready(kit.synthetic(name="chat"), 1).name == "chat"


def test_a_synthetic_group_needs_its_models() -> None:
    """Everything that is missing is told at once."""
    with pytest.raises(InputError) as caught:
        ready(Group(name="chat"), 0)
    assert [f"`{option}`" in str(caught.value) for option in ("arrival", "input", "output")] == [True] * 3
    assert len(caught.value.problems) == 3


def test_a_source_says_when_requests_come(kit: Any) -> None:
    """An arrival process beside a source is a contradiction."""
    with pytest.raises(InputError, match="belong to synthetic groups"):
        ready(kit.recorded(kit.pool([[10]]), arrival=kit.Made(kit.poisson())), 0)


def test_recorded_requests_are_what_they_are(kit: Any) -> None:
    """Sessions and processes do not apply to a recorded workload, nor does resampling to one of a single client."""
    recording = kit.compose(kit.synthetic(), rate=1.0, duration_s=60)
    group = kit.recorded(recording, session=kit.Made(kit.Geometric()), counts="process", scale="clients")
    with pytest.raises(InputError) as caught:
        ready(group, 0)
    assert len(caught.value.problems) == 3
    assert 'choose scale = "thin"' in str(caught.value)


@pytest.mark.parametrize("start_s", [500.0, 2400.0])
def test_the_beginning_must_lie_in_the_recording(kit: Any, start_s: float) -> None:
    """`from` before or after the recording is refused with the range that it covers."""
    pool = kit.pool([[10, 10, 10]], start_s=600.0)
    with pytest.raises(InputError, match="covers 600 s to 2400 s"):
        ready(kit.recorded(pool, start_s=start_s), 0)


def test_an_excerpt_begins_at_its_beginning(kit: Any) -> None:
    """With `from` left out, a pool that starts in mid-day is read from its first window on."""
    assert ready(kit.recorded(kit.pool([[10, 10]], start_s=43_200.0)), 0).start_s == 43_200.0
    assert (
        ready(kit.recorded(kit.pool([[10, 10]], start_s=43_200.0), start_s=43_700.0), 0).start_s == 43_700.0
    )


def test_turns_per_session_are_the_models_or_the_recordings(kit: Any) -> None:
    """Requests per session come from the conversation, or are counted in a recorded workload."""
    group = kit.synthetic(session=kit.Made(kit.Geometric(3.0)))
    assert ready(group, 0).mean_turns == 3.0
    assert ready(kit.synthetic(), 0).mean_turns == 1.0
    recording = kit.compose(group, rate=5.0, duration_s=300)
    assert ready(kit.recorded(recording), 0).mean_turns == len(recording) / (recording.parent < 0).sum()


def test_what_a_source_tells_of_itself_is_passed_on(kit: Any) -> None:
    """Notes of a pool and of a recorded workload reach the workload made of them."""
    pool = kit.pool([[10]], meta={"notes": ["5 clients borrow lengths"]})
    assert kit.compose(kit.recorded(pool), duration_s=600).notes[1:] == (
        "pool made: 5 clients borrow lengths",
    )
    zero = kit.pool([[10]], masses=({10.0: 1.0}, {0.0: 1.0}))
    recording = kit.compose(kit.recorded(zero), duration_s=600)
    again = kit.compose(kit.recorded(recording), duration_s=600)
    assert again.notes[1:] == tuple(f"recording: {note}" for note in recording.notes)
    assert "10 x output length drawn below 1 token, raised to 1" in again.notes[-1]
