"""Columns that depend on each other."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
from scipy import stats

from servegen_fw.errors import InputError
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.model import Dependence, Load, WorkloadSpec
from servegen_fw.workload.compose import compose
from servegen_fw.workload.copula import correlated, pearson
from servegen_fw.workload.coupling import Coupling, cholesky, nearest
from servegen_fw.workload.streams import Streams

N = 200_000
COLUMNS = ("input_tokens", "output_tokens", "reason_tokens", "image_count")


@pytest.fixture(scope="module")
def drawn() -> dict[str, np.ndarray]:
    """Return four independent columns of uniform numbers."""
    rng = np.random.default_rng(3)
    return {name: rng.random(N) for name in COLUMNS}


def made(coupling: Coupling, drawn: dict[str, np.ndarray], client: Any = 0) -> dict[str, np.ndarray]:
    """Return all columns as the coupling mixes them."""
    return {name: coupling.column(name, drawn.__getitem__, client) for name in COLUMNS}


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Return the rank correlation of two columns."""
    return float(stats.spearmanr(one, other).statistic)


def test_every_pair_has_the_rank_correlation_stated(drawn: dict[str, np.ndarray]) -> None:
    """Six pairs of 200,000 rows are within 0.012: five standard errors, false alarm 4e-6; the columns stay uniform."""
    stated = {
        ("input_tokens", "output_tokens"): 0.3,
        ("input_tokens", "reason_tokens"): -0.5,
        ("output_tokens", "reason_tokens"): 0.4,
        ("image_count", "input_tokens"): 0.2,
        ("image_count", "output_tokens"): 0.0,
        ("image_count", "reason_tokens"): -0.7,
    }
    coupling = Coupling.of(COLUMNS, stated)
    assert coupling is not None
    found = made(coupling, drawn)
    for (first, second), rank in stated.items():
        assert abs(spearman(found[first], found[second]) - rank) < 0.012
    for column in found.values():
        assert 0 <= column.min() <= column.max() < 1
        assert stats.kstest(column, "uniform").pvalue > 1e-4


def test_a_pair_alone_is_what_two_columns_were_before(drawn: dict[str, np.ndarray]) -> None:
    """The first column is left as it is; the second one is that of `correlated`, to the bit or its last ones."""
    coupling = Coupling.of(COLUMNS, {("input_tokens", "output_tokens"): 0.6})
    assert coupling is not None
    found = made(coupling, drawn)
    assert found["input_tokens"] is drawn["input_tokens"]
    expected = correlated(drawn["input_tokens"], drawn["output_tokens"], 0.6)
    assert np.abs(found["output_tokens"] - expected).max() < 1e-15
    assert found["reason_tokens"] is drawn["reason_tokens"]


def test_stating_a_pair_changes_its_later_column_only(drawn: dict[str, np.ndarray]) -> None:
    """A pair more leaves all columns but its later one as they were."""
    stated = {("input_tokens", "image_count"): 0.5}
    before = Coupling.of(COLUMNS, stated)
    after = Coupling.of(COLUMNS, {**stated, ("reason_tokens", "output_tokens"): 0.4})
    assert before is not None
    assert after is not None
    one, other = made(before, drawn), made(after, drawn)
    assert [name for name in COLUMNS if not np.array_equal(one[name], other[name])] == ["reason_tokens"]


@pytest.mark.parametrize(("rank", "same"), [(1.0, lambda u: u), (-1.0, lambda u: 1 - u)])
def test_the_ends_are_exact(drawn: dict[str, np.ndarray], rank: float, same: Any) -> None:
    """At 1 the columns are one, at -1 mirror images."""
    coupling = Coupling.of(COLUMNS, {("output_tokens", "reason_tokens"): rank})
    assert coupling is not None
    found = made(coupling, drawn)
    assert np.array_equal(found["reason_tokens"], same(found["output_tokens"]))


def test_each_client_has_its_own(drawn: dict[str, np.ndarray]) -> None:
    """Recorded correlations apply by client, unknown ones are none: 66,667 rows each within 0.02, five standard errors."""
    recorded = {("input_tokens", "output_tokens"): np.array([0.8, -0.4, np.nan])}
    coupling = Coupling.of(COLUMNS, {}, recorded)
    assert coupling is not None
    owner = np.arange(N) % 3
    mixed = made(coupling, drawn, owner)
    for client, rank in enumerate((0.8, -0.4, 0.0)):
        rows = owner == client
        assert abs(spearman(mixed["input_tokens"][rows], mixed["output_tokens"][rows]) - rank) < 0.02
        alone = made(coupling, drawn, client)
        assert np.allclose(alone["output_tokens"][rows], mixed["output_tokens"][rows], atol=1e-7)


