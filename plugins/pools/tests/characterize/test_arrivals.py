"""The section on arrivals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from servegen_fw_pools.characterize.arrivals import section_of
from servegen_fw_pools.characterize.gap_families import FAMILIES
from servegen_fw_pools.logs.log import Log

from servegen_fw.plugin import ClientPool


@pytest.mark.parametrize(("family", "cv"), [("exponential", 1.0), ("gamma", 2.0), ("weibull", 1.6)])
def test_known_arrivals_are_recovered(log_of: Any, renewal: Any, family: str, cv: float) -> None:
    """Rate, CV and law of four hours of 8 requests a second come back."""
    # 115,000 gaps: the rate's error is cv/340, the CV's below 1.2 %; five of those are allowed. The law is not refused in
    # at least 75 % of 40 windows (more than 10 refused of Binomial(40, 0.05): 1e-5), and AIC names it in most windows.
    found = section_of(log_of(renewal(family, cv, 8.0, 14_400.0, 3))).figures
    assert found["rate"].value == pytest.approx(8.0, rel=5 * cv / 340)
    assert found["rate"].low < found["rate"].value < found["rate"].high
    assert found["cv"]["whole_log"].value == pytest.approx(cv, rel=0.06)
    assert found["cv"]["median"].value == pytest.approx(cv, rel=0.06)
    laws = found["families"]
    assert laws["not_refused"][family].value >= 0.75
    assert laws["smallest_aic"][family].value > 0.6
    assert sum(share.value for share in laws["smallest_ks"].values()) == pytest.approx(1.0)
    for wrong in set(FAMILIES) - {family}:
        if family != "exponential":
            assert laws["aic_above_best"][wrong].value > 3 * laws["aic_above_best"][family].value


def test_dispersion_of_a_renewal_process_is_its_squared_cv(log_of: Any, renewal: Any) -> None:
    """At scales of many gaps the index of gamma gaps of CV 2 is 4: the intervals, doubled, hold it."""
    found = section_of(log_of(renewal("gamma", 2.0, 8.0, 40_000.0, 1))).figures["dispersion"]
    assert [one["scale_s"] for one in found] == [1.0, 10.0, 60.0, 600.0]
    for one in found[1:]:
        index = one["index"]
        assert abs(np.log(index.value / 4)) < np.log(index.high / index.low)
    assert found[1]["index"].low > found[1]["poisson_high"]


def test_shifts_of_the_rate_are_told(log_of: Any) -> None:
    """A log that sends 9 times as much in its second half has that ratio of peak to trough, and correlated counts."""
    rng = np.random.default_rng(0)
    times = np.concatenate((rng.random(3600) * 7200, 7200 + rng.random(32_400) * 7200))
    found = section_of(log_of(times)).figures
    assert found["rate_over_time"]["peak_to_trough"].value == pytest.approx(9.0, rel=0.15)
    assert found["autocorrelation"]["counts"]["value"][0] > 0.8


def test_windows_of_a_clockwork_have_its_rate(log_of: Any) -> None:
    """One request a second has the rate 1 in every window (to one request), also in the last one, within which it ends."""
    for end, counts in ((1000.5, [300, 300, 300, 101]), (100.5, [101]), (600.5, [300, 301])):
        found = section_of(log_of(np.arange(0, end, 1.0))).figures["windows"]
        assert found["count"] == counts
        assert found["rate_per_s"] == pytest.approx([1.0] * len(counts), abs=0.0035)


def test_hours_of_the_day_are_those_of_the_clock(log_of: Any) -> None:
    """Requests between 14:00 and 15:00 UTC stand in hour 14, though the log starts at 10:30 two hours to the east."""
    rng = np.random.default_rng(0)
    start = 8.5 * 3600
    day = np.concatenate([14 * 3600 + k * 86_400 + rng.random(500) * 3600 for k in range(3)])
    times = np.concatenate(([start], day, [3 * 86_400.0])) - start
    found = section_of(log_of(times, start="2026-03-01T10:30:00+02:00")).figures["hour_of_day"]
    assert int(np.argmax(found["rate_per_s"])) == 14
    assert found["rate_per_s"][14] == pytest.approx(500 / 3600)
    assert sum(found["hours"]) == 63
    assert "hour_of_day" not in section_of(log_of(times)).figures


def test_a_coarse_clock_is_no_law(log_of: Any) -> None:
    """Times in whole seconds have gaps of 0: the law is not judged, and the section says why and what would tell."""
    rng = np.random.default_rng(2)
    found = section_of(log_of(np.floor(rng.random(20_000) * 5000)))
    assert found.figures["coarse_clock"]
    assert "families" not in found.figures
    assert any("clock is too coarse" in line for line in found.cannot)
    assert any("Beware" in line for line in found.lines)


@pytest.mark.parametrize(
    ("times", "told"),
    [([], "fewer than two"), ([5.0], "fewer than two"), ([1.0, 1.0, 1.0], "one time")],
)
def test_without_two_times_nothing_is_said(log_of: Any, times: list[float], told: str) -> None:
    """No request, one, and all at one time have no figures but a reason."""
    found = section_of(log_of(times))
    assert not found.figures
    assert told in found.cannot[0]


def test_a_log_without_times_says_so(log_of: Any) -> None:
    """A log of lengths alone has no arrivals."""
    assert "no times" in section_of(log_of([1.0, 2.0], time_s=None)).cannot[0]


def test_azure_is_bursty_over_minutes_and_nearly_poisson_over_gaps(azure: Log) -> None:
    """Facts of the trace: 5.5 requests a second, CV near 1 in windows, dispersion that grows with the scale."""
    found = section_of(azure).figures
    assert found["requests"] == 19_366
    assert found["rate"].value == pytest.approx(5.53, abs=0.01)
    assert 1.0 < found["cv"]["median"].value < 1.1
    index = [one["index"].value for one in found["dispersion"]]
    assert index == sorted(index)
    assert index[-1] > 10


def test_a_pool_tells_windows_and_no_gaps(deepseek: ClientPool) -> None:
    """Client data gives rates, dispersion over windows and recorded CVs; gaps of the total are told to be unknown."""
    found = section_of(deepseek)
    assert found.figures["rate"].value == pytest.approx(16.0, abs=0.1)
    assert found.figures["cv_of_clients"]["median"].value == pytest.approx(1.02, abs=0.01)
    assert found.figures["cv_of_clients"]["families"]["gamma"].value == pytest.approx(0.83, abs=0.01)
    assert found.figures["dispersion"][0]["scale_s"] == 600.0
    assert any("no single request" in line for line in found.cannot)
