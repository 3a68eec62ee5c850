"""A pool from a log, as a whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest
from servegen_fw_pools.fit.from_log import covered, fit_log, grid_of
from servegen_fw_pools.logs.log import Blocks, Log, Notice

from servegen_fw.plugin import InputError, Items, save_pool

MakeLog = Callable[..., Log]


def test_counts_are_those_of_the_log(make_log: MakeLog) -> None:
    """Totals by client and window are exact, and clients stand in the order of their volume."""
    log = make_log([300, 1200, 600], duration_s=7200.0)
    pool = fit_log(log)
    assert pool.clients == ("c-0001", "c-0002", "c-0003")
    assert pool.count.shape == (3, 12)
    assert pool.count.sum(1).tolist() == [1200, 600, 300]
    assert log.time_s is not None
    window = np.minimum((log.time_s / pool.window_s).astype(int), 11)
    assert pool.count.sum(0).tolist() == np.bincount(window, minlength=12).tolist()
    assert np.array_equal(pool.count > 0, pool.family >= 0)
    assert np.array_equal(pool.count > 0, pool.cv > 0)
    assert pool.meta["requests"] == 2100


def test_classes_keep_the_total_and_the_law_of_lengths(make_log: MakeLog) -> None:
    """Sixty clients of 3 to 62 requests: every request is in the pool, and a class has its members' lengths."""
    log = make_log([2000, *range(3, 63)], duration_s=7200.0)
    pool = fit_log(log, min_requests=100)
    held = pool.meta["fit"]["classes"]
    assert sum(one["clients"] for one in held.values()) == 60
    assert pool.count.sum() == len(log)
    assert pool.count.sum(1).min() >= 100
    assert log.client is not None
    small = log.client > 0
    rows = [k for k, name in enumerate(pool.clients) if name in held]
    assert pool.count[rows].sum() == small.sum()
    weight, mean = 0.0, 0.0
    u = (np.arange(2000) + 0.5) / 2000
    for k in rows:
        for v in np.flatnonzero(pool.table[0, k] >= 0):
            drawn = np.rint(pool.tables.ppf(pool.table[0, k, v], u)).mean()
            share = pool.count[k, pool.table_window == v].sum()
            weight, mean = weight + share, mean + share * drawn
    # What stretches of table windows share among them moves the mean by a few parts in a thousand.
    assert mean / weight == pytest.approx(log.input_tokens[small].mean(), rel=0.02)


def test_the_cv_of_a_class_is_that_of_its_merged_stream(make_log: MakeLog) -> None:
    """Fifty bursty clients in one class have the CV of all their requests together, well below that of one alone."""
    log = make_log([90] * 50, duration_s=7200.0, shape=0.1)
    together = fit_log(log, min_requests=4500)
    assert together.clients == ("class-01",)
    stream = fit_log(attrs.evolve(log, client=None, clients=()))
    np.testing.assert_array_equal(together.cv, stream.cv)
    alone = fit_log(log, min_requests=1)
    shape = ((alone.count - 1) / np.maximum(alone.cv, 1e-9) ** 2 - 1) / np.maximum(alone.count, 1)
    assert np.median(shape[alone.count > 5]) < 0.2
    assert ((together.count - 1) / together.cv**2 - 1).min() / together.count.max() > 0.1


def test_ids_do_not_leak(make_log: MakeLog, tmp_path: Path) -> None:
    """Neither an id nor the text of a notice is in the bytes of the file; kept ids are."""
    log = attrs.evolve(
        make_log([400, 40, 300, 80]),
        notices=(Notice("odd", 3, "the row of secret-user-1 is odd", ("secret-user-1.csv:3",)),),
    )
    save_pool(fit_log(log), tmp_path / "mine.pool")
    whole = (tmp_path / "mine.pool").read_bytes()
    assert b"secret" not in whole
    assert b"c-0001" in whole
    assert b"odd" in whole
    save_pool(fit_log(log, keep_ids=True), tmp_path / "mine.pool")
    assert b"secret-user-0" in (tmp_path / "mine.pool").read_bytes()


def test_a_log_without_clients_says_so(make_log: MakeLog) -> None:
    """One client, "all", and a note."""
    pool = fit_log(attrs.evolve(make_log([500]), client=None, clients=()))
    assert pool.clients == ("all",)
    assert "the log tells no clients" in pool.meta["notes"][0]
    assert pool.meta["clients_of_the_log"] is None