def test_recorded_correlations_that_cannot_be_are_moved_and_counted() -> None:
    """Two fields at 0.9 with a third and at -0.9 with each other become the nearest possible ones, for that client only."""
    recorded = {
        ("input_tokens", "output_tokens"): np.array([0.9, 0.2]),
        ("input_tokens", "reason_tokens"): np.array([0.9, 0.1]),
        ("output_tokens", "reason_tokens"): np.array([-0.9, 0.3]),
    }
    coupling = Coupling.of(COLUMNS, {}, recorded)
    assert coupling is not None
    assert coupling.changed == 1
    assert 0.2 < coupling.moved < 1.0
    matrix = coupling.factor @ coupling.factor.transpose(0, 2, 1)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12
    assert matrix[1, 0, 1] == pytest.approx(pearson(np.array(0.2)))
    assert np.allclose(np.diagonal(matrix, axis1=1, axis2=2), 1.0)


@pytest.mark.parametrize("seed", range(10))
def test_nearest_and_factor_hold_for_any_matrix(seed: int) -> None:
    """Any symmetric matrix with ones on its diagonal becomes a correlation matrix; one that is already stays as it is."""
    rng = np.random.default_rng(seed)
    half = rng.uniform(-1, 1, (50, 5, 5))
    wild = (half + half.transpose(0, 2, 1)) / 2
    wild[:, range(5), range(5)] = 1.0
    near, changed = nearest(wild)
    assert changed.any()
    assert np.array_equal(near[~changed], wild[~changed])
    factor = cholesky(near)
    assert np.allclose(factor @ factor.transpose(0, 2, 1), near, atol=1e-6)
    again, moved = nearest(near)
    assert not moved.any()
    assert np.array_equal(again, near)


def test_a_suite_states_any_pair_of_columns(kit: Any) -> None:
    """Input, output, reasoning share and image count: 60,000 rows within 0.02 where columns are continuous."""
    # The standard error is 0.004, so false alarms are below 1e-6. Counts have ties, which cost some of theirs.
    knots = {float(v): 1e-4 for v in range(1, 10_001)}
    pool = kit.pool(
        np.full((3, 20), 1000),
        fields=("input_tokens", "output_tokens", "reason_ratio", "image_count", "image_tokens", "cost"),
        masses=(
            knots,
            knots,
            {v / 10_001: p for v, p in knots.items()},
            {float(v): 0.05 for v in range(20)},
            {5.0: 1.0},
            knots,
        ),
    )
    pairs = {
        ("input", "reason"): 0.5,
        ("output", "reason"): -0.2,
        ("input", "image_count"): 0.4,
        ("cost", "output"): 0.7,
    }
    group = kit.recorded(pool, dependence=tuple(Dependence(between=k, rank=v) for k, v in pairs.items()))
    w = kit.compose(group, duration_s=12_000)
    found = {
        "input": w.input_tokens,
        "output": w.output_tokens,
        "reason": w.reason_tokens / w.output_tokens,
        "image_count": w.items.count,
        "cost": w.extra["cost"],
    }
    for (first, second), rank in pairs.items():
        tolerance = 0.02 if "image_count" not in {first, second} else 0.03
        assert abs(spearman(found[first], found[second]) - rank) < tolerance, (first, second)
    assert abs(spearman(w.input_tokens, w.output_tokens)) < 0.02
    plain = kit.compose(kit.recorded(pool), duration_s=12_000)
    assert np.array_equal(plain.due_s, w.due_s)
    assert np.array_equal(plain.input_tokens, w.input_tokens)
    assert np.array_equal(plain.output_tokens, w.output_tokens)


def test_thinning_leaves_dependent_columns_as_they_were(kit: Any) -> None:
    """What is kept does not depend on what is not: a lower rate keeps a subset of the rows, image counts included."""
    pool = kit.pool(
        np.full((2, 4), 300),
        fields=("input_tokens", "output_tokens", "image_count", "image_tokens"),
        masses=(*kit.LENGTHS, {0.0: 0.3, 1.0: 0.4, 3.0: 0.3}, {5.0: 0.5, 9.0: 0.5}),
    )
    group = kit.recorded(pool, dependence=(Dependence(between=("input", "image_count"), rank=0.8),))
    many, few = (kit.compose(group, rate=rate, duration_s=2400) for rate in (0.9, 0.3))
    assert set(kit.rows(few)) < set(kit.rows(many))
    assert 500 < len(few) < 900


