"""Server-sent events, split out of a byte stream as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from servegen_fw.errors import BackendError

_BOM = b"\xef\xbb\xbf"
_LF, _CR = b"\n\r"  # numbers: looking for a byte string in bytes costs ten times as much


class EventSplitter:
    """Calls `on_event` with the data of every event, synchronously, as soon as its empty line has come.

    Follows the event stream grammar of the HTML standard (section 9.2): lines end with LF, CR or CRLF; a leading
    byte-order mark is dropped; comments (keep-alives) and the fields ``event``, ``id`` and ``retry`` are read over;
    several ``data`` lines are joined by LF; an event without data, or one that the stream's end cuts short, is none.

    Parameters
    ----------
        on_event: gets the data without the field name, as bytes.
        max_event_bytes: limit for what is kept of an unfinished event.

    Attributes
    ----------
        between: whether a new event begins with the next byte, and nothing is kept.
    """

    __slots__ = ("_after_cr", "_begun", "_data", "_kept", "_limit", "_on_event", "_rest", "between")

    def __init__(self, on_event: Callable[[bytes], None], max_event_bytes: int) -> None:
        self._on_event = on_event
        self._limit = max_event_bytes
        self._begun = False  # past the place where a byte-order mark may stand
        self.between = False
        self._after_cr = False
        self._rest: list[bytes] = []  # pieces of an unfinished line
        self._data: list[bytes] = []  # data lines of an unfinished event
        self._kept = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes, cut anywhere.

        Raises
        ------
            BackendError: ``too-large``, an event is longer than the limit. Errors of `on_event` pass through.
        """
        if self.between and chunk.endswith(b"\n\n") and _CR not in chunk:
            # Whole events, as most servers write them, one or more to a read.
            for block in chunk[:-2].split(b"\n\n"):
                if block.startswith(b"data: ") and _LF not in block:
                    if len(block) > 6:
                        self._on_event(block[6:])
                else:
                    self._lines(block.split(b"\n"))
                    self._end_event()
        else:
            self._cut(chunk)

    def _cut(self, chunk: bytes) -> None:
        if not self._begun:
            chunk = b"".join((*self._rest, chunk))
            self._rest.clear()
            if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
                self._rest.append(chunk)
                return
            self._begun = True
            chunk = chunk.removeprefix(_BOM)
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if _LF not in chunk and _CR not in chunk:
            # Kept in pieces: joining at every read would make one long line cost its square.
            self._rest.append(chunk)
            self._kept += len(chunk)
        else:
            self._rest.append(chunk)
            whole = b"".join(self._rest)
            self._rest.clear()
            lines = whole.splitlines()
            if not whole.endswith((b"\n", b"\r")):
                self._rest.append(lines.pop())
            self._after_cr = whole.endswith(b"\r")
            self._lines(lines)
            self._kept = sum(map(len, self._rest)) + sum(map(len, self._data))
        if self._kept > self._limit:
            raise BackendError("too-large", f"an event of the stream exceeds {self._limit} bytes")
        self.between = not (self._kept or self._data or self._after_cr)

    def _lines(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            if not line:
                self._end_event()
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif line == b"data":
                self._data.append(b"")

    def _end_event(self) -> None:
        if self._data:
            data = b"\n".join(self._data)
            self._data.clear()
            if data:
                self._on_event(data)
