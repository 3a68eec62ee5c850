"""Fitting a pool: what is kept, what it costs, and that the stated cost is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest
from servegen_fw_pools.fit.compact import (
    NOISE_SHARE,
    TOLERANCE,
    excerpt,
    fit_pool,
)
from servegen_fw_pools.fit.knots import LEVEL_GRID
from servegen_fw_pools.published.compile import compile_folder
from servegen_fw_pools.quantiles import level_at
from servegen_fw_pools.shipped import open_shipped

from servegen_fw.plugin import ClientPool, InputError, Tables


def small_pool(days: int = 3) -> ClientPool:
    """Two clients over some days of four 6 h windows, the second silent after the first day; smooth lengths."""
    rng = np.random.default_rng(5)
    windows = 4 * days
    count = rng.integers(1000, 3000, (2, windows)).astype(float)
    count[1, 4:] = 0
    values = np.arange(1.0, 801.0)
    parts = [np.cumsum(0.99 ** (values / (1 + k % 4))) for k in range(2 * windows)]
    return ClientPool(
        name="small",
        clients=("a", "b"),
        start_s=0.0,
        window_s=21600.0,
        count=count,
        cv=np.where(count > 0, rng.uniform(0.5, 9, count.shape), 0),
        family=np.where(count > 0, 0, -1).astype(np.int16),
        families=("gamma", "weibull"),
        fields=("output_tokens",),
        tables=Tables(
            np.arange(2 * windows + 1) * 800,
            np.tile(values, 2 * windows),
            np.concatenate([part / part[-1] for part in parts]),
        ),
        table=np.arange(2 * windows, dtype=np.int32).reshape(1, 2, windows),
        table_window_s=21600.0,
        meta={"source": "made up", "requests": float(count.sum())},
    )


def test_counts_and_families_are_kept_and_cv_to_8_bits() -> None:
    """Requests, shares and families are exact; CV is within 2**-8 of its value and 0 stays 0."""
    pool = small_pool()
    fitted = fit_pool(pool)
    np.testing.assert_array_equal(fitted.count, pool.count)
    np.testing.assert_array_equal(fitted.family, pool.family)
    assert np.abs(fitted.cv - pool.cv).max() <= (pool.cv * 2**-8).max()
    assert np.array_equal(fitted.cv == 0, pool.cv == 0)


def test_tables_are_linear_few_and_shared() -> None:
    """Equal fits are stored once, the fit has a small part of the recorded points, unused tables are left out."""
    fitted = fit_pool(small_pool())
    assert fitted.tables.linear
    assert len(fitted.tables.value) < 0.1 * 16 * 800
    assert len(fitted.tables) < 16
    assert (fitted.table[0, 1, 4:] == -1).all()
    assert np.array_equal(np.unique(fitted.table[fitted.table >= 0]), np.arange(len(fitted.tables)))


def test_the_stated_error_is_the_error_of_the_draws() -> None:
    """Mean and KS recomputed from the drawn, rounded quantiles agree with the meta to 1e-3."""
    pool = small_pool(days=1)
    fitted = fit_pool(pool)
    stated = fitted.meta["fit"]["error"]["output_tokens"]
    u = (np.arange(100_000) + 0.5) / 100_000
    requests, means, means_fit, distances = pool.table_requests, [], [], []
    for client, window in np.argwhere(requests > 0):
        ours = np.rint(fitted.tables.ppf(np.full(len(u), fitted.table[0, client, window]), u))
        values, cdf = pool.tables.knots(int(pool.table[0, client, window]))
        distances.append(np.abs(np.searchsorted(np.sort(ours), values, side="right") / len(u) - cdf).max())
        means.append((values * np.diff(cdf, prepend=0)).sum())
        means_fit.append(ours.mean())
    weight = requests[requests > 0] / requests.sum()
    error = abs(np.dot(weight, means_fit) / np.dot(weight, means) - 1)
    assert stated["mean_relative"] == pytest.approx(error, abs=1e-4)
    assert stated["ks_max"] == pytest.approx(max(distances), abs=1e-3)
    assert stated["ks_median"] <= stated["ks_max"]


def test_small_samples_get_few_knots() -> None:
    """A table seen by 20 requests is not stored point by point: its fit keeps only what 20 requests can tell."""
    pool = small_pool(days=1)
    few = attrs.evolve(pool, count=np.where(pool.count > 0, 20.0, 0.0))
    assert len(fit_pool(few).tables.value) < 0.4 * len(fit_pool(pool).tables.value)


def test_an_excerpt_holds_whole_days_and_says_which() -> None:
    """Day 2 alone keeps its windows and tables, loses the client that is silent then, and names both."""
    pool = small_pool()
    day = excerpt(pool, 1, 1)
    assert day.clients == ("a",)
    np.testing.assert_array_equal(day.count, pool.count[:1, 4:8])
    np.testing.assert_array_equal(day.table, pool.table[:, :1, 4:8])
    assert day.meta["excerpt"] == "days 2 to 2 of 3"
    assert day.meta["silent_clients"] == ["b"]
    assert day.meta["requests"] == day.count.sum()
    assert excerpt(pool, 0, None).meta["excerpt"] == "all of the recording"


@pytest.mark.parametrize(("first", "days"), [(-1, 1), (0, 4), (3, None), (0, 0)])
def test_days_outside_the_recording_are_refused(first: int, days: int | None) -> None:
    """An excerpt that is not within the recording is an input error."""
    with pytest.raises(InputError, match="cannot cut days"):
        excerpt(small_pool(), first, days)


@pytest.mark.parametrize("name", ["mm-image", "deepseek-r1"])
def test_a_refit_equals_the_shipped_pool(name: str, request: pytest.FixtureRequest) -> None:
    """Fitting the published data again gives the shipped arrays and stated errors, bit for bit."""
    again = fit_pool(request.getfixturevalue({"mm-image": "mm_image", "deepseek-r1": "deepseek"}[name]))
    shipped = open_shipped(name)
    for field in ("count", "cv", "family", "table"):
        np.testing.assert_array_equal(getattr(again, field), getattr(shipped, field), field)
    for field in ("offsets", "value", "cdf"):
        np.testing.assert_array_equal(getattr(again.tables, field), getattr(shipped.tables, field), field)
    assert again.clients == shipped.clients
    assert again.meta == shipped.meta


@pytest.mark.slow
def test_a_refit_of_m_small_equals_the_shipped_pool(real: Callable[[str], Path]) -> None:
    """The same for m-small, whose missing clients are borrowed and said to be."""
    again = fit_pool(compile_folder(real("servegen/language/m-small"), "m-small"))
    shipped = open_shipped("m-small")
    np.testing.assert_array_equal(again.tables.value, shipped.tables.value)
    np.testing.assert_array_equal(again.table, shipped.table)
    assert again.meta == shipped.meta
    assert shipped.meta["missing"]["clients"] == ["1", "5", "8", "11", "38"]


def test_drawn_populations_agree_with_the_data(deepseek: ClientPool) -> None:
    """300,000 requests drawn from the shipped pool and from the data pass a two-sample KS test, alarm rate 1e-5."""
    from scipy.stats import ks_2samp

    shipped = open_shipped("deepseek-r1")
    rng = np.random.default_rng(11)
    requests = deepseek.table_requests
    who = rng.choice(requests.size, 300_000, p=(requests / requests.sum()).ravel())
    client, window = np.unravel_index(who, requests.shape)
    for f, field in enumerate(deepseek.fields):
        ours = shipped.tables.ppf(shipped.table[f, client, window], rng.random(len(who)))
        theirs = deepseek.tables.ppf(deepseek.table[f, client, window], rng.random(len(who)))
        if field != "reason_ratio":
            ours = np.rint(ours)
        else:
            # The recorded ratio lies on a grid of 1/501; the fit fills the bins evenly.
            ours = np.rint(ours * 501) / 501
            theirs = np.rint(theirs * 501) / 501
        assert ks_2samp(ours, theirs).pvalue > 1e-5, field


def test_the_reason_share_stays_bimodal() -> None:
    """In the shipped deepseek-r1 pool the share has modes near .35 and above .9 and a valley at .5 to .6."""
    shipped = open_shipped("deepseek-r1")
    requests = shipped.table_requests
    u = (np.arange(2000) + 0.5) / 2000
    histogram = np.zeros(20)
    for client, window in np.argwhere(requests > 0):
        drawn = shipped.tables.ppf(np.full(2000, shipped.table[2, client, window]), u)
        histogram += requests[client, window] * np.histogram(drawn, 20, (0, 1))[0]
    valley = histogram[10:12].mean()
    assert histogram[6:8].mean() > 1.2 * valley
    assert histogram[18:].mean() > 1.2 * valley


def test_image_standard_sizes_are_in_the_shipped_pool(mm_image: ClientPool) -> None:
    """Shares of images of exactly 1196 and 252 tokens differ from the data's by less than 0.2 points."""
    shipped = open_shipped("mm-image")
    field = mm_image.fields.index("image_tokens")
    requests = mm_image.table_requests
    u = (np.arange(4000) + 0.5) / 4000
    found = np.zeros((2, 2))
    for client, window in np.argwhere(requests > 0):
        share = requests[client, window] / requests.sum()
        for row, pool in enumerate((shipped, mm_image)):
            drawn = np.rint(pool.tables.ppf(np.full(4000, pool.table[field, client, window]), u))
            found[row] += share * np.array([(drawn == 1196).mean(), (drawn == 252).mean()])
    assert found[1].min() > 0.05
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=0.002)


