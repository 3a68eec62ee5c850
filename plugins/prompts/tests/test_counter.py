"""Counter-based numbers: pinned values, uniformity, and keys that do not collide.

Statistical tests run on fixed keys; over keys each fails by chance with probability below 1e-5.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from servegen_fw_prompts.counter import combined, mixed, name_keys, numbers


def test_the_generator_is_splitmix64() -> None:
    """From state 1234567 the first outputs are those published for SplitMix64."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    states = np.full(1, 1234567, np.uint64) + np.arange(1, 6, dtype=np.uint64) * golden
    assert mixed(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_numbers_are_pinned() -> None:
    """A key's numbers never change: texts of a written workload stay the same in later versions."""
    assert numbers(2**63 + 5, 6, 1000).tolist() == [330, 71, 275, 225, 985, 336]


def test_more_numbers_only_append() -> None:
    """The first numbers of a key do not depend on how many are asked for."""
    np.testing.assert_array_equal(numbers(9, 1_000, 30_000)[:10], numbers(9, 10, 30_000))


@pytest.mark.parametrize("below", [1, 2, 832, 29_000, 2**31])
def test_numbers_are_uniform_below_the_limit(below: int) -> None:
    """Numbers lie in [0, below) and pass a chi-square test over at most 64 equal cells, p > 1e-5."""
    found = numbers(77, 200_000, below)
    assert found.min() >= 0
    assert found.max() < below
    cells = min(64, below)
    edges = np.ceil(np.arange(cells + 1) * (below / cells))
    counts = np.histogram(found, edges)[0]
    if cells > 1:
        expected = np.diff(edges) / below * len(found)
        assert stats.chisquare(counts, expected).pvalue > 1e-5


def test_neighbouring_numbers_and_keys_are_unrelated() -> None:
    """Correlations between successive numbers, and between the numbers of successive keys, are within 4.5 / sqrt(n)."""
    n = 100_000
    first, second = (numbers(key, n, 2**31).astype(float) for key in (1000, 1001))
    for a, b in ((first[:-1], first[1:]), (first, second)):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4.5 / math.sqrt(n)


def test_keys_of_pairs_differ() -> None:
    """Keys of 1,000 x 200 neighbouring (key, number) pairs are all different, with -1 among the numbers."""
    keys = np.repeat(np.arange(1_000, dtype=np.uint64), 200)
    assert len(np.unique(combined(keys, np.tile(np.arange(-1, 199), 1_000)))) == 200_000


def test_pairs_are_ordered() -> None:
    """(1, 2) and (2, 1) have different keys."""
    key = combined(np.array([1, 2], np.uint64), np.array([2, 1]))
    assert key[0] != key[1]


def test_names_have_keys_by_root() -> None:
    """A name's key depends on the name and the root alone, not on the other names."""
    one = name_keys(["a", "b", "ü"], 5)
    assert len(set(one.tolist())) == 3
    np.testing.assert_array_equal(name_keys(["b"], 5), one[1:2])
    assert (name_keys(["a", "b", "ü"], 6) != one).all()
    assert name_keys([], 5).shape == (0,)
