"""The reference tool's method: it must show the defects that it is there to show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from servegen_fw.errors import InputError
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.model import Load, RateCurve, WorkloadSpec
from servegen_fw.workload.compose import compose
from servegen_fw.workload.streams import Streams


def reference(kit: Any, pool: Any, **options: Any) -> Any:
    """Return a group composed by the reference tool's method."""
    return kit.recorded(pool, method="reference", scale="rate", **options)


def test_all_fields_of_a_request_follow_one_number(kit: Any) -> None:
    """Within a client every longer prompt has a longer answer and a larger reasoning share: rank correlation 1."""
    knots = {float(v): 1e-3 for v in range(1, 1001)}
    pool = kit.pool(
        np.full((1, 10), 300),
        fields=("input_tokens", "output_tokens", "reason_ratio", "image_count", "image_tokens"),
        masses=(
            knots,
            knots,
            {v / 1001: p for v, p in knots.items()},
            {float(v): 0.1 for v in range(10)},
            {float(v): 1e-2 for v in range(1, 101)},
        ),
    )
    w = kit.compose(reference(kit, pool), duration_s=6000)
    share = w.reason_tokens / w.output_tokens
    for other, low in ((w.output_tokens, 0.9999), (share, 0.98), (w.items.count, 0.99)):
        assert stats.spearmanr(w.input_tokens, other).statistic > low
    first = w.items.tokens[w.items.offsets[:-1][w.items.count > 0]]
    assert stats.spearmanr(first, w.input_tokens[w.items.count > 0]).statistic > 0.99
    clients = kit.compose(kit.recorded(pool), duration_s=6000)
    # Independent, as recorded: within 4.5 / sqrt(3000).
    assert abs(stats.spearmanr(clients.input_tokens, clients.output_tokens).statistic) < 4.5 / np.sqrt(3000)


