"""Conversations of a log."""

from __future__ import annotations

import attrs
import numpy as np
from servegen_fw_pools.fit.chains import chains_of
from servegen_fw_pools.logs.log import Log

LOG = Log(
    name="chat",
    time_s=np.array([0.0, 10.0, 20.0, 45.0, 50.0, 52.0]),
    input_tokens=np.array([100, 30, 160, 7, 300, 40], np.int32),
    output_tokens=np.array([50, 5, 60, 7, 10, 8], np.int32),
    session=np.array([4, 9, 4, -1, 4, 9]),
    turn=np.array([0, 0, 1, 0, 2, 1], np.int32),
    latency_s=np.array([5.0, 1.0, np.nan, 1.0, 1.0, 1.0]),
)


def test_turns_think_times_and_history() -> None:
    """Two sessions and one request that stands alone, with every number by hand."""
    chains = chains_of(LOG)
    assert chains.first.tolist() == [True, True, False, True, False, False]
    assert chains.parent.tolist() == [-1, -1, 0, -1, 2, 1]
    assert chains.turns.tolist() == [3, 2, 1]
    # 20 - 0 - 5; the second parent's latency is unknown; 52 - 10 - 1.
    assert chains.think_s.tolist() == [15.0, 30.0, 41.0]
    assert chains.waits == 1
    assert chains.carried.tolist() == [0, 0, 150, 0, 220, 35]
    assert chains.carrying == 1.0
    assert chains.sessions
    assert chains.carries_context


def test_reasoning_is_no_part_of_the_history() -> None:
    """The answer that a later turn repeats is the output less its reasoning."""
    log = attrs.evolve(LOG, reason_tokens=np.array([40, 0, 0, 0, 0, 0], np.int32))
    assert chains_of(log).carried[2] == 110


def test_turns_that_repeat_nothing() -> None:
    """Prompts shorter than their parent's prompt and answer do not carry them."""
    chains = chains_of(attrs.evolve(LOG, input_tokens=np.full(6, 20, np.int32)))
    assert not chains.carried.any()
    assert chains.sessions
    assert not chains.carries_context


def test_turns_before_the_answer_are_counted() -> None:
    """A turn that came before its parent's answer ended has think time 0."""
    chains = chains_of(attrs.evolve(LOG, latency_s=np.full(6, 23.0)))
    assert chains.think_s.tolist() == [0.0, 7.0, 19.0]
    assert chains.early == 1


def test_a_log_without_sessions() -> None:
    """Every request stands alone."""
    chains = chains_of(attrs.evolve(LOG, session=None, turn=None))
    assert chains.first.all()
    assert chains.turns.tolist() == [1] * 6
    assert not chains.sessions
    assert not chains.carries_context
