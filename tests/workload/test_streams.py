"""Random streams by name."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from servegen_fw.workload.streams import Streams

GOLDEN = [2206889114, 1986750256, 679030416]

LABELS = [
    ("a", "bc"),
    ("ab", "c"),
    ("abc",),
    ("abc", ""),
    ("", "abc"),
    ("1",),
    (1,),
    (-1,),
    ("i1",),
    ("a", 1, 1),
    ("a", 11),
    ("ä",),
]


def test_a_label_always_gives_the_same_numbers() -> None:
    """Asking again, or asking for other streams in between, changes nothing."""
    streams = Streams(3)
    first = streams.at("client", 17, "gaps", 0).random(100)
    streams.at("another").random(1000)
    assert np.array_equal(streams.at("client", 17, "gaps", 0).random(100), first)
    assert np.array_equal(Streams(3).at("client", 17, "gaps", 0).random(100), first)


def test_labels_are_told_apart_by_their_parts() -> None:
    """No two labels share a stream, however their parts would read when joined."""
    seen = {Streams(0).at(*label).integers(2**63) for label in LABELS}
    assert len(seen) == len(LABELS)


def test_seed_zero_is_a_seed_like_any_other() -> None:
    """Seed 0 gives the same numbers every time, and others than seed 1."""
    zero = Streams(0).at("x").random(10)
    assert np.array_equal(zero, Streams(0).at("x").random(10))
    assert not np.array_equal(zero, Streams(1).at("x").random(10))


def test_large_seeds_are_taken_whole() -> None:
    """Seeds that agree in their low 64 bits still differ."""
    assert Streams(5).at("x").random() != Streams(5 + 2**64).at("x").random()


def test_a_negative_seed_is_refused() -> None:
    """A seed below 0 is an error."""
    with pytest.raises(ValueError, match="seed"):
        Streams(-1)


def test_another_process_draws_the_same() -> None:
    """Numbers do not hang on the process, its hash seed least of all."""
    code = (
        "from servegen_fw.workload.streams import Streams; print(Streams(7).at('g', 'c', 3).integers(2**62))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert seen == {f"{Streams(7).at('g', 'c', 3).integers(2**62)}\n"}


def test_the_bits_are_what_they_were() -> None:
    """Golden: the first integers of a stream, which numpy promises not to change."""
    assert Streams(20261122).at("client", 17, "gaps", 0).integers(2**32, size=3).tolist() == GOLDEN


def test_neighbouring_labels_are_uncorrelated() -> None:
    """Streams of consecutive blocks show no correlation (|z| < 5, false alarm 6e-7 each of 50)."""
    drawn = np.stack([Streams(1).at("g", "c", block).standard_normal(2000) for block in range(51)])
    z = (drawn[1:] * drawn[:-1]).sum(axis=1) / np.sqrt(2000)
    assert np.abs(z).max() < 5
