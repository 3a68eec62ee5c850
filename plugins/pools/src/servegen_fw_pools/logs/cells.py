"""Cells of a log's columns, as texts or as the values a file holds, to numpy; what is no such value is masked as bad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from servegen_fw_pools.logs.instants import instants

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]
    Bool = npt.NDArray[np.bool_]

LARGEST: Final = 2.0**31 - 1
NS_PER: Final = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}
_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_UNIX: Final = {"ns": 1e17, "us": 1e14, "ms": 1e11}
_LATEST_S: Final = 1e12
_SAMPLE: Final = 1000
_FEW: Final = 50


def absent(cells: pa.Array) -> Bool:
    """Where a cell holds nothing, bool[n]: null or an empty text."""
    found = cells.is_null()
    if pt.is_string(cells.type) or pt.is_large_string(cells.type):
        found = pc.or_(found, pc.fill_null(pc.equal(cells, ""), True))
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)


def numbers(cells: pa.Array) -> F8:
    """Cells as numbers, float64[n]; NaN for what is none (truth values included)."""
    kind = cells.type
    if pt.is_string(kind) or pt.is_large_string(kind):
        try:
            cells = pc.cast(cells, pa.float64())
        except pa.ArrowInvalid:
            texts = pc.utf8_trim_whitespace(cells)
            fits = pc.fill_null(pc.match_substring_regex(texts, _NUMBER), False)
            cells = pc.cast(pc.if_else(fits, texts, None), pa.float64())
    elif pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
        cells = pc.cast(cells, pa.float64(), safe=False)
    else:
        return np.full(len(cells), np.nan)
    return np.asarray(cells.to_numpy(zero_copy_only=False), np.float64)


def tokens(cells: pa.Array) -> tuple[npt.NDArray[np.int32], Bool, Bool]:
    """Counts from 0 to 2**31 - 1: int32[n] (0 where bad), where bad, and where the number is negative."""
    found = numbers(cells)
    with np.errstate(invalid="ignore"):
        bad = ~((found >= 0) & (found <= LARGEST) & (found == np.rint(found)))
    return np.where(bad, 0.0, found).astype(np.int32), bad, bad & (found < 0)


def seconds(cells: pa.Array) -> tuple[F8, Bool]:
    """Durations of 0 s or more: float64[n] (NaN where bad), and where bad."""
    found = numbers(cells)
    bad = ~(np.isfinite(found) & (found >= 0))
    return np.where(bad, np.nan, found), bad


@attrs.frozen(eq=False)
class Times:
    """Moments of a column.

    Attributes
    ----------
        at: int64[n] in nanoseconds or float64[n] in seconds, from an origin of the log's own.
        bad: bool[n].
        zones: see `Instants`; empty for numbers.
    """

    at: I8 | F8
    bad: Bool
    zones: dict[str, int]


def times(cells: pa.Array, unit: str) -> Times:
    """Read times in `unit`: s, ms, us, ns, or iso for texts. A column of timestamps needs no unit."""
    none = np.zeros(len(cells), np.bool_)
    if pt.is_timestamp(cells.type):
        zone = "" if cells.type.tz is None else "+00:00"
        bad = absent(cells)
        whole = pc.fill_null(
            pc.cast(cells, pa.timestamp("ns", cells.type.tz), safe=False).cast(pa.int64()), 0
        )
        return Times(whole.to_numpy(zero_copy_only=False), bad, {zone: int((~bad).sum())})
    if unit == "iso":
        if not pt.is_string(cells.type):
            cells = (
                pc.cast(cells, pa.string())
                if not pt.is_nested(cells.type)
                else pa.nulls(len(cells), pa.string())
            )
        found = instants(cells)
        return Times(found.ns, found.bad, found.zones)
    exact = _whole(cells)
    if exact is not None and np.abs(exact).max(initial=0) < 2**63 // NS_PER[unit]:
        return Times(exact * NS_PER[unit], none, {})
    number_s = numbers(cells) / (10**9 // NS_PER[unit])
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(number_s) < _LATEST_S)
    return Times(np.where(bad, 0.0, number_s), bad, {})


def _whole(cells: pa.Array) -> I8 | None:
    """Cells as int64[n] if every one is a whole number written as such."""
    if cells.null_count or not (pt.is_integer(cells.type) or pt.is_string(cells.type)):
        return None
    try:
        # A cast that fails everywhere is slow: each failure is put into words.
        pc.cast(cells[:_FEW], pa.int64())
        return np.asarray(pc.cast(cells, pa.int64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        return None


def guess_unit(cells: pa.Array, name: str) -> str:
    """The unit of times: told by a column's type or name, by texts, or by the size of Unix times; else seconds."""
    sample = cells[:_SAMPLE]
    number = numbers(sample)
    fine = np.abs(number[np.isfinite(number)])
    if pt.is_timestamp(cells.type):
        return "iso"
    if pt.is_string(cells.type) and len(fine) < len(sample):
        moments = int((~instants(sample).bad).sum())
        if moments > len(fine) or (not len(fine) and not absent(sample).all()):
            return "iso"
    for unit in NS_PER:
        if name.lower().endswith(f"_{unit}"):
            return unit
    typical = float(np.median(fine)) if len(fine) else 0.0
    return next((unit for unit, least in _UNIX.items() if typical >= least), "s")
