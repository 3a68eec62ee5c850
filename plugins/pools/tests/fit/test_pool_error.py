"""The distance of two pools, on pools whose distance is known."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from servegen_fw_pools.fit.pool_error import pool_error
from servegen_fw_pools.shipped import open_shipped

from servegen_fw.plugin import InputError


def test_a_pool_does_not_differ_from_itself() -> None:
    """Every error is 0, every family right."""
    pool = open_shipped("mm-image")
    found = pool_error(pool, pool)
    assert found["requests"] == found["share"] == found["count"] == 0
    assert found["cv"]["bias"] == found["cv"]["spread"] == 0
    assert found["cv"]["windows"] > 1000
    assert found["family"] == 1
    assert all(not any(one.values()) for one in found["fields"].values())
    assert found["carries_context"]


def test_known_differences_are_found() -> None:
    """Twice the requests, CVs 10 % up, families swapped, lengths 50 % longer, clients in another order."""
    pool = open_shipped("mm-image")
    turned = np.arange(len(pool.clients))[::-1]
    other = attrs.evolve(
        pool,
        clients=tuple(pool.clients[k] for k in turned),
        count=2 * pool.count[turned],
        cv=1.1 * pool.cv[turned],
        family=pool.family[turned],
        families=pool.families[::-1],
        tables=attrs.evolve(pool.tables, value=1.5 * pool.tables.value),
        table=pool.table[:, turned],
    )
    found = pool_error(pool, other)
    assert found["requests"] == 1
    assert found["share"] < 1e-9
    assert found["cv"]["bias"] == pytest.approx(np.log(1.1), rel=1e-3)
    assert found["family"] == 0
    assert found["fields"]["output_tokens"]["mean"] == pytest.approx(0.5, abs=0.01)
    assert found["fields"]["output_tokens"]["ks"] > 0.1


def test_other_clients_or_windows_cannot_be_compared() -> None:
    """An input error names both pools."""
    with pytest.raises(InputError, match="'mm-image' and 'deepseek-r1' differ"):
        pool_error(open_shipped("mm-image"), open_shipped("deepseek-r1"))
