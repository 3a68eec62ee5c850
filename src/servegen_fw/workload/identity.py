"""Who is who across groups: names of clients, their order, and ids of prefixes that hang on their own group and client."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from servegen_fw.data.arrays import I8


def natural_order(names: Sequence[str]) -> list[int]:
    """Return the places of names in an order that does not depend on where they come from.

    Numbers in them compare as numbers: "9", "10", "a", "a2", "a10".
    """

    def key(index: int) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", names[index])
        # Not `isdigit`, which a superscript is too, though no number can be read from it.
        return [(1, int(part), part) if part.isdecimal() else (0, 0, part) for part in parts]

    return sorted(range(len(names)), key=key)


def apart(groups: Sequence[tuple[str, Sequence[str]]]) -> list[list[str]]:
    """Names of each group's clients, unique across groups; `groups` holds (group, names).

    A group of which any name is also another's has all its names written ``GROUP/NAME``; others keep theirs.
    """
    holders = Counter(name for _, names in groups for name in set(names))
    return [
        [f"{group}/{name}" for name in names] if any(holders[name] > 1 for name in names) else list(names)
        for group, names in groups
    ]


def prefix_id(group: str, client: str) -> int:
    """Id of the prefix that a client's requests share: 63 bits of a sha256 over group and name.

    Other clients therefore keep theirs, whoever comes or goes; two of n clients have one id with a probability of
    n^2 / 2^64, about 1e-7 for a million.
    """
    return _id(f"servegen-prefix-1|{len(group.encode())}|{group}|{client}")


def shared_prefix_id(group: str, number: int) -> int:
    """Id of one of the prefixes that all clients of a group choose from; none is a client's own."""
    return _id(f"servegen-shared-prefix-1|{len(group.encode())}|{group}|{number}")


def _id(label: str) -> int:
    return int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "little") >> 1


def moved(prefix: I8, group: str) -> I8:
    """Ids of a group whose own are also those of another: mixed with the group's name, -1 staying -1; int64[n]."""
    ids, where = np.unique(prefix, return_inverse=True)
    found = [-1 if one < 0 else prefix_id(group, f"#{one}") for one in ids.tolist()]
    return np.array(found, np.int64)[where]
