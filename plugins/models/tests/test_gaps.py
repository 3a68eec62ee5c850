"""Renewal arrivals with given gaps.

Statistical tests run on fixed seeds; over seeds each case fails by chance with probability below 1e-5.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from servegen_fw_models import gaps, options

from servegen_fw.plugin import InputError

GIVEN = options.EmpiricalGaps(values=(0.0, 1.0, 20.0), weights=(1.0, 6.0, 3.0))
MEAN = 6.6


def test_gaps_are_the_given_ones_in_proportion() -> None:
    """Gaps are the values over their mean, each as often as its weight says: chi-square, p = 1e-5."""
    times = gaps.make(GIVEN).unit_times(20_000.0, np.random.default_rng(91))
    found = np.round(np.diff(times) * MEAN, 6)
    values, seen = np.unique(found, return_counts=True)
    assert values.tolist() == [0.0, 1.0, 20.0]
    assert stats.chisquare(seen, len(found) * np.array([0.1, 0.6, 0.3])).pvalue > 1e-5


def test_the_first_gap_is_what_a_random_moment_finds() -> None:
    """Its density is (1 - F(x)) / mean: 0.9 up to 1, 0.3 up to 20, over 6.6. Kolmogorov-Smirnov, p = 1e-5."""
    process, rng = gaps.make(GIVEN), np.random.default_rng(92)
    first = np.array([process.unit_times(20.0 / MEAN + 1e-9, rng)[0] * MEAN for _ in range(8_000)])

    def cdf(x: np.ndarray) -> np.ndarray:
        return (0.9 * np.minimum(x, 1) + 0.3 * np.maximum(x - 1, 0)) / MEAN

    assert stats.kstest(first, cdf).pvalue > 1e-5


@pytest.mark.parametrize("horizon", [0.1, 1.0, 9.0])
def test_the_expected_count_is_the_horizon(horizon: float) -> None:
    """Counts of [0, h) average h from the start, within 4.5 standard errors."""
    process, rng = gaps.make(GIVEN), np.random.default_rng(93)
    counts = np.array([len(process.unit_times(horizon, rng)) for _ in range(8_000)])
    assert abs(counts.mean() - horizon) < 4.5 * counts.std() / math.sqrt(len(counts))


def test_counts_have_the_dispersion_of_the_gaps() -> None:
    """Var N(h) is cv^2 h + 1/6 + cv^4/2 - mu3/3 (Cox, Renewal Theory, 1962, section 4.5), as for every renewal process."""
    values, share = np.array([0.0, 1.0, 20.0]) / MEAN, np.array([0.1, 0.6, 0.3])
    cv2, third = share @ (values - 1) ** 2, share @ (values - 1) ** 3
    process, rng = gaps.make(GIVEN), np.random.default_rng(94)
    counts = np.array([len(process.unit_times(200.0, rng)) for _ in range(4_000)])
    squared = (counts - 200.0) ** 2
    expected = cv2 * 200 + 1 / 6 + cv2**2 / 2 - third / 3
    assert abs(squared.mean() - expected) < 4.5 * squared.std() / math.sqrt(len(squared))


@given(
    st.lists(st.tuples(st.floats(0, 1e3), st.floats(0.01, 10)), min_size=1, max_size=10).filter(
        lambda rows: max(value for value, _ in rows) > 1e-3
    ),
    st.floats(0.01, 1.0),
    st.integers(0, 2**32),
)
@settings(max_examples=60)
def test_any_gaps_give_an_appending_process_in_any_unit(
    rows: list[tuple[float, float]], part: float, seed: int
) -> None:
    """Times ascend, a longer horizon only appends, and gaps in milliseconds give the times of gaps in seconds."""
    values, weights = (tuple(column) for column in zip(*rows, strict=True))
    process = gaps.make(options.EmpiricalGaps(values=values, weights=weights))
    times = process.unit_times(300.0, np.random.default_rng(seed))
    assert (np.diff(times) >= 0).all()
    short = process.unit_times(300.0 * part, np.random.default_rng(seed))
    np.testing.assert_array_equal(short, times[times < 300.0 * part])
    in_ms = options.EmpiricalGaps(values=tuple(1000 * value for value in values), weights=weights)
    other = gaps.make(in_ms).unit_times(300.0 * part, np.random.default_rng(seed))
    assert abs(len(other) - len(short)) <= 1  # rounding may move a time across the horizon
    shared = min(len(other), len(short))
    np.testing.assert_allclose(other[:shared], short[:shared], rtol=1e-9)


def test_gaps_may_come_from_a_file(tmp_path: Path) -> None:
    """A CSV file gives the same process as the values written out; zeros alone are refused."""
    file = tmp_path / "gaps.csv"
    file.write_text("value,weight\n0,1\n1,6\n20,3\n", encoding="utf-8")
    one = gaps.make(options.EmpiricalGaps(path=str(file))).unit_times(50.0, np.random.default_rng(95))
    np.testing.assert_array_equal(one, gaps.make(GIVEN).unit_times(50.0, np.random.default_rng(95)))
    file.write_text("0\n0\n", encoding="utf-8")
    with pytest.raises(InputError, match="all gaps are zero"):
        gaps.make(options.EmpiricalGaps(path=str(file)))


def test_recorded_gaps_can_be_replayed_as_a_law(shared_data: Path, tmp_path: Path) -> None:
    """Gaps of a real trace: the process has their CV within 2 %, whatever its rate."""
    import csv
    from datetime import datetime

    with (shared_data / "azure" / "AzureLLMInferenceTrace_conv.csv").open(encoding="utf-8") as file:
        stamps = [row["TIMESTAMP"] for row in csv.DictReader(file)]
    seconds = np.array([datetime.fromisoformat(stamp[:26]).timestamp() for stamp in stamps])
    recorded = np.diff(np.sort(seconds))
    (tmp_path / "gaps.csv").write_text("\n".join(f"{gap:.6f}" for gap in recorded), encoding="utf-8")
    process = gaps.make(options.EmpiricalGaps(path=str(tmp_path / "gaps.csv")))
    drawn = np.diff(process.unit_times(200_000.0, np.random.default_rng(96)))
    assert drawn.std() / drawn.mean() == pytest.approx(recorded.std() / recorded.mean(), rel=0.02)
