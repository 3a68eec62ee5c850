"""Times written as ISO 8601 texts, to the nanosecond."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy.typing as npt

    I8 = npt.NDArray[np.int64]
    Bool = npt.NDArray[np.bool_]

_LOCAL: Final = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?"
_ZONE: Final = r"(?:Z|[+-]\d\d(?::?\d\d)?)"
_NAIVE: Final = pa.timestamp("ns")
_ZONED: Final = pa.timestamp("ns", "UTC")


@attrs.frozen(eq=False)
class Instants:
    """Moments of a column of texts.

    Attributes
    ----------
        ns: int64[n]; nanoseconds since 1970, 0 where `bad`. A text without a zone counts as UTC.
        bad: bool[n]; whether the text names no moment.
        zones: how many texts were written with each zone; "" for none, "+00:00" for Z too.
    """

    ns: I8
    bad: Bool
    zones: dict[str, int]


def instants(texts: pa.StringArray) -> Instants:
    """Read ISO 8601 texts with up to 9 fraction digits, with or without a zone; null is bad."""
    n = len(texts)
    none = np.zeros(n, np.bool_)
    if not texts.null_count:
        if (ns := _cast(texts, _NAIVE)) is not None:
            return Instants(ns, none, {"": n} if n else {})
        if (ns := _cast(texts, _ZONED)) is not None:
            return Instants(ns, none, _zones(texts))
    texts = pc.utf8_trim_whitespace(texts)
    ns, bad = np.zeros(n, np.int64), np.ones(n, np.bool_)
    zones: dict[str, int] = {}
    for type_, pattern in ((_NAIVE, f"^{_LOCAL}$"), (_ZONED, f"^{_LOCAL}{_ZONE}$")):
        fits = pc.fill_null(pc.match_substring_regex(texts, pattern), False)
        rows = np.flatnonzero(fits.to_numpy(zero_copy_only=False))
        some = texts.take(pa.array(rows))
        ns[rows], bad[rows] = _each(some, type_)
        fine = some.filter(pa.array(~bad[rows]))
        zones |= _zones(fine) if type_ is _ZONED else {"": len(fine)}
    return Instants(ns, bad, {zone: count for zone, count in zones.items() if count})


def why_bad(text: str) -> str:
    """Say what is wrong with a text that is no moment."""
    if re.fullmatch(_LOCAL + _ZONE + "?", text.strip()):
        return f"{text!r} names no moment that exists"
    return f"{text!r} is no ISO 8601 time"


def _cast(texts: pa.StringArray, type_: pa.DataType) -> I8 | None:
    try:
        return np.asarray(pc.cast(pc.cast(texts, type_), pa.int64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        return None


def _each(texts: pa.StringArray, type_: pa.DataType) -> tuple[I8, Bool]:
    """Cast what can be; halves without a bad text are done at once."""
    ns = _cast(texts, type_)
    if ns is not None:
        return ns, np.zeros(len(texts), np.bool_)
    if len(texts) == 1:
        return np.zeros(1, np.int64), np.ones(1, np.bool_)
    half = len(texts) // 2
    left, right = _each(texts[:half], type_), _each(texts[half:], type_)
    return np.concatenate((left[0], right[0])), np.concatenate((left[1], right[1]))


def _zones(texts: pa.StringArray) -> dict[str, int]:
    if not len(texts):
        return {}
    if pc.all(pc.ends_with(texts, "Z")).as_py():
        return {"+00:00": len(texts)}
    found = pc.struct_field(pc.extract_regex(texts, f"(?P<zone>{_ZONE})$"), "zone").value_counts()
    zones: dict[str, int] = {}
    for one in found.to_pylist():
        digits = "+0000" if one["values"] == "Z" else one["values"].replace(":", "").ljust(5, "0")
        zone = f"{digits[:3]}:{digits[3:]}"
        zones[zone] = zones.get(zone, 0) + one["counts"]
    return zones
