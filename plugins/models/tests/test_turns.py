"""Log-normal numbers of turns, and bursts of tool calls.

Statistical tests run on fixed seeds; over seeds each case fails by chance with probability below 1e-5.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from servegen_fw_models import options
from servegen_fw_models.turns import make_lognormal, make_tool_calls, turns_cdf

from servegen_fw.plugin import Choice, LengthEntry


def fixed(value: float) -> Choice:
    """A time that is always the same."""
    entry = LengthEntry(name="fixed", config=options.Fixed, make="servegen_fw_models.lengths:make_fixed")
    return Choice(entry, options.Fixed(value=value))


def test_the_defaults_are_the_released_conversations() -> None:
    """Mean 3.54, median 2, 90th percentile 7; the largest of 1,616 is 45 or less with probability between 0.2 and 0.5."""
    cdf = make_lognormal(options.LogNormalTurns()).cdf
    assert 1 + (1 - cdf[:-1]).sum() == pytest.approx(3.54, abs=1e-9)
    assert int(np.searchsorted(cdf, 0.5)) + 1 == 2
    assert int(np.searchsorted(cdf, 0.9)) + 1 == 7
    assert 0.2 < cdf[44] ** 1616 < 0.5


@given(st.floats(1.0, 50.0), st.floats(0.1, 3.0), st.integers(100, 5_000))
@settings(max_examples=60)
def test_any_number_of_turns_has_its_mean_and_law(mean: float, sigma: float, longest: int) -> None:
    """The table's mean is the one asked for, and its law that of a log-normal number rounded up and cut."""
    cdf = turns_cdf(mean, sigma, longest)
    assert 1 + (1 - cdf[:-1]).sum() == pytest.approx(mean, rel=1e-6)
    assert (np.diff(cdf) >= 0).all()
    assert cdf[-1] == 1
    k = np.log(np.arange(1, longest + 1))

    def expected(mu: float) -> np.ndarray:
        return stats.truncnorm.cdf((k - mu) / sigma, -np.inf, (k[-1] - mu) / sigma)

    if mean > 1.01:
        mu = optimize.brentq(
            lambda mu: 1 + (1 - expected(mu)[:-1]).sum() - mean, -20 * sigma, k[-1] + 9 * sigma
        )
        np.testing.assert_allclose(cdf, expected(mu), atol=1e-6)


@given(st.floats(1.0, 40.0), st.integers(0, 2**32))
@settings(max_examples=20)
def test_any_sessions_have_the_mean_stated_and_a_turn_at_least(mean: float, seed: int) -> None:
    """Of 20,000 sessions the mean is `mean_turns` within 6 standard errors (2e-9 a case), all in [1, max_turns]."""
    talk = make_lognormal(options.LogNormalTurns(turns=mean, max_turns=500))
    turns = talk.turns(20_000, np.random.default_rng(seed))
    assert turns.dtype == np.int32
    assert turns.min() >= 1
    assert turns.max() <= 500
    assert talk.mean_turns == pytest.approx(mean, rel=1e-6)
    assert abs(turns.mean() - mean) <= 6 * turns.std() / math.sqrt(len(turns)) + 1e-9


def test_more_sessions_only_append() -> None:
    """Turns and think times of earlier sessions do not change with how many are drawn."""
    talk = make_lognormal(options.LogNormalTurns())
    for draw in (talk.turns, talk.think_s):
        long = draw(1_000, np.random.default_rng(111))
        np.testing.assert_array_equal(draw(300, np.random.default_rng(111)), long[:300])


def test_default_pauses_have_a_body_at_100_s_and_a_long_tail() -> None:
    """Median 100 s, 90th percentile 600 s, none above 12 h; beyond 450 s probabilities fall as 1 / x."""
    think = make_lognormal(options.LogNormalTurns()).think
    low, middle, high, top = think.ppf(np.array([0.1, 0.5, 0.9, 1 - 2**-53]))
    assert middle == pytest.approx(100, rel=0.01)
    assert (low, high) == (pytest.approx(20.6, rel=0.01), pytest.approx(600, rel=0.01))
    assert top <= 43_200
    ratio = think.ppf(np.array([0.97]))[0] / think.ppf(np.array([0.94]))[0]
    assert ratio == pytest.approx(2.0, rel=0.05)


