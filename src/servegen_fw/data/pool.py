"""A population of clients in columns: what each one did in each time window, and the tables its requests are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from servegen_fw.data.arrays import F8, I2, I4, I8, AnyArray


@attrs.frozen(eq=False)
class Tables:
    """Many one-dimensional distributions in one compressed-row structure, drawn from by their quantile function.

    A *step* table holds a probability mass function: `value[j]` is drawn for u in [cdf[j-1], cdf[j]). A *linear*
    table holds quantile knots: the value is interpolated between (cdf[j-1], value[j-1]) and (cdf[j], value[j]), and
    its first knot has cdf 0.

    Attributes
    ----------
        offsets: int64[tables + 1]; table k has knots offsets[k]:offsets[k + 1].
        value: float64[knots], ascending within a table.
        cdf: float64[knots], ascending within a table, the last one 1.
        linear: whether the knots are interpolated.
    """

    offsets: I8
    value: F8
    cdf: F8
    linear: bool = False

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def ppf(self, table: AnyArray, u: F8) -> F8:
        """Quantiles at `u` (float64[n] in [0, 1)) of the tables `table` (int[n]); float64[n].

        A table without knots gives NaN. One search serves all tables: table k's levels are shifted by k.
        """
        table = np.asarray(table, np.int64)
        last = self.offsets[table + 1] - 1
        empty = last < self.offsets[table]
        owner = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        found = np.searchsorted(owner + self.cdf * _SHRINK, table + u * _SHRINK, side="right")
        at = np.clip(found, self.offsets[table], np.maximum(last, self.offsets[table]))
        at = np.minimum(at, max(0, len(self.value) - 1))
        if not len(self.value):
            return np.full(len(u), np.nan)
        value = self.value[at]
        if self.linear:
            before = np.maximum(at - 1, self.offsets[table])
            width = self.cdf[at] - self.cdf[before]
            part = np.where(width > 0, (u - self.cdf[before]) / np.where(width > 0, width, 1.0), 0.0)
            value = self.value[before] + (value - self.value[before]) * np.clip(part, 0.0, 1.0)
        return np.where(empty, np.nan, value)


# Keeps a table's level 1.0 strictly below the next table's level 0.0 in the joint search.
_SHRINK = 1.0 - 2.0**-30


@attrs.frozen(eq=False)
class ClientPool:
    """Recorded client windows plus the tables of their requests' fields.

    C clients, W rate windows of `window_s` seconds, V table windows of `table_window_s` seconds, F fields.

    Attributes
    ----------
        name: of the population, for example "deepseek-r1".
        clients: C stable ids.
        start_s: time of the first window's start, in seconds (0 = midnight of the recording's first day).
        window_s: length of a rate window in seconds.
        count: float64[C, W]; requests recorded in the window (a fraction where a fit smoothed it).
        cv: float64[C, W]; coefficient of variation of the recorded inter-arrival times; 0 where inactive.
        family: int16[C, W]; index into `families`, -1 where inactive.
        families: names of arrival entries that offer a gap family, for example ("gamma", "weibull").
        fields: names of F request fields: "input_tokens", "output_tokens", "reason_ratio", "image_count", "image_tokens" ...
        tables: the distributions.
        table: int32[F, C, V]; index into `tables`, -1 where the client has none for that window.
        table_window_s: length of a table window in seconds; the first begins at `start_s`.
        meta: source, licence, excerpt, error of a fit, and what was missing or borrowed; JSON-able.
    """

    name: str
    clients: tuple[str, ...]
    start_s: float
    window_s: float
    count: F8
    cv: F8
    family: I2
    families: tuple[str, ...]
    fields: tuple[str, ...]
    tables: Tables
    table: I4
    table_window_s: float
    meta: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def duration_s(self) -> float:
        """Length of the recording in seconds."""
        return float(self.count.shape[1] * self.window_s)

    @property
    def rate(self) -> float:
        """Mean requests per second of the whole population."""
        return float(self.count.sum() / self.duration_s)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Kinds of items its requests carry: every X with the fields X_count and X_tokens."""
        return tuple(
            field.removesuffix("_count")
            for field in self.fields
            if field.endswith("_count") and field.removesuffix("_count") + "_tokens" in self.fields
        )