def test_the_same_log_gives_the_same_pool(make_log: MakeLog, tmp_path: Path) -> None:
    """Byte for byte."""
    for name in ("a", "b"):
        save_pool(fit_log(make_log([300, 20, 30, 60, 900], shape=0.3)), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("covered_s", "last_s", "window_s", "windows"),
    [
        (86_400.02, 86_399.9, 600.0, 144),
        (3501.9, 3501.7, 583.65, 6),
        (250.0, 249.0, 250.0, 1),
        (3580.0, 3579.0, 600.0, 6),
    ],
)
def test_windows_cover_the_log(covered_s: float, last_s: float, window_s: float, windows: int) -> None:
    """Windows keep their length if they cover the log to 5 % of one; else all are stretched alike."""
    grid = grid_of(covered_s, last_s, 600.0, None)
    assert grid.window_s == pytest.approx(window_s, abs=0.01)
    assert grid.windows == windows
    assert grid.windows * grid.window_s >= last_s
    assert grid.table_windows * grid.table_window_s >= grid.windows * grid.window_s - 1e-6


def test_the_rate_is_that_of_the_log(make_log: MakeLog) -> None:
    """A log of 100 minutes and 40 seconds has the mean rate of its requests, though ten minutes do not divide it."""
    log = make_log([5000], duration_s=6040.0)
    assert fit_log(log).rate == pytest.approx(5000 / covered(log), rel=1e-12)


def test_the_clock_of_the_recording(make_log: MakeLog) -> None:
    """The first window begins at the time of day, in UTC, of the first request."""
    log = attrs.evolve(make_log([300]), start="2023-11-16T20:15:46.5+02:00")
    assert fit_log(log).start_s == dt.timedelta(hours=18, minutes=15, seconds=46.5).total_seconds()
    assert fit_log(make_log([300])).start_s == 0


def test_items_and_reasoning_are_fields(make_log: MakeLog) -> None:
    """Images per request, tokens per image, and the reason share with its dependence on the output."""
    log = make_log([3000])
    rng = np.random.default_rng(5)
    count = rng.integers(0, 3, 3000)
    m = int(count.sum())
    items = Items(
        offsets=np.concatenate(([0], np.cumsum(count))),
        modality=np.zeros(m, np.int16),
        tokens=rng.choice([252, 1196], m).astype(np.int32),
        width=np.zeros(m, np.int32),
        height=np.zeros(m, np.int32),
        seconds=np.zeros(m),
        modalities=("image",),
    )
    share = np.clip(log.output_tokens / 1000, 0, 1)
    reason = np.rint(log.output_tokens * share).astype(np.int32)
    pool = fit_log(attrs.evolve(log, items=items, reason_tokens=reason))
    assert pool.fields == ("input_tokens", "output_tokens", "reason_ratio", "image_count", "image_tokens")
    assert pool.modalities == ("image",)
    assert pool.pairs == (("input_tokens", "output_tokens"), ("output_tokens", "reason_ratio"))
    assert pool.rank[1, 0] > 0.9
    assert abs(pool.rank[0, 0]) < 5 / np.sqrt(3000)
    u = (np.arange(4000) + 0.5) / 4000
    drawn = np.rint(pool.tables.ppf(pool.table[4, 0, 0], u))
    assert np.mean(np.isin(drawn, [252, 1196])) > 0.98


def test_prefixes_come_from_blocks(make_log: MakeLog) -> None:
    """Two thirds begin with two common blocks of 16 tokens, the others with none."""
    log = make_log([300])
    lists = [[1, 2, 1000 + k] if k % 3 else [5000 + k] for k in range(300)]
    offsets = np.concatenate(([0], np.cumsum([len(one) for one in lists])))
    blocks = Blocks(offsets, np.array([b for one in lists for b in one], np.int64), 16)
    pool = fit_log(attrs.evolve(log, blocks=blocks, input_tokens=np.full(300, 60, np.int32)))
    assert pool.fields[-1] == "prefix_tokens"
    drawn = np.rint(pool.tables.ppf(pool.table[-1, 0, 0], (np.arange(3000) + 0.5) / 3000))
    assert np.mean(drawn == 32) == pytest.approx(2 / 3, abs=0.02)
    # Of 200 prompts of three blocks and 100 of one, 200 + 100 + 2 blocks are different ones.
    assert pool.meta["fit"]["prefix"] == {"share_of_input": 0.5333, "blocks_seen_before": 0.5686}
    assert any("as the log names none" in note for note in pool.meta["notes"])


