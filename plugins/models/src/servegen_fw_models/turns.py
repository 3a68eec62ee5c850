"""Conversations as recorded ones are: a log-normal number of turns, or users' turns and the tool calls after them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw_models.conversation import Geometric
from servegen_fw_models.lengths import LogNormal
from servegen_fw_models.mixture import mixed
from servegen_fw_models.pareto_lognormal import ParetoLogNormal

if TYPE_CHECKING:
    from numpy.random import Generator

    from servegen_fw.plugin import Choice, Lengths
    from servegen_fw_models import options

F8: TypeAlias = npt.NDArray[np.float64]
I4: TypeAlias = npt.NDArray[np.int32]

PAUSE = {"median": 100.0, "sigma": 1.2, "tail": 1.0, "max": 43_200.0}
"""Default think time: a body around 100 s with a long tail, as ServeGen (arXiv 2505.09999, section 5) reports of
reasoning conversations, up to the 12 hours that it covers. `sigma` and `tail` are our choice."""

TOOL_MEDIAN_S, TOOL_SIGMA = 2.0, 1.0
_WIDEST_LOG = 60.0


@attrs.frozen(eq=False)
class LogNormalTurns:
    """The number of turns is a log-normal number rounded up, given that it is at most `max_turns`; a `Conversation`.

    Attributes
    ----------
        cdf: float64[max_turns]; probability of at most 1, 2 ... turns.
        think: law of the think times, in s.
        carries_context: whether turns send the earlier ones along.
    """

    cdf: F8
    think: Lengths
    carries_context: bool

    @property
    def mean_turns(self) -> float:
        """Mean number of turns, that of the table."""
        return float(1.0 + (1.0 - self.cdf[:-1]).sum())

    def turns(self, n: int, rng: Generator) -> I4:
        """Turns of n sessions."""
        return (1 + np.searchsorted(self.cdf, rng.random(n), side="right")).astype(np.int32)

    def think_s(self, n: int, rng: Generator) -> F8:
        """Independent think times in seconds."""
        return np.asarray(self.think.ppf(rng.random(n)), np.float64)


def turns_cdf(mean: float, sigma: float, max_turns: int) -> F8:
    """Probabilities of at most 1, 2 ... `max_turns` turns, float64[max_turns], such that their mean is `mean`.

    P(N <= k) = Phi((log k - mu) / sigma) / Phi((log max_turns - mu) / sigma), with mu found by halving: the mean,
    the sum of P(N > k), grows with it.
    """
    from scipy.special import log_ndtr

    log_k = np.log(np.arange(1.0, max_turns + 1))

    def cdf(mu: float) -> F8:
        log = log_ndtr((log_k - mu) / sigma)
        return np.asarray(np.exp(log - log[-1]))

    low, high = -_WIDEST_LOG * sigma, float(log_k[-1]) + _WIDEST_LOG * sigma
    for _ in range(80):
        mu = (low + high) / 2
        low, high = (mu, high) if 1.0 + (1.0 - cdf(mu)[:-1]).sum() < mean else (low, mu)
    return cdf((low + high) / 2)


def pause(think: Choice | None) -> Lengths:
    """Law of users' think times in seconds: the one chosen, or the default."""
    return think.make() if think else ParetoLogNormal.of(**PAUSE)


def make_lognormal(config: options.LogNormalTurns) -> LogNormalTurns:
    """Log-normal number of turns."""
    cdf = np.ones(1) if config.turns == 1 else turns_cdf(config.turns, config.sigma, config.max_turns)
    return LogNormalTurns(cdf, pause(config.think), config.carries_context)


def make_tool_calls(config: options.ToolCalls) -> Geometric:
    """Users' turns, each followed by a burst of tool calls; both numbers geometric.

    After any turn a tool is called with probability t = calls / (calls + 1); else the user goes on with probability
    1 - 1 / turns, or it ends. So the number of turns of either sort is geometric with mean turns (calls + 1), and given
    that there is a next turn, it is a tool's with probability t / (t + (1 - t) (1 - 1 / turns)) whatever went before.
    Waits drawn independently from the mixture of both laws thus have exactly the law of the bursts.
    """
    tool = config.calls / (config.calls + 1.0)
    user = (1.0 - tool) * (1.0 - 1.0 / config.turns)
    gap = config.gap.make() if config.gap else LogNormal(TOOL_MEDIAN_S, TOOL_SIGMA)
    think = pause(config.think)
    if not (tool > 0 and user > 0):
        wait: Lengths = gap if tool > 0 else think
    else:
        wait = mixed([gap, think], [tool, user])
    return Geometric(config.turns * (config.calls + 1.0), config.carries_context, wait)
