"""Turns and think times.

Statistical tests run on fixed seeds; over seeds each fails by chance with probability below 1e-5.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from servegen_fw_models import options
from servegen_fw_models.conversation import make_geometric, make_single

from servegen_fw.plugin import Choice, LengthEntry, NoOptions

THINK = Choice(
    LengthEntry(name="lognormal", config=options.LogNormal, make="servegen_fw_models.lengths:make_lognormal"),
    options.LogNormal(median=100.0, sigma=1.2),
)


def test_single_sessions_have_one_turn() -> None:
    """One turn each, no think time, no context."""
    single = make_single(NoOptions())
    rng = np.random.default_rng(0)
    assert single.turns(4, rng).tolist() == [1, 1, 1, 1]
    assert single.turns(4, rng).dtype == np.int32
    assert single.think_s(2, rng).tolist() == [0.0, 0.0]
    assert (single.mean_turns, single.carries_context) == (1.0, False)


@pytest.mark.parametrize("mean", [1.0, 1.5, 3.5, 40.0])
def test_geometric_turns_have_the_mean_and_variance_stated(mean: float) -> None:
    """Turns are at least 1, with mean m and variance m (m - 1), to 4.5 standard errors."""
    talk = make_geometric(options.Geometric(turns=mean))
    turns = talk.turns(100_000, np.random.default_rng(61)).astype(float)
    assert turns.min() >= 1
    assert talk.mean_turns == mean
    error = math.sqrt(mean * (mean - 1) / len(turns))
    assert abs(turns.mean() - mean) <= 4.5 * error
    squared = (turns - mean) ** 2
    assert abs(squared.mean() - mean * (mean - 1)) <= 4.5 * squared.std() / math.sqrt(len(turns))


def test_geometric_turns_forget_their_past() -> None:
    """Of sessions with at least 3 turns, the share with more is 1 - 1 / mean, as of all."""
    turns = make_geometric(options.Geometric(turns=3.5)).turns(100_000, np.random.default_rng(62))
    long = turns[turns >= 3]
    share = 1 - 1 / 3.5
    assert abs((long > 3).mean() - share) < 4.5 * math.sqrt(share * (1 - share) / len(long))


def test_think_times_follow_the_nested_length() -> None:
    """Think times pass a Kolmogorov-Smirnov test against the log-normal chosen in the suite, at p = 1e-5."""
    talk = make_geometric(options.Geometric(turns=3.5, think=THINK))
    think = talk.think_s(20_000, np.random.default_rng(63))
    assert stats.kstest(think, stats.lognorm(1.2, scale=100).cdf).pvalue > 1e-5


def test_without_think_turns_follow_at_once() -> None:
    """No think law, no waiting; the stream is used all the same, so that adding one shifts nothing else."""
    talk = make_geometric(options.Geometric(turns=2.0))
    rng = np.random.default_rng(64)
    assert talk.think_s(3, rng).tolist() == [0.0, 0.0, 0.0]
    assert rng.random() == np.random.default_rng(64).random(4)[3]


@pytest.mark.parametrize("carries", [True, False])
def test_context_is_carried_as_asked(carries: bool) -> None:
    """carries_context reaches the product; the default is to carry."""
    assert make_geometric(options.Geometric(turns=2.0, carries_context=carries)).carries_context is carries
    assert make_geometric(options.Geometric(turns=2.0)).carries_context


def test_more_sessions_only_append() -> None:
    """Turns of earlier sessions do not change with the number of sessions drawn."""
    talk = make_geometric(options.Geometric(turns=3.5))
    long = talk.turns(1_000, np.random.default_rng(65))
    np.testing.assert_array_equal(talk.turns(300, np.random.default_rng(65)), long[:300])