def test_sessions_are_measured() -> None:
    """Turns, think times and new tokens of a log of conversations; counts are those of sessions."""
    rng = np.random.default_rng(6)
    turns = rng.integers(1, 5, 800)
    session = np.repeat(np.arange(800), turns)
    first = np.cumsum(turns) - turns
    turn = np.arange(len(session)) - first[session]
    begin = np.sort(rng.random(800)) * 6000
    new = rng.integers(10, 100, len(session))
    out = rng.integers(5, 50, len(session))
    total = np.cumsum(new + out)
    carried = total - (new + out) - (total - (new + out))[first][session]
    time_s = begin[session] + 30.0 * turn
    order = np.argsort(time_s, kind="stable")
    log = Log(
        name="chat",
        time_s=time_s[order] - time_s.min(),
        input_tokens=(new + carried)[order].astype(np.int32),
        output_tokens=out[order].astype(np.int32),
        session=session[order],
        turn=turn[order].astype(np.int32),
        latency_s=np.full(len(session), 10.0),
    )
    pool = fit_log(log)
    assert pool.has_sessions
    assert pool.carries_context
    assert pool.count.sum() == 800
    assert pool.requests.sum() == pytest.approx(len(log), rel=0.01)
    assert pool.fields == ("input_tokens", "output_tokens", "turns", "think_s")
    u = (np.arange(2000) + 0.5) / 2000
    drawn = {field: pool.tables.ppf(pool.table[f, 0, 0], u) for f, field in enumerate(pool.fields)}
    assert drawn["think_s"] == pytest.approx(20.0, abs=1e-3)
    assert np.rint(drawn["input_tokens"]).max() <= 99
    assert set(np.unique(np.rint(drawn["turns"]))) == {1, 2, 3, 4}
    facts = pool.meta["fit"]["sessions"]
    assert facts["later_turns"] == facts["later_turns_that_carry"] == len(log) - 800
    assert facts["think_times_with_latency"] == 0


def test_turns_that_do_not_carry_are_counted() -> None:
    """One later turn in four was cut short: the flag stays, the turn is left out of the new tokens, and a note says so."""
    n = 400
    tokens = np.tile([100, 250, 100, 250, 100, 250, 100, 30], n // 8)
    log = Log(
        name="chat",
        time_s=np.arange(n, dtype=float),
        input_tokens=tokens.astype(np.int32),
        output_tokens=np.full(n, 50, np.int32),
        session=np.repeat(np.arange(n // 2), 2),
        turn=np.tile([0, 1], n // 2).astype(np.int32),
    )
    pool = fit_log(log)
    assert pool.carries_context
    assert pool.meta["fit"]["sessions"]["left_out_of_new_tokens"] == n // 8
    assert any("do not repeat their session" in note for note in pool.meta["notes"])
    assert any("hold the parent's latency" in note for note in pool.meta["notes"])
    drawn = np.rint(pool.tables.ppf(pool.table[0, 0, 0], (np.arange(700) + 0.5) / 700))
    assert set(drawn.tolist()) == {100.0}


def test_bad_input_is_told_at_once(make_log: MakeLog) -> None:
    """No times, no requests, no window, no floor, a floor above all: what it is, and what to do."""
    log = make_log([50])
    with pytest.raises(InputError, match="tells no times") as caught:
        fit_log(attrs.evolve(log, time_s=None), window_s=0.0, table_window_s=-1.0, min_requests=0)
    assert len(caught.value.problems) == 4
    with pytest.raises(InputError, match="floor of 100 requests a client is larger than the whole log"):
        fit_log(log)
    empty = Log(
        name="none",
        time_s=np.zeros(0),
        input_tokens=np.zeros(0, np.int32),
        output_tokens=np.zeros(0, np.int32),
    )
    with pytest.raises(InputError, match="holds no requests"):
        fit_log(empty)


def test_one_request_makes_a_pool(make_log: MakeLog) -> None:
    """With a floor of 1 a single request is a pool of one window, with finite numbers."""
    log = attrs.evolve(make_log([1]), time_s=np.zeros(1))
    pool = fit_log(log, min_requests=1)
    assert pool.count.tolist() == [[1.0]]
    assert np.isfinite(pool.cv).all()
    assert pool.window_s == 600
    assert "the log tells no rate" in pool.meta["notes"][0]
    assert not any("tells no rate" in note for note in fit_log(make_log([200])).meta["notes"])


def test_windows_beyond_any_memory_are_refused(make_log: MakeLog) -> None:
    """A log that a wrong timestamp stretches over thousands of years ends in an error and not in a lack of memory."""
    log = make_log([100, 100], duration_s=1.5e11)
    with pytest.raises(InputError, match="1,7..,...\\.. days: windows of 600 s of 2 clients"):
        fit_log(log)
    assert fit_log(log, window_s=1e9).count.sum() == 200
