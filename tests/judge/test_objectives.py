"""Objectives judged: status, whether it is settled, the sentence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from servegen_fw.data.records import ERROR, OK
from servegen_fw.data.run import Scalar, Series
from servegen_fw.hooks.entries import NoOptions
from servegen_fw.judge import latencies, objectives
from servegen_fw.judge.readings import Broken
from servegen_fw.suite.model import Objective, Where


def judged(run, objective, found=None):
    """The one result of an objective on TTFT, or on a given reading."""
    found = latencies.ttft(NoOptions()).compute(run) if found is None else found
    (result,) = objectives.judge(objective, run, found)
    return result


@pytest.fixture
def run(build):
    """2,000 requests of three clients with exponential TTFTs of mean 1 s; client "slow" is served ten times slower."""
    g = np.random.default_rng(1)
    due = np.arange(2000.0)
    owner = g.choice(3, 2000, p=[0.6, 0.35, 0.05])
    ttft = g.exponential(size=2000) * np.where(owner == 2, 10.0, 1.0)
    return build(due, first_s=due + ttft, client=owner, names=("a", "b", "slow"))


@pytest.mark.parametrize(
    ("limit", "status", "sure"),
    [(30.0, "ok", True), (1.0, "missed", True)],
)
def test_an_estimate_on_one_side_with_its_interval_is_sure(run, limit, status, sure):
    """Far from the limit the judgement is settled."""
    result = judged(run, Objective(metric="ttft", stat="p99", max=limit))
    assert (result.status, result.sure) == (status, sure)


def test_a_clear_miss_is_sure_though_the_quantile_is_poor(build):
    """With 150 requests p99 has no interval, but if most of them exceed the limit the miss is settled."""
    due = np.arange(150.0)
    run = build(due, first_s=due + np.random.default_rng(3).exponential(size=150))
    missed = judged(run, Objective(metric="ttft", stat="p99", max=0.1))
    assert not missed.estimate.trustworthy
    assert (missed.status, missed.sure) == ("missed", True)
    met = judged(run, Objective(metric="ttft", stat="p99", max=1000.0))
    assert (met.status, met.sure) == ("ok", False)


def test_a_small_distance_is_told_in_its_unit_and_in_percent(build):
    """Under twice the limit the sentence has the difference; from twice on, the factor."""
    run = build(np.arange(500.0))
    near = judged(run, Objective(metric="ttft", stat="p50", max=0.08))
    assert near.detail.startswith("100 ms is 20 ms (25 %) over the largest allowed")
    far = judged(run, Objective(metric="ttft", stat="p50", max=0.02))
    assert far.detail.startswith("100 ms is 5 times the largest allowed")


@pytest.mark.parametrize("side", [0.999, 1.001])
def test_an_interval_across_the_limit_is_not_sure(run, side):
    """Just beside the estimate the judgement follows the estimate and is not settled, and says so."""
    value = judged(run, Objective(metric="ttft", stat="p99", max=1.0)).estimate.value
    result = judged(run, Objective(metric="ttft", stat="p99", max=value * side))
    assert result.status == ("ok" if side > 1 else "missed")
    assert not result.sure
    assert "does not settle it" in result.detail


def test_a_missed_objective_says_by_how_much_and_which_requests(run):
    """The sentence has the distance, the share of requests, the client with most of them, and when."""
    result = judged(run, Objective(metric="ttft", stat="p99", max=5.0))
    assert result.status == "missed"
    assert " times the largest allowed" in result.detail
    assert "exceed it" in result.detail
    assert "from client slow" in result.detail
    assert "half of them between" in result.detail


def test_the_limit_itself_is_met(build):
    """Equal to the limit is within it."""
    result = judged(build(np.arange(500.0)), Objective(metric="ttft", stat="p50", max=0.1))
    assert result.status == "ok"
    assert "is the limit itself" in result.detail


def test_a_smallest_allowed_value(run):
    """Objectives with min are judged the other way round."""
    assert judged(run, Objective(metric="ttft", stat="mean", min=0.1)).status == "ok"
    result = judged(run, Objective(metric="ttft", stat="mean", min=100.0))
    assert (result.status, result.sense, result.sure) == ("missed", "min", True)
    assert "fall short of it" in result.detail


def test_an_objective_with_two_limits_gives_two_results(run):
    """A band is judged at both ends."""
    found = latencies.ttft(NoOptions()).compute(run)
    results = objectives.judge(Objective(metric="ttft", stat="p50", min=0.001, max=0.01), run, found)
    assert [(result.sense, result.status) for result in results] == [("max", "missed"), ("min", "ok")]


def test_scalars_are_judged_by_value_and_interval(run):
    """A metric with one value needs no statistic."""
    goodput = Scalar(0.94, "ratio", "higher", n=500, low=0.92, high=0.96)
    result = judged(run, Objective(metric="goodput", min=0.95), goodput)
    assert (result.status, result.sure) == ("missed", False)
    assert "94 % is 1 points under the smallest allowed" in result.detail
    assert result.text == "goodput >= 95 %"


def test_failures_beyond_what_the_quantile_leaves_miss_it(build):
    """With 2 % of the requests failed, p99 cannot hold, however fast the others were; p90 can."""
    status = np.where(np.arange(1000) < 20, ERROR, OK)
    run = build(np.arange(1000.0), status=status)
    p99 = judged(run, Objective(metric="ttft", stat="p99", max=10.0))
    assert (p99.status, p99.sure) == ("missed", True)
    assert "2 % of the requests had no success, more than the 1 % allowed" in p99.detail
    assert p99.estimate.value == pytest.approx(0.1)
    assert judged(run, Objective(metric="ttft", stat="p90", max=10.0)).status == "ok"
    assert judged(run, Objective(metric="ttft", stat="mean", max=10.0)).status == "ok"


def test_any_failure_misses_a_maximum(build):
    """A maximum over all requests does not hold if one had no success."""
    run = build(np.arange(100.0), status=np.where(np.arange(100) < 1, ERROR, OK))
    assert judged(run, Objective(metric="ttft", stat="max", max=10.0)).status == "missed"


def test_failures_do_not_count_against_the_drivers_lag(build):
    """A metric that has values for failed requests too is judged by them."""
    run = build(np.arange(100.0), status=np.where(np.arange(100) < 50, ERROR, OK))
    lag = latencies.lag(NoOptions()).compute(run)
    assert judged(run, Objective(metric="lag", stat="p90", max=0.005), lag).status == "ok"


def test_without_values_an_objective_is_unknown(build):
    """No request to judge: unknown, neither ok nor missed."""
    run = build([0.0], warmup_s=5.0, duration_s=9.0)
    result = judged(run, Objective(metric="ttft", stat="p99", max=1.0))
    assert (result.status, result.sure) == ("unknown", False)
    assert math.isnan(result.estimate.value)


def test_a_broken_metric_makes_its_objective_unknown(run):
    """The reason of a metric that failed stands in the result."""
    result = judged(run, Objective(metric="ttft", stat="p99", max=1.0), Broken("the metric failed: KeyError"))
    assert (result.status, result.detail) == ("unknown", "the metric failed: KeyError")


def test_a_series_without_a_statistic_is_unknown(run):
    """A series needs a statistic to be judged by; the detail lists them."""
    result = judged(run, Objective(metric="ttft", max=1.0))
    assert result.status == "unknown"
    assert '"p99"' in result.detail


def test_gaps_are_judged_though_they_are_not_per_request(run):
    """A series without rows tells which share of its weight misses."""
    gaps = Series(np.linspace(0, 1, 1000), np.arange(1000.0), "s", "lower", weight=np.full(1000, 3.0))
    result = judged(run, Objective(metric="itl", stat="p99", max=0.5), gaps)
    assert result.status == "missed"
    assert "50 % of the values exceed it" in result.detail


def test_the_text_has_metric_statistic_limit_and_filter():
    """An objective reads as one line."""
    objective = Objective(metric="ttft", stat="p99", max=1.0, where=Where(client="a", turn=0))
    assert objectives.text_of(objective, "max", 1.0, "s") == "ttft p99 <= 1 s where client = a, turn = 0"


def test_only_objectives_of_this_case_and_target_apply(suite_of):
    """Cases and targets of an objective limit where it is judged; none given means everywhere."""
    suite = suite_of(
        Objective(metric="everywhere"),
        Objective(metric="case", cases=("c",)),
        Objective(metric="other-case", cases=("d",)),
        Objective(metric="target", targets=("t",), cases=("c", "d")),
        Objective(metric="other-target", targets=("u",)),
    )
    found = [objective.metric for objective in objectives.applicable(suite, "c", "t")]
    assert found == ["everywhere", "case", "target"]


def test_statistics_asked_for_by_metric():
    """Statistics of objectives over all requests are listed with the metric; nonsense and filtered ones are not."""
    asked = objectives.everyone(
        [
            Objective(metric="ttft", stat="p95"),
            Objective(metric="ttft", stat="p99.9"),
            Objective(metric="tpot", stat="fast"),
            Objective(metric="e2e", stat="p95", where=Where(client="a")),
        ]
    )
    assert asked == {"ttft": ["p95", "p99.9"]}
