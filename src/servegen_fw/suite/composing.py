"""Checks of how a group is composed: the method, the dependence of fields, shared prefixes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from servegen_fw.suite.issues import Issue, did_you_mean
from servegen_fw.suite.model import Dependence, Group
from servegen_fw.suite.options import options_of
from servegen_fw.suite.paths import KeyPath

FIELDS: Final = ("input", "output", "reason")
"""Fields of every request, as `between` names them."""

_TOGETHER: Final = {
    "naive": "requests of NAIVE are drawn one by one",
    "reference": "the reference tool's requests are drawn one by one",
}
_ROUNDING: Final = 1e-9


def check_composing(group: Group, path: KeyPath) -> Iterator[Issue]:
    """All that is wrong with a group's method, dependence and prefixes, as far as the suite alone can tell."""
    yield from _method(group, path)
    yield from _dependence(group, path)
    yield from _prefixes(group, path)


def _method(group: Group, path: KeyPath) -> Iterator[Issue]:
    """The methods for comparison need a recording and leave no choice in what they do."""
    method = group.method
    if method == "clients":
        return
    if group.source is None:
        what = f"method = {method!r} is about a recording, but this group has no 'source'"
        yield Issue((*path, "method"), what, "remove 'method' or add a source", "key")
        return
    if group.session is not None:
        what = f"'session' needs clients; {_TOGETHER[method]}"
        yield Issue((*path, "session"), what, "remove 'session' or 'method'", "key")
    if group.counts != "recorded":
        own = (
            "one process of its own"
            if method == "naive"
            else "its own rule: windows filled with rounded counts"
        )
        what = f"'counts' has no meaning here: method = {method!r} has {own}"
        yield Issue((*path, "counts"), what, "remove 'counts' or 'method'", "key")
    if method == "naive" and group.scale == "clients":
        what = "scale = 'clients' needs clients, and method = 'naive' has none"
        cure = "choose scale = 'thin' (keep a share of the requests) or scale = 'rate' (one process of that rate)"
        yield Issue((*path, "scale"), what, cure)
    if method == "reference" and group.scale != "rate":
        what = f"method = 'reference' comes to a rate by multiplying rates, not by scale = {group.scale!r}"
        at = (*path, "method" if group.scale == "thin" else "scale")
        yield Issue(at, what, "write scale = 'rate'")
    if method == "reference":
        for key in ("correlation", "dependence"):
            if _given(group, key):
                what = f"{key!r} has no meaning here: method = 'reference' draws all fields by one number"
                yield Issue((*path, key), what, f"remove {key!r} or 'method'", "key")


def _dependence(group: Group, path: KeyPath) -> Iterator[Issue]:
    """Pairs are of two fields that there are, none is given twice, and together they are possible."""
    pairs: dict[frozenset[str], float] = {}
    if group.correlation:
        pairs[frozenset(("input", "output"))] = group.correlation
    before = len(pairs)
    sound = True
    for number, one in enumerate(group.dependence):
        at = (*path, "dependence", number, "between")
        for k, name in enumerate(one.between):
            if found := _not_a_field(group, name):
                yield Issue((*at, k), *found)
                sound = False
        if one.between[0] == one.between[1]:
            yield Issue(at, f"{one.between[0]!r} is compared with itself", "name two different fields")
            sound = False
        elif frozenset(one.between) in pairs:
            other = "'correlation'" if before and set(one.between) == {"input", "output"} else "another entry"
            what = f"the pair {one.between[0]}, {one.between[1]} is given by {other} too"
            yield Issue(at, what, "give every pair once")
            sound = False
        else:
            pairs[frozenset(one.between)] = one.rank
    if sound and group.dependence and not possible(group.dependence, group.correlation):
        told = ", ".join(f"{one.between[0]} and {one.between[1]} {one.rank:g}" for one in group.dependence)
        told += f", input and output {group.correlation:g}" if group.correlation else ""
        what = f"no fields can have these rank correlations at once: {told}"
        cure = "two fields that follow a third must follow each other; weaken one, or give the missing pair"
        yield Issue((*path, "dependence"), what, cure)


def _not_a_field(group: Group, name: str) -> tuple[str, str] | None:
    """What to say of a field that the group certainly has not; a recording's own fields show when it is read."""
    if name in FIELDS[:2] or (name == "reason" and (group.reasoning is not None or group.source is not None)):
        return None
    if name == "reason":
        return "there is no 'reason' in this group", "give `reasoning`, or a source that records it"
    if group.source is not None and name not in {
        "input_tokens",
        "text_tokens",
        "output_tokens",
        "reason_ratio",
    }:
        return None
    known = FIELDS if group.source is not None or group.reasoning is not None else FIELDS[:2]
    return f"there is no field {name!r}", did_you_mean(name, known)


def _prefixes(group: Group, path: KeyPath) -> Iterator[Issue]:
    """What is said of prefixes belongs to prefixes that there are."""
    if group.prefix_skew and group.prefixes < 2:
        what = "'prefix_skew' says how often each of several prefixes is chosen"
        yield Issue((*path, "prefix_skew"), what, "give `prefixes`, their number", "key")
    if group.source is None and not group.prefix_tokens:
        for key in ("prefixes", "prefix_share"):
            if _given(group, key):
                what = f"{key!r} says nothing without 'prefix_tokens', the length of a prefix"
                yield Issue((*path, key), what, 'give prefix_tokens = "500 tokens"', "key")


def _given(group: Group, key: str) -> bool:
    """Whether an option has another value than its default."""
    option: Any = next(option for option in options_of(Group) if option.key == key)
    return bool(getattr(group, option.name) != option.default)


def pearson(spearman: float) -> float:
    """Correlation of the two normals of a Gaussian copula with this rank correlation: 2 sin(pi s / 6), exact at the ends."""
    if abs(spearman) >= 1:
        return math.copysign(1.0, spearman)
    return 2.0 * math.sin(math.pi * spearman / 6.0)


def possible(pairs: Sequence[Dependence], correlation: float = 0.0) -> bool:
    """Whether some fields have all these rank correlations, pairs not given being 0.

    The matrix of the copula's normals must be positive semi-definite: no pivot of its elimination is below 0, and a
    pivot of 0 has nothing but zeros beside it.
    """
    names = list(dict.fromkeys(name for one in pairs for name in (*FIELDS[:2], *one.between)))
    size = len(names)
    matrix = [[float(i == j) for j in range(size)] for i in range(size)]
    given = [(*one.between, one.rank) for one in pairs]
    given += [("input", "output", correlation)] if correlation else []
    for first, second, rank in given:
        i, j = names.index(first), names.index(second)
        matrix[i][j] = matrix[j][i] = pearson(rank)
    for k in range(size):
        pivot = matrix[k][k]
        if pivot < -_ROUNDING:
            return False
        if pivot <= _ROUNDING:
            if any(abs(matrix[i][k]) > math.sqrt(_ROUNDING) for i in range(k + 1, size)):
                return False
            continue
        for i in range(k + 1, size):
            for j in range(k + 1, size):
                matrix[i][j] -= matrix[i][k] * matrix[j][k] / pivot
    return True
