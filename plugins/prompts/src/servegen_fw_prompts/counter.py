"""Numbers that hang on a key and a position alone, so that any part of a text can be made at any time, in any order.

SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014) in counter form: number
i of a key is the finaliser of key + (i + 1) * golden ratio. Integer arithmetic only, hence the same on every
platform and under every numpy version. It passes the usual batteries; it is no cryptography.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

I8: TypeAlias = npt.NDArray[np.int64]
U8: TypeAlias = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = (np.uint64(shift) for shift in (27, 30, 31, 32))


def mixed(x: U8) -> U8:
    """Finaliser of SplitMix64: a bijection of 64-bit integers under which near inputs come out unrelated."""
    x = (x ^ (x >> _S30)) * _FIRST
    x = (x ^ (x >> _S27)) * _SECOND
    return x ^ (x >> _S31)


def combined(key: U8, number: npt.NDArray[np.integer]) -> U8:
    """Keys of the pairs (key, number), element-wise."""
    return mixed(mixed(key) + (np.asarray(number).astype(np.uint64) + np.uint64(1)) * _GOLDEN)


def name_keys(names: Sequence[str], root: int) -> U8:
    """One key per name under a root in [0, 2^64): BLAKE2b keyed with the root."""
    salt = root.to_bytes(8, "little")
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8, key=salt).digest() for name in names)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def numbers(key: int, count: int, below: int) -> I8:
    """The first `count` numbers of a key, int64 in [0, below); below at most 2^31.

    Uniform but for a relative excess of at most below / 2^32 (multiply and shift of the upper 32 bits).
    """
    steps = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
    upper = mixed(np.full(1, key, np.uint64) + steps) >> _S32
    return ((upper * np.uint64(below)) >> _S32).astype(np.int64)
