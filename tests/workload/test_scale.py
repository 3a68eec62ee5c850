"""From the recorded rate to the rate asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from servegen_fw.errors import InputError
from servegen_fw.suite.model import RateCurve
from servegen_fw.workload.curve import Curve
from servegen_fw.workload.demand import Demand
from servegen_fw.workload.part import ready
from servegen_fw.workload.scale import copies_of, scaling
from servegen_fw.workload.streams import Streams


def scaled(kit: Any, rate: float | None, recorded: float = 4.0, **group: Any) -> Any:
    """Return the scaling of a recorded group."""
    part = ready(kit.recorded(kit.pool([[2400]]), **group), 0)
    return scaling(part, Demand(None if rate is None else Curve.constant(rate), 600.0, recorded))


def test_as_recorded_changes_nothing(kit: Any) -> None:
    """Without a rate every request is kept at its recorded intensity."""
    found = scaled(kit, None)
    assert (found.intensity.level, found.keep, found.copies) == (1.0, None, None)


def test_thinning_keeps_a_share(kit: Any) -> None:
    """1 of 4 requests/s keeps a quarter and leaves intensities alone."""
    found = scaled(kit, 1.0)
    assert (found.intensity.level, found.keep.level, found.copies) == (1.0, 0.25, None)


def test_thinning_cannot_add(kit: Any) -> None:
    """The message has both rates and names the two other ways."""
    with pytest.raises(InputError) as caught:
        scaled(kit, 5.0)
    text = str(caught.value)
    assert all(
        part in text for part in ("5 requests/s", "has 4", "group-1", 'scale = "rate"', 'scale = "clients"')
    )


def test_thinning_to_the_recorded_rate_is_allowed(kit: Any) -> None:
    """The whole recording may be asked for by its rate."""
    assert scaled(kit, 4.0).keep.level == 1.0


def test_a_curve_may_not_exceed_the_recording_anywhere(kit: Any) -> None:
    """A peak above the recorded mean is refused even if the mean is below it."""
    part = ready(kit.recorded(kit.pool([[2400]])), 0)
    curve = Curve.through(RateCurve((0.0, 300.0, 600.0), (0.5, 6.0, 0.5)))
    with pytest.raises(InputError, match="up to 6 requests/s"):
        scaling(part, Demand(curve, 600.0, 4.0))


def test_rate_speeds_every_client_up(kit: Any) -> None:
    """Under ``rate`` intensities are multiplied and nothing is left out."""
    found = scaled(kit, 10.0, scale="rate")
    assert (found.intensity.level, found.keep, found.copies) == (2.5, None, None)


def test_clients_takes_copies(kit: Any) -> None:
    """Under ``clients`` 2.5 copies of each client are expected, each at its own intensity."""
    found = scaled(kit, 10.0, scale="clients")
    assert (found.intensity.level, found.keep, found.copies) == (1.0, None, 2.5)


def test_sessions_take_their_part_of_the_recorded_arrivals(kit: Any) -> None:
    """With three turns a session a third of the arrivals become sessions, whichever way the rate is scaled."""
    session = {"session": kit.Made(kit.Geometric(mean_turns=3.0))}
    assert scaled(kit, None, **session).keep.level == pytest.approx(1 / 3)
    assert scaled(kit, 2.0, **session).keep.level == pytest.approx(1 / 6)
    assert scaled(kit, 2.0, scale="rate", **session).intensity.level == pytest.approx(1 / 6)
    assert scaled(kit, 8.0, scale="clients", **session).intensity.level == pytest.approx(1 / 3)


def test_an_empty_stretch_has_no_rate_to_scale(kit: Any) -> None:
    """Asking for a rate where nothing was recorded is an error, not a division by zero."""
    with pytest.raises(InputError, match="nothing was recorded"):
        scaled(kit, 1.0, recorded=0.0)


def test_copies_are_right_on_average_and_settled_per_client() -> None:
    """1.3 copies of 2,000 clients are 2,600 within five standard errors (false alarm 6e-7), each client 1 or 2."""
    names = [f"c{k}" for k in range(2000)]
    taken = copies_of(names, range(2000), 1.3, "g", Streams(5))
    counts = np.bincount([index for index, _ in taken])
    assert set(counts) == {1, 2}
    assert abs(len(taken) - 2600) < 5 * np.sqrt(2000 * 0.3 * 0.7)
    assert len({name for _, name in taken}) == len(taken)


def test_one_copy_of_each_is_the_population_itself() -> None:
    """At factor 1 names and order are those of the pool."""
    assert copies_of(["b", "a"], [1, 0], 1.0, "g", Streams(5)) == [(1, "a"), (0, "b")]


def test_a_larger_service_holds_every_client_of_a_smaller_one() -> None:
    """The clients taken at 0.4 are among those at 0.9, and those among the clients at 2.2."""
    names = [f"c{k}" for k in range(300)]
    small, middle, large = (set(copies_of(names, range(300), f, "g", Streams(5))) for f in (0.4, 0.9, 2.2))
    assert small < middle < large


def test_a_clients_copies_do_not_hang_on_the_others() -> None:
    """Taking a client out of the pool changes no other client's number of copies."""
    names = [f"c{k}" for k in range(50)]
    all_of_them = copies_of(names, range(50), 1.5, "g", Streams(5))
    without = copies_of(names, [k for k in range(50) if k != 7], 1.5, "g", Streams(5))
    assert without == [member for member in all_of_them if member[0] != 7]
