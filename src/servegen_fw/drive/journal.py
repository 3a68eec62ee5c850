"""What is left of a run that was killed: rows are appended as they end, in a file that can be read however it breaks off."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from servegen_fw.data.arrays import I8
from servegen_fw.data.records import COUNT_COLUMNS, TIME_COLUMNS, Chunks, Harness, Records
from servegen_fw.errors import InputError, Problem

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
METADATA_KEY = b"servegen_fw_journal"

_COLUMNS = (*TIME_COLUMNS, "status", *COUNT_COLUMNS, "chunks_n")
PARTIAL = "the run was killed; these are the rows that had ended"


class Journal:
    """Appends rows to an Arrow stream file; every `write` is on its way to the disk when it returns.

    The operating system has the bytes then, so they survive the end of this process, though not of the machine.
    Writing takes a millisecond or so: call it from a thread that nothing waits for (the engines do).
    """

    def __init__(self, path: Path) -> None:
        # Imported here, before the clock starts, and not at the first write, while it runs.
        import pyarrow as pa

        self._pa = pa
        self._file = path.open("wb")
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        self._lock = threading.Lock()

    def write(self, records: Records, rows: I8) -> None:
        """Append `rows`, int64[k], and the times of their chunks where `records` has them."""
        if len(rows) == 0:
            return
        batch = _batch(self._pa, records, rows)
        with self._lock:
            if self._writer is None:
                about = json.dumps({"format": FORMAT, "clock": records.harness.clock, "rows": len(records)})
                schema = batch.schema.with_metadata({METADATA_KEY: about.encode()})
                self._writer = self._pa.ipc.new_stream(self._file, schema)
            self._writer.write_batch(batch)
            self._file.flush()

    def close(self) -> None:
        """Write the end of the stream."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            self._file.close()


def _batch(pa: Any, records: Records, rows: I8) -> pa.RecordBatch:
    columns: dict[str, Any] = {"row": pa.array(rows)}
    for name in _COLUMNS:
        columns[name] = pa.array(getattr(records, name)[rows])
    codes, finishes = records.codes, records.finishes
    columns["code"] = pa.array([codes[i] for i in records.code[rows].tolist()], pa.string())
    columns["finish"] = pa.array([finishes[i] for i in records.finish[rows].tolist()], pa.string())
    columns["chunk_ns"] = _chunk_lists(pa, records.chunks, rows)
    return pa.RecordBatch.from_pydict(columns)


def _chunk_lists(pa: Any, chunks: Chunks | None, rows: I8) -> pa.ListArray:
    """Return the chunk times of each row as one list column; null where they were not kept."""
    kind = pa.list_(pa.int64())
    if chunks is None:
        return pa.nulls(len(rows), kind)
    # Rows may have several segments, or none. All at once: this runs beside the driver, in the same interpreter.
    low = np.searchsorted(chunks.request, rows, side="left")
    high = np.searchsorted(chunks.request, rows, side="right")
    segments = _ranges(low, high - low)
    lengths = (chunks.end - chunks.begin)[segments]
    ends = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)))
    offsets = ends[np.concatenate((np.zeros(1, np.int64), np.cumsum(high - low)))]
    times = chunks.t_ns[_ranges(chunks.begin[segments], lengths)]
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(times))


def _ranges(begin: I8, count: I8) -> I8:
    """Return the concatenated ranges begin[i] to begin[i] + count[i] - 1."""
    ends = np.cumsum(count, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(begin - ends + count, count) + np.arange(total, dtype=np.int64)


def read_journal(path: Path, n_rows: int) -> Records:
    """Read the rows of a journal, whole or broken off anywhere.

    Parameters
    ----------
        path: what a `Journal` wrote.
        n_rows: rows of the workload.

    Returns
    -------
        Records with `Harness.interrupted` set; rows that had not ended are pending. A row that was written twice counts
        as it was written last.

    Raises
    ------
        InputError: the file cannot be read at all, is no journal, or belongs to a workload of another size.
    """
    table = Records.empty(n_rows, Harness("monotonic", 0.0))
    codes: dict[str, int] = {"": 0}
    finishes: dict[str, int] = {"": 0}
    times: dict[int, Any] = {}
    clock, kept = "monotonic", False
    for about, batch in _batches(path):
        clock = about.get("clock", clock)
        rows = batch["row"].to_numpy()
        if about.get("rows") != n_rows or (len(rows) and not 0 <= rows.min() <= rows.max() < n_rows):
            raise InputError(
                Problem(
                    f"journal of {about.get('rows')} requests, but the workload has {n_rows}",
                    who=str(path),
                    cure="read it with the workload it belongs to",
                )
            )
        for name in _COLUMNS:
            getattr(table, name)[rows] = batch[name].to_numpy()
        table.code[rows] = [codes.setdefault(text, len(codes)) for text in batch["code"].to_pylist()]
        table.finish[rows] = [
            finishes.setdefault(text, len(finishes)) for text in batch["finish"].to_pylist()
        ]
        lists = batch["chunk_ns"]
        if lists.null_count < len(lists):
            kept = True
            offsets, values = lists.offsets.to_numpy(), lists.values.to_numpy()
            for row, begin, end in zip(rows.tolist(), offsets[:-1], offsets[1:], strict=True):
                times[row] = values[begin:end]
    return attrs.evolve(
        table,
        codes=tuple(codes),
        finishes=tuple(finishes),
        harness=Harness(
            clock=clock,
            wall_s=max(0.0, float(table.done_ns.max(initial=0)) / 1e9),
            drained=False,
            interrupted=PARTIAL,
        ),
        chunks=_chunks(times) if kept else None,
    )


def _chunks(times: dict[int, Any]) -> Chunks:
    request = np.array(sorted(times), np.int64)
    ends = np.cumsum([len(times[row]) for row in request.tolist()], dtype=np.int64)
    begins = np.concatenate((np.zeros(1, np.int64), ends[:-1]))[: len(request)]
    t_ns = np.concatenate([times[row] for row in request.tolist()] or [np.empty(0, np.int64)])
    return Chunks(t_ns.astype(np.int64), request, begins, ends)


def _batches(path: Path) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield (what the journal says about itself, batch) up to where the file breaks off."""
    import pyarrow as pa

    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(Problem(f"cannot read: {error.strerror}", who=str(path))) from error
    try:
        reader = pa.ipc.open_stream(pa.BufferReader(data))
    except (pa.ArrowInvalid, OSError):
        if len(data) >= 4 and data[:4] != b"\xff\xff\xff\xff":
            raise InputError(Problem("is not a journal of a run", who=str(path))) from None
        return  # broken off before the first row
    stated = (reader.schema.metadata or {}).get(METADATA_KEY)
    about = json.loads(stated) if stated else {}
    if about.get("format") != FORMAT:
        raise InputError(
            Problem(
                f"journal of format {about.get('format', 'unknown')}, this version reads {FORMAT}",
                who=str(path),
            )
        )
    while True:
        try:
            batch = reader.read_next_batch()
        except (StopIteration, pa.ArrowInvalid, OSError):
            return  # whole, or torn inside a batch
        yield about, batch
