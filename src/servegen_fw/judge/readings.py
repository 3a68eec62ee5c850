"""Metrics over one run: which are read, how they become rows of a report, and what a broken one does (nothing but a note)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np

from servegen_fw.data.report import Estimate, MetricRow
from servegen_fw.data.run import Run, Scalar, Series
from servegen_fw.hooks.entries import MetricEntry
from servegen_fw.judge import statistics
from servegen_fw.judge.catalogue import METRICS
from servegen_fw.suite.display import format_quantity

if TYPE_CHECKING:
    from servegen_fw.hooks.registry import Registry

Reading: TypeAlias = Series | Scalar
VALUE = "value"
"""Name of the statistic of a metric with one value."""


@attrs.frozen
class Broken:
    """A metric that could not be read, and why."""

    why: str


def entries(names: Iterable[str], registry: Registry) -> Mapping[str, MetricEntry]:
    """Return the kernel's metrics and those that `names` adds, by the name they are asked for.

    Other installed metrics are left out: a verdict, and a report, never depend on what else is installed.

    Raises
    ------
        PluginError: no plugin, or several, offer a name.
    """
    kernel = {entry.name: entry for entry in METRICS}
    added = {name: registry.find("metric", name)[0] for name in dict.fromkeys(names)}
    return kernel | {name: entry for name, entry in added.items() if isinstance(entry, MetricEntry)}


def read(entry: MetricEntry, run: Run) -> Reading | Broken:
    """Compute a metric. One that raises, or returns nonsense, is `Broken`: hours of measured load are not lost to it."""
    try:
        found = entry.product(entry.config()).compute(run)
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything
        return Broken(f"the metric failed: {type(error).__name__}: {error}")
    if isinstance(found, Series):
        sizes = {len(found.values), len(found.at_s)}
        sizes |= {len(column) for column in (found.weight, found.rows) if column is not None}
        if len(sizes) > 1:
            return Broken("the metric returned columns of unequal length")
        return found
    return found if isinstance(found, Scalar) else Broken(f"the metric returned {type(found).__name__}")


def row(name: str, entry: MetricEntry, found: Reading | Broken, run: Run, stats: Sequence[str]) -> MetricRow:
    """Return a metric as a row of a report; `stats` are those that objectives ask for beyond the usual ones."""
    unit, better, note = "", "", ""
    values: Mapping[str, Estimate] = {VALUE: Estimate(math.nan, trustworthy=False, note="no values")}
    if isinstance(found, Broken):
        note = found.why
    else:
        unit, better = found.unit, found.better
        if isinstance(found, Scalar):
            values = {VALUE: statistics.as_estimate(found)}
        else:
            values = statistics.describe(found, (*statistics.STATS, *stats))
            note = _note(name, found, run)
    return MetricRow(name, entry.label or name, entry.definition, unit, better, values, note)


def _note(name: str, found: Series, run: Run) -> str:
    if name == "lag" and run.records.harness.clock == "virtual":
        return "n/a (virtual clock)"
    if name != "itl":
        return ""
    if run.records.chunks is None:
        return "chunk times were not kept"
    rows = run.ok
    chunks = float(run.records.chunks_n[rows].sum())
    tokens = float(run.records.output_tokens[rows].sum())
    if len(found.values) and chunks and tokens > 1.01 * chunks:
        return f"{format_quantity(tokens / chunks, 'tokens')} a chunk: gaps are between chunks, not tokens"
    dropped = int(np.count_nonzero(~np.isfinite(found.values)))
    return f"{dropped:,} values that are not finite were left out" if dropped else ""
