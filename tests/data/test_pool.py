"""Quantiles of many tables at once agree with the definition, table by table."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servegen_fw.data.pool import ClientPool, Tables

JUST_BELOW_1 = np.nextafter(1.0, 0.0)


def make_tables(*parts: tuple[list[float], list[float]], linear: bool = False) -> Tables:
    """Tables from (values, cdf) pairs."""
    return Tables.of([(np.array(value, float), np.array(cdf, float)) for value, cdf in parts], linear=linear)


def one_by_one(tables: Tables, table: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The definition: bisect the table's own levels, without any joint search."""
    out = np.full(len(u), np.nan)
    for i, (k, x) in enumerate(zip(table, u, strict=True)):
        value = tables.value[tables.offsets[k] : tables.offsets[k + 1]]
        cdf = tables.cdf[tables.offsets[k] : tables.offsets[k + 1]]
        if k < 0 or not len(value):
            continue
        j = min(np.searchsorted(cdf, x, side="right"), len(value) - 1)
        out[i] = value[j]
        if tables.linear and j > 0 and cdf[j] > cdf[j - 1]:
            out[i] = value[j - 1] + (value[j] - value[j - 1]) * (x - cdf[j - 1]) / (cdf[j] - cdf[j - 1])
    return out


def test_tables_hold_what_they_were_put_together_from() -> None:
    """Values and levels of each table come back, an empty one too; no tables at all are none."""
    tables = make_tables(([10, 20], [0.5, 1.0]), ([], []), ([7], [1.0]))
    assert tables.offsets.tolist() == [0, 2, 2, 3]
    found = [tuple(part.tolist() for part in tables.knots(k)) for k in range(len(tables))]
    assert found == [([10.0, 20.0], [0.5, 1.0]), ([], []), ([7.0], [1.0])]
    assert len(Tables.of([])) == 0


def test_a_step_table_gives_each_value_on_its_own_interval() -> None:
    """Value j is drawn for u in [cdf[j-1], cdf[j]), the left end included and the right one not."""
    tables = make_tables(([10, 20, 30], [0.25, 0.5, 1.0]))
    u = np.array([0.0, 0.2499, 0.25, 0.4999, 0.5, JUST_BELOW_1])
    assert tables.ppf(np.zeros(6, int), u).tolist() == [10, 10, 20, 20, 30, 30]


def test_a_linear_table_interpolates_between_its_knots() -> None:
    """Between (0.2, 10) and (0.6, 30) the quantile at 0.4 is 20; the ends are the first and last value."""
    tables = make_tables(([10, 10, 30, 90], [0.0, 0.2, 0.6, 1.0]), linear=True)
    u = np.array([0.0, 0.1, 0.2, 0.4, 0.6, 0.8, JUST_BELOW_1])
    np.testing.assert_allclose(tables.ppf(np.zeros(7, int), u), [10, 10, 10, 20, 30, 60, 90], rtol=1e-12)


def test_a_linear_table_jumps_where_two_knots_share_a_level() -> None:
    """Equal levels are a gap that no draw falls into: below it the lower value holds, from it on the upper."""
    tables = make_tables(([1, 2, 8, 9], [0.0, 0.5, 0.5, 1.0]), linear=True)
    drawn = tables.ppf(np.zeros(1001, int), np.linspace(0, JUST_BELOW_1, 1001))
    assert not np.any((drawn > 2) & (drawn < 8))
    assert tables.ppf(np.array([0]), np.array([0.5]))[0] == 8


@pytest.mark.parametrize("linear", [False, True])
def test_the_ends_never_reach_into_a_neighbour(linear: bool) -> None:
    """At u = 0 and at the largest float below 1, a table among 5,000 gives its own first and last value."""
    n = 5000
    values = np.arange(2 * n, dtype=float)
    levels = np.tile([0.0 if linear else 0.5, 1.0], n)
    tables = Tables(np.arange(n + 1) * 2, values, levels, linear)
    table = np.arange(n)
    np.testing.assert_array_equal(tables.ppf(table, np.zeros(n)), values[::2])
    np.testing.assert_allclose(tables.ppf(table, np.full(n, JUST_BELOW_1)), values[1::2], rtol=0, atol=1e-9)


@pytest.mark.parametrize("linear", [False, True])
def test_empty_tables_and_no_table_give_nan_and_disturb_no_neighbour(linear: bool) -> None:
    """Empty tables at the start, in the middle and at the end, and table -1, give NaN; the others their values."""
    full = ([5.0, 5.0], [0.0, 1.0])
    tables = make_tables(([], []), full, ([], []), ([], []), full, ([], []), linear=linear)
    drawn = tables.ppf(np.array([0, 1, 2, 3, 4, 5, -1]), np.full(7, 0.5))
    np.testing.assert_array_equal(drawn, [np.nan, 5, np.nan, np.nan, 5, np.nan, np.nan])


