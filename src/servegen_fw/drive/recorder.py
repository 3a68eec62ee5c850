"""From requests that end, in any order, to `Records`: cheap while the clock runs, in columns when somebody asks."""

from __future__ import annotations

from array import array

import attrs
import numpy as np

from servegen_fw.data.arrays import I8, MISSING_NS
from servegen_fw.data.records import SKIPPED, TIME_COLUMNS, Chunks, Harness, Records
from servegen_fw.drive.sink import UNREPORTED, LiveSink

MAX_NAMES = 1000
"""Different error codes or finish reasons that are kept; a server that invents more gets "other"."""

MAX_NAME = 80
INT32_MAX = 2**31 - 1

CELLS = (
    "row",
    *TIME_COLUMNS,
    "status",
    "code",
    "finish",
    "input_reported",
    "output_reported",
    "reason_reported",
    "cached_reported",
    "output_counted",
    "chunks_n",
)
"""What is kept of a request that ended, in this order."""


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


class Recorder:
    """Collects one run. Rows that ended are final: they may be read from another thread.

    While the clock runs a request that ends costs one extension of a flat array of integers; columns are filled, many
    rows at a time, when somebody asks.
    """

    def __init__(self, n: int, zero_ns: int, *, keep_chunks: bool) -> None:
        self.zero_ns = zero_ns
        self._table = Records.empty(n, Harness("monotonic", 0.0))
        self._codes = Names()
        self._finishes = Names()
        self._keep_chunks = keep_chunks
        self._cells = array("q")
        self._times = array("q")
        self._ends = array("q", [0])

    @property
    def ended(self) -> int:
        """How many requests ended."""
        return len(self._ends) - 1

    def end(
        self, row: int, sink: LiveSink, status: int, code: str, *, due_ns: int, start_ns: int, done_ns: int
    ) -> None:
        """Take the row of a request that ended; all times are readings of `now_ns`, except `due_ns` in run time."""
        times = sink.times
        chunks = len(times)
        # In the order of CELLS.
        self._cells.extend(
            (
                row,
                due_ns,
                start_ns,
                sink.sent_ns,
                times[0] if chunks else MISSING_NS,
                sink.answer_ns,
                times[-1] if chunks else MISSING_NS,
                done_ns,
                status,
                self._codes.number(code),
                self._finishes.number(sink.reason),
                _count(sink.input_tokens),
                _count(sink.output_tokens),
                _count(sink.reason_tokens),
                _count(sink.cached_tokens),
                UNREPORTED if sink.unknown else min(sink.tokens, INT32_MAX),
                chunks,
            )
        )
        if self._keep_chunks:
            self._times.extend(times)
        self._ends.append(len(self._times))  # last: whoever sees it finds all of the row

    def skip(self, row: int) -> None:
        """Take a turn that its session never reached, and that never ended."""
        self._table.status[row] = SKIPPED

    def news(self, since: int, until: int) -> tuple[Records, I8]:
        """Return the records and the rows that ended `since`-th to before the `until`-th, chunk times of these only."""
        rows = self._fill(since, until)
        return self._named(self._chunks(rows, since, until)), np.sort(rows)

    def records(self, harness: Harness) -> Records:
        """Return everything; call once, at the end."""
        rows = self._fill(0, self.ended)
        return attrs.evolve(self._named(self._chunks(rows, 0, self.ended)), harness=harness)

    def _fill(self, since: int, until: int) -> I8:
        """Write the columns of the rows that ended in between, and return these rows in the order of their ends."""
        # A slice is a copy, so that the array behind it stays free to grow.
        block = np.frombuffer(self._cells[since * len(CELLS) : until * len(CELLS)], np.int64)
        cells = dict(zip(CELLS, block.reshape(-1, len(CELLS)).T, strict=True))
        rows: I8 = cells.pop("row").copy()
        for name, values in cells.items():
            stamped = name in TIME_COLUMNS and name != "due_ns"
            getattr(self._table, name)[rows] = (
                np.where(values >= 0, values - self.zero_ns, MISSING_NS) if stamped else values
            )
        return rows

    def _chunks(self, rows: I8, since: int, until: int) -> Chunks | None:
        if not self._keep_chunks:
            return None
        ends = np.frombuffer(self._ends[since : until + 1], np.int64)
        base, top = int(ends[0]), int(ends[-1])
        t_ns = np.frombuffer(self._times[base:top], np.int64) - self.zero_ns
        order = np.argsort(rows, kind="stable")
        return Chunks(t_ns, rows[order], (ends[:-1] - base)[order], (ends[1:] - base)[order])

    def _named(self, chunks: Chunks | None) -> Records:
        return attrs.evolve(
            self._table, codes=self._codes.all(), finishes=self._finishes.all(), chunks=chunks
        )


def _count(tokens: int) -> int:
    """Hold a count that a server stated within its column; what is not a count at all was not reported."""
    if isinstance(tokens, int) and 0 <= tokens <= INT32_MAX:
        return tokens
    return UNREPORTED
