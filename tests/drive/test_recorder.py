"""Requests that end become rows, in whatever order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from servegen_fw.data.records import CANCELLED, ERROR, OK, PENDING, SKIPPED, Harness
from servegen_fw.drive.recorder import MAX_NAME, MAX_NAMES, Names, Recorder
from servegen_fw.drive.sink import LiveSink

ZERO = 1_000_000


def sink_of(*times: int, **counts: Any) -> LiveSink:
    """Make a sink that saw one token at each of the run times and then finished."""
    sink = LiveSink()
    sink.sent_ns = ZERO + 5
    for t in times:
        sink.read(ZERO + t)
        sink.chunk(1)
    sink.usage(**counts)
    sink.finish("stop")
    return sink


def end(recorder: Recorder, row: int, sink: LiveSink, status: int = OK, code: str = "") -> None:
    """End a request that was due at 1, began at 2 and ended at 99."""
    recorder.end(row, sink, status, code, due_ns=1, start_ns=ZERO + 2, done_ns=ZERO + 99)


def test_a_row_holds_what_the_sink_saw_in_run_time() -> None:
    """Every column of a finished request is filled, moved to the run's zero."""
    recorder = Recorder(3, ZERO, keep_chunks=True)
    end(recorder, 1, sink_of(10, 20, 35, input_tokens=8, output_tokens=3))
    records = recorder.records(Harness("monotonic", 1.0))
    row = {
        name: int(getattr(records, name)[1])
        for name in ("due_ns", "start_ns", "sent_ns", "first_ns", "answer_ns", "last_ns", "done_ns")
    }
    assert list(row.values()) == [1, 2, 5, 10, 10, 35, 99]
    assert records.status.tolist() == [PENDING, OK, PENDING]
    assert (records.input_reported[1], records.output_reported[1], records.output_counted[1]) == (8, 3, 3)
    assert (records.reason_reported[1], records.cached_reported[1]) == (-1, -1)
    assert records.finishes[records.finish[1]] == "stop"
    assert records.codes[records.code[1]] == ""


def test_a_request_that_never_began_has_no_times_but_its_due() -> None:
    """Unset stamps stay -1 and do not become run times."""
    recorder = Recorder(1, ZERO, keep_chunks=True)
    recorder.end(0, LiveSink(), CANCELLED, "drain", due_ns=4, start_ns=-1, done_ns=ZERO + 9)
    records = recorder.records(Harness("monotonic", 1.0))
    assert [int(getattr(records, name)[0]) for name in ("start_ns", "sent_ns", "first_ns", "last_ns")] == [
        -1
    ] * 4
    assert (records.due_ns[0], records.done_ns[0], records.chunks_n[0]) == (4, 9, 0)


def test_chunks_are_sorted_by_row_and_keep_their_times() -> None:
    """Requests that end in any order give ascending rows, each with its own times."""
    recorder = Recorder(5, ZERO, keep_chunks=True)
    times = {4: (50, 60), 0: (1, 2, 3), 2: (), 1: (7,)}
    for row, stamps in times.items():
        end(recorder, row, sink_of(*stamps))
    chunks = recorder.records(Harness("monotonic", 1.0)).chunks
    assert chunks is not None
    assert chunks.request.tolist() == [0, 1, 2, 4]
    for row, begin, finish in zip(chunks.request, chunks.begin, chunks.end, strict=True):
        assert tuple(chunks.t_ns[begin:finish].tolist()) == times[int(row)]


def test_news_hold_only_what_ended_in_between() -> None:
    """Each call gives the rows since the last, with their chunk times and no others', and all calls give everything."""
    rng = np.random.default_rng(5)
    recorder = Recorder(300, ZERO, keep_chunks=True)
    order = rng.permutation(300)
    stamps = {int(row): np.sort(rng.integers(0, 10**9, rng.integers(0, 60))).tolist() for row in order}
    seen: dict[int, list[int]] = {}
    since = 0
    for row in order.tolist():
        end(recorder, row, sink_of(*stamps[row]))
        if recorder.ended - since >= 37 or recorder.ended == 300:
            records, rows = recorder.news(since, recorder.ended)
            since = recorder.ended
            assert records.chunks is not None
            assert records.chunks.request.tolist() == rows.tolist() == sorted(rows.tolist())
            assert len(records.chunks.t_ns) == sum(len(stamps[row]) for row in rows.tolist())
            for position, seen_row in enumerate(rows.tolist()):
                begin, finish = records.chunks.begin[position], records.chunks.end[position]
                seen[seen_row] = records.chunks.t_ns[begin:finish].tolist()
    assert seen == stamps


def test_without_chunks_first_and_last_are_kept_all_the_same() -> None:
    """Dropping chunk times does not drop counts, first or last."""
    recorder = Recorder(1, ZERO, keep_chunks=False)
    end(recorder, 0, sink_of(3, 4, 9))
    records = recorder.records(Harness("monotonic", 1.0))
    assert records.chunks is None
    assert (records.first_ns[0], records.last_ns[0], records.chunks_n[0]) == (3, 9, 3)


def test_skipped_turns_have_their_status_and_nothing_else() -> None:
    """A turn that its session never reached is skipped, whether or not others end around it."""
    recorder = Recorder(3, ZERO, keep_chunks=False)
    recorder.skip(1)
    end(recorder, 0, sink_of(), ERROR, "reset")
    recorder.skip(2)
    records = recorder.records(Harness("monotonic", 1.0))
    assert records.status.tolist() == [ERROR, SKIPPED, SKIPPED]
    assert records.due_ns.tolist() == [1, -1, -1]


@pytest.mark.parametrize("count", [-3, 2**40, "7", 3.5, None])
def test_counts_that_are_none_are_not_reported(count: Any) -> None:
    """What a server calls a count but cannot be one does not reach the column, and does not stop the run."""
    recorder = Recorder(1, ZERO, keep_chunks=False)
    end(recorder, 0, sink_of(output_tokens=count))
    assert recorder.records(Harness("monotonic", 1.0)).output_reported[0] == -1


def test_an_unknown_chunk_makes_the_counted_tokens_unknown() -> None:
    """`output_counted` is -1 as soon as one chunk's count is."""
    sink = sink_of(1, 2)
    sink.chunk(None)
    recorder = Recorder(1, ZERO, keep_chunks=False)
    end(recorder, 0, sink)
    assert recorder.records(Harness("monotonic", 1.0)).output_counted[0] == -1


def test_names_are_bounded() -> None:
    """A server that invents finish reasons without end fills neither the memory nor the int16 column."""
    names = Names()
    numbers = [names.number(f"reason-{i}") for i in range(3 * MAX_NAMES)]
    assert max(numbers) <= MAX_NAMES
    assert names.all()[numbers[-1]] == "other"
    assert names.all()[numbers[5]] == "reason-5"
    assert max(len(name) for name in names.all()) <= MAX_NAME
    assert len(Names().all()[0]) == 0


def test_a_long_name_is_cut() -> None:
    """A page of HTML in the place of a finish reason is kept as its beginning."""
    names = Names()
    number = names.number("x" * 10_000)
    assert names.all()[number] == "x" * MAX_NAME
