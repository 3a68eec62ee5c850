"""Which requests an objective is about, and which are good."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from servegen_fw.data.records import ERROR, OK
from servegen_fw.data.run import Series
from servegen_fw.data.workload import Items
from servegen_fw.hooks.entries import NoOptions
from servegen_fw.judge import latencies, selection
from servegen_fw.suite.model import Objective, Where


@pytest.fixture
def run(build):
    """Four requests of two clients in two groups; the second carries an image, the third two audio clips and an image."""
    items = attrs.evolve(
        Items.none(4),
        offsets=np.array([0, 0, 1, 4, 4]),
        modality=np.array([0, 1, 1, 0], np.int16),
        tokens=np.ones(4, np.int32),
        width=np.zeros(4, np.int32),
        height=np.zeros(4, np.int32),
        seconds=np.zeros(4),
        modalities=("image", "audio"),
    )
    return build(
        np.arange(4.0),
        client=[0, 1, 0, 1],
        names=("a", "b"),
        group=[0, 1],
        groups=("chat", "batch"),
        turn=[0, 0, 1, 2],
        items=items,
        first_s=[0.1, 1.2, 2.3, 3.4],
    )


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Where(), [0, 1, 2, 3]),
        (Where(client="a"), [0, 2]),
        (Where(group="batch"), [1, 3]),
        (Where(turn=0), [0, 1]),
        (Where(modality="image"), [1, 2]),
        (Where(modality="audio"), [2]),
        (Where(modality="text"), [0, 3]),
        (Where(client="b", modality="image"), [1]),
        (Where(client="nobody"), []),
        (Where(group="nobody"), []),
        (Where(modality="video"), []),
    ],
)
def test_where_keeps_what_matches_all_keys(run, where, expected):
    """Client, group, turn and modality, alone and together; a name that is not there matches nothing."""
    assert np.flatnonzero(selection.member(run.workload, where)).tolist() == expected


def good(run, *objectives):
    """Which requests are good under objectives on TTFT and TPOT."""
    readings = {
        "ttft": latencies.ttft(NoOptions()).compute(run),
        "tpot": latencies.tpot(NoOptions()).compute(run),
        "itl": latencies.itl(NoOptions()).compute(run),
    }
    return selection.good(run, objectives, readings)


def test_a_request_is_good_if_its_own_value_meets_the_limit(run):
    """The limit of a quantile objective holds for each request."""
    assert good(run, Objective(metric="ttft", stat="p99", max=0.25)).tolist() == [True, True, False, False]


def test_a_lower_limit_counts_as_well(run):
    """Objectives with min mark what falls short."""
    assert good(run, Objective(metric="ttft", stat="p1", min=0.15)).tolist() == [False, True, True, True]


def test_of_several_limits_on_one_metric_the_widest_counts(run):
    """A p50 limit is about typical requests; only the p99 limit is about each."""
    p50, p99 = Objective(metric="ttft", stat="p50", max=0.15), Objective(metric="ttft", stat="p99", max=0.35)
    assert good(run, p50, p99).tolist() == [True, True, True, False]
    assert good(run, p99, p50).tolist() == [True, True, True, False]


def test_objectives_with_a_where_bind_only_their_requests(run):
    """A limit for one client leaves the others good."""
    bound = Objective(metric="ttft", stat="p99", max=0.15, where=Where(client="b"))
    assert good(run, bound).tolist() == [True, False, True, False]


def test_a_failed_request_is_never_good(build):
    """Requests without success are not good, though no value of theirs exceeds a limit."""
    run = build([0.0, 1.0], status=[OK, ERROR])
    assert good(run, Objective(metric="ttft", stat="p99", max=10.0)).tolist() == [True, False]


def test_a_request_without_the_value_is_not_held_to_it(build):
    """One-token outputs have no TPOT and stay good under a TPOT limit."""
    run = build([0.0, 1.0], output_tokens=[1, 10])
    assert good(run, Objective(metric="tpot", stat="p99", max=0.01)).tolist() == [True, False]


def test_without_per_request_objectives_nobody_is_good_or_bad(run):
    """Objectives on gaps or on rates give no per-request judgement."""
    assert good(run) is None
    assert good(run, Objective(metric="itl", stat="p99", max=0.1)) is None
    assert good(run, Objective(metric="throughput", min=1.0)) is None


def test_plugin_metrics_with_rows_count(run):
    """Any series that names its rows takes part, the kernel's or a plugin's."""
    series = Series(np.array([1.0, 5.0]), np.array([0.0, 3.0]), "J", "lower", rows=np.array([0, 3]))
    found = selection.good(run, [Objective(metric="energy", stat="p90", max=2.0)], {"energy": series})
    assert found.tolist() == [True, True, True, False]
