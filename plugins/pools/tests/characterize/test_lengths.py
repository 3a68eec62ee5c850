"""The section on lengths, and how far means move."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
import pytest
from servegen_fw_pools.characterize.lengths import section_of
from servegen_fw_pools.characterize.section import Section
from servegen_fw_pools.characterize.shifts import shift_of, step_of, windows_of, windows_of_pool
from servegen_fw_pools.logs.log import Log

from servegen_fw.plugin import ClientPool

Finite = Callable[[Section], None]


def made(values: np.ndarray, **more: object) -> Log:
    """A log of equal input and output lengths, one request a second."""
    column = np.asarray(values, np.int32)
    return Log(
        name="made", input_tokens=column, output_tokens=column, time_s=np.arange(len(column)) * 1.0, **more
    )  # type: ignore[arg-type]


def test_means_by_window_are_those_of_its_rows() -> None:
    """Counts, means and standard errors of windows are the rows' own; empty windows have none."""
    rng = np.random.default_rng(1)
    time_s = np.sort(np.concatenate((rng.random(300) * 100, 200 + rng.random(200) * 50)))
    values = rng.integers(0, 500, 500)
    found = windows_of(time_s, values, 50.0)
    for w in range(5):
        rows = (time_s // 50).astype(int) == w
        assert found.count[w] == rows.sum()
        if rows.any():
            assert found.mean[w] == pytest.approx(values[rows].mean())
            assert found.error[w] == pytest.approx(values[rows].std(ddof=1) / rows.sum() ** 0.5)
    assert (found.mean[2:4] == 0).all()


def test_chance_explains_a_stationary_log_and_not_a_shifting_one() -> None:
    """Of 100 stationary logs the ratio exceeds the 95 % level of chance in at most 14, and so often its interval misses 1."""
    # Expected are 5, and 14 is four standard errors more. Where the mean doubles, the ratio is found within its
    # interval and is not chance.
    rng = np.random.default_rng(2)
    beyond = missed = 0
    time_s = np.arange(8000) * 1.0
    for _ in range(100):
        shift = shift_of(windows_of(time_s, rng.gamma(2.0, 100.0, 8000), 1000.0))
        assert shift is not None
        beyond += shift.ratio.value > shift.by_chance
        missed += shift.ratio.low > 1
    assert beyond <= 14
    assert missed <= 14
    doubling = rng.gamma(2.0, 100.0, 8000) * np.where(time_s < 4000, 1, 2)
    shift = shift_of(windows_of(time_s, doubling, 1000.0))
    assert shift is not None
    assert shift.ratio.value > shift.by_chance
    assert shift.ratio.low <= 2 <= shift.ratio.high


def test_lengths_have_units_and_ratios_have_none() -> None:
    """Means, thresholds and quantiles are in tokens; shapes, shares and ratios of means are pure numbers."""
    rng = np.random.default_rng(9)
    body = np.exp(rng.normal(4.5, 0.7, 4000))
    tail = 600 * (1 - rng.random(4000)) ** (-1 / 1.6)
    figures = section_of(made(np.rint(1 + np.where(rng.random(4000) < 0.2, tail, body)))).figures["input"]
    units = {key: number.unit for each in figures["families"] for key, number in each["parameters"].items()}
    assert units == {
        "mean": "tokens",
        "least": "tokens",
        "threshold": "tokens",
        **dict.fromkeys(("mu", "sigma", "alpha", "tail_share"), ""),
    }
    assert {number.unit for number in (figures["mean"], *figures["quantiles"].values())} == {"tokens"}
    pure = (figures["cv"], figures["zero_share"], figures["shift"]["max_over_min"])
    assert {number.unit for number in pure} == {""}


def test_windows_fit_the_log() -> None:
    """An hour is cut in 5 minutes, a day in hours, two weeks in 6 hours; nothing in one minute."""
    assert [step_of(s) for s in (0.0, 3600.0, 86_400.0, 14 * 86_400.0)] == [60.0, 300.0, 3600.0, 21_600.0]


def test_windows_of_a_pool_are_its_table_windows(deepseek: ClientPool) -> None:
    """Four windows of 6 h; their means, weighted by their counts, give the mean of all, 1,268 tokens."""
    found = windows_of_pool(deepseek, "input_tokens")
    assert len(found.count) == 4
    assert np.average(found.mean, weights=found.count) == pytest.approx(1268.2, abs=0.1)


def test_azure(azure: Log, finite: Finite) -> None:
    """Of the Azure trace: 19,366 requests, mean input 1,154.7 and output 211.1 tokens, medians 1,020 and 129."""
    # No family describes it within its sampling error, and the section says so; both means shift by
    # more than chance.
    section = section_of(azure)
    finite(section)
    figures = section.figures
    assert figures["input"]["mean"].n == 19_366
    assert figures["input"]["mean"].value == pytest.approx(1154.7, abs=0.05)
    assert figures["output"]["mean"].value == pytest.approx(211.1, abs=0.05)
    assert figures["input"]["quantiles"]["p50"].value == 1020
    assert figures["output"]["quantiles"]["p50"].value == 129
    assert not figures["input"]["best_family_agrees"]
    assert "none of them is the law" in "\n".join(section.lines)
    for name in ("input", "output"):
        shift = figures[name]["shift"]
        assert shift["max_over_min"].low > shift["by_chance_p95"]
    assert figures["rank_correlation"]["overall"].value == pytest.approx(0.073, abs=0.001)
    assert section.cannot == ("The rank correlation within clients: the log tells no clients.",)
    assert [plot.name for plot in section.plots] == ["lengths-input", "lengths-output", "lengths-over-time"]


def test_deepseek(deepseek: ClientPool, finite: Finite) -> None:
    """The published deepseek-r1 lengths: means 1,268 and 1,527, medians 208 and 792, p99 23,423 and 12,607 tokens."""
    section = section_of(deepseek)
    finite(section)
    found = {
        (name, p): section.figures[name]["quantiles"][p].value
        for name in ("input", "output")
        for p in ("p50", "p99")
    }
    assert found == {
        ("input", "p50"): 208,
        ("input", "p99"): 23_423,
        ("output", "p50"): 792,
        ("output", "p99"): 12_607,
    }
    assert any("own table" in line or "on its own" in line for line in section.cannot)


def test_known_families_are_told(finite: Finite) -> None:
    """Log-normal inputs and exponential outputs are named as such and agree within sampling error."""
    rng = np.random.default_rng(5)
    log = attrs.evolve(
        made(np.clip(np.rint(np.exp(rng.normal(5, 1, 4000))), 1, None)),
        output_tokens=np.ceil(rng.exponential(300.0, 4000)).astype(np.int32),
        client=(np.arange(4000) % 5).astype(np.int32),
        clients=tuple("abcde"),
    )
    section = section_of(log)
    finite(section)
    assert [section.figures[name]["best_family"] for name in ("input", "output")] == [
        "lognormal",
        "exponential",
    ]
    assert section.figures["input"]["best_family_agrees"]
    assert section.figures["rank_correlation"]["clients_used"] == 5
    assert not section.cannot


@pytest.mark.parametrize("values", [[], [7], [0], [0, 0, 0], [7] * 200, [0, 5], [3, 4, 5], [1, 100_000]])
def test_edge_cases_have_no_nan(values: list[int], finite: Finite) -> None:
    """No request, one, zeros, constant lengths: the section is finite and says what it cannot tell."""
    for log in (made(np.array(values)), attrs.evolve(made(np.array(values)), time_s=None)):
        section = section_of(log)
        finite(section)
        assert section.cannot
        assert bool(section.figures) == bool(values)


def test_clients_are_named_as_a_cause_only_where_chance_is_none() -> None:
    """Clients alike: nothing comes from who asks. Clients of long prompts and answers: the difference does."""
    rng = np.random.default_rng(3)
    client = np.arange(4000, dtype=np.int32) % 20
    for spread, named in ((0.0, False), (0.5, True)):
        scale = np.exp(spread * client)
        log = made(
            np.rint(1 + 100 * scale * rng.exponential(size=4000)),
            client=client,
            clients=tuple("abcdefghijklmnopqrst"),
        )
        log = attrs.evolve(
            log,
            output_tokens=np.rint(1 + 100 * scale * rng.exponential(size=4000)).astype(np.int32),
        )
        assert any("comes from which clients" in line for line in section_of(log).lines) == named