def recorded_pool(kit: Any, pairs: tuple[tuple[str, str], ...], rank: Any) -> Any:
    """Return a pool of two clients with a recorded dependence."""
    knots = {float(v): 1e-3 for v in range(1, 1001)}
    pool = kit.pool(
        np.full((2, 10), 3000),
        fields=("input_tokens", "output_tokens", "reason_ratio"),
        masses=(knots, knots, {v / 1001: p for v, p in knots.items()}),
    )
    return attrs.evolve(pool, pairs=pairs, rank=np.asarray(rank, float))


def test_a_pools_dependence_applies_unless_the_suite_states_the_pair(kit: Any) -> None:
    """Each client has its recorded rank correlation: 30,000 rows within 0.03, five standard errors; a stated one is for all."""
    pool = recorded_pool(
        kit,
        (("input_tokens", "output_tokens"), ("reason_ratio", "output_tokens")),
        [[0.5, -0.3], [0.2, 0.0]],
    )
    w = kit.compose(kit.recorded(pool), duration_s=6000)
    for client, (first, second) in enumerate([(0.5, 0.2), (-0.3, 0.0)]):
        rows = w.client == client
        assert abs(spearman(w.input_tokens[rows], w.output_tokens[rows]) - first) < 0.03
        share = (w.reason_tokens / w.output_tokens)[rows]
        assert abs(spearman(share, w.output_tokens[rows]) - second) < 0.03
    w = kit.compose(kit.recorded(pool, correlation=-0.6), duration_s=6000)
    for client in (0, 1):
        rows = w.client == client
        assert abs(spearman(w.input_tokens[rows], w.output_tokens[rows]) + 0.6) < 0.03
    none = (Dependence(between=("input", "output"), rank=0.0),)
    w = kit.compose(kit.recorded(pool, dependence=none), duration_s=6000)
    assert abs(spearman(w.input_tokens, w.output_tokens)) < 0.03


def test_contradictions_and_what_cannot_be_reproduced_are_told(kit: Any) -> None:
    """Notes name a client population whose correlations were moved, and a pair of which one field is drawn by session."""
    pool = recorded_pool(
        kit,
        (
            ("input_tokens", "output_tokens"),
            ("input_tokens", "reason_ratio"),
            ("output_tokens", "reason_ratio"),
            ("think_s", "input_tokens"),
        ),
        [[0.9, 0.1], [0.9, 0.1], [-0.9, 0.1], [0.5, 0.5]],
    )
    notes = "\n".join(kit.compose(kit.recorded(pool), duration_s=600).notes)
    assert re.search(
        r'workload.group "group-1": rank correlations of 1 clients contradict each other; .* by up to 0\.\d+',
        notes,
    )
    assert "pool made: the recorded dependence of think_s and input_tokens is not reproduced" in notes


def test_a_field_that_is_not_drawn_is_refused_with_its_place(kit: Any) -> None:
    """All misspelt fields at once, each with the nearest name and its position."""
    group = kit.recorded(
        kit.pool([[10]]),
        dependence=(
            Dependence(between=("input", "image_cuont"), rank=0.1),
            Dependence(between=("outptu", "input"), rank=0.1),
        ),
    )
    with pytest.raises(InputError) as caught:
        kit.compose(group, duration_s=600)
    assert [problem.who for problem in caught.value.problems] == [
        'workload.group "group-1".dependence[0].between[1]',
        'workload.group "group-1".dependence[1].between[0]',
    ]
    assert "did you mean 'output'" in caught.value.problems[1].cure


def test_real_tables_keep_the_rank_correlation(kit: Any, real_pool: Callable[[str], Any]) -> None:
    """The busiest client of deepseek-r1 in one table window, over 7,000 rows: within 0.06, five standard errors of 0.012."""
    pool = real_pool("deepseek-r1")
    dependence = (
        Dependence(between=("input", "output"), rank=0.4),
        Dependence(between=("output", "reason"), rank=-0.5),
    )
    group = kit.recorded(pool, dependence=dependence, start_s=43_200.0)
    families = Registry.load().families
    w = compose(WorkloadSpec(groups=(group,)), Load(duration_s=10_800.0), Streams(2), families)
    rows = w.client == np.bincount(w.client).argmax()
    assert np.count_nonzero(rows) > 7000
    assert abs(spearman(w.input_tokens[rows], w.output_tokens[rows]) - 0.4) < 0.06
    share = w.reason_tokens[rows] / w.output_tokens[rows]
    assert abs(spearman(w.output_tokens[rows], share) + 0.5) < 0.06
