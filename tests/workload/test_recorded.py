"""Recorded counts and their places on a circle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from servegen_fw.errors import InputError
from servegen_fw.suite.model import RateCurve


def counts(workload: Any, windows: int) -> np.ndarray:
    """Return requests per client and window of 600 s, int[C, windows]."""
    found = np.zeros((len(workload.clients), windows), int)
    np.add.at(found, (workload.client, (workload.due_s // 600).astype(int)), 1)
    return found


def mean_is(values: np.ndarray, expected: float, z: float = 4.5) -> bool:
    """Whether a mean agrees within z standard errors, estimated from the values (false alarm 7e-6 at 4.5)."""
    return bool(abs(values.mean() - expected) < z * values.std(ddof=1) / np.sqrt(len(values)))


def test_windows_hold_what_was_recorded(kit: Any) -> None:
    """Every client window holds exactly its recorded count, empty windows and single requests included."""
    recorded = np.array([[5, 0, 1, 7000], [0, 0, 30, 2]])
    workload = kit.compose(kit.recorded(kit.pool(recorded, cv=1.3)), duration_s=2400)
    assert np.array_equal(counts(workload, 4), recorded)


def test_scaled_counts_are_right_on_average(kit: Any) -> None:
    """At 0.37 times the rate 4,000 windows of 3 hold 1.11 on average, each of them 1 or 2: no rounding up."""
    pool = kit.pool(np.full((40, 100), 3))
    workload = kit.compose(kit.recorded(pool, scale="rate"), rate=0.37 * pool.rate, duration_s=60_000)
    found = counts(workload, 100).ravel()
    assert set(found) == {1, 2}
    assert mean_is(found, 1.11)


def test_fractional_counts_of_a_fit_are_settled_without_bias(kit: Any) -> None:
    """Windows of 0.2 requests hold 0.2 on average."""
    workload = kit.compose(kit.recorded(kit.pool(np.full((40, 100), 0.2))), duration_s=60_000)
    assert mean_is(counts(workload, 100).ravel(), 0.2)


@pytest.mark.parametrize(("n", "family"), [(10, 0), (100, 0), (10, 1)])
def test_nothing_piles_up_at_the_start_of_windows(kit: Any, n: int, family: int) -> None:
    """With gaps as bursty as gamma of shape 0.1 every tenth of a window holds a tenth, the first 10 s a sixtieth."""
    cv = np.sqrt((n - 1) / (n * 0.1 + 1)) if family == 0 else 3.0
    pool = kit.pool(np.full((40, 100), n), cv=cv, family=family)
    phase = kit.compose(kit.recorded(pool), duration_s=60_000)
    at, cell = phase.due_s % 600, (phase.client * 100 + phase.due_s // 600).astype(int)
    for low, high in [(0, 10), (0, 1), (590, 600), *((k, k + 60) for k in range(0, 600, 60))]:
        per_window = np.bincount(cell[(at >= low) & (at < high)], minlength=4_000)
        assert mean_is(per_window, n * (high - low) / 600), (low, high)


@pytest.mark.parametrize(("n", "cv"), [(10, 0.5), (10, 1.5), (10, 2.5), (50, 1.0), (200, 5.0)])
def test_the_recorded_sample_cv_is_reproduced(kit: Any, n: int, cv: float) -> None:
    """The squared CV of the n gaps around a window's circle has the recorded one as its mean over 3,000 windows."""
    workload = kit.compose(kit.recorded(kit.pool(np.full((30, 100), n), cv=cv)), duration_s=60_000)
    order = np.lexsort((workload.due_s, workload.client))
    at = (workload.due_s[order] % 600).reshape(-1, n)
    gaps = np.diff(at, axis=1, append=at[:, :1] + 600)
    assert mean_is(gaps.var(axis=1) / gaps.mean(axis=1) ** 2, cv**2)


def test_a_family_without_spread_gives_even_gaps(kit: Any) -> None:
    """As the CV goes to 0 the gaps around the circle become equal."""
    workload = kit.compose(kit.recorded(kit.pool([[60, 60]], cv=1e-4)), duration_s=1200)
    gaps = np.diff(workload.due_s[workload.due_s < 600])
    assert np.allclose(gaps, 10, rtol=1e-2)


