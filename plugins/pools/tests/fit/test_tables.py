"""Length tables of a log."""

from __future__ import annotations

import numpy as np
import pytest
from servegen_fw_pools.fit.compact import NOISE_SHARE, TOLERANCE
from servegen_fw_pools.fit.samples import Samples, ratios
from servegen_fw_pools.fit.tables import LEAST_SAMPLES, fit_tables


def fit_of(value: np.ndarray, **options: object) -> np.ndarray:
    """20,000 quantiles of the table of one client."""
    one = Samples("output_tokens", np.arange(len(value)), value, **options)  # type: ignore[arg-type]
    fitted = fit_tables([one], np.zeros(len(value), np.int32), np.zeros(len(value), np.int64), 1, 1)
    return fitted.tables.ppf(fitted.table[0, 0, 0], (np.arange(20_000) + 0.5) / 20_000)


def test_a_table_has_the_law_of_its_values() -> None:
    """Rounded draws are within the tolerance of the recorded distribution function at every value."""
    value = np.rint(np.random.default_rng(1).lognormal(5, 1, 5000))
    drawn = np.sort(np.rint(fit_of(value)))
    at = np.unique(value)
    far = np.abs(
        np.searchsorted(drawn, at, side="right") / len(drawn)
        - np.searchsorted(np.sort(value), at, side="right") / 5000
    )
    assert far.max() <= max(TOLERANCE, NOISE_SHARE / (2 * np.sqrt(5000))) + 1e-3


def test_no_and_full_reasoning_stay_exact() -> None:
    """A third without reasoning, a third with nothing else: the shares 0 and 1 are drawn as such."""
    one = ratios(np.arange(3000), np.repeat([0.0, 0.4, 1.0], 1000))
    drawn = fit_of(one.value, half=one.half, grid=one.grid, exact=one.exact)
    # A knot's level is told to 1 / 65,536; what lies between knots belongs to neither.
    assert np.mean(drawn == 0) == pytest.approx(1 / 3, abs=0.01)
    assert np.mean(drawn == 1) == pytest.approx(1 / 3, abs=0.01)
    inner = drawn[(drawn > 0.01) & (drawn < 0.99)]
    assert np.quantile(inner, 0.5) == pytest.approx(0.4, abs=1 / 501)


def test_windows_with_few_values_share_a_table() -> None:
    """150, 150, 300 and 20 values: the first two windows share one table, the last belongs to the third's."""
    sizes = [150, 150, 300, 20]
    window = np.repeat(np.arange(4), sizes)
    one = Samples(
        "input_tokens", np.arange(len(window)), np.random.default_rng(3).integers(1, 99, len(window)) * 1.0
    )
    fitted = fit_tables([one], np.zeros(len(window), np.int32), window, 1, 5)
    assert LEAST_SAMPLES == 200
    assert fitted.table[0, 0].tolist() == [0, 0, 1, 1, -1]
    assert fitted.error["input_tokens"]["tables"] == 2
    assert fitted.error["input_tokens"]["values"] == 620


def test_fields_without_values_are_left_out() -> None:
    """A modality that nobody used is no field, and an owner without a value has no table."""
    none = Samples("image_tokens", np.zeros(0, np.int64), np.zeros(0))
    some = Samples("input_tokens", np.arange(3), np.array([5.0, 5.0, 5.0]))
    fitted = fit_tables([none, some], np.array([0, 0, 2], np.int32), np.zeros(3, np.int64), 3, 1)
    assert fitted.fields == ("input_tokens",)
    assert fitted.table.tolist() == [[[0], [-1], [0]]]
    assert np.rint(fitted.tables.ppf(np.int64(0), np.array([0.01, 0.99]))).tolist() == [5, 5]
