"""TTFT, ITL and TPOT as other tools define them, from the same raw times; what cannot be had is said, not guessed.

Peers disagree on the event a time starts from, on what a first token is, and on what ITL means. A figure is only
comparable with another tool's in that tool's dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import numpy as np

from servegen_fw.data.arrays import I8
from servegen_fw.data.run import Run, Series
from servegen_fw.hooks.entries import NoOptions
from servegen_fw.judge import latencies

Read = Callable[[Run], Series]


@attrs.frozen
class Term:
    """One metric in one dialect.

    Attributes
    ----------
        definition: from which event to which, over which requests.
        read: computes it; None where the dialect has no such metric or the records cannot yield it.
        differs: where our records cannot reproduce the tool to the letter ("" if they do).
    """

    definition: str
    read: Read | None
    differs: str = ""


def _kernel(make: Callable[[NoOptions], latencies.Reading]) -> Read:
    def read(run: Run) -> Series:
        found = make(NoOptions()).compute(run)
        assert isinstance(found, Series)  # noqa: S101 - the kernel's latencies are series
        return found

    return read


def _several(run: Run) -> I8:
    return run.ok[run.records.output_tokens[run.ok] > 1]


def _per_token(run: Run, begin_ns: I8, end_ns: I8, *, less: int) -> Series:
    tokens = run.records.output_tokens
    rows = run.ok[tokens[run.ok] > less]
    return latencies.between(run, begin_ns, end_ns, rows, np.maximum(tokens - float(less), 1.0))


def _from_start(run: Run) -> Series:
    return latencies.between(run, run.records.start_ns, run.records.first_ns, run.ok)


def _first_to_last(run: Run) -> Series:
    return _per_token(run, run.records.first_ns, run.records.last_ns, less=1)


def _token_weighted(run: Run) -> Series:
    series = _first_to_last(run)
    rows = _several(run) if series.rows is None else series.rows
    return attrs.evolve(series, weight=run.records.output_tokens[rows].astype(np.float64) - 1.0)


def _start_to_last(run: Run) -> Series:
    return _per_token(run, run.records.start_ns, run.records.last_ns, less=0)


def _first_to_done(run: Run) -> Series:
    return _per_token(run, run.records.first_ns, run.records.done_ns, less=1)


_ITL = _kernel(latencies.itl)

DIALECTS: Mapping[str, Mapping[str, Term]] = {
    "ours": {
        "ttft": Term("due to the first chunk with a token, reasoning or answer", _kernel(latencies.ttft)),
        "itl": Term("every gap between chunks with tokens", _ITL),
        "tpot": Term("(last - first chunk) / (tokens - 1), over 1 token", _kernel(latencies.tpot)),
    },
    "vllm": {
        "ttft": Term(
            "start to the first message with choices",
            _from_start,
            "chat: a role-only message latches it there and is not stored here, so ours may be later",
        ),
        "itl": Term("every gap between messages", _ITL, "messages without tokens are not stored"),
        "tpot": Term("(latency - TTFT) / (tokens - 1), over 1 token", _first_to_last),
    },
    "aiperf": {
        "ttft": Term("start to the first response with content, reasoning counts", _from_start),
        "itl": Term(
            "per request: (latency - TTFT) / (tokens - tokens of the first chunk)",
            _first_to_last,
            "tokens of the first chunk are not stored and taken as 1",
        ),
        "tpot": Term("none: its ITL is what others call TPOT", None),
    },
    "guidellm": {
        "ttft": Term("start to the first line with content or reasoning", _from_start),
        "itl": Term("per request: (last - first) / (tokens - 1), weighted by tokens - 1", _token_weighted),
        "tpot": Term("(last - start) / tokens", _start_to_last),
    },
    "mlperf": {
        "ttft": Term("scheduled time to the first token", _kernel(latencies.ttft)),
        "itl": Term("none", None),
        "tpot": Term("(completion - first token) / (tokens - 1), over 1 token", _first_to_done),
    },
}
"""Terms by dialect and metric ("ttft", "itl", "tpot")."""


def translate(run: Run, dialect: str) -> Mapping[str, Series]:
    """Every metric of `dialect` that the records yield, by name.

    Raises
    ------
        ValueError: there is no such dialect.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"no dialect {dialect!r}; there are {', '.join(DIALECTS)}")
    return {name: term.read(run) for name, term in DIALECTS[dialect].items() if term.read is not None}
