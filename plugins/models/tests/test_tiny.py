"""Exponentials of logarithms below the range of doubles."""

from __future__ import annotations

import numpy as np
from servegen_fw_models.tiny import exp_floored


def test_ordinary_logarithms_are_exact() -> None:
    """From -650 up the result is exp to the bit."""
    log = np.linspace(-650, 700, 2_001)
    np.testing.assert_array_equal(exp_floored(log), np.exp(log))


def test_deep_logarithms_keep_their_order_and_stay_normal() -> None:
    """Down to -1e6, results descend strictly, are positive, and no denormals."""
    log = -np.geomspace(600, 1e6, 3_001)
    found = exp_floored(log)
    assert (np.diff(found) < 0).all()
    assert found.min() > np.finfo(np.float64).tiny
