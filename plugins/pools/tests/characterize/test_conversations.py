"""Conversations: turns, times between them, carried text."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
import pytest
from servegen_fw_pools.characterize.conversations import section_of
from servegen_fw_pools.characterize.section import Section
from servegen_fw_pools.characterize.turns import gaps_s, shared_runs, turns_of
from servegen_fw_pools.logs.log import Blocks, Log

from servegen_fw.plugin import ClientPool, Tables

Finite = Callable[[Section], None]


def chats(sessions: int, seed: int = 1, carries: bool = True) -> Log:
    """Sessions of geometric turns (mean 3.5) with log-normal think times (median 100 s, sigma 1.2) and latencies."""
    rng = np.random.default_rng(seed)
    rows = []
    for session, begin in enumerate(np.sort(rng.random(sessions)) * 40_000):
        at, context = begin, 0
        for turn in range(rng.geometric(1 / 3.5)):
            output = 1 + int(rng.exponential(200.0))
            given = (context if carries else 0) + 1 + int(rng.exponential(100.0))
            latency = 1.0 + 0.02 * output
            rows.append((at, session, turn, given, output, latency))
            context = given + output
            at += latency + np.exp(rng.normal(np.log(100), 1.2))
    time_s, session, turn, given, output, latency = np.array(sorted(rows)).T
    return Log(
        name="chats",
        input_tokens=given.astype(np.int32),
        output_tokens=output.astype(np.int32),
        time_s=time_s - time_s[0],
        session=session.astype(np.int64),
        turn=turn.astype(np.int32),
        latency_s=latency,
    )


def test_turns_follow_each_other_in_their_session() -> None:
    """Each later turn is paired with the one before it in its session, whatever lies between them in the log."""
    session = np.array([7, 3, 7, -1, 3, 7, 1 << 40], np.int64)
    log = Log(
        name="x",
        input_tokens=np.ones(7, np.int32),
        output_tokens=np.ones(7, np.int32),
        time_s=np.arange(7) * 2.0,
        session=session,
        turn=np.array([1, 0, 2, 0, 1, 3, 0], np.int32),
    )
    turns = turns_of(log)
    assert turns is not None
    assert sorted(zip(turns.before.tolist(), turns.row.tolist(), strict=True)) == [(0, 2), (1, 4), (2, 5)]
    assert turns.sizes.tolist() == [2, 3, 1]
    assert turns.first.tolist() == [1, 0, 6]
    assert turns.place.tolist() == [1, 1, 2]
    assert turns.began_before == 1
    gaps = gaps_s(log, turns)
    assert gaps is not None
    assert gaps.tolist() == [6, 4, 6]
    assert turns_of(attrs.evolve(log, session=np.full(7, -1))) is None
    assert turns_of(attrs.evolve(log, session=session % 64)).sizes.sum() > 0  # type: ignore[union-attr]


def test_parameters_of_conversations_are_recovered(finite: Finite) -> None:
    """From 1,500 sessions: mean turns 3.5; think times are log-normal of median 100 s and sigma 1.2."""
    # All within four standard errors or more: turns within 0.31, mu within 0.1, sigma within 0.08, the
    # median within 10 s.
    log = chats(1500)
    section = section_of(log)
    finite(section)
    figures = section.figures
    turns = figures["turns"]
    assert turns["mean"].value == pytest.approx(3.5, abs=0.31)
    assert turns["mean"].high - turns["mean"].low == pytest.approx(4 * 0.076, rel=0.4)
    assert figures["sessions"] == 1500
    assert figures["requests_in_sessions_of_several_turns"].value == pytest.approx(
        1 - 1500 / 3.5 / len(log), abs=0.03
    )
    think = figures["think"]
    assert think["best_family"] == "lognormal"
    assert think["best_family_agrees"]
    parameters = think["families"][0]["parameters"]
    assert parameters["mu"].value == pytest.approx(np.log(100), abs=0.1)
    assert parameters["sigma"].value == pytest.approx(1.2, abs=0.08)
    assert think["quantiles"]["p50"].value == pytest.approx(100, abs=10)
    assert figures["inter_turn"]["mean"].value > think["mean"].value
    assert think["before_the_end"].value == 0


def test_carried_text_is_told_from_chance() -> None:
    """Turns that carry the earlier text all could; turns that do not could about as often as strangers' do."""
    carrying = section_of(attrs.evolve(chats(150), time_s=None)).figures["growth"]
    assert carrying["turns_that_could_carry"].value == 1
    assert carrying["sessions_that_could_carry"].value == 1
    assert carrying["by_chance"] < 0.8
    apart = section_of(attrs.evolve(chats(150, carries=False), time_s=None)).figures["growth"]
    assert apart["turns_that_could_carry"].value == pytest.approx(apart["by_chance"], abs=0.1)
    assert [number.value for number in carrying["input_by_turn"]] == sorted(
        number.value for number in carrying["input_by_turn"]
    )


