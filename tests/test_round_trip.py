"""Random populations, generated, fitted and generated again: a characterisation finds the parameters that they were given.

The experiment is that of docs/findings/round_trip.py, with fewer requests. P-values of goodness of fit, which it does not
look at and which cost most of the time, are left out.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from servegen_fw_pools.characterize import gap_tests, goodness

SEEDS = range(1, 21)
SESSIONS = 5000
FINDINGS = Path(__file__).parent.parent / "docs" / "findings"

# For 4 of 150 samples of 5,000 log-normal lengths the mixture was chosen, for a bump in them. Of the 24 samples here more
# than 3 are a chance of 0.4 %.
MOST_BUMPS = 3
# Gamma and Weibull gaps of CV 0.6 or 0.7 are alike: of 60 other populations of this size none was taken for the other family
# when generated, and 2 were when fitted. Of the 13 here more than 2 are a chance of 1 %.
MOST_ALIKE = {"generated": 0, "fitted": 2}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def round_trip() -> Any:
    """The experiment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FINDINGS)
        module = importlib.import_module("round_trip")
    yield module
    for name in ("round_trip", "recovery", "populations", "knot_bias", "workloads"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def trips(round_trip: Any) -> Any:
    """Both trips of 20 populations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(goodness, "REPLICATES", 1)
        patch.setattr(gap_tests, "REPLICATES", 1)
        return round_trip.trips(SEEDS, SESSIONS)


@pytest.mark.parametrize("trip", ["generated", "fitted"])
def test_parameters_come_back(trips: Any, trip: str) -> None:
    """Every parameter of 20 populations is found within 5 standard errors, after a fit within its knots' bound more."""
    # 267 comparisons a trip: with normal errors a false alarm in 6,000 changes of all random numbers.
    wrong = [
        (one.seed, each.name, each.given, each.found, each.sigmas)
        for one in trips[trip]
        for each in one.parameters
        if not abs(each.deviation) <= each.tolerance
    ]
    assert sum(len(one.parameters) for one in trips[trip]) > 200
    assert wrong == []


def test_nothing_is_off_to_one_side(trips: Any, round_trip: Any) -> None:
    """Over all populations the errors of a parameter average out: 4 sigma of their mean, a false alarm in 800 changes."""
    compared = round_trip.by_parameter(trips["generated"])
    off = {name: round_trip.drift(found) for name, found in compared.items()}
    assert len(off) >= 15
    assert {name: value for name, value in off.items() if not abs(value) < 4} == {}


def test_standard_errors_are_what_errors_show(trips: Any) -> None:
    """Errors of all parameters together are as large as stated: mean square 1 within 5 sqrt(2 / n)."""
    found = [each for one in trips["generated"] for each in one.parameters]
    square = sum(each.sigmas**2 for each in found) / len(found)
    assert abs(square - 1) < 5 * (2 / len(found)) ** 0.5


def test_families_come_back(trips: Any) -> None:
    """Families are those given; after a fit, whose tails are straight between knots, a log-normal may have a tail."""
    for trip, outcomes in trips.items():
        wrong = [
            (name, given, chosen)
            for one in outcomes
            for name, given, chosen in one.families
            if chosen != given
        ]
        gaps = [each for each in wrong if each[0] == "family of gaps"]
        bumps = [each for each in wrong if each[1:] == ("lognormal", "pareto-lognormal")]
        assert len(gaps) + len(bumps) == len(wrong), wrong
        assert len(gaps) <= MOST_ALIKE[trip]
        if trip == "generated":
            assert len(bumps) <= MOST_BUMPS
