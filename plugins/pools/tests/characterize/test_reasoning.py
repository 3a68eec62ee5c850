"""Reasoning: shares, their mixture and modes, lengths of both parts."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from servegen_fw_models.reasoning import TwoModes
from servegen_fw_pools.characterize.reasoning import section_of
from servegen_fw_pools.characterize.share_mixture import fit_shares, peaks_of
from servegen_fw_pools.logs.log import Log
from servegen_fw_pools.shipped import open_shipped

from servegen_fw.plugin import ClientPool

EDGES = np.linspace(0, 1, 251)


def reasoning_log(n: int, share: np.ndarray, seed: int = 1) -> Log:
    """A log of exponential outputs of which `share` is reasoning, two clients, one request a second."""
    rng = np.random.default_rng(seed)
    output = np.ceil(rng.exponential(900.0, n)).astype(np.int32)
    return Log(
        name="made",
        input_tokens=np.full(n, 10, np.int32),
        output_tokens=output,
        reason_tokens=np.rint(output * share).astype(np.int32),
        time_s=np.arange(n, dtype=np.float64),
        client=(np.arange(n) % 2).astype(np.int32),
        clients=("a", "b"),
    )


@pytest.mark.parametrize(("low", "high", "weight", "spread"), [(0.35, 0.92, 0.4, 0.05), (0.3, 0.7, 0.6, 0.1)])
def test_the_mixture_of_shares_is_recovered(low: float, high: float, weight: float, spread: float) -> None:
    """From 20,000 shares modes are found within 0.015, the weight within 0.02, the spread within 0.015."""
    rng = np.random.default_rng(4)
    shares = TwoModes(low, high, weight, spread).ppf(rng.random(20_000))
    count = np.histogram(shares, EDGES)[0].astype(np.float64)
    two = fit_shares(EDGES, count, 2)
    assert two.mean == pytest.approx([low, high], abs=0.015)
    assert two.weight == pytest.approx([weight, 1 - weight], abs=0.02)
    assert two.spread == pytest.approx([spread, spread], abs=0.015)
    assert two.bic < fit_shares(EDGES, count, 1).bic
    steps = np.array(two.steps)
    assert (np.diff(steps) >= -1e-9 * np.abs(steps[:-1])).all()
    grid = np.linspace(0, 1, 4001)
    assert np.trapezoid(two.density(grid), grid) == pytest.approx(1.0, abs=1e-3)
    assert peaks_of(EDGES, count).modes == pytest.approx((low, high), abs=0.03)


def test_one_component_is_enough_for_one() -> None:
    """Shares of one cut normal law: BIC prefers one component in 4 of 5 samples of 3,000, and one mode is found."""
    # BIC errs with a probability below 1 % here; two errors among 5 have 0.1 %.
    rng = np.random.default_rng(8)
    right = 0
    for _ in range(5):
        count = np.histogram(TwoModes(0.6, 0.6, 0.5, 0.15).ppf(rng.random(3000)), EDGES)[0].astype(np.float64)
        right += fit_shares(EDGES, count, 1).bic < fit_shares(EDGES, count, 2).bic
        assert len(peaks_of(EDGES, count).modes) == 1
    assert right >= 4


def test_a_skewed_share_is_no_bimodal_one() -> None:
    """Beta(5, 2) shares, which two normal laws fit better than one, have one mode: the dip decides."""
    share = np.random.default_rng(2).beta(5, 2, 20_000)
    found = section_of(reasoning_log(20_000, share)).figures["share"]
    assert found["bic_two"] < found["bic_one"]
    assert found["dip_p"] > 0.05
    assert not found["bimodal"]


def test_deepseek_is_bimodal(deepseek: ClientPool) -> None:
    """In the published deepseek-r1 data the mean share is .70, modes lie near .35 and above .9, the valley at .5 to .6."""
    for pool in (deepseek, open_shipped("deepseek-r1")):
        figures = section_of(pool).figures
        share = figures["share"]
        assert share["mean"].value == pytest.approx(0.70, abs=0.005)
        assert share["bimodal"]
        assert share["modes"][0] == pytest.approx(0.35, abs=0.05)
        assert share["modes"][1] > 0.9
        assert 0.5 <= share["valley"] <= 0.6
        assert share["mean"].value / (1 - share["mean"].value) == pytest.approx(2.35, abs=0.03)
        assert min(share["over_time"]["mean"]) > 0.6
        assert max(share["over_time"]["mean"]) < 0.81


def test_a_log_tells_lengths_and_their_correlation() -> None:
    """Means, ratio, correlation overall and within clients, and two modes, from a log made with them."""
    share = TwoModes(0.35, 0.92, 0.4, 0.05).ppf(np.random.default_rng(3).random(20_000))
    log = reasoning_log(20_000, share)
    assert log.reason_tokens is not None
    section = section_of(log)
    figures = section.figures
    reason, answer = log.reason_tokens, log.output_tokens - log.reason_tokens
    assert figures["reason_mean"].value == pytest.approx(reason.mean())
    assert figures["ratio_of_means"].value == pytest.approx(reason.sum() / answer.sum())
    assert figures["ratio_of_means"].low < reason.sum() / answer.sum() < figures["ratio_of_means"].high
    correlation = figures["rank_correlation"]
    assert correlation["overall"].value == pytest.approx(correlation["within_clients"].value, abs=0.02)
    assert figures["share"]["bimodal"]
    assert "two modes" in "\n".join(section.lines)
    assert not section.cannot
    assert {plot.name for plot in section.plots} == {"reasoning-share", "reasoning-over-time"}


def test_the_ratio_of_short_outputs_is_not_spiky() -> None:
    """Outputs of exactly 20 tokens, whose ratios lie on 21 points, do not look like many modes."""
    rng = np.random.default_rng(9)
    log = reasoning_log(5000, np.zeros(5000))
    output = np.full(5000, 20, np.int32)
    reason = np.rint(20 * np.clip(rng.normal(0.5, 0.15, 5000), 0.05, 1)).astype(np.int32)
    figures = section_of(attrs.evolve(log, output_tokens=output, reason_tokens=reason)).figures
    assert not figures["share"]["bimodal"]
    assert figures["share"]["dip_p"] > 0.5


@pytest.mark.parametrize("n", [0, 1, 2, 40])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_few_and_constant_shares(n: int, share: float, finite: object) -> None:
    """No request, one, and constant shares: a section without NaN that says what it cannot tell."""
    section = section_of(reasoning_log(n, np.full(n, share)))
    finite(section)  # type: ignore[operator]
    if n == 0 or share == 0:
        assert not section.figures
        assert "request has any reasoning" in section.cannot[0]


def test_a_log_without_reasoning_says_so(azure: Log) -> None:
    """The Azure trace has no column of reasoning: no figures, one reason."""
    section = section_of(azure)
    assert (section.figures, section.lines) == ({}, ())
    assert section.cannot == ("The log tells no reasoning tokens; it would need a column of them.",)


def test_a_pool_without_reasoning_says_so(mm_image: ClientPool) -> None:
    """mm-image has no reason_ratio."""
    assert section_of(mm_image).cannot == ("The pool has no reason_ratio.",)