def test_tables_without_any_knot_give_nan() -> None:
    """A structure of empty tables only, and one of no tables asked for nothing, do not fail."""
    assert np.isnan(make_tables(([], [])).ppf(np.array([0, 0]), np.array([0.1, 0.9]))).all()
    assert (
        len(Tables(np.zeros(1, np.int64), np.empty(0), np.empty(0)).ppf(np.empty(0, int), np.empty(0))) == 0
    )


def test_a_table_of_one_point_always_gives_it() -> None:
    """One knot with level 1 is a constant."""
    drawn = make_tables(([372], [1.0])).ppf(np.zeros(100, int), np.linspace(0, JUST_BELOW_1, 100))
    assert set(drawn) == {372.0}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    skew=st.sampled_from([0.05, 1.0, 30.0]),
    linear=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_joint_search_equals_the_definition(
    sizes: list[int], skew: float, linear: bool, seed: int
) -> None:
    """For any mix of table sizes, crowded heads and tails, one call equals a bisection of each table on its own."""
    rng = np.random.default_rng(seed)
    parts = []
    for size in sizes:
        cdf = np.sort(rng.random(size) ** skew)
        cdf[-1:] = 1
        if linear:
            cdf[:1] = 0 if size > 1 else 1
        parts.append((np.sort(rng.integers(0, 10**6, size)).tolist(), cdf.tolist()))
    tables = make_tables(*parts, linear=linear)
    table = rng.integers(0, len(sizes), 500)
    u = rng.random(500)
    np.testing.assert_allclose(tables.ppf(table, u), one_by_one(tables, table, u), rtol=1e-9)


def test_a_long_tail_in_one_cell_is_found() -> None:
    """Ten thousand levels between 0.999 and 1, all within one search cell, give the value the definition gives."""
    cdf = 0.999 + 0.001 * np.arange(1, 10_001) / 10_000
    cdf[-1] = 1
    tables = Tables(np.array([0, 10_000]), np.arange(10_000.0), cdf)
    u = np.linspace(0.9989, JUST_BELOW_1, 3000)
    np.testing.assert_array_equal(
        tables.ppf(np.zeros(3000, int), u), one_by_one(tables, np.zeros(3000, int), u)
    )


def test_draws_follow_the_masses() -> None:
    """A chi-square test of 200,000 draws against their mass function passes; false-alarm rate 1e-5, seed fixed."""
    from scipy.stats import chi2

    mass = np.array([0.5, 0.25, 0.1, 0.1, 0.049, 0.001])
    tables = make_tables(([1], [1.0]), (list(range(6)), np.cumsum(mass).tolist()))
    n = 200_000
    drawn = tables.ppf(np.ones(n, int), np.random.default_rng(3).random(n)).astype(int)
    seen = np.bincount(drawn, minlength=6)
    assert ((seen - n * mass) ** 2 / (n * mass)).sum() < chi2.ppf(1 - 1e-5, 5)


def test_the_search_structures_are_built_once() -> None:
    """The joint levels and the guide are kept between calls, for they cost as much as many draws."""
    tables = make_tables(([1, 2], [0.5, 1.0]))
    assert tables._levels is tables._levels
    assert tables._guide is tables._guide


def test_a_pool_states_rate_duration_and_modalities() -> None:
    """120 requests in 1,200 s are 0.1 per second; a modality needs both a count and a token field."""
    pool = ClientPool(
        name="p",
        clients=("a", "b"),
        start_s=0.0,
        window_s=600.0,
        count=np.array([[20.0, 40.0], [0.0, 60.0]]),
        cv=np.ones((2, 2)),
        family=np.zeros((2, 2), np.int16),
        families=("gamma",),
        fields=("input_tokens", "image_count", "image_tokens", "video_tokens", "audio_count"),
        tables=make_tables(([1], [1.0])),
        table=np.zeros((5, 2, 1), np.int32),
        table_window_s=1200.0,
    )
    assert pool.duration_s == 1200
    assert pool.rate == pytest.approx(0.1)
    assert pool.modalities == ("image",)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    size=st.integers(1, 60), others=st.integers(0, 3000), linear=st.booleans(), seed=st.integers(0, 2**32 - 1)
)
def test_quantiles_never_fall_and_stay_within_their_table(
    size: int, others: int, linear: bool, seed: int
) -> None:
    """Along rising u the quantiles of one table among thousands never fall and never leave its values."""
    rng = np.random.default_rng(seed)
    cdf = np.sort(rng.random(size))
    cdf[-1] = 1
    cdf[0] = 0 if linear and size > 1 else cdf[0]
    value = np.sort(rng.integers(-50, 50, size)).astype(float)
    tables = Tables(
        np.concatenate((np.arange(others + 1), [others + size])),
        np.concatenate((np.full(others, 1e6), value)),
        np.concatenate((np.ones(others), cdf)),
        linear,
    )
    u = np.sort(np.concatenate((rng.random(200), [0.0, JUST_BELOW_1], np.minimum(cdf, JUST_BELOW_1))))
    drawn = tables.ppf(np.full(len(u), others), u)
    assert (np.diff(drawn) >= -1e-9).all()
    assert drawn.min() >= value[0] - 1e-9
    assert drawn.max() <= value[-1] + 1e-9


