"""The measured error of a fit, on fits whose error is known."""

from __future__ import annotations

import numpy as np
import pytest
from servegen_fw_pools.fit.fit_error import measure

from servegen_fw.plugin import ClientPool, Tables


def pool_of(
    values: list[float], cdf: list[float], *, linear: bool, cv: float = 2.0, count: float = 100
) -> ClientPool:
    """One client, one window, one field."""
    return ClientPool(
        name="p",
        clients=("a",),
        start_s=0.0,
        window_s=600.0,
        count=np.array([[count]]),
        cv=np.array([[cv]]),
        family=np.zeros((1, 1), np.int16),
        families=("gamma",),
        fields=("input_tokens",),
        tables=Tables(np.array([0, len(values)]), np.array(values, float), np.array(cdf, float), linear),
        table=np.zeros((1, 1, 1), np.int32),
        table_window_s=600.0,
    )


def errors(recorded: ClientPool, fitted: ClientPool) -> dict[str, dict[str, float]]:
    """All errors."""
    return measure(recorded, fitted, np.array([[100.0]]), {"input_tokens": 0.5})


def test_an_exact_fit_has_no_error() -> None:
    """The corners of a mass function are measured as zero in every field and statistic."""
    found = errors(
        pool_of([0, 1, 2], [0.5, 0.75, 1], linear=False),
        pool_of([0, 0.5, 1.5, 2.5], [0, 0.5, 0.75, 1], linear=True),
    )
    assert set(found["input_tokens"].values()) == {0.0}
    assert set(found["population"].values()) == {0.0}


def test_a_shift_is_measured_in_mean_quantile_and_distance() -> None:
    """A constant 100 fitted as 110: 10 % in mean and quantiles, KS distance 1."""
    found = errors(
        pool_of([100, 110], [1 - 1e-15, 1], linear=False), pool_of([109.5, 110.5], [0, 1], linear=True)
    )["input_tokens"]
    assert found["mean_relative"] == pytest.approx(0.1)
    assert found["client_mean_relative"] == pytest.approx(0.1)
    assert found["p50_relative"] == pytest.approx(0.1)
    assert found["p99_relative"] == pytest.approx(0.1)
    assert found["ks_max"] == 1


def test_a_smeared_first_segment_is_measured_as_it_rounds() -> None:
    """A uniform on [0, 2.5] rounds to 0 with weight 1/5: its mean is 1.2, not 1.25."""
    found = errors(pool_of([0, 1, 2], [0.2, 0.6, 1], linear=False), pool_of([0, 2.5], [0, 1], linear=True))
    assert found["input_tokens"]["mean_relative"] == 0
    assert found["input_tokens"]["ks_max"] == 0


def test_errors_of_counts_and_cv_are_measured() -> None:
    """A tenth more requests and a CV 5 % off are stated under population."""
    table = ([1.0], [1.0])
    fitted = pool_of([0.5, 1.5], [0, 1], linear=True, cv=2.1, count=110)
    found = errors(pool_of(*table, linear=False), fitted)["population"]
    assert found["requests_relative"] == pytest.approx(0.1)
    assert found["cv_relative_max"] == pytest.approx(0.05)
    assert found["share_max"] == 0
