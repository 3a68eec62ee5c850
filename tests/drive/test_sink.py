"""The sink stamps and counts what a backend reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servegen_fw.drive.clock import now_ns
from servegen_fw.drive.sink import LiveSink

if TYPE_CHECKING:
    from servegen_fw.hooks.protocols import Sink


def test_chunks_carry_the_stamp_of_their_read() -> None:
    """All chunks of one read bear its stamp, until the next read sets another."""
    sink = LiveSink()
    sink.read(1_000)
    sink.chunk(1)
    sink.chunk(2)
    sink.read(2_000)
    sink.chunk(1)
    assert sink.times.tolist() == [1_000, 1_000, 2_000]
    assert sink.tokens == 4


def test_without_reads_chunks_are_stamped_as_they_come() -> None:
    """A backend that never calls `read` gets the time of each call."""
    sink = LiveSink()
    before = now_ns()
    sink.chunk(1)
    between = now_ns()
    sink.chunk(1)
    first, second = sink.times
    assert before <= first <= between <= second <= now_ns()


def test_the_first_answer_is_told_from_reasoning() -> None:
    """`answer_ns` is the stamp of the first chunk that is not reasoning, and stays."""
    sink = LiveSink()
    for stamp, reasoning in ((10, True), (20, True), (30, False), (40, True), (50, False)):
        sink.read(stamp)
        sink.chunk(1, reasoning=reasoning)
    assert sink.answer_ns == 30
    assert sink.times[0] == 10


def test_a_chunk_without_tokens_is_not_a_chunk() -> None:
    """Zero tokens leave no trace, so that an empty first delta is not a first token."""
    sink = LiveSink()
    sink.read(5)
    sink.chunk(0)
    assert (len(sink.times), sink.answer_ns, sink.unknown) == (0, -1, False)


def test_an_unknown_count_is_remembered() -> None:
    """One chunk of unknown size makes the whole count unknown, not smaller."""
    sink = LiveSink()
    sink.chunk(3)
    sink.chunk(None)
    assert sink.unknown
    assert len(sink.times) == 2


def test_usage_keeps_the_latest_and_leaves_what_is_not_said() -> None:
    """A later report replaces counts, and None leaves the earlier ones."""
    sink = LiveSink()
    sink.usage(input_tokens=7, output_tokens=1, cached_tokens=0)
    sink.usage(output_tokens=5, reason_tokens=2)
    assert (sink.input_tokens, sink.output_tokens, sink.reason_tokens, sink.cached_tokens) == (7, 5, 2, 0)


def test_finish_marks_the_stream_whole() -> None:
    """Only `finish` does, and it keeps the reason, even an empty one."""
    sink = LiveSink()
    sink.chunk(1)
    before = sink.finished
    sink.finish("")
    assert (before, sink.finished) == (False, True)
    assert sink.reason == ""


def test_sent_is_stamped() -> None:
    """`sent` takes the clock's reading."""
    sink = LiveSink()
    before = now_ns()
    sink.sent()
    assert before <= sink.sent_ns <= now_ns()


def test_the_sink_is_what_backends_are_promised() -> None:
    """`LiveSink` satisfies the `Sink` protocol (checked by mypy) and takes no attributes beside its own."""
    sink: Sink = LiveSink()
    assert not hasattr(sink, "__dict__")