def test_integer_and_narrow_table_numbers_are_accepted() -> None:
    """Table numbers come as int32 from a pool and as int64 from arithmetic; both give the same."""
    tables = make_tables(([1, 2], [0.5, 1.0]), ([3, 4], [0.5, 1.0]))
    u = np.array([0.1, 0.9])
    for dtype in (np.int16, np.int32, np.int64):
        assert tables.ppf(np.array([1, 0], dtype), u).tolist() == [3, 2]


def test_drawing_changes_nothing() -> None:
    """Read-only arrays, as a mapped pool has them, are drawn from; arguments are left as they were."""
    offsets, value, cdf = np.array([0, 0, 2]), np.array([5.0, 6.0]), np.array([0.5, 1.0])
    for array in (offsets, value, cdf):
        array.flags.writeable = False
    table, u = np.array([0, 1, 1]), np.array([0.3, 0.3, 0.7])
    np.testing.assert_array_equal(Tables(offsets, value, cdf).ppf(table, u), [np.nan, 5, 6])
    assert table.tolist() == [0, 1, 1]
    assert u.tolist() == [0.3, 0.3, 0.7]


def test_the_guide_stays_small() -> None:
    """However many tables and knots there are, the guide has at most 2**22 cells and one per table at least."""
    for tables, knots in ((1, 1), (3, 100_000), (40_000, 30), (2000, 1)):
        made = Tables(
            np.arange(tables + 1) * knots,
            np.ones(tables * knots),
            np.tile(np.linspace(0, 1, knots + 1)[1:], tables),
        )
        cells, _, start = made._guide
        assert tables <= len(start) == cells.sum() <= 2**22
        assert np.all(cells & (cells - 1) == 0)


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.integers(0, 12), min_size=2, max_size=8),
    masses=st.lists(st.integers(1, 9), min_size=8, max_size=8),
    linear=st.booleans(),
)
def test_whole_steps_are_the_rounded_quantiles(values: list[int], masses: list[int], linear: bool) -> None:
    """Away from the levels themselves, the step that a level lies in is its quantile, rounded and at least 1."""
    level = np.cumsum([0 if linear else masses[0], *masses[1 : len(values)]])
    tables = make_tables((sorted(map(float, values)), (level / level[-1]).tolist()), linear=linear)
    value, upto = tables.whole_steps(0)
    u = (np.arange(2000) + 0.5) / 2000
    u = u[np.abs(u[:, None] - upto).min(axis=1) > 1e-9]
    found = value[np.minimum(np.searchsorted(upto, u, side="right"), len(value) - 1)]
    drawn = np.maximum(np.rint(tables.ppf(np.zeros(len(u), int), u)), 1.0)
    np.testing.assert_array_equal(found, drawn)


def test_a_pool_without_sessions_counts_requests() -> None:
    """Without the field "turns" requests are what was counted, and a session has one turn."""
    count = np.array([[6.0, 12.0]])
    pool = ClientPool(
        name="p",
        clients=("a",),
        start_s=0.0,
        window_s=600.0,
        count=count,
        cv=np.ones((1, 2)),
        family=np.zeros((1, 2), np.int16),
        families=("gamma",),
        fields=("input_tokens",),
        tables=make_tables(([1.0], [1.0])),
        table=np.zeros((1, 1, 1), np.int32),
        table_window_s=21600.0,
    )
    assert not pool.has_sessions
    assert pool.requests.tolist() == count.tolist()
    assert pool.mean_turns.tolist() == [[1.0]]
    assert pool.rate == 18 / 1200


def test_requests_of_a_table_window_are_the_sum_of_its_rate_windows() -> None:
    """Rate windows of 600 s add up to table windows of 1,200 s, the last one shorter; one where none begins has 0."""
    pool = ClientPool(
        name="p",
        clients=("a", "b"),
        start_s=0.0,
        window_s=600.0,
        count=np.arange(10.0).reshape(2, 5),
        cv=np.ones((2, 5)),
        family=np.zeros((2, 5), np.int16),
        families=("gamma",),
        fields=("input_tokens",),
        tables=make_tables(([1.0], [1.0])),
        table=np.zeros((1, 2, 3), np.int32),
        table_window_s=1200.0,
    )
    assert pool.table_requests.tolist() == [[1, 5, 4], [11, 15, 9]]
    finer = attrs.evolve(pool, table=np.zeros((1, 2, 10), np.int32), table_window_s=300.0)
    assert finer.in_table_windows(finer.count)[0].tolist() == [0, 0, 1, 0, 2, 0, 3, 0, 4, 0]
