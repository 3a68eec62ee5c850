"""Intervals by leaving stretches of time out."""

from __future__ import annotations

import numpy as np
import pytest
from servegen_fw_pools.characterize import jackknife


def test_a_mean_has_the_interval_of_its_blocks() -> None:
    """For the mean of equal stretches, the jackknife is the t interval of the stretches' means."""
    means = np.array([1.0, 2.0, 4.0, 3.0, 5.0, 9.0])
    found = jackknife.number(float(means.mean()), jackknife.without(means) / 5, "s", 6)
    half = 2.5705818 * means.std(ddof=1) / np.sqrt(6)
    assert (found.low, found.high) == pytest.approx((means.mean() - half, means.mean() + half))
    assert found.method == "block jackknife"


def test_the_interval_holds_the_value_and_its_limits() -> None:
    """Limits cut the interval, never the number itself, and a ratio's interval is made on the logarithm."""
    others = np.array([0.9, 0.95, 1.0, 0.99, 0.7])
    found = jackknife.number(0.95, others, least=0.0, most=1.0)
    assert found.low is not None
    assert 0.0 <= found.low <= 0.95 <= (found.high or 0) <= 1.0
    ratio = jackknife.number(2.0, np.array([1.8, 2.1, 2.0, 1.9, 2.3]), log=True)
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low * ratio.high == pytest.approx(4.0)


@pytest.mark.parametrize("others", [None, np.empty(0), np.array([1.0, np.nan]), np.array([1.0, np.inf])])
def test_without_every_part_there_is_no_interval(others: np.ndarray | None) -> None:
    """A number that is not defined without one of the stretches comes without an interval, and finite."""
    found = jackknife.number(1.0, others)
    assert (found.value, found.low, found.high) == (1.0, None, None)


def test_few_units_make_no_blocks() -> None:
    """Below five stretches there are none; above, up to twenty of equal size to within one."""
    assert [jackknife.blocks_of(n) for n in (0, 4, 5, 19, 20, 1000)] == [0, 0, 5, 19, 20, 20]
    assert jackknife.blocks_of(20, 2) == 10
    sizes = np.bincount(jackknife.block_index(1003, 20))
    assert len(sizes) == 20
    assert sizes.max() - sizes.min() <= 1
