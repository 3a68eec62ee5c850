"""NAIVE: one process, one data set, no clients."""

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
from servegen_fw.suite.model import Dependence, Load, RateCurve, WorkloadSpec
from servegen_fw.workload.compose import compose
from servegen_fw.workload.naive import MEASURED, gap_cv
from servegen_fw.workload.streams import Streams


def window_cv(due_s: np.ndarray, window_s: float = 600.0) -> float:
    """Return the CV of gaps within windows, each in units of its window's mean gap, told by a plain loop."""
    squares, free = 0.0, 0
    window = (due_s // window_s).astype(int)
    for number in np.unique(window):
        gaps = np.diff(due_s[window == number])
        if len(gaps):
            squares += float(np.sum((gaps / gaps.mean() - 1) ** 2))
            free += len(gaps) - 1
    return float(np.sqrt(squares / free))


def told_cv(workload: Any) -> float:
    """Return the CV that the workload's notes tell."""
    found = re.search(r"CV ([\d.]+) \(measured from", "\n".join(workload.notes))
    assert found is not None
    return float(found[1])


def test_the_cv_of_gaps_is_that_within_windows() -> None:
    """Two windows of different rate: each gap counts in units of its own window's mean, the gap between them not at all."""
    fast, slow = np.array([0.0, 1.0, 2.0, 5.0]), np.array([600.0, 630.0, 640.0, 700.0])
    due_s = np.concatenate((fast, slow))
    cv, gaps = gap_cv(due_s, (due_s // 600).astype(int), np.ones(8, bool))
    assert gaps == 6
    assert cv == pytest.approx(window_cv(due_s))


@pytest.mark.parametrize("due_s", [[], [5.0], [5.0, 700.0], [5.0, 5.0, 5.0]])
def test_too_few_gaps_are_poisson(due_s: list[float]) -> None:
    """Without two gaps that vary there is nothing to measure: CV 1."""
    times = np.array(due_s)
    assert gap_cv(times, (times // 600).astype(int), np.ones(len(times), bool))[0] == 1.0


def test_there_are_no_clients(kit: Any) -> None:
    """All requests come from one client, stand alone, and the notes say what was done and that it is for comparison only."""
    w = kit.compose(kit.recorded(kit.pool(np.full((4, 3), 50)), method="naive"), duration_s=1800)
    assert w.clients.names == ("naive",)
    assert np.all(w.parent == -1)
    assert 'i.i.d. requests, no clients (method = "naive", for comparison only)' in "\n".join(w.notes)


@pytest.mark.parametrize("cv", [0.6, 1.0, 3.0])
def test_the_overall_cv_is_reproduced(kit: Any, cv: float) -> None:
    """The CV that the notes tell is that of the clients together, and NAIVE's gaps have it within 5 % of 60,000."""
    pool = kit.pool(np.array([[2000, 1000] * 10, [50, 50] * 10]), cv=cv)
    clients = kit.compose(kit.recorded(pool), duration_s=12_000, seed=9)
    w = kit.compose(kit.recorded(pool, method="naive"), duration_s=12_000)
    # Another seed, since NAIVE measures on streams of its own; a CV of n gaps has a standard error of about cv^1.5 / sqrt(n).
    assert told_cv(w) == pytest.approx(window_cv(clients.due_s), rel=0.05)
    assert window_cv(w.due_s) == pytest.approx(told_cv(w), rel=0.05)


def test_the_rate_is_the_recordings_window_by_window(kit: Any) -> None:
    """Counts of windows are the recorded totals within 4.5 standard deviations of a process of that CV."""
    total = np.array([900, 2400, 0, 300])
    pool = kit.pool(np.stack((total * 0.75, total * 0.25)))
    w = kit.compose(kit.recorded(pool, method="naive"), duration_s=2400)
    seen = np.bincount((w.due_s // 600).astype(int), minlength=4)
    assert seen[2] == 0
    assert np.all(np.abs(seen - total) <= 4.5 * 1.1 * np.sqrt(total))


def test_the_first_second_is_like_any_other(kit: Any) -> None:
    """The expected count is the integral of the rate from the start on: 150 seeds, |z| < 4.5."""
    pool = kit.pool([[600, 600]], cv=2.5)
    first = [
        np.count_nonzero(
            kit.compose(kit.recorded(pool, method="naive"), duration_s=600, seed=seed).due_s < 20.0
        )
        for seed in range(150)
    ]
    assert abs(np.mean(first) - 20) < 4.5 * np.std(first) / np.sqrt(150)


def test_lengths_are_those_of_all_clients_together(kit: Any) -> None:
    """Every column has the mixture of all clients' tables, weighted by requests: chi-square each, false alarm 1e-4."""
    masses = ({10.0: 0.5, 20.0: 0.5}, {1.0: 0.5, 2.0: 0.5}, {100.0: 1.0}, {7.0: 1.0})
    pool = kit.pool(np.array([[300] * 8, [100] * 8]), masses=masses)
    table = np.array([[[0], [2]], [[1], [3]]], np.int32)
    w = kit.compose(
        kit.recorded(attrs.evolve(pool, table=table, table_window_s=4800.0), method="naive"), duration_s=4800
    )
    values, seen = np.unique(w.input_tokens, return_counts=True)
    assert values.tolist() == [10, 20, 100]
    assert stats.chisquare(seen, len(w) * np.array([0.375, 0.375, 0.25])).pvalue > 1e-4
    # Rows are drawn whole: a prompt of 100 tokens is the second client's and has its output.
    assert np.array_equal(w.input_tokens == 100, w.output_tokens == 7)


def test_requests_are_independent_of_each_other(kit: Any) -> None:
    """Neighbouring requests share nothing though clients come in bursts: lag-1 rank correlation within 4.5 / sqrt(n)."""
    masses = ({10.0: 1.0}, {1.0: 1.0}, {100.0: 1.0}, {7.0: 1.0})
    pool = kit.pool(np.full((2, 12), 500), cv=4.0, masses=masses)
    pool = attrs.evolve(pool, table=np.array([[[0], [2]], [[1], [3]]], np.int32))
    clients = kit.compose(kit.recorded(pool), duration_s=7200)
    w = kit.compose(kit.recorded(pool, method="naive"), duration_s=7200)

    def lag(workload: Any) -> float:
        return float(np.corrcoef(workload.input_tokens[1:], workload.input_tokens[:-1])[0, 1])

    assert abs(lag(w)) < 4.5 / np.sqrt(len(w))
    assert lag(clients) > 0.3


def test_only_the_windows_of_the_case_count(kit: Any) -> None:
    """Rate, CV and lengths are those of the recorded stretch that the case lies in."""
    masses = ({10.0: 1.0}, {1.0: 1.0}, {99.0: 1.0})
    pool = kit.pool(np.array([[600] * 36 + [0] * 36, [0] * 36 + [60] * 36]), cv=2.0, masses=masses)
    pool = attrs.evolve(pool, table=np.array([[[0, 0], [2, 2]], [[1, 1], [1, 1]]], np.int32))
    w = kit.compose(kit.recorded(pool, method="naive", start_s=30_000.0), duration_s=6000)
    assert set(w.input_tokens) == {99}
    assert abs(len(w) - 600) < 300


def test_a_longer_case_in_the_same_windows_only_appends(kit: Any) -> None:
    """As long as no further window is touched, so that the CV is the same, a longer case begins with the shorter one."""
    group = kit.recorded(kit.pool(np.full((3, 4), 200), cv=1.7), method="naive")
    short, long = (kit.compose(group, duration_s=duration_s) for duration_s in (1300, 1750))
    assert kit.rows(long)[: len(short)] == kit.rows(short)
    assert len(long) > len(short) > 0


def test_a_lower_rate_keeps_a_subset(kit: Any) -> None:
    """Under ``thin`` requests of a lower rate are among those of a higher one; under ``rate`` the CV is kept."""
    pool = kit.pool(np.full((2, 20), 600), cv=3.0)
    many, few = (
        kit.compose(kit.recorded(pool, method="naive"), rate=rate, duration_s=12_000) for rate in (1.6, 0.2)
    )
    assert set(kit.rows(few)) < set(kit.rows(many))
    assert window_cv(few.due_s) < 0.8 * told_cv(few)
    slow = kit.compose(kit.recorded(pool, method="naive", scale="rate"), rate=0.2, duration_s=12_000)
    assert abs(len(slow) - 2400) < 4.5 * told_cv(slow) * np.sqrt(2400)
    assert window_cv(slow.due_s) == pytest.approx(told_cv(slow), rel=0.2)


def test_it_is_deterministic(kit: Any) -> None:
    """The same seed gives the same digest, another seed another one, and the order of clients does not show."""
    pool = kit.pool(np.array([[200, 100], [20, 40]]), cv=1.5)
    group = kit.recorded(pool, method="naive")
    one, again, other = (kit.compose(group, duration_s=1200, seed=seed) for seed in (1, 1, 2))
    assert one.digest == again.digest != other.digest


def test_dependence_and_prefixes_hold_by_row(kit: Any) -> None:
    """A stated rank correlation is that of each client's rows, and a row has the prefix of the client it is drawn from."""
    pool = kit.pool(np.full((3, 10), 1000))
    dependence = (Dependence(between=("input", "output"), rank=0.7),)
    group = kit.recorded(pool, method="naive", dependence=dependence, prefix_tokens=4)
    w = kit.compose(group, duration_s=6000)
    # Ten equally likely values each: ties take 1 % of it, and 30,000 rows have a standard error of 0.004.
    assert stats.spearmanr(w.input_tokens, w.output_tokens).statistic == pytest.approx(0.7, abs=0.03)
    ids, seen = np.unique(w.prefix, return_counts=True)
    assert len(ids) == 3
    assert -1 not in ids
    assert stats.chisquare(seen).pvalue > 1e-4
    plain = kit.compose(kit.recorded(pool, prefix_tokens=4), duration_s=6000)
    assert set(ids) == set(plain.prefix)


def test_items_and_reasoning_are_drawn_too(kit: Any) -> None:
    """Counts and tokens of items, and reasoning shares, come from the tables of the row's client."""
    pool = kit.pool(
        np.full((2, 4), 300),
        fields=("text_tokens", "output_tokens", "reason_ratio", "image_count", "image_tokens"),
        masses=({10.0: 1.0}, {8.0: 1.0}, {0.5: 1.0}, {0.0: 0.5, 2.0: 0.5}, {5.0: 1.0}, {9.0: 1.0}),
    )
    table = pool.table.copy()
    table[4, 1] = 5
    w = kit.compose(kit.recorded(attrs.evolve(pool, table=table), method="naive"), duration_s=2400)
    assert set(w.reason_tokens) == {4}
    assert set(w.items.count) == {0, 2}
    assert set(w.items.request_tokens[w.items.count > 0]) == {10, 18}


def test_recorded_requests_are_resampled_whole(kit: Any) -> None:
    """Rows of NAIVE are rows of the recording, prompt with history, in about its numbers; sessions and clients are gone."""
    recording = kit.compose(
        kit.synthetic(clients=4, session=kit.Made(kit.Geometric(3.0, 20.0)), reasoning=kit.Made(kit.Half())),
        rate=4.0,
        duration_s=1800,
    )
    w = kit.compose(kit.recorded(recording, method="naive"), duration_s=1800)
    assert w.clients.names == ("naive",)
    assert np.all(w.parent == -1)
    assert np.all(w.context_tokens == 0)

    def rows(workload: Any) -> set[tuple[int, ...]]:
        columns = (workload.input_tokens, workload.output_tokens, workload.reason_tokens)
        return set(zip(*(column.tolist() for column in columns), strict=True))

    assert rows(w) <= rows(recording)
    assert len(rows(w)) > len(rows(recording)) / 3
    assert told_cv(w) == pytest.approx(
        window_cv(np.sort(recording.planned_s[recording.planned_s < 1800])), rel=0.01
    )
    # As many as recorded, within 4.5 standard deviations.
    assert abs(len(w) - len(recording)) < 4.5 * told_cv(w) * np.sqrt(len(recording))
    half = kit.compose(kit.recorded(recording, method="naive"), rate=2.0, duration_s=1800)
    assert set(kit.rows(half)) < set(kit.rows(w))
    fast = kit.compose(kit.recorded(recording, method="naive", scale="rate"), rate=9.0, duration_s=1800)
    assert abs(len(fast) - 16_200) < 4.5 * told_cv(fast) * np.sqrt(16_200)


def test_a_suites_lengths_replace_those_of_the_rows(kit: Any) -> None:
    """`input` replaces the recorded prompts of a pool and of recorded requests alike."""
    recording = kit.compose(kit.synthetic(), rate=2.0, duration_s=600)
    for source in (kit.pool([[100]]), recording):
        w = kit.compose(kit.recorded(source, method="naive", input=kit.Made(kit.Fixed(77))), duration_s=600)
        assert set(w.input_tokens) == {77}
        assert len(set(w.output_tokens)) > 3


def test_a_closed_load_has_exactly_its_requests(kit: Any) -> None:
    """Asking for more requests only appends, since all that is left of the recording is measured."""
    group = kit.recorded(kit.pool(np.full((3, 20), 100)), method="naive")
    few, many = (
        kit.compose(group, kind="closed", concurrency=4, requests=requests) for requests in (200, 900)
    )
    assert (len(few), len(many)) == (200, 900)
    assert kit.rows(many)[:200] == kit.rows(few)


def test_without_the_gamma_family_it_says_what_to_install(kit: Any) -> None:
    """The process needs a plugin; the message names it."""
    group = kit.recorded(kit.pool([[100]], families=("poisson",)), method="naive")
    load = Load(duration_s=600.0)
    with pytest.raises(InputError, match="NAIVE needs the gap family 'gamma'"):
        compose(WorkloadSpec(groups=(group,)), load, Streams(1), {"poisson": kit.families["poisson"]})


def test_an_empty_stretch_is_refused(kit: Any) -> None:
    """Where nothing was recorded there is nothing to draw from."""
    recording = kit.compose(
        kit.synthetic(), rate=RateCurve((0.0, 300.0, 300.0), (2.0, 2.0, 0.0)), duration_s=900
    )
    with pytest.raises(InputError, match="there is nothing to draw from"):
        kit.compose(kit.recorded(recording, method="naive", start_s=400.0), duration_s=400)
    silent = kit.pool(np.array([[600, 0, 600]]))
    assert len(kit.compose(kit.recorded(silent, method="naive", start_s=600.0), duration_s=600)) == 0


@pytest.mark.parametrize("name", ["deepseek-r1", "mm-image"])
def test_real_pools(real_pool: Callable[[str], Any], kit: Any, name: str) -> None:
    """Two hours of a real pool: total rate and CV within 5 % of the clients', mean lengths within 8 %, no clients."""
    # With some 10,000 requests and more these are over four standard errors.
    families = Registry.load().families
    pool = real_pool(name)

    def send(method: str) -> Any:
        group = kit.recorded(pool, method=method, start_s=43_200.0)
        return compose(WorkloadSpec(groups=(group,)), Load(duration_s=7200.0), Streams(4), families)

    naive, clients = send("naive"), send("clients")
    assert naive.clients.names == ("naive",)
    assert len(naive) == pytest.approx(len(clients), rel=0.05)
    assert told_cv(naive) == pytest.approx(window_cv(clients.due_s), rel=0.05)
    assert window_cv(naive.due_s) == pytest.approx(told_cv(naive), rel=0.05)
    for column in ("input_tokens", "output_tokens", "reason_tokens"):
        one, other = getattr(naive, column).mean(), getattr(clients, column).mean()
        assert one == pytest.approx(other, rel=0.08), column
    assert naive.items.count.mean() == pytest.approx(clients.items.count.mean(), rel=0.08)


def test_the_cost_of_measuring_is_bounded(kit: Any) -> None:
    """Of a long recording the CV is measured on whole windows up to the limit, and the notes tell on how many gaps."""
    pool = kit.pool(np.full((1, 6), MEASURED // 2.5))
    w = kit.compose(kit.recorded(pool, method="naive"), rate=0.1, duration_s=3600)
    found = re.search(r"measured from ([\d,]+) gaps", "\n".join(w.notes))
    assert found is not None
    gaps = int(found[1].replace(",", ""))
    assert gaps == 3 * MEASURED // 2.5 - 3


def conversations(kit: Any) -> Any:
    """Return a pool of two clients whose sessions have one to seven turns and carry their context."""
    pool = kit.pool(
        np.full((2, 8), 100),
        fields=("input_tokens", "output_tokens", "turns", "think_s"),
        masses=(*kit.LENGTHS, {1.0: 0.5, 7.0: 0.5}, {5.0: 0.5, 40.0: 0.5}),
    )
    return attrs.evolve(pool, carries_context=True)


def test_of_conversations_it_draws_whole_prompts(kit: Any) -> None:
    """Of a pool with sessions NAIVE sends as many requests, with prompts as long, histories included; no turn follows another."""
    pool = conversations(kit)
    clients = kit.compose(kit.recorded(pool), duration_s=4800)
    w = kit.compose(kit.recorded(pool, method="naive"), duration_s=4800)
    assert w.clients.names == ("naive",)
    assert np.all(w.parent == -1)
    assert len(w) == pytest.approx(len(clients), rel=0.08)
    # Over four standard errors of some 6,000 requests each, whose prompts are correlated within sessions.
    assert w.input_tokens.mean() == pytest.approx(clients.input_tokens.mean(), rel=0.08)
    assert w.input_tokens.mean() > 2 * 55
    half = kit.compose(kit.recorded(pool, method="naive"), rate=len(w) / 4800 / 2, duration_s=4800)
    assert set(kit.rows(half)) < set(kit.rows(w))
