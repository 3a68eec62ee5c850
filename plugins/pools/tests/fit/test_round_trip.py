"""Pool to workload to log to pool: what comes out is what went in, within what sampling allows."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
from servegen_fw_pools.fit.from_log import fit_log
from servegen_fw_pools.fit.pool_error import pool_error
from servegen_fw_pools.logs.convert import log_of
from servegen_fw_pools.logs.log import Log
from servegen_fw_pools.pool.parts import hours_of
from servegen_fw_pools.shipped import open_shipped

from servegen_fw import Suite, plan
from servegen_fw.plugin import ClientPool, save_pool

HOURS = 6


def composed(pool: ClientPool, folder: Path, seed: int) -> Log:
    """A workload of the whole pool as a log, on the pool's clock."""
    save_pool(pool, folder / "in.pool")
    suite = Suite.parse(
        f"""
        servegen = 1
        name = "round-trip"
        seed = {seed}
        target.sim.backend = "sim"
        [[workload.group]]
        source = {{ kind = "pool", path = "{folder / "in.pool"}" }}
        [[case]]
        name = "all"
        load = {{ kind = "open", duration = "{pool.duration_s}s" }}
        """
    )
    (planned,) = plan(suite)
    log = log_of(planned.workload, "out")
    assert log.time_s is not None
    first = planned.workload.planned_s[planned.workload.planned_s >= 0].min()
    return attrs.evolve(log, time_s=log.time_s + first)


@pytest.fixture(scope="module")
def hours() -> ClientPool:
    """Six busy hours of the shipped deepseek-r1 pool, 300,000 to 400,000 requests."""
    return hours_of(open_shipped("deepseek-r1"), 9 * 3600.0, (9 + HOURS) * 3600.0)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_recorded_population_comes_back(hours: ClientPool, seed: int, tmp_path: Path) -> None:
    """Counts exactly; CVs without bias beyond 3 %; families of 9 in 10 requests; lengths to a KS distance of 0.7 %."""
    # A window of n gaps of gamma shape k has a relative error of its CV of about sqrt((1 + 1/k) / 2n), 13 % at n = 60 and
    # CV 1; 5 sigma for the mean over thousands of windows is below 1 %, the rest is the mean of a logarithm. KS: the
    # tolerance of the knots, 0.2 %, and 5 sigma of 1 / (2 sqrt(300,000)).
    again = fit_log(
        composed(hours, tmp_path, seed), min_requests=1, keep_ids=True, duration_s=hours.duration_s
    )
    spoke = [k for k, name in enumerate(hours.clients) if name in again.clients]
    silent = np.setdiff1d(np.arange(len(hours.clients)), spoke)
    assert hours.count[silent].sum() == 0
    truth = attrs.evolve(
        hours,
        clients=tuple(hours.clients[k] for k in spoke),
        count=hours.count[spoke],
        cv=hours.cv[spoke],
        family=hours.family[spoke],
        table=hours.table[:, spoke],
    )
    found = pool_error(truth, again)
    assert found["requests"] == found["share"] == found["count"] == 0
    assert abs(found["cv"]["bias"]) < 0.03
    assert found["cv"]["spread"] < 0.2
    assert found["family"] > 0.9
    for field, errors in found["fields"].items():
        assert errors["ks"] < 0.002 + 5 / (2 * np.sqrt(300_000)), field
        assert abs(errors["mean"]) < 0.01, field
        assert abs(errors["p50"]) < 0.02, field
        assert abs(errors["p99"]) < 0.03, field


def test_dependence_comes_back(hours: ClientPool, tmp_path: Path) -> None:
    """Rank correlations of -0.3 to 0.6 by client come back within 5 sigma of the client's requests, mean within 0.01."""
    busy = hours.count.sum(1) > 1000
    truth = attrs.evolve(
        hours,
        clients=tuple(np.array(hours.clients)[busy]),
        count=hours.count[busy],
        cv=hours.cv[busy],
        family=hours.family[busy],
        table=hours.table[:, busy],
        pairs=(("input_tokens", "output_tokens"),),
        rank=np.linspace(-0.3, 0.6, int(busy.sum()))[None, :],
    )
    again = fit_log(composed(truth, tmp_path, 3), min_requests=1, keep_ids=True, duration_s=truth.duration_s)
    found = pool_error(truth, again)["rank"]["input_tokens, output_tokens"]
    assert found["max"] < 5 / np.sqrt(1000)
    assert abs(found["mean"]) < 0.01


def test_sessions_come_back(tmp_path: Path, make_sessions: Log) -> None:
    """Fitted, composed and fitted again: sessions within 5 sigma, turns, think times and new tokens within 3 %."""
    truth = fit_log(make_sessions, min_requests=1, keep_ids=True, duration_s=86_400.0)
    assert truth.carries_context
    again = fit_log(composed(truth, tmp_path, 4), min_requests=1, keep_ids=True, duration_s=86_400.0)
    assert again.carries_context
    # Sessions already running at time 0 come with later turns only, and count as begun then.
    begun = again.count.sum() - truth.count.sum()
    assert 0 <= begun < 5 * np.sqrt(truth.count.sum())
    found = pool_error(truth, again)["fields"]
    for field in ("input_tokens", "output_tokens", "turns", "think_s"):
        assert abs(found[field]["mean"]) < 0.03, field
        assert found[field]["ks"] < 0.03, field
