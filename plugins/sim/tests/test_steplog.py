"""Step end times stored as progressions."""

from __future__ import annotations

import numpy as np
from servegen_fw_sim.steplog import StepLog


def test_progressions_expand_to_running_sums():
    """The i-th end of a row is the start plus the sum of its first i step times, each longer than the last by `growth`."""
    log, steps, t = StepLog(), [], 0.0
    rng = np.random.default_rng(0)
    for _ in range(50):
        t += float(rng.choice([0.0, 0.5]))
        count, step, growth = int(rng.integers(1, 40)), float(rng.random()), float(rng.random() / 100)
        log.append(len(steps), count, t, step, growth)
        for i in range(count):
            t += step + i * growth
            steps.append(t)
    assert len(log) == len(steps)
    np.testing.assert_allclose(log.ends_s(), steps, rtol=0, atol=1e-9)


def test_any_steps_can_be_asked_in_any_order():
    """Times of single steps, in any order and repeated, equal those of the whole axis."""
    log = StepLog()
    log.append(0, 5, 0.0, 1.0, 0.1)
    log.append(5, 1, 9.0, 2.0, 0.0)
    log.append(6, 10, 11.0, 1.0, 0.0)
    steps = np.array([15, 0, 5, 4, 6, 6])
    np.testing.assert_array_equal(log.end_s(steps), log.ends_s()[steps])


def test_an_empty_log_has_no_steps():
    """A run without steps has an empty axis."""
    log = StepLog()
    assert len(log) == 0
    assert log.ends_s().shape == log.end_s(np.empty(0, np.int64)).shape == (0,)
