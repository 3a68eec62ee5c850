"""Columns of known law: values become exactly uniform numbers, whatever is rounded, raised, cut or mixed."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.certify.columns import Column, Owners, of_quantity, uniforms, whole
from servegen_fw.certify.field_checks import spearman
from servegen_fw.certify.laws import Kolmogorov, distance_to_uniform
from servegen_fw.workload.quantities import Given, PoolField

N = 4000


@attrs.frozen
class Exponential:
    """Exponential lengths."""

    mean: float

    def ppf(self, u: np.ndarray) -> np.ndarray:
        """Return quantiles."""
        return -self.mean * np.log1p(-u)


@attrs.frozen
class Folded:
    """A law whose quantile function goes up and down: the same law as a uniform one."""

    def ppf(self, u: np.ndarray) -> np.ndarray:
        """Return values in [0, 100)."""
        return 100.0 * np.abs(2.0 * u - 1.0)


def column(quantity: Any, limit: int, client: np.ndarray) -> Column:
    """Return a column drawn from its own law."""
    n = len(client)
    many = int(client.max(initial=0)) + 1
    owners = Owners(client, np.full(n, 10.0), np.arange(many), np.ones((many, 1)), np.array([0.0, 20.0]))
    law = of_quantity(quantity, owners, whole(limit))
    drawn = law(np.arange(n), np.random.default_rng(5).random(n), np.maximum(client, 0))
    return Column("x", "tokens", drawn, np.ones(n, bool), owners, law)


def p_of(found: Column) -> float:
    """Return the p-value of its uniform numbers."""
    u, _ = uniforms(found, np.random.default_rng(6))
    assert np.all((u >= 0) & (u <= 1))
    return Kolmogorov(len(u)).p(distance_to_uniform(u))


@pytest.mark.parametrize(
    ("quantity", "limit"), [(Exponential(2.0), 0), (Exponential(50.0), 60), (Folded(), 0)]
)
def test_values_of_a_law_become_uniform(quantity: Any, limit: int) -> None:
    """Raised to 1, cut, or given by quantiles that do not ascend: p above 1e-4 for one fixed seed each."""
    assert p_of(column(Given(quantity), limit, np.zeros(N, np.int64))) > 1e-4


def test_values_of_a_pool_become_uniform_given_their_client(made: Any) -> None:
    """Each client's table is its own; read with another client's they are not uniform, p below 1e-6."""
    field = PoolField.of(made(), "input_tokens", 0.0)
    client = np.random.default_rng(7).integers(0, 5, N)
    found = column(field, 0, client)
    assert p_of(found) > 1e-4
    wrong = attrs.evolve(found, owners=attrs.evolve(found.owners, client=np.roll(client, 1)))
    assert p_of(wrong) < 1e-6


def test_a_shift_by_one_token_is_seen_where_atoms_are_large() -> None:
    """Exponential lengths of mean 2 moved up by one token fail, p below 1e-9."""
    found = column(Given(Exponential(2.0)), 0, np.zeros(N, np.int64))
    assert p_of(attrs.evolve(found, value=found.value + 1.0)) < 1e-9


def test_spearman_by_hand() -> None:
    """Equal orders give 1, opposite -1, ties share their mean rank, a constant has none."""
    a = np.array([1.0, 2.0, 3.0, 4.0])
    assert spearman(a, a**3) == pytest.approx(1.0)
    assert spearman(a, -a) == pytest.approx(-1.0)
    assert spearman(np.array([1.0, 1.0, 2.0, 3.0]), a) == pytest.approx(
        np.corrcoef([1.5, 1.5, 3, 4], a)[0, 1]
    )
    assert np.isnan(spearman(a, np.ones(4)))


def test_an_unknown_client_is_drawn_as_clients_send_at_that_time() -> None:
    """Shares in each window within 4.5 standard errors (false alarm below 1e-4); a silent window goes by the whole; known ones stay."""
    weight = np.array([[9.0, 0.0, 0.0], [1.0, 0.0, 5.0], [0.0, 0.0, 5.0]])
    n = 30_000
    at_s = np.tile([5.0, 15.0, 99.0], n // 3)
    client = np.full(n, -1)
    client[:3] = 7
    owners = Owners(client, at_s, np.array([7, 8, 9]), weight, np.array([0.0, 10.0, 20.0, 30.0]))
    drawn = owners.drawn(np.random.default_rng(3))
    assert drawn[:3].tolist() == [7, 7, 7]
    for at, shares in ((5.0, (0.9, 0.1, 0.0)), (15.0, (0.45, 0.3, 0.25)), (99.0, (0.0, 0.5, 0.5))):
        rows = drawn[3:][at_s[3:] == at]
        for name, share in zip((7, 8, 9), shares, strict=True):
            allowed = 4.5 * np.sqrt(share * (1 - share) / len(rows))
            assert abs(np.mean(rows == name) - share) <= allowed
