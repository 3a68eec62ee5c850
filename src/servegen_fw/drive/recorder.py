"""From requests that end, in any order, to `Records`: columns allocated once, one cell per column written per request."""

from __future__ import annotations

import attrs
import numpy as np

from servegen_fw.data.arrays import I8
from servegen_fw.data.records import PENDING, SKIPPED, Chunks, Harness, Records
from servegen_fw.drive.sink import UNREPORTED, LiveSink

MAX_NAMES = 1000
"""Different error codes or finish reasons that are kept; a server that invents more gets "other"."""

MAX_NAME = 80
INT32_MAX = 2**31 - 1


class Names:
    """Texts by number, the empty one first; bounded, because some of them come from servers."""

    def __init__(self) -> None:
        self._numbers = {"": 0}

    def number(self, name: str) -> int:
        """Return the number of `name`."""
        name = str(name)[:MAX_NAME]
        found = self._numbers.get(name)
        if found is None:
            if len(self._numbers) >= MAX_NAMES:
                name = "other"
            found = self._numbers.setdefault(name, len(self._numbers))
        return found

    def all(self) -> tuple[str, ...]:
        """All texts, by number."""
        return tuple(self._numbers)


class ChunkStore:
    """Chunk times of the requests that ended, one segment each, in the order in which they ended."""

    def __init__(self) -> None:
        self._t_ns = np.empty(4096, np.int64)
        self._n = 0
        self._rows: list[int] = []
        self._ends: list[int] = []

    def add(self, row: int, sink: LiveSink, zero_ns: int) -> None:
        """Copy the times of a request that ended, as run time."""
        k = len(sink.times)
        end = self._n + k
        if end > len(self._t_ns):
            # A reader in another thread may hold views of the old array, so it is replaced and not resized.
            grown = np.empty(max(end, 2 * len(self._t_ns)), np.int64)
            grown[: self._n] = self._t_ns[: self._n]
            self._t_ns = grown
        if k:
            self._t_ns[self._n : end] = np.frombuffer(sink.times, np.int64)
            self._t_ns[self._n : end] -= zero_ns
        self._n = end
        self._rows.append(row)
        self._ends.append(end)

    def __len__(self) -> int:
        return len(self._ends)

    def chunks(self, first: int, last: int) -> Chunks:
        """Return the segments `first` to `last` - 1, sorted by row, over a copy of just their times."""
        ends = np.array(self._ends[max(first - 1, 0) : last], np.int64)
        begins = np.concatenate(([0], ends[:-1])) if first == 0 else ends[:-1]
        ends = ends if first == 0 else ends[1:]
        base = int(begins[0]) if len(begins) else 0
        rows = np.array(self._rows[first:last], np.int64)
        order = np.argsort(rows, kind="stable")
        t_ns = self._t_ns[base : int(ends[-1]) if len(ends) else base].copy()
        return Chunks(t_ns, rows[order], begins[order] - base, ends[order] - base)


class Recorder:
    """Collects one run. Rows that ended are final: they may be read from another thread."""

    def __init__(self, n: int, zero_ns: int, *, keep_chunks: bool) -> None:
        self.zero_ns = zero_ns
        self._table = Records.empty(n, Harness("monotonic", 0.0))
        self._codes = Names()
        self._finishes = Names()
        self._chunks = ChunkStore() if keep_chunks else None
        self._ended: list[int] = []

    @property
    def status(self) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        """Status per row so far, uint8[n]."""
        return self._table.status

    @property
    def ended(self) -> int:
        """How many requests ended."""
        return len(self._ended)

    def end(
        self, row: int, sink: LiveSink, status: int, code: str, *, due_ns: int, start_ns: int, done_ns: int
    ) -> None:
        """Write the row of a request that ended; all times are readings of `now_ns`, except `due_ns` in run time."""
        table, zero = self._table, self.zero_ns
        times = sink.times
        table.due_ns[row] = due_ns
        if start_ns >= 0:
            table.start_ns[row] = start_ns - zero
        if sink.sent_ns >= 0:
            table.sent_ns[row] = sink.sent_ns - zero
        if times:
            table.first_ns[row] = times[0] - zero
            table.last_ns[row] = times[-1] - zero
            table.chunks_n[row] = len(times)
        if sink.answer_ns >= 0:
            table.answer_ns[row] = sink.answer_ns - zero
        table.done_ns[row] = done_ns - zero
        table.code[row] = self._codes.number(code)
        table.finish[row] = self._finishes.number(sink.reason)
        table.input_reported[row] = _count(sink.input_tokens)
        table.output_reported[row] = _count(sink.output_tokens)
        table.reason_reported[row] = _count(sink.reason_tokens)
        table.cached_reported[row] = _count(sink.cached_tokens)
        table.output_counted[row] = -1 if sink.unknown else min(sink.tokens, INT32_MAX)
        if self._chunks is not None:
            self._chunks.add(row, sink, zero)
        table.status[row] = status
        self._ended.append(row)

    def skip(self, row: int) -> None:
        """Write the row of a turn that its session never reached."""
        if self._table.status[row] == PENDING:
            self._table.status[row] = SKIPPED

    def news(self, since: int, until: int) -> tuple[Records, I8]:
        """Return the records and the rows that ended `since`-th to before the `until`-th, chunk times of these only."""
        rows = np.sort(np.array(self._ended[since:until], np.int64))
        chunks = self._chunks.chunks(since, until) if self._chunks is not None else None
        return self._named(chunks), rows

    def records(self, harness: Harness) -> Records:
        """Return everything; call once, at the end."""
        chunks = self._chunks.chunks(0, len(self._chunks)) if self._chunks is not None else None
        return attrs.evolve(self._named(chunks), harness=harness)

    def _named(self, chunks: Chunks | None) -> Records:
        return attrs.evolve(
            self._table, codes=self._codes.all(), finishes=self._finishes.all(), chunks=chunks
        )


def _count(tokens: int) -> int:
    """Hold a count that a server stated within its column; what is not a count at all was not reported."""
    if isinstance(tokens, int) and 0 <= tokens <= INT32_MAX:
        return tokens
    return UNREPORTED
