"""Length tables of a log: one quantile function for each client, field and stretch of table windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np

from servegen_fw.plugin import Tables
from servegen_fw_pools.characterize.words import rounded
from servegen_fw_pools.fit.compact import NOISE_SHARE, TOLERANCE
from servegen_fw_pools.fit.knots import fit_table
from servegen_fw_pools.fit.stretches import stretches
from servegen_fw_pools.quantiles import level_at, quantiles

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.fit.samples import Samples

    F8 = npt.NDArray[np.float64]
    I4 = npt.NDArray[np.int32]
    I8 = npt.NDArray[np.int64]

LEAST_SAMPLES: Final = 200
"""Values from which a table is made; windows with fewer are joined with their neighbours."""


@attrs.frozen(eq=False)
class Fitted:
    """Tables of all fields.

    Attributes
    ----------
        fields: those of which the log holds any value.
        tables: the distributions, linear.
        table: int32[F, C, V]; index into `tables`, -1 where a client has no value in the whole stretch.
        error: per field the Kolmogorov-Smirnov distance of the knots to the recorded values: median over values, maximum.
    """

    fields: tuple[str, ...]
    tables: Tables
    table: I4
    error: dict[str, dict[str, Any]]


def fit_tables(samples: Sequence[Samples], owner: I4, window: I8, owners: int, windows: int) -> Fitted:
    """Fit the tables of every field.

    Parameters
    ----------
        samples: the fields.
        owner: int32[n]; client of each request.
        window: int64[n]; table window of each request.
        owners: clients.
        windows: table windows.
    """
    knots: list[tuple[F8, F8]] = []
    known: dict[tuple[bytes, bytes], int] = {}
    parts, fields, error = [], [], {}
    for one in samples:
        if not len(one.row):
            continue
        cell = owner[one.row].astype(np.int64) * windows + window[one.row]
        held = np.bincount(cell, minlength=owners * windows)
        filled = np.flatnonzero(held)
        stretch = stretches(filled // windows, held[filled], LEAST_SAMPLES)
        of = np.full(owners * windows, -1, np.int64)
        of[filled] = stretch
        numbers, distance, weight = [], [], []
        for values, cdf, n in _masses(one, of[cell], int(stretch[-1]) + 1):
            found = fit_one(one, values, cdf, n)
            key = (found[0].tobytes(), found[1].tobytes())
            if key not in known:
                known[key] = len(knots)
                knots.append(found)
            numbers.append(known[key])
            distance.append(_distance(one, values, cdf, *found))
            weight.append(n)
        row = np.full(owners * windows, -1, np.int32)
        row[filled] = np.array(numbers, np.int32)[stretch]
        parts.append(row.reshape(owners, windows))
        fields.append(one.field)
        error[one.field] = _stated(np.array(distance), np.array(weight))
    table = np.stack(parts) if parts else np.empty((0, owners, windows), np.int32)
    return Fitted(tuple(fields), Tables.of(knots, linear=True), table, error)


def fit_one(one: Samples, values: F8, cdf: F8, n: int) -> tuple[F8, F8]:
    """Knots of one distribution of `n` values; the tolerance is that of a compacted pool."""
    half = np.full(len(values), one.half)
    half[np.isin(values, one.exact)] = 0.0
    return fit_table(values, cdf, half, max(TOLERANCE, NOISE_SHARE / (2 * np.sqrt(n))), one.grid)


def _masses(one: Samples, group: I8, groups: int) -> list[tuple[F8, F8, int]]:
    """Distinct values, distribution function and sample size of each group."""
    values, code = np.unique(one.value, return_inverse=True)
    key = np.sort(group * len(values) + code)
    begin = np.flatnonzero(np.diff(key, prepend=-1))
    count = np.diff(np.append(begin, len(key)))
    at, which = np.divmod(key[begin], len(values))
    ends = np.searchsorted(at, np.arange(1, groups))
    found = []
    for code_of, n_of in zip(np.split(which, ends), np.split(count, ends), strict=True):
        total = np.cumsum(n_of)
        found.append((values[code_of], total / total[-1], int(total[-1])))
    return found


def _distance(one: Samples, values: F8, cdf: F8, knots: F8, levels: F8) -> float:
    """Largest difference of the levels at the upper ends of the values' cells."""
    ends = np.where(np.isin(values, one.exact), values, values + one.half)
    return float(np.abs(level_at(knots, levels, ends) - cdf).max())


def _stated(distance: F8, weight: I8) -> dict[str, Any]:
    return {
        "tables": len(distance),
        "values": int(weight.sum()),
        "ks_median": rounded(quantiles(distance, weight, 0.5)[0]),
        "ks_max": rounded(distance.max()),
    }
