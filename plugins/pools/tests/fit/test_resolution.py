"""What a log's clock can tell."""

from __future__ import annotations

import numpy as np
from servegen_fw_pools.fit.gaps import arrivals_of
from servegen_fw_pools.fit.resolution import spread, step_of


def test_the_step_of_a_clock() -> None:
    """The smallest difference of two times, where any two are equal; without ties nothing is known of a step."""
    assert step_of(np.array([0.0, 0.0, 3.0, 6.0, 6.0, 7.5])) == 1.5
    assert step_of(np.array([0.0, 1.0, 2.5])) == 0.0
    assert step_of(np.zeros(4)) == 0.0


def test_poisson_requests_in_whole_seconds_are_no_bursts() -> None:
    """5/s rounded down to seconds: the CV as told is 2 and more, the CV of the spread times 1 within five sigma."""
    rng = np.random.default_rng(1)
    time_s = np.floor(np.sort(rng.random(20_000) * 4000.0))
    gap_s = np.diff(time_s)
    assert gap_s.std() / gap_s.mean() > 2
    _, cv, _ = arrivals_of(spread(time_s), np.zeros(20_000, np.int32), 1, 400.0, 11)
    assert abs(cv[0, :10].mean() - 1) < 5 / np.sqrt(20_000)


def test_ties_of_a_fine_clock_stay_bursts() -> None:
    """Batches of ten at one microsecond move by less than a microsecond, and times stay in order."""
    rng = np.random.default_rng(2)
    time_s = np.repeat(np.rint(np.sort(rng.random(500)) * 1e9) / 1e6, 10)
    moved = spread(time_s)
    assert (np.diff(moved) >= 0).all()
    assert np.abs(moved - time_s).max() <= step_of(time_s)


def test_times_without_ties_are_kept() -> None:
    """They are returned as they are."""
    time_s = np.array([0.0, 0.5, 3.0])
    assert spread(time_s) is time_s