def test_counts_have_next_to_no_noise(kit: Any) -> None:
    """Scaled windows hold ceil(count) or one less, as a coin has it: over 20 seeds a tenth of a Poisson count's deviation."""
    pool = kit.pool(np.full((4, 6), 333))
    group = reference(kit, pool)
    counts = []
    for seed in range(20):
        w = kit.compose(group, rate=1.0, duration_s=3600, seed=seed)
        cell = np.bincount(w.client * 6 + (w.due_s // 600).astype(int), minlength=24)
        # 150 requests are asked of every cell.
        assert cell.min() >= 149
        assert cell.max() <= 150
        counts.append(len(w))
    assert np.std(counts) < 0.1 * np.sqrt(3600)


def test_small_clients_are_silent(kit: Any) -> None:
    """A client of one expected request a window or less sends nothing, though it should send 60; the large one is there."""
    pool = kit.pool(np.array([[2000] * 60, [10] * 60]))
    w = kit.compose(reference(kit, pool), rate=0.335, duration_s=36_000)
    seen = np.bincount(w.client, minlength=2)
    assert seen[1] == 0
    assert abs(seen[0] - 12_000) <= 60
    fair = kit.compose(kit.recorded(pool, scale="rate"), rate=0.335, duration_s=36_000)
    assert np.bincount(fair.client, minlength=2)[1] == 60


def test_windows_begin_with_a_burst(kit: Any) -> None:
    """With gamma gaps of CV 3 the first 10 s of windows carry over twice their share; ours carry their share, |z| < 4.5."""
    pool = kit.pool(np.full((20, 6), 100), cv=3.0)
    excess = {}
    for name, group in (("reference", reference(kit, pool)), ("clients", kit.recorded(pool))):
        w = kit.compose(group, duration_s=3600)
        cell = w.client * 6 + (w.due_s // 600).astype(int)
        start = np.bincount(cell[w.due_s % 600 < 10], minlength=120)
        excess[name] = start - np.bincount(cell, minlength=120) * 10 / 600
    assert excess["reference"].sum() > 120 * 100 * 10 / 600
    assert abs(excess["clients"].sum()) < 4.5 * np.sqrt((excess["clients"] ** 2).sum())


def test_a_large_cv_shrinks(kit: Any) -> None:
    """Forty gaps of recorded CV 5 come out with a squared CV of 39 / 2.6 = 15 on average, not 25; ours have it."""
    # Gaps of gamma shape 1 / 25, divided by their sum, have (n - 1) / (n / 25 + 1). Of 300 windows each: 2 within the
    # means is over four standard errors.
    pool = kit.pool(np.full((30, 10), 40), cv=5.0)
    squared = {}
    for name, group in (("reference", reference(kit, pool)), ("clients", kit.recorded(pool))):
        w = kit.compose(group, duration_s=6000)
        found = []
        for client in range(30):
            for window in range(10):
                begin = 600.0 * window
                due = w.due_s[(w.client == client) & (w.due_s >= begin) & (w.due_s < begin + 599.9999985)]
                # The last gap of theirs ends with the window, its request there or not; ours are on a circle.
                ends = (begin, begin + 600) if name == "reference" else (due[-1] - 600,)
                gaps = np.diff(np.sort(np.append(due, ends)))
                found.append(gaps.var() / gaps.mean() ** 2)
        squared[name] = np.mean(found)
    assert squared["reference"] == pytest.approx(15, abs=2)
    assert squared["clients"] == pytest.approx(25, abs=2)


def test_a_window_is_filled_from_its_start(kit: Any) -> None:
    """With equal gaps n requests stand at 1/n, 2/n ... of the window, the last one just before its end or not at all."""

    class Equal:
        def parameter(self, cv: Any, n: Any) -> Any:
            return np.ones(np.broadcast(cv, n).shape)

        def gaps(self, parameter: Any, rng: Any) -> Any:  # noqa: ARG002 - nothing is random
            return np.ones(len(parameter))

        first = gaps

    pool = kit.pool([[4, 1, 4]], families=("equal",))
    load = Load(duration_s=1800.0)
    w = compose(WorkloadSpec(groups=(reference(kit, pool),)), load, Streams(1), {"equal": Equal()})
    inner = [due for due in w.due_s.tolist() if due % 150 == 0]
    assert inner == [150, 300, 450, 1350, 1500, 1650]
    assert set(w.due_s.tolist()) - set(inner) <= {599.999999, 1799.999999}


def test_a_longer_case_only_appends(kit: Any) -> None:
    """Windows are drawn in their order, so a longer case at the recorded rate begins with the shorter one."""
    group = reference(kit, kit.pool(np.full((3, 8), 70), cv=1.5, family=np.array([[0], [1], [0]])))
    short, long = (kit.compose(group, duration_s=duration_s) for duration_s in (1900, 4800))
    assert kit.rows(long)[: len(short)] == kit.rows(short)


def test_it_is_deterministic_and_told(kit: Any) -> None:
    """The same seed gives the same digest whatever the order of clients; the notes say that it is for comparison only."""
    pool = kit.pool(np.array([[200, 100], [20, 40]]), cv=1.5)
    group = reference(kit, pool)
    one, again, other = (kit.compose(group, duration_s=1200, seed=seed) for seed in (1, 1, 2))
    assert one.digest == again.digest != other.digest
    assert '(method = "reference", for comparison only)' in "\n".join(one.notes)


def test_recorded_requests_are_refused(kit: Any) -> None:
    """It knows clients only; the message says what to do with a log, at the method's key."""
    recording = kit.compose(kit.synthetic(), rate=2.0, duration_s=600)
    with pytest.raises(InputError, match="the reference tool knows clients only") as caught:
        kit.compose(reference(kit, recording), duration_s=600)
    assert caught.value.problems[0].who == 'workload.group "group-1".method'


@pytest.mark.parametrize("name", ["deepseek-r1", "mm-image"])
def test_real_pools(real_pool: Callable[[str], Any], kit: Any, name: str) -> None:
    """Two hours of a real pool: comonotone within clients, a burst where windows begin; at a hundredth requests are lost."""
    families = Registry.load().families
    pool = real_pool(name)

    def send(method: str, rate: float | None) -> Any:
        group = kit.recorded(pool, method=method, scale="rate", start_s=43_200.0)
        curve = None if rate is None else RateCurve((0.0,), (rate,))
        return compose(
            WorkloadSpec(groups=(group,)), Load(duration_s=7200.0, rate=curve), Streams(4), families
        )

    theirs, ours = send("reference", None), send("clients", None)
    busiest = np.bincount(theirs.client).argmax()
    rows = np.flatnonzero(theirs.client == busiest)
    # Within one table window, that from 12:00 to 18:00, no longer prompt has a shorter answer.
    order = np.lexsort((theirs.output_tokens[rows], theirs.input_tokens[rows]))
    assert np.all(np.diff(theirs.output_tokens[rows][order]) >= 0)
    rows = np.flatnonzero(ours.client == busiest)
    # The recording says nothing of it, so columns are independent: within 4.5 / sqrt(n).
    rank = stats.spearmanr(ours.input_tokens[rows], ours.output_tokens[rows]).statistic
    assert abs(rank) < 4.5 / np.sqrt(len(rows))
    expected = len(theirs) / 600
    assert np.count_nonzero(theirs.due_s % 600 < 1) > 1.4 * expected
    small = 0.01 * len(ours) / 7200
    sent, spoke = zip(
        *((len(w), len(np.unique(w.client))) for w in (send("reference", small), send("clients", small))),
        strict=True,
    )
    assert sent[0] < 0.98 * 0.01 * len(ours)
    assert spoke[0] < spoke[1]
    # Each of some 340 active windows settles its fraction by one draw: a deviation of at most sqrt(340) / 2 = 9.
    assert abs(sent[1] - 0.01 * len(ours)) < 4.5 * 9.3


def test_of_conversations_it_sends_single_requests(kit: Any) -> None:
    """A pool with sessions yields as many requests as they have turns, none after another, and the notes say so."""
    pool = kit.pool(
        np.full((2, 8), 100),
        fields=("input_tokens", "output_tokens", "turns", "think_s"),
        masses=(*kit.LENGTHS, {1.0: 0.5, 7.0: 0.5}, {5.0: 0.5, 40.0: 0.5}),
    )
    w = kit.compose(reference(kit, pool), duration_s=4800)
    assert np.all(w.parent == -1)
    # 400 gaps a window, the last one's request there or not.
    assert abs(len(w) - 2 * 8 * 399.5) <= 8
    assert "the reference tool knows no conversations; prompts are without history" in "\n".join(w.notes)
