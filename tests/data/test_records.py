"""Records and chunk times: gaps of shared segments against counting them one by one."""

from __future__ import annotations

import numpy as np
import pytest

from servegen_fw.data.records import (
    COUNT_COLUMNS,
    ERROR,
    OK,
    PENDING,
    SKIPPED,
    STATUS_NAMES,
    TIME_COLUMNS,
    Chunks,
    Harness,
    Records,
)


def random_chunks(seed, requests=60, steps=200):
    """Segments over one axis of steps, as a simulated engine leaves them; some requests have several, some none."""
    rng = np.random.default_rng(seed)
    t_ns = np.cumsum(rng.integers(1, 10**7, steps))
    segments = []
    for request in range(requests):
        if rng.random() < 0.15:
            continue
        cuts = np.sort(rng.choice(steps + 1, size=2 * int(rng.integers(1, 4)), replace=False))
        segments += [(request, begin, end) for begin, end in cuts.reshape(-1, 2).tolist()]
    request, begin, end = np.array(segments, np.int64).T
    return Chunks(t_ns, request, begin, end)


def tokens_of(chunks, row):
    """Times of all chunks of a request."""
    mine = np.flatnonzero(chunks.request == row)
    return np.concatenate(
        [chunks.t_ns[chunks.begin[i] : chunks.end[i]] for i in mine] or [np.empty(0, np.int64)]
    )


def by_hand(chunks, rows):
    """(gap in s, end in ns) of every pair of successive chunks of each request, sorted."""
    pairs = []
    for row in rows:
        times = tokens_of(chunks, row)
        pairs += zip(np.diff(times).tolist(), times[1:].tolist(), strict=True)
    return sorted(pairs)


def expanded(gap_s, at_ns, weight):
    """Weighted gaps written out as often as they count, sorted."""
    count = weight.astype(np.int64)
    gap_ns = np.rint(gap_s * 1e9).astype(np.int64)
    return sorted(zip(np.repeat(gap_ns, count).tolist(), np.repeat(at_ns, count).tolist(), strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_weighted_gaps_are_the_gaps_of_single_requests(seed):
    """Written out by weight, the gaps of shared segments are those between successive chunks of each request."""
    chunks = random_chunks(seed)
    everyone = np.arange(60)
    assert expanded(*chunks.gaps(everyone)) == by_hand(chunks, everyone)


@pytest.mark.parametrize("seed", range(8))
def test_gaps_of_some_rows_leave_the_others_out(seed):
    """Gaps asked for some rows, in any order, are those of these rows only; rows without chunks add nothing."""
    chunks = random_chunks(seed)
    rows = np.random.default_rng(seed).permutation(80)[:25]
    assert expanded(*chunks.gaps(rows)) == by_hand(chunks, rows)


def test_shared_steps_cost_one_gap_each():
    """A thousand requests that share ten steps give nine gaps of weight a thousand."""
    n = 1000
    chunks = Chunks(np.arange(10) * 10**7, np.arange(n), np.zeros(n, np.int64), np.full(n, 10))
    gap_s, at_ns, weight = chunks.gaps(np.arange(n))
    np.testing.assert_allclose(gap_s, 0.01)
    np.testing.assert_array_equal(at_ns, np.arange(1, 10) * 10**7)
    np.testing.assert_array_equal(weight, np.full(9, 1000.0))


def test_the_pause_of_a_preempted_request_is_a_gap():
    """From the last chunk of one segment to the first of the next is one gap, of the request alone."""
    chunks = Chunks(np.array([10, 20, 30, 90, 100]), np.array([4, 4]), np.array([0, 3]), np.array([2, 5]))
    assert expanded(*chunks.gaps(np.array([4]))) == [(10, 20), (10, 100), (70, 90)]


def test_single_chunks_and_empty_segments_have_no_gaps():
    """A request with one chunk, and one whose segment is empty, add no gap, at the end of the axis neither."""
    chunks = Chunks(np.array([10, 20, 30]), np.array([0, 1, 2]), np.array([2, 1, 0]), np.array([3, 1, 1]))
    gap_s, at_ns, weight = chunks.gaps(np.arange(3))
    assert len(gap_s) == len(at_ns) == len(weight) == 0


def test_live_segments_lie_one_after_another():
    """Segments that share no chunk, as in a live run, give each request's own gaps and none across requests."""
    t_ns = np.array([0, 5, 9, 1000, 1001, 7, 8, 20])
    chunks = Chunks(t_ns, np.array([0, 1, 3]), np.array([0, 3, 5]), np.array([3, 5, 8]))
    assert expanded(*chunks.gaps(np.arange(4))) == sorted([(5, 5), (4, 9), (1, 1001), (1, 8), (12, 20)])


@pytest.mark.parametrize("rows", [[], [0], [7, 9]])
def test_no_segments_no_gaps(rows):
    """A run in which nothing came back has no gaps, whatever rows are asked for."""
    none = np.empty(0, np.int64)
    gap_s, at_ns, weight = Chunks(none, none, none, none).gaps(np.array(rows, np.int64))
    assert len(gap_s) == len(at_ns) == len(weight) == 0


def test_empty_records_are_pending_and_own_their_arrays():
    """Fresh rows are pending with every time and count missing, and no column shares its memory with another."""
    records = Records.empty(5, Harness("monotonic", 0.0))
    assert len(records) == 5
    assert (records.status == PENDING).all()
    for name in (*TIME_COLUMNS, *COUNT_COLUMNS):
        assert (getattr(records, name) == -1).all()
    records.due_ns[0] = 7
    assert records.start_ns[0] == -1
    assert Records.empty(5, Harness("monotonic", 0.0)).due_ns[0] == -1
    assert records.codes[0] == records.finishes[0] == ""


def test_status_names_stand_at_their_numbers():
    """The stored numbers mean what their names say; a change of order would misread every stored result."""
    assert STATUS_NAMES == ("pending", "ok", "error", "truncated", "cancelled", "skipped")
    assert (STATUS_NAMES[OK], STATUS_NAMES[ERROR], STATUS_NAMES[SKIPPED]) == ("ok", "error", "skipped")


def test_output_tokens_trust_the_server_then_the_count_then_the_chunks():
    """Generated tokens are those reported, else those counted in chunks, else the number of chunks."""
    records = Records.empty(3, Harness("monotonic", 0.0))
    records.output_reported[:] = [100, -1, -1]
    records.output_counted[:] = [90, 80, -1]
    records.chunks_n[:] = [70, 60, 50]
    assert records.output_tokens.tolist() == [100, 80, 50]
    assert records.output_tokens.dtype == np.int64
