"""Which requests missed a limit, in words."""

from __future__ import annotations

import numpy as np

from servegen_fw.data.run import Series
from servegen_fw.judge import misses


def test_nothing_missed_is_nothing_said(build):
    """Without misses there is no sentence."""
    run = build(np.arange(10.0))
    series = Series(np.ones(10), np.arange(10.0), "s", "lower", rows=np.arange(10))
    assert misses.describe(run, series, 1.0, "max") == ""


def test_misses_are_counted_attributed_and_placed(build):
    """How many of how many, whose most are, and the shortest span that holds half of them."""
    owner = np.array([0] * 90 + [1] * 10)
    run = build(np.arange(100.0), client=owner, names=("many", "few"))
    values = np.where(np.arange(100) >= 88, 5.0, 0.1)
    text = misses.describe(
        run, Series(values, np.arange(100.0), "s", "lower", rows=np.arange(100)), 1.0, "max"
    )
    assert text == (
        "12 of 100 requests (12 %) exceed it, 10 of them from client few, half of them between 88 and 93 s"
    )


def test_misses_spread_over_many_clients_name_none(build):
    """If no client has a fifth of the misses, none is blamed."""
    run = build(np.arange(100.0), client=np.arange(100) % 10)
    series = Series(np.full(100, 2.0), np.arange(100.0), "s", "lower", rows=np.arange(100))
    assert "spread over 10 clients" in misses.describe(run, series, 1.0, "max")


def test_a_single_client_is_not_blamed(build):
    """With one client there is nobody else it could be."""
    run = build(np.arange(10.0))
    series = Series(np.full(10, 2.0), np.arange(10.0), "s", "lower", rows=np.arange(10))
    assert "client" not in misses.describe(run, series, 1.0, "max")


def test_a_few_misses_are_placed_one_by_one(build):
    """Up to three misses are listed with their times."""
    run = build(np.arange(10.0))
    values = np.where(np.arange(10) == 7, 2.0, 0.0)
    series = Series(values, np.arange(10.0), "s", "lower", rows=np.arange(10))
    assert misses.describe(run, series, 1.0, "max").endswith("exceed it, at 7 s")
    assert "9 of 10 requests (90 %) fall short of it" in misses.describe(run, series, 1.0, "min")