def test_hashes_prove_what_is_carried() -> None:
    """Of two sessions one repeats the blocks of its first prompt and one does not: half of the later turns carry."""
    blocks = Blocks(np.array([0, 2, 4, 7, 10]), np.array([1, 2, 5, 6, 1, 2, 3, 5, 8, 9]), 16)
    log = Log(
        name="x",
        input_tokens=np.array([32, 32, 48, 48], np.int32),
        output_tokens=np.ones(4, np.int32),
        time_s=np.arange(4.0),
        session=np.array([0, 1, 0, 1]),
        blocks=blocks,
    )
    growth = section_of(log).figures["growth"]
    assert growth["turns_that_carry"].value == 0.5
    assert growth["sessions_that_carry"].value == 0.5
    assert shared_runs(blocks, np.array([0, 1, 0]), np.array([2, 3, 1])).tolist() == [2, 1, 0]


def test_think_times_may_be_negative_and_unknown() -> None:
    """A turn sent before the answer ended is counted as such; unknown latencies are left out."""
    log = Log(
        name="x",
        input_tokens=np.ones(4, np.int32),
        output_tokens=np.ones(4, np.int32),
        time_s=np.array([0.0, 10.0, 20.0, 30.0]),
        session=np.zeros(4, np.int64),
        latency_s=np.array([15.0, 5.0, np.nan, 1.0]),
    )
    think = section_of(log).figures["think"]
    assert think["before_the_end"].value == 0.5
    assert think["mean"].value == 5.0
    assert think["mean"].n == 1


@pytest.mark.parametrize("change", ["one request", "no times", "alone", "same instant", "single turns"])
def test_edge_cases_have_no_nan(change: str, finite: Finite) -> None:
    """One request, no times, no sessions, equal times, single turns: finite, and what is missing is said."""
    log = chats(30)
    n = 1 if change == "one request" else len(log)
    small = attrs.evolve(
        log,
        input_tokens=log.input_tokens[:n],
        output_tokens=log.output_tokens[:n],
        time_s=None if change == "no times" else np.zeros(n) if change == "same instant" else log.time_s[:n],  # type: ignore[index]
        session={"alone": np.full(n, -1), "single turns": np.arange(n)}.get(change, log.session[:n]),  # type: ignore[index]
        turn=None,
        latency_s=None,
    )
    section = section_of(small)
    finite(section)
    assert section.cannot
    assert bool(section.figures) == (change != "alone")


def test_a_pool_with_turns(finite: Finite) -> None:
    """A pool's turns are weighted by the sessions begun: 30 of 2 turns and 10 of 6 have a mean of 3."""
    pool = ClientPool(
        name="made",
        clients=("a", "b"),
        start_s=0.0,
        window_s=600.0,
        count=np.array([[30.0], [10.0]]),
        cv=np.ones((2, 1)),
        family=np.zeros((2, 1), np.int16),
        families=("gamma",),
        fields=("input_tokens", "turns", "think_s", "prefix_tokens"),
        tables=Tables(np.array([0, 1, 2, 3, 4]), np.array([2.0, 6.0, 100.0, 64.0]), np.ones(4)),
        table=np.array([[[2], [2]], [[0], [1]], [[2], [2]], [[3], [3]]], np.int32),
        table_window_s=600.0,
        carries_context=True,
    )
    section = section_of(pool)
    finite(section)
    assert section.figures["turns"]["mean"].value == 3
    assert section.figures["sessions"] == 40
    assert section.figures["prefixes"]["prefix_tokens"].value == 64


def test_sources_without_conversations_say_so(azure: Log, deepseek: ClientPool) -> None:
    """Neither the Azure trace nor the published pool tells conversations or prefixes."""
    for source in (azure, deepseek):
        section = section_of(source)
        assert not section.figures
        assert len(section.cannot) == 2