def test_context_is_carried_by_default() -> None:
    """Both models send the earlier turns along unless told not to."""
    assert make_lognormal(options.LogNormalTurns()).carries_context
    assert make_tool_calls(options.ToolCalls(calls=3)).carries_context
    assert not make_tool_calls(options.ToolCalls(calls=3, carries_context=False)).carries_context


def test_one_turn_is_one_turn() -> None:
    """A mean of 1 has no later turns."""
    talk = make_lognormal(options.LogNormalTurns(turns=1))
    assert talk.mean_turns == 1
    assert set(talk.turns(100, np.random.default_rng(112)).tolist()) == {1}


@pytest.mark.parametrize(("users", "calls"), [(1.0, 4.0), (2.5, 3.0), (4.0, 0.0), (1.0, 0.0)])
def test_bursts_are_what_users_and_tools_would_make(users: float, calls: float) -> None:
    """Against a plain simulation, session by session: turns, users' turns and bursts pass chi-square tests at 1e-5."""
    n = 20_000
    talk = make_tool_calls(options.ToolCalls(turns=users, calls=calls, gap=fixed(1), think=fixed(100)))
    assert talk.mean_turns == users * (calls + 1)
    rng = np.random.default_rng(113)
    turns = talk.turns(n, rng)
    wait = talk.think_s(int(turns.sum()) - n, rng)
    assert set(wait.tolist()) <= {1.0, 100.0}
    session = np.repeat(np.arange(n), turns - 1)
    by_user = 1 + np.bincount(session[wait == 100], minlength=n)

    other = np.random.default_rng(114)
    simulated_users = other.geometric(1 / users, n)
    bursts = other.geometric(1 / (calls + 1), int(simulated_users.sum())) - 1
    simulated = np.add.reduceat(bursts + 1, np.cumsum(simulated_users) - simulated_users)

    same_law(turns, simulated)
    same_law(by_user, simulated_users)
    # Sessions end to end: each begins with a user's turn, and a burst lasts until the next one.
    first = np.cumsum(turns) - turns
    user = np.zeros(int(turns.sum()), bool)
    user[first] = True
    user[~user] = wait == 100
    same_law(np.diff(np.append(np.flatnonzero(user), len(user))) - 1, bursts)
    # Bursts do not hang together: the burst after a user's turn says nothing of the one after the next.
    own = np.diff(np.append(np.flatnonzero(user), len(user))) - 1
    if users > 1 and calls:
        assert abs(stats.spearmanr(own[:-1], own[1:]).statistic) < 4.5 / math.sqrt(len(own))


def same_law(one: np.ndarray, other: np.ndarray) -> None:
    """Pass a chi-square test of homogeneity at 1e-5; values are gathered until each class holds 20."""
    edges = np.unique(np.quantile(np.concatenate((one, other)), np.linspace(0, 1, 12), method="higher"))
    table = np.array(
        [np.bincount(np.searchsorted(edges, part), minlength=len(edges)) for part in (one, other)]
    )
    table = table[:, table.sum(axis=0) >= 20]
    if table.shape[1] > 1:
        assert stats.chi2_contingency(table).pvalue > 1e-5
    else:
        assert set(one.tolist()) == set(other.tolist())


def test_tools_take_seconds_and_users_minutes() -> None:
    """By default the waits are the mixture of a log-normal of 2 s and the pauses: at 15 s, their shares within 4.5 errors."""
    talk = make_tool_calls(options.ToolCalls(turns=3, calls=2))
    wait = talk.think_s(40_000, np.random.default_rng(115))
    tool, user = 2 / 3, (1 / 3) * (2 / 3)
    pauses = make_lognormal(options.LogNormalTurns()).think
    grid = (np.arange(100_000) + 0.5) / 100_000
    below = (tool * stats.norm.cdf(math.log(7.5)) + user * (pauses.ppf(grid) < 15).mean()) / (tool + user)
    assert abs((wait < 15).mean() - below) < 4.5 * math.sqrt(below * (1 - below) / len(wait))
