"""What a case asks of each group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from servegen_fw.errors import InputError
from servegen_fw.suite.model import Load, RateCurve
from servegen_fw.workload.demand import demands, recorded_rate
from servegen_fw.workload.part import ready


def constant(rate: float) -> RateCurve:
    """Return a flat rate curve."""
    return RateCurve((0.0,), (rate,))


def parts(*groups: Any) -> list[Any]:
    """Make groups ready."""
    return [ready(group, number) for number, group in enumerate(groups)]


def test_shares_divide_the_rate(kit: Any) -> None:
    """Shares 7 and 3 of 10 requests/s are 7 and 3 requests/s."""
    asked = demands(parts(kit.synthetic(share=7), kit.synthetic(share=3)), Load(rate=constant(10.0)), 60.0)
    assert [demand.rate.level for demand in asked] == [pytest.approx(7), pytest.approx(3)]


def test_a_curve_is_divided_at_every_moment(kit: Any) -> None:
    """Half of a ramp is a ramp of half the rate."""
    load = Load(rate=RateCurve((0.0, 10.0), (2.0, 6.0)))
    one, _ = demands(parts(kit.synthetic(), kit.synthetic()), load, 10.0)
    assert one.rate.rate(np.array([0.0, 5.0, 10.0])).tolist() == [1, 2, 3]


def test_sessions_per_second_become_requests_per_second(kit: Any) -> None:
    """Two sessions/s of three turns each are six requests/s."""
    group = kit.synthetic(session=kit.Made(kit.Geometric(mean_turns=3.0)))
    (asked,) = demands(parts(group), Load(session_rate=2.0), 60.0)
    assert asked.rate.level == pytest.approx(6)


def test_sessions_per_second_are_counted_over_all_groups(kit: Any) -> None:
    """Shares are of requests: 50 % in sessions of three and 50 % alone make 1.5 requests per session."""
    group = kit.synthetic(session=kit.Made(kit.Geometric(mean_turns=3.0)))
    asked = demands(parts(group, kit.synthetic()), Load(session_rate=2.0), 60.0)
    assert sum(demand.rate.level for demand in asked) == pytest.approx(3)


def test_the_recorded_rate_is_that_of_the_case(kit: Any) -> None:
    """The mean over [300, 900) of 600 and then 1,200 requests per window is 1.5 requests/s."""
    pool = kit.pool([[600, 1200, 0]])
    assert recorded_rate(pool, 300.0, 600.0) == pytest.approx(1.5)
    (asked,) = demands(parts(kit.recorded(pool, start_s=300.0)), Load(rate=constant(1.0)), 600.0)
    assert asked.recorded == pytest.approx(1.5)


def test_a_recording_alone_needs_no_rate(kit: Any) -> None:
    """Without a rate a recording runs as recorded."""
    (asked,) = demands(parts(kit.recorded(kit.pool([[600, 600]]))), Load(), 1200.0)
    assert asked.rate is None


def test_a_synthetic_group_needs_a_rate(kit: Any) -> None:
    """Without one the message names the group and shows a rate."""
    with pytest.raises(InputError, match=r"group-2.*no rate of its own") as caught:
        demands(parts(kit.recorded(kit.pool([[600]])), kit.synthetic()), Load(), 60.0)
    assert 'rate = "4/s"' in str(caught.value)


def test_shares_without_a_rate_are_ambiguous(kit: Any) -> None:
    """Different shares of a rate that nobody gives are an error; equal ones run as recorded."""
    pool = kit.pool([[600, 600]])
    with pytest.raises(InputError, match="no rate to share"):
        demands(parts(kit.recorded(pool, share=2), kit.recorded(pool)), Load(), 60.0)
    assert [
        demand.rate for demand in demands(parts(kit.recorded(pool), kit.recorded(pool)), Load(), 60.0)
    ] == [None, None]


def test_a_case_past_the_end_of_the_recording_is_refused(kit: Any) -> None:
    """The message says where the recording ends, what would fit, and where to begin instead."""
    with pytest.raises(InputError, match="ends at 1200 s") as caught:
        demands(parts(kit.recorded(kit.pool([[600, 600]]), start_s=900.0)), Load(), 600.0)
    assert "shorten the case to 300 s, or begin at 600 s or earlier" in str(caught.value)


def test_a_closed_load_takes_what_every_recording_holds(kit: Any) -> None:
    """Of recordings with 1 and 2 requests/s, shared evenly, 2 requests/s in total hold for both."""
    asked = demands(
        parts(kit.recorded(kit.pool([[600]])), kit.recorded(kit.pool([[1200]]))),
        Load(kind="closed", requests=5),
        1.0,
    )
    assert [demand.rate.level for demand in asked] == [pytest.approx(1), pytest.approx(1)]
    assert not any(demand.open for demand in asked)


def test_a_closed_load_measures_all_that_is_left(kit: Any) -> None:
    """Its recorded mean does not hang on how far it is composed, so that more requests only append."""
    part = parts(kit.recorded(kit.pool([[600, 1800]])))
    found = {
        demands(part, Load(kind="closed", requests=5), horizon)[0].recorded
        for horizon in (1.0, 700.0, 1200.0)
    }
    assert found == {2.0}


def test_a_closed_synthetic_load_needs_no_rate(kit: Any) -> None:
    """Only the order of arrivals counts, so any rate serves."""
    (asked,) = demands(parts(kit.synthetic()), Load(kind="closed", requests=5), 1.0)
    assert asked.rate.level == 1


def test_recorded_requests_have_a_rate_too(kit: Any) -> None:
    """The rate of a recorded workload counts requests, later turns included, by their planned time."""
    group = kit.synthetic(session=kit.Made(kit.Geometric()))
    recording = kit.compose(group, rate=5.0, duration_s=400.0)
    inside = (recording.planned_s >= 100) & (recording.planned_s < 300)
    assert recorded_rate(recording, 100.0, 200.0) == pytest.approx(inside.sum() / 200)
