"""A journal can be read however the run that wrote it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from servegen_fw.data.records import (
    COUNT_COLUMNS,
    ERROR,
    OK,
    PENDING,
    TIME_COLUMNS,
    TRUNCATED,
    Chunks,
    Harness,
    Records,
)
from servegen_fw.drive.journal import Journal, read_journal
from servegen_fw.drive.recorder import Recorder
from servegen_fw.drive.sink import LiveSink
from servegen_fw.errors import InputError

N = 60


def recorded(keep_chunks: bool = True) -> Recorder:
    """Make a recorder in which 50 of 60 requests ended, in a shuffled order."""
    rng = np.random.default_rng(11)
    recorder = Recorder(N, 1000, keep_chunks=keep_chunks)
    for row in rng.permutation(50).tolist():
        sink = LiveSink()
        sink.sent()
        for t in np.sort(rng.integers(2000, 10**9, row % 7)).tolist():
            sink.read(t)
            sink.chunk(1 if row % 5 else None)
        sink.usage(output_tokens=row)
        status, code = [(OK, ""), (ERROR, "reset"), (TRUNCATED, "truncated")][row % 3]
        if status == OK:
            sink.finish("stop" if row % 2 else "länge")
        recorder.end(row, sink, status, code, due_ns=row, start_ns=1500 + row, done_ns=10**10 + row)
    return recorder


def write(path: Path, recorder: Recorder, step: int = 9) -> list[tuple[int, set[int]]]:
    """Journal in batches; returns (file size, rows so far) after each."""
    journal = Journal(path)
    sizes, rows_so_far = [], set()
    for since in range(0, recorder.ended, step):
        records, rows = recorder.news(since, min(since + step, recorder.ended))
        journal.write(records, rows)
        rows_so_far |= set(rows.tolist())
        sizes.append((path.stat().st_size, set(rows_so_far)))
    journal.close()
    return sizes


def check(found: Records, recorder: Recorder, rows: set[int]) -> None:
    """Assert that `found` holds exactly `rows` of what was recorded."""
    whole, _ = recorder.news(0, recorder.ended)
    want = np.array(sorted(rows), np.int64)
    assert set(np.flatnonzero(found.status != PENDING).tolist()) == rows
    for name in (*TIME_COLUMNS, "status", *COUNT_COLUMNS, "chunks_n"):
        np.testing.assert_array_equal(getattr(found, name)[want], getattr(whole, name)[want], name)
        assert getattr(found, name).dtype == getattr(whole, name).dtype
    for row in rows:
        assert found.codes[found.code[row]] == whole.codes[whole.code[row]]
        assert found.finishes[found.finish[row]] == whole.finishes[whole.finish[row]]
    if rows and whole.chunks is not None:
        assert found.chunks is not None
        assert found.chunks.request.tolist() == want.tolist()
        times = {
            int(row): whole.chunks.t_ns[begin:end].tolist()
            for row, begin, end in zip(
                whole.chunks.request, whole.chunks.begin, whole.chunks.end, strict=True
            )
        }
        for row, begin, end in zip(want, found.chunks.begin, found.chunks.end, strict=True):
            assert found.chunks.t_ns[begin:end].tolist() == times[int(row)]


def test_a_whole_journal_reads_back(tmp_path: Path) -> None:
    """Every column, code, finish reason and chunk time of every row comes back; the rest is pending."""
    recorder = recorded()
    write(tmp_path / "j", recorder)
    found = read_journal(tmp_path / "j", N)
    check(found, recorder, set(range(50)))
    assert found.harness.interrupted
    assert found.harness.clock == "monotonic"
    assert not found.harness.drained


def test_without_chunk_times_none_are_invented(tmp_path: Path) -> None:
    """A run that did not keep chunk times has none in its journal."""
    recorder = recorded(keep_chunks=False)
    write(tmp_path / "j", recorder)
    found = read_journal(tmp_path / "j", N)
    check(found, recorder, set(range(50)))
    assert found.chunks is None


def test_broken_off_anywhere_whole_batches_are_read(tmp_path: Path) -> None:
    """Cut at any byte, the file gives exactly the batches that had been written completely before it."""
    recorder = recorded()
    sizes = write(tmp_path / "whole", recorder)
    data = (tmp_path / "whole").read_bytes()
    cut = tmp_path / "cut"
    ends = [size for size, _ in sizes]
    positions = sorted(
        {*range(0, len(data), 41), *(end + d for end in ends for d in (-9, -1, 0, 1, 5)), len(data)}
    )
    for position in positions:
        cut.write_bytes(data[:position])
        rows: set[int] = set()
        for size, so_far in sizes:
            if size <= position:
                rows = so_far
        check(read_journal(cut, N), recorder, rows)


def test_every_write_is_on_its_way_to_the_disk(tmp_path: Path) -> None:
    """Without closing, what was written can be read by somebody else at once."""
    recorder = recorded()
    journal = Journal(tmp_path / "j")
    records, rows = recorder.news(0, 4)
    journal.write(records, rows)
    check(read_journal(tmp_path / "j", N), recorder, set(rows.tolist()))
    journal.close()


def test_a_row_written_twice_counts_as_written_last(tmp_path: Path) -> None:
    """Two reports on one row do not double it."""
    recorder = recorded()
    journal = Journal(tmp_path / "j")
    records, rows = recorder.news(0, 5)
    journal.write(records, rows)
    journal.write(records, rows)
    journal.close()
    check(read_journal(tmp_path / "j", N), recorder, set(rows.tolist()))


def test_rows_of_several_segments_are_joined(tmp_path: Path) -> None:
    """A simulated engine shares step times between requests and splits preempted ones; each row gets its own times in order."""
    shared = np.array([10, 20, 30, 40, 50, 60], np.int64)
    chunks = Chunks(
        shared,
        request=np.array([0, 2, 2, 3], np.int64),
        begin=np.array([0, 1, 4, 3], np.int64),
        end=np.array([3, 2, 6, 3], np.int64),
    )
    records = attrs.evolve(Records.empty(4, Harness("virtual", 1.0)), chunks=chunks)
    records.status[:] = OK
    journal = Journal(tmp_path / "j")
    journal.write(records, np.array([3, 0, 2, 1], np.int64))
    journal.close()
    found = read_journal(tmp_path / "j", 4)
    assert found.chunks is not None
    times = [
        found.chunks.t_ns[begin:end].tolist()
        for begin, end in zip(found.chunks.begin, found.chunks.end, strict=True)
    ]
    assert times == [[10, 20, 30], [], [20, 50, 60], []]
    assert found.harness.clock == "virtual"


def test_no_rows_write_nothing(tmp_path: Path) -> None:
    """A journal nobody wrote to is empty and reads as a run in which nothing ended."""
    recorder = recorded()
    journal = Journal(tmp_path / "j")
    records, _ = recorder.news(0, 1)
    journal.write(records, np.empty(0, np.int64))
    journal.close()
    assert (tmp_path / "j").stat().st_size == 0
    assert (read_journal(tmp_path / "j", N).status == PENDING).all()


def test_another_workloads_journal_is_refused(tmp_path: Path) -> None:
    """Rows of a workload of another size are not mixed in."""
    write(tmp_path / "j", recorded())
    with pytest.raises(InputError, match="journal of 60 requests, but the workload has 61"):
        read_journal(tmp_path / "j", N + 1)


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    """A missing file and a file of something else give one clear message with the path."""
    with pytest.raises(InputError, match="missing.arrows: cannot read"):
        read_journal(tmp_path / "missing.arrows", N)
    (tmp_path / "text").write_text("this is a text, not an Arrow stream\n")
    with pytest.raises(InputError, match="is not a journal"):
        read_journal(tmp_path / "text", N)


def test_another_arrow_stream_is_refused(tmp_path: Path) -> None:
    """An Arrow stream that no journal wrote is told from one."""
    pa: Any = pytest.importorskip("pyarrow")
    table = pa.table({"row": [1, 2]})
    with pa.ipc.new_stream(str(tmp_path / "other"), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(InputError, match="journal of format unknown"):
        read_journal(tmp_path / "other", N)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, {here!r})
from conftest import Lab
from servegen_fw.drive.journal import Journal
from servegen_fw.drive.teller import Silent

class Kept(Silent):
    def __init__(self):
        self.journalled = Journal(Path({path!r}))
    def journal(self, records, rows):
        self.journalled.write(records, rows)
        print(len(rows), flush=True)

Lab.run(Lab.plan([(0.005 * i, []) for i in range(4000)]), Lab.good, progress=Kept())
"""


def test_a_killed_run_leaves_readable_records(tmp_path: Path) -> None:
    """After kill -9 in the middle of a run, all rows of every journal call that had returned are there, and are right."""
    path = tmp_path / "journal.arrows"
    here = str(Path(__file__).parent)
    script = KILLED.format(here=here, path=str(path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = int(process.stdout.readline()) + int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        told += sum(int(line) for line in process.stdout if line.endswith("\n"))
    found = read_journal(path, 4000)
    ended = np.flatnonzero(found.status != PENDING)
    assert len(ended) >= told > 0
    assert (found.status[ended] == OK).all()
    assert (found.due_ns[ended] == ended * 5_000_000).all()
    assert (found.chunks_n[ended] == 4).all()
    assert found.harness.interrupted
