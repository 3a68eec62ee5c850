"""Reuse of prefixes against a plain loop over requests, on made prompts and on the Mooncake trace."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from servegen_fw_pools.characterize.conversations import section_of
from servegen_fw_pools.characterize.prefixes import heads_of, hit_tokens, known_to, reuse_of
from servegen_fw_pools.characterize.section import Section
from servegen_fw_pools.logs.log import Blocks, Log

BLOCK = 8


def prompts(ids: list[list[int]], last: int = BLOCK, **more: object) -> Log:
    """A log of prompts by their block ids, a second apart; the last block of each holds `last` tokens."""
    sizes = [len(each) for each in ids]
    return Log(
        name="made",
        input_tokens=np.array([max(0, (k - 1) * BLOCK + last) if k else 0 for k in sizes], np.int32),
        output_tokens=np.ones(len(ids), np.int32),
        time_s=np.arange(len(ids)) * 1.0,
        blocks=Blocks(
            np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
            np.array([each for blocks in ids for each in blocks], np.int64),
            BLOCK,
        ),
        **more,  # type: ignore[arg-type]
    )


def by_loop(log: Log, ids: list[list[int]]) -> tuple[list[int], list[int]]:
    """Tokens each prompt reuses, and the row that last had each of its seen blocks (-1: none), by going through the log."""
    last: dict[int, int] = {}
    served, rows = [], []
    for row, blocks in enumerate(ids):
        run = 0
        while run < len(blocks) and blocks[run] in last:
            run += 1
        served.append(min(run * BLOCK, int(log.input_tokens[row])))
        rows += [last.get(each, -1) for each in blocks]
        last.update(dict.fromkeys(blocks, row))
    return served, rows


@given(st.lists(st.lists(st.integers(0, 12), max_size=6), min_size=1, max_size=25), st.integers(1, BLOCK))
def test_reuse_is_that_of_a_loop(ids: list[list[int]], last: int) -> None:
    """For any prompts, blocks repeated within one included: tokens served and rows of last use are the loop's."""
    log = prompts(ids, last)
    reuse = reuse_of(log)
    if not any(ids):
        assert reuse is None
        return
    assert reuse is not None
    served, rows = by_loop(log, ids)
    assert reuse.last.tolist() == rows
    assert hit_tokens(log, reuse).tolist() == served
    assert reuse.tokens.sum() == log.input_tokens.sum()
    assert reuse.distinct == len({each for blocks in ids for each in blocks})


def test_reuse_within_and_across() -> None:
    """A block that the same session sent before is within; one that only others sent is across; -1 is of no session."""
    log = prompts([[1, 2], [1, 2], [1, 2], [1, 2], [1, 2]], session=np.array([0, 1, 0, -1, -1]))
    reuse = reuse_of(log)
    assert reuse is not None
    assert log.session is not None
    assert known_to(log, reuse, log.session)[::2].tolist() == [False, False, True, False, False]
    assert section_of(log).figures["prefixes"]["reuse_within_session"] == 0.25


def test_lifetimes_and_ages() -> None:
    """Blocks reused after 1, 4 and 40 s: ages and what a cache of 1 s and of 10 s serves."""
    log = attrs.evolve(prompts([[1], [1], [1], [1]]), time_s=np.array([0.0, 1.0, 5.0, 45.0]))
    found = section_of(log).figures["prefixes"]
    assert found["age_of_reuse_s"] == {"p10": 1, "p50": 4, "p90": 40, "p99": 40}
    assert [(each["lifetime_s"], each["share"]) for each in found["token_share_by_lifetime"]] == [
        (1, 0.25),
        (10, 0.5),
    ]
    assert found["token_share"].value == 0.75


def test_heads() -> None:
    """Nine in ten of the prompts that begin with block 1 share two blocks; those with 7 share all three."""
    ids = [[1, 2, k] for k in range(100, 119)] + [[1, 50]] + [[7, 8, 9]] * 3 + [[4]]
    heads = heads_of(prompts(ids))
    assert [(head.requests, head.blocks, head.sharing) for head in heads] == [(20, 2, 19), (3, 3, 3)]


def test_mooncake(mooncake_log: Log, finite: Callable[[Section], None]) -> None:
    """Of the Mooncake trace's 288,500 blocks 36.6 % were there before, as a plain loop finds; all prompts share one block."""
    # Half of the reuse comes within two minutes, and a cache that keeps blocks for 10 minutes serves
    # over nine tenths of it.
    section = section_of(mooncake_log)
    finite(section)
    found = section.figures["prefixes"]
    blocks = mooncake_log.blocks
    assert blocks is not None
    seen: set[int] = set()
    hits = 0
    for row in range(len(mooncake_log)):
        ids = blocks.ids[blocks.offsets[row] : blocks.offsets[row + 1]].tolist()
        hits += next((k for k, each in enumerate(ids) if each not in seen), len(ids))
        seen.update(ids)
    assert found["block_share"].value == hits / 288_500 == pytest.approx(0.366, abs=0.001)
    assert found["distinct_blocks"] == len(seen)
    assert found["token_share"].value == pytest.approx(0.374, abs=0.001)
    assert found["token_share"].low < found["token_share_second_half"].value < 0.45
    assert found["heads"] == [
        {"requests": 12_031, "shared_blocks": 1, "shared_tokens": 512, "sharing": 12_031}
    ]
    assert found["age_of_reuse_s"]["p50"] < 120
    kept = {each["lifetime_s"]: each["share"] for each in found["token_share_by_lifetime"]}
    assert kept[600] > 0.9 * found["token_share"].value
    assert list(kept.values()) == sorted(kept.values())