@pytest.mark.parametrize("name", ["mm_image", "deepseek"])
def test_every_real_table_is_within_its_tolerance(name: str, request: pytest.FixtureRequest) -> None:
    """Each table's KS distance is at most the larger of 0.2 % and half its own standard error, and the grids' rounding."""
    pool: ClientPool = request.getfixturevalue(name)
    shipped = open_shipped(pool.name)
    requests = pool.table_requests
    for f, c, v in np.argwhere((pool.table >= 0) & (requests > 0)):
        half = 0.5 / 501 if pool.fields[f] == "reason_ratio" else 0.5
        values, cdf = pool.tables.knots(int(pool.table[f, c, v]))
        knots, levels = shipped.tables.knots(int(shipped.table[f, c, v]))
        # The knots of ratios are rounded to 2**-14, a sixteenth of a bin; looking there moves the level by that much.
        slack = 2 / LEVEL_GRID + (np.diff(cdf, prepend=0).max() / 16 if half < 0.5 else 0)
        tolerance = max(TOLERANCE, NOISE_SHARE / (2 * np.sqrt(requests[c, v])))
        assert np.abs(level_at(knots, levels, values + half) - cdf).max() <= tolerance + slack


def test_fields_that_are_no_whole_numbers_keep_their_grid() -> None:
    """Ratios on a grid of 1/501 are smeared by half a bin, stay within [0, 1], and knots lie on multiples of 2**-14."""
    values = np.arange(501) / 501
    cdf = np.cumsum(np.where((values > 0.3) & (values < 0.4) | (values > 0.9), 1.0, 0.05))
    pool = attrs.evolve(
        small_pool(days=1),
        fields=("reason_ratio",),
        tables=Tables(np.arange(9) * 501, np.tile(values, 8), np.tile(cdf / cdf[-1], 8)),
    )
    fitted = fit_pool(pool)
    assert fitted.tables.value.min() == 0
    assert fitted.tables.value.max() <= 1
    assert np.array_equal(fitted.tables.value * 2**14, np.rint(fitted.tables.value * 2**14))
    assert fitted.meta["fit"]["error"]["reason_ratio"]["ks_max"] < 0.01
