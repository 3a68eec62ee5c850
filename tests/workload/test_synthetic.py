"""Synthetic clients."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from scipy import stats

from servegen_fw.suite.model import RateCurve
from servegen_fw.workload.renewal import renewal


@attrs.frozen
class OnOff:
    """On for `on` s at a level that makes the mean 1, then off for as long again."""

    on: float = 20.0

    def path(self, horizon_s: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the path, begun at a uniform phase."""
        start = rng.uniform(0, 2 * self.on)
        breaks = np.arange(-start, horizon_s, self.on)
        levels = np.where(np.arange(len(breaks)) % 2, 0.0, 2.0)
        inside = breaks > 0
        return np.append(0.0, breaks[inside]), np.append(levels[~inside][-1], levels[inside])


@attrs.frozen
class PoissonInSeconds:
    """A process that says its memory is in seconds."""

    timescale: str = "physical"

    def times(self, horizon_s: float, mean_rate: float, rng: np.random.Generator) -> np.ndarray:
        """Return Poisson times."""
        return np.sort(rng.uniform(0, horizon_s, rng.poisson(horizon_s * mean_rate)))


def constant() -> Any:
    """Return arrivals one apart, the first at a uniform time."""
    return renewal(lambda n, rng: np.ones(n), lambda rng: float(rng.random()))  # noqa: ARG005


def test_rates_follow_zipf(kit: Any) -> None:
    """With exponent 1 client k sends in proportion to 1 / k: chi-square, false alarm 1e-4."""
    w = kit.compose(kit.synthetic(clients=10, skew=1.0), rate=20.0, duration_s=3000)
    weight = 1 / np.arange(1, 11)
    expected = len(w) * weight / weight.sum()
    assert stats.chisquare(np.bincount(w.client, minlength=10), expected).pvalue > 1e-4


def test_without_skew_rates_are_equal(kit: Any) -> None:
    """Exponent 0 gives every client the same share: chi-square, false alarm 1e-4."""
    w = kit.compose(kit.synthetic(clients=20), rate=20.0, duration_s=3000)
    assert stats.chisquare(np.bincount(w.client, minlength=20)).pvalue > 1e-4


def test_the_rate_is_the_one_asked_for(kit: Any) -> None:
    """Even arrivals of 4/s for 600 s are 2,400, one more or less."""
    assert (
        abs(len(kit.compose(kit.synthetic(arrival=kit.Made(constant())), rate=4.0, duration_s=600)) - 2400)
        <= 1
    )


def test_a_ramp_is_followed_exactly(kit: Any) -> None:
    """Even arrivals under a ramp stand where the integral of the rate is a whole number plus the first one's."""
    curve = RateCurve((0.0, 600.0), (0.0, 8.0))
    due = kit.compose(kit.synthetic(arrival=kit.Made(constant())), rate=curve, duration_s=600).due_s
    mass = 8 / 600 * due**2 / 2
    assert np.allclose(np.diff(mass), 1, atol=1e-4)
    assert len(due) in {2400, 2399, 2401}


def test_a_curve_reaches_every_client(kit: Any) -> None:
    """The counts of a Poisson group in each minute of a peak follow the curve: chi-square, false alarm 1e-4."""
    curve = RateCurve((0.0, 600.0, 1200.0), (4.0, 16.0, 4.0))
    due = kit.compose(kit.synthetic(clients=7, skew=1.0), rate=curve, duration_s=1200).due_s
    t = np.arange(0, 1201, 60)
    expected = np.diff(
        np.where(t <= 600, 4 * t + 12 / 1200 * t**2, 6000 + 16 * (t - 600) - 12 / 1200 * (t - 600) ** 2)
    )
    seen = np.histogram(due, t)[0]
    assert stats.chisquare(seen, expected * seen.sum() / expected.sum()).pvalue > 1e-4
    assert abs(seen.sum() - expected.sum()) < 5 * np.sqrt(expected.sum())


@pytest.mark.parametrize("rate", [2.0, 20.0])
def test_modulation_is_in_seconds_at_every_rate(kit: Any, rate: float) -> None:
    """On for 20 s stays 20 s whatever the rate: requests of one client fall in one half of each 40 s."""
    w = kit.compose(kit.synthetic(modulation=kit.Made(OnOff())), rate=rate, duration_s=2000)
    phase = np.sort(w.due_s % 40)
    gap = np.diff(np.append(phase, phase[0] + 40)).max()
    assert 19.5 < gap < 20.0 + 60 / rate / 10
    assert abs(len(w) - 2000 * rate) < 5 * np.sqrt(2000 * rate) + 2 * 20 * rate


def test_each_client_is_modulated_on_its_own(kit: Any) -> None:
    """Phases differ from client to client, so the group as a whole is nearly even."""
    w = kit.compose(kit.synthetic(clients=400, modulation=kit.Made(OnOff())), rate=100.0, duration_s=400)
    share = np.histogram(w.due_s % 40, 4)[0] / len(w)
    # 400 uniform phases: the share of a quarter has a standard error of about 0.01.
    assert np.abs(share - 0.25).max() < 0.06


def test_processes_in_seconds_get_their_mean_rate(kit: Any) -> None:
    """A physical process is run at the rate asked for, and thinned to a curve."""
    group = kit.synthetic(arrival=kit.Made(PoissonInSeconds()))
    assert abs(len(kit.compose(group, rate=5.0, duration_s=2000)) - 10_000) < 500
    due = kit.compose(group, rate=RateCurve((0.0, 2000.0), (0.0, 10.0)), duration_s=2000).due_s
    assert abs(len(due) - 10_000) < 500
    assert stats.kstest((due / 2000) ** 2, "uniform").pvalue > 1e-4


def test_a_silent_client_sends_nothing(kit: Any) -> None:
    """A curve that is zero over the whole case makes no requests, from either kind of process."""
    curve = RateCurve((0.0, 100.0, 100.0), (0.0, 0.0, 5.0))
    assert len(kit.compose(kit.synthetic(), rate=curve, duration_s=100)) == 0
    assert (
        len(kit.compose(kit.synthetic(arrival=kit.Made(PoissonInSeconds())), rate=curve, duration_s=100)) == 0
    )


def test_a_longer_case_appends(kit: Any) -> None:
    """The requests of a case are the first ones of a longer case."""
    group = kit.synthetic(clients=4, skew=1.0, modulation=kit.Made(OnOff()))
    short, long = (kit.rows(kit.compose(group, rate=3.0, duration_s=d)) for d in (500, 2000))
    assert long[: len(short)] == short
    assert len(long) > 3 * len(short)


def test_clients_are_named_by_rank(kit: Any) -> None:
    """GROUP-1 is the fastest."""
    w = kit.compose(kit.synthetic(name="chat", clients=3, skew=2.0), rate=1.0, duration_s=3000)
    assert w.clients.names == ("chat-1", "chat-2", "chat-3")
    assert np.bincount(w.client).argmax() == 0
