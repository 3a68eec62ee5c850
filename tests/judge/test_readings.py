"""Metrics read, and what a broken one does."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from servegen_fw.data.records import ERROR
from servegen_fw.data.run import Scalar, Series
from servegen_fw.errors import PluginError
from servegen_fw.hooks.entries import MetricEntry
from servegen_fw.judge import readings
from servegen_fw.judge.catalogue import METRICS


@attrs.frozen
class Fixed:
    """A metric that returns, or raises, what it is given."""

    answer: object

    def compute(self, _run):
        """Return the answer."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def entry(answer):
    """An entry of a plugin's metric."""
    return MetricEntry(
        name="mine", make=lambda _: Fixed(answer), label="Mine", definition="from here to there"
    )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (KeyError("watts"), "KeyError: 'watts'"),
        (None, "returned NoneType"),
        (Series(np.ones(2), np.ones(3), "s", "lower"), "unequal length"),
        (Series(np.ones(2), np.ones(2), "s", "lower", weight=np.ones(3)), "unequal length"),
        (Series(np.ones(2), np.ones(2), "s", "lower", rows=np.ones(1, np.int64)), "unequal length"),
    ],
)
def test_a_broken_metric_costs_a_note_not_the_run(build, answer, why):
    """A plugin's metric that raises or returns nonsense becomes a row without values that says why."""
    run = build(np.arange(20.0))
    found = readings.read(entry(answer), run)
    assert isinstance(found, readings.Broken)
    assert why in found.why
    row = readings.row("mine", entry(answer), found, run, ())
    assert row.note == found.why
    assert not row.stats["value"].trustworthy


def test_rows_carry_label_definition_unit_and_direction(build):
    """A row of a report says what its numbers are."""
    run = build(np.arange(20.0))
    row = readings.row("mine", entry(None), Scalar(3.0, "J", "lower", 4), run, ())
    assert (row.name, row.label, row.definition, row.unit, row.better) == (
        "mine",
        "Mine",
        "from here to there",
        "J",
        "lower",
    )
    assert (row.stats["value"].value, row.stats["value"].n) == (3.0, 4)


def test_statistics_that_objectives_ask_for_are_added(build):
    """A series has the usual statistics and those asked for."""
    run = build(np.arange(20.0))
    found = readings.read(METRICS[0], run)
    row = readings.row("ttft", METRICS[0], found, run, ("p95", "p99"))
    assert list(row.stats) == ["mean", "p50", "p90", "p99", "p95"]


def test_only_named_plugin_metrics_are_read(registry):
    """The kernel's metrics always, others only by name: a report never depends on what else is installed."""
    kernel = [entry.name for entry in METRICS]
    assert list(readings.entries([], registry)) == kernel
    assert list(readings.entries(["ttft", "tpot"], registry)) == kernel
    assert list(readings.entries(["servegen-fw:ttft"], registry)) == [*kernel, "servegen-fw:ttft"]


def test_a_name_that_nobody_offers_is_an_error(registry):
    """An unknown metric is the registry's error, with its suggestion."""
    with pytest.raises(PluginError, match="ttft"):
        readings.entries(["tttft"], registry)


def test_notes_say_what_a_number_cannot(build, chunks_of):
    """Lag on a virtual clock, gaps between chunks of several tokens, and absent chunk times are noted."""

    def note(name, run):
        metric = next(entry for entry in METRICS if entry.name == name)
        return readings.row(name, metric, readings.read(metric, run), run, ()).note

    assert note("lag", build([0.0], clock="virtual")) == "n/a (virtual clock)"
    assert note("itl", build([0.0])) == "chunk times were not kept"
    chunks = chunks_of([[0.1, 0.2, 0.3]])
    assert "2 tokens a chunk" in note("itl", build([0.0], output_tokens=6, chunks_n=[3], chunks=chunks))
    assert note("itl", build([0.0], output_tokens=3, chunks_n=[3], chunks=chunks)) == ""
    assert note("ttft", build([0.0], status=[ERROR])) == ""
