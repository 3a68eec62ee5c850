"""Composition of the published client data, where they are present: deepseek-r1 and mm-image, which are complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.model import Load, RateCurve, WorkloadSpec
from servegen_fw.workload.compose import compose
from servegen_fw.workload.demand import recorded_rate
from servegen_fw.workload.streams import Streams

WORKLOADS = ("deepseek-r1", "mm-image")
NOON_S = 43_200.0


@pytest.fixture(scope="module")
def send(kit: Any) -> Callable[..., Any]:
    """Return a function that composes a pool with the installed gap families."""
    families = Registry.load().families

    def of(pool: Any, duration_s: float, rate: float | None = None, seed: int = 1, **group: Any) -> Any:
        load = Load(duration_s=duration_s, rate=None if rate is None else RateCurve((0.0,), (rate,)))
        return compose(WorkloadSpec(groups=(kit.recorded(pool, **group),)), load, Streams(seed), families)

    return of


def mass(pool: Any, table: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values and probabilities of one table."""
    low, high = pool.tables.offsets[table : table + 2]
    return np.asarray(pool.tables.value[low:high]), np.diff(pool.tables.cdf[low:high], prepend=0.0)


def per_window(workload: Any, pool: Any, windows: int) -> np.ndarray:
    """Return requests per pool client and window of the case, int[C, windows]."""
    index = np.array([pool.clients.index(name.split("~")[0]) for name in workload.clients.names])
    found = np.zeros((len(pool.clients), windows), int)
    np.add.at(found, (index[workload.client], (workload.due_s // pool.window_s).astype(int)), 1)
    return found


@pytest.mark.parametrize("name", WORKLOADS)
def test_recorded_counts_are_the_recordings(real_pool: Any, send: Any, name: str) -> None:
    """Twelve hours hold every client's recorded requests in every window, exactly."""
    pool = real_pool(name)
    w = send(pool, 43_200.0)
    assert np.array_equal(per_window(w, pool, 72), np.rint(pool.count[:, :72]))


@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.parametrize("counts", ["recorded", "process"])
def test_window_starts_have_no_excess(real_pool: Any, send: Any, name: str, counts: str) -> None:
    """The first second, 10 s and minute of windows hold their share: |z| < 4.5 over clients and windows."""
    pool = real_pool(name)
    w = send(pool, 43_200.0, counts=counts)
    cell = per_window(w, pool, 72).ravel()
    index = np.array([pool.clients.index(client) for client in w.clients.names])
    where = index[w.client] * 72 + (w.due_s // 600).astype(int)
    for high in (1, 10, 60):
        start = np.bincount(where[w.due_s % 600 < high], minlength=len(cell))
        excess = start - cell * high / 600
        assert abs(excess.sum()) < 4.5 * np.sqrt((excess**2).sum()), high


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_recorded_cv_is_reproduced(real_pool: Any, send: Any, name: str) -> None:
    """Over 8 seeds the squared sample CV of a window's gaps has the recorded one as its mean, within 3 % overall."""
    pool = real_pool(name)
    first = int(NOON_S // 600)
    ratios = []
    for seed in range(8):
        w = send(pool, 7_200.0, seed=seed, start_s=NOON_S)
        index = np.array([pool.clients.index(client) for client in w.clients.names])
        cell = index[w.client] * 12 + (w.due_s // 600).astype(int)
        order = np.lexsort((w.due_s, cell))
        cells, begin = np.unique(cell[order], return_index=True)
        for number, rows in zip(cells, np.split(w.due_s[order], begin[1:]), strict=True):
            client, window = divmod(int(number), 12)
            n, recorded = len(rows), pool.cv[client, first + window]
            if n >= 10 and recorded**2 < 0.9 * (n - 1):
                gaps = np.diff(rows, append=rows[0] + 600)
                ratios.append((n, gaps.var() / gaps.mean() ** 2 / recorded**2))
    weight, ratio = np.array(ratios).T
    assert len(ratio) > 500
    assert abs(np.average(ratio, weights=weight) - 1) < 0.03


@pytest.mark.parametrize("name", WORKLOADS)
def test_inputs_and_outputs_are_independent_within_a_client(real_pool: Any, send: Any, name: str) -> None:
    """Within clients and six hours Spearman's coefficient is 0 on average (|z| < 5), and 0.5 when 0.5 is asked for."""
    pool = real_pool(name)
    for stated in (0.0, 0.5):
        w = send(pool, 21_600.0, start_s=NOON_S, correlation=stated)
        weights, found = [], []
        for client in range(len(w.clients)):
            rows = w.client == client
            if (
                rows.sum() >= 200
                and min(len(set(w.input_tokens[rows])), len(set(w.output_tokens[rows]))) > 20
            ):
                weights.append(rows.sum())
                found.append(stats.spearmanr(w.input_tokens[rows], w.output_tokens[rows]).statistic)
        mean = np.average(found, weights=weights)
        # Ties of discrete lengths take a little off a stated correlation, nothing off independence.
        assert len(found) > 5
        assert abs(mean - stated) < 5 / np.sqrt(np.sum(weights)) + (0.03 if stated else 0.0)


def test_a_small_service_keeps_every_clients_share(real_pool: Any, send: Any) -> None:
    """Deepseek-r1 at 0.05 requests/s keeps the clients' shares over 20 seeds: chi-square, false alarm 1e-4; no starvation."""
    pool = real_pool("deepseek-r1")
    share = pool.count[:, 72:108].sum(axis=1) / pool.count[:, 72:108].sum()
    for scale in ("thin", "rate"):
        sent = sum(
            per_window(send(pool, 21_600.0, 0.05, seed, start_s=NOON_S, scale=scale), pool, 36).sum(axis=1)
            for seed in range(20)
        )
        expected = 0.05 * 21_600 * 20 * share
        # Clients with fewer than five expected requests are taken together, or the law is not a chi-square.
        small = expected < 5
        sent, expected = (np.append(v[~small], v[small].sum()) for v in (sent, expected))
        assert stats.chi2.sf(((sent - expected) ** 2 / np.maximum(expected, 1)).sum(), len(sent)) > 1e-4, (
            scale
        )


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_lower_rate_of_real_clients_keeps_a_subset(real_pool: Any, send: Any, kit: Any, name: str) -> None:
    """What is sent at a fifth of the rate is also sent at a half, items included."""
    pool = real_pool(name)
    mean = recorded_rate(pool, NOON_S, 3600.0)
    low, high = (set(kit.rows(send(pool, 3600.0, f * mean, start_s=NOON_S))) for f in (0.2, 0.5))
    assert low < high
    assert abs(len(high) - 0.5 * mean * 3600) < 5 * np.sqrt(0.25 * mean * 3600)


def test_token_statistics_are_the_recordings(real_pool: Any, send: Any) -> None:
    """A day of deepseek-r1 has its published means (1268 in, 1527 out, 70 % reasoning by client mean) within 2 %."""
    w = send(real_pool("deepseek-r1"), 86_400.0)
    assert w.input_tokens.mean() == pytest.approx(1268, rel=0.02)
    assert w.output_tokens.mean() == pytest.approx(1527, rel=0.02)
    assert np.mean(w.reason_tokens / w.output_tokens) == pytest.approx(0.70, abs=0.02)


def test_images_are_the_recordings(real_pool: Any, send: Any) -> None:
    """A day of mm-image has 1.59 images a request, about 60 % of prompt tokens in images, and the recorded sizes (|z| < 5)."""
    pool = real_pool("mm-image")
    w = send(pool, 86_400.0)
    assert w.items.count.mean() == pytest.approx(1.59, abs=0.02)
    assert w.items.request_tokens.sum() / w.prompt_tokens.sum() == pytest.approx(0.6, abs=0.03)
    # Sizes, counted from the tables: requests x images per request x share of the size.
    count, tokens = (pool.table[pool.fields.index(f"image_{part}")] for part in ("count", "tokens"))
    requests = pool.count.reshape(len(pool.clients), 4, 36).sum(axis=2)
    expected = np.zeros(5000)
    for client, window in np.argwhere(requests > 0):
        values, masses = mass(pool, count[client, window])
        sizes, shares = mass(pool, tokens[client, window])
        np.add.at(expected, sizes.astype(int), requests[client, window] * (values * masses).sum() * shares)
    common = expected.argsort()[::-1][:20]
    seen = np.bincount(w.items.tokens, minlength=5000)
    assert {1196, 252} <= set(common.tolist())
    assert np.all(np.abs(seen[common] - expected[common]) < 5 * np.sqrt(3 * expected[common]))


@pytest.mark.parametrize("counts", ["recorded", "process"])
def test_real_clients_compose_the_same_in_any_order(real_pool: Any, send: Any, counts: str) -> None:
    """Another order of the client files gives the same digest."""
    import attrs

    pool = real_pool("deepseek-r1")
    order = np.random.default_rng(1).permutation(len(pool.clients))
    other = attrs.evolve(
        pool,
        clients=tuple(pool.clients[k] for k in order),
        count=pool.count[order],
        cv=pool.cv[order],
        family=pool.family[order],
        table=pool.table[:, order],
    )
    one, two = (send(p, 3600.0, start_s=NOON_S, counts=counts).digest for p in (pool, other))
    assert one == two


def test_processes_are_more_dispersed_than_the_recording(real_pool: Any, send: Any) -> None:
    """Over 12 seeds an hour's total varies under process as its clients' CVs imply, and not at all as recorded."""
    pool = real_pool("deepseek-r1")
    totals = {
        counts: np.array([len(send(pool, 3600.0, seed=s, start_s=NOON_S, counts=counts)) for s in range(12)])
        for counts in ("recorded", "process")
    }
    assert totals["recorded"].std() == 0
    recorded = totals["recorded"][0]
    count, cv = pool.count[:, 72:78], pool.cv[:, 72:78]
    # In the long run a renewal process of squared gap CV c^2 has counts of variance c^2 times their mean.
    implied = np.sqrt((count * cv**2).sum())
    assert abs(totals["process"].mean() - recorded) < 5 * implied / np.sqrt(12)
    assert 0.3 * implied < totals["process"].std(ddof=1) < 2.5 * implied