def test_gaps_that_underflow_to_nothing_are_placed_together(kit: Any) -> None:
    """Where every gap of a window is 0 the arrivals share one moment instead of becoming NaN."""

    class Nothing(kit.GammaGaps):
        def gaps(self, parameter: np.ndarray, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
            return np.zeros(len(parameter))

    pool = kit.pool([[7, 3]])
    families, kit_families = {"gamma": Nothing()}, kit.families
    try:
        kit.families = families
        workload = kit.compose(kit.recorded(pool), duration_s=1200)
    finally:
        kit.families = kit_families
    assert [len(set(workload.due_s[workload.due_s // 600 == k])) for k in (0, 1)] == [1, 1]
    assert len(workload) == 10


def test_a_window_is_the_same_whichever_case_looks_at_it(kit: Any) -> None:
    """Times do not hang on where the case begins: only the clock's zero moves."""
    pool = kit.pool(np.full((3, 60), 700), cv=2.0)
    whole = kit.compose(kit.recorded(pool), duration_s=36_000)
    part = kit.compose(kit.recorded(pool, start_s=12_345.0), duration_s=5_000)
    inside = whole.due_s[(whole.due_s >= 12_345) & (whole.due_s < 17_345)] - 12_345
    assert np.allclose(part.due_s, inside, atol=2e-6)


def test_families_of_one_client_do_not_disturb_each_other(kit: Any) -> None:
    """Changing the family of one window leaves the places of the client's other windows alone."""
    one = kit.pool(np.full((1, 6), 50), cv=1.2)
    mixed = kit.pool(np.full((1, 6), 50), cv=1.2, family=np.array([[0, 0, 0, 0, 0, 1]]))
    before, after = (kit.compose(kit.recorded(pool), duration_s=3600).due_s for pool in (one, mixed))
    assert np.array_equal(before[before < 3000], after[after < 3000])
    assert not np.array_equal(before[before >= 3000], after[after >= 3000])


def test_a_rate_curve_shapes_recorded_windows(kit: Any) -> None:
    """Under a ramp from 0 to 2 times the rate the second half of each window holds what the ramp says."""
    pool = kit.pool(np.full((200, 4), 50), cv=2.0)
    curve = RateCurve((0.0, 2400.0), (0.0, 2 * pool.rate))
    workload = kit.compose(kit.recorded(pool, scale="rate"), rate=curve, duration_s=2400)
    for low, high in ((0, 300), (300, 600), (1500, 1800), (2100, 2400)):
        per_client = np.bincount(
            workload.client[(workload.due_s >= low) & (workload.due_s < high)], minlength=200
        )
        assert mean_is(per_client, 50 / 600 / 2400 * (high**2 - low**2)), (low, high)


def test_a_family_that_nobody_offers_is_named(kit: Any) -> None:
    """The message has the pool, the family and what is offered."""
    pool = kit.pool([[10]], families=("lognormal",))
    with pytest.raises(InputError, match=r"lognormal.*gamma, poisson, weibull") as caught:
        kit.compose(kit.recorded(pool), duration_s=600)
    assert "install" in str(caught.value)


def test_an_active_window_without_a_family_is_an_error(kit: Any) -> None:
    """A count with no family is damage in the pool, not a default."""
    pool = kit.pool([[10, 10]])
    pool.family[0, 1] = -1
    with pytest.raises(InputError, match="gap family ''"):
        kit.compose(kit.recorded(pool), duration_s=1200)


def test_a_family_needed_nowhere_may_be_absent(kit: Any) -> None:
    """A pool may name families that its windows do not use."""
    workload = kit.compose(
        kit.recorded(kit.pool([[10]], families=("gamma", "nobody-has-this"))), duration_s=600
    )
    assert len(workload) == 10


def test_a_window_of_one_request_is_taken_as_poisson(kit: Any) -> None:
    """One request shows no CV, so its process is neither even nor bursty, whatever the pool says."""
    from servegen_fw.workload.curve import Curve
    from servegen_fw.workload.recorded import RecordedClients
    from servegen_fw.workload.streams import Streams

    pool = kit.pool([[1, 50, 1]], cv=[[7.0, 1.0, 0.0]])
    pool.cv[0] = [7.0, 1.0, 0.0]
    clients = RecordedClients(
        pool, [(0, "0")], "g", 0.0, 1800.0, Curve.constant(1.0), None, kit.families, Streams(1)
    )
    found = clients.parameters(0, np.array([0, 1, 2]))
    assert found.tolist() == [1.0, pytest.approx((49 - 1) / 50), 1.0]
