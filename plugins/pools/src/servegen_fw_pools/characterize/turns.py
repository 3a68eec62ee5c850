"""Conversations of a log as pairs of successive turns, and what they say: gaps, think times, carried text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from servegen_fw_pools.characterize.windows import stable_order

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.logs.log import Blocks, Log

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]
    B1 = npt.NDArray[np.bool_]

_DIGITS = 1 << 32
"""Ids below this are sorted by their digits."""


@attrs.frozen(eq=False)
class Turns:
    """Sessions of a log, s of them, and p pairs of a turn with the one before it.

    Attributes
    ----------
        sizes: int64[s]; requests of each session in the log.
        first: int64[s]; row of its first request.
        began_before: sessions whose first request in the log is not their turn 0; 0 where turns are not told.
        before: int64[p]; row of the earlier turn.
        row: int64[p]; row of the later one.
        place: int64[p]; position of the later turn in its session, from 1.
        owner: int64[p]; index of the session.
    """

    sizes: I8
    first: I8
    began_before: int
    before: I8
    row: I8
    place: I8
    owner: I8


def turns_of(log: Log) -> Turns | None:
    """Sessions of a log; None where it tells none."""
    if log.session is None:
        return None
    rows = np.flatnonzero(log.session >= 0)
    if not len(rows):
        return None
    session = log.session[rows]
    order = stable_order(session) if session.max() < _DIGITS else np.argsort(session, kind="stable")
    rows, session = rows[order], session[order]
    new = np.concatenate(([True], session[1:] != session[:-1]))
    start = np.flatnonzero(new)
    sizes = np.diff(np.append(start, len(rows)))
    owner = np.cumsum(new) - 1
    later = np.flatnonzero(~new)
    before_log = 0 if log.turn is None else int((log.turn[rows[start]] > 0).sum())
    return Turns(
        sizes,
        rows[start],
        before_log,
        rows[later - 1],
        rows[later],
        later - start[owner[later]],
        owner[later],
    )


def gaps_s(log: Log, turns: Turns) -> F8 | None:
    """Seconds from each turn's arrival to the next one's, float64[p]; None without times."""
    return None if log.time_s is None else log.time_s[turns.row] - log.time_s[turns.before]


def think_s(log: Log, turns: Turns) -> F8 | None:
    """Seconds from the end of an answer to the next turn, where the latency is known; below 0 where it came before the end."""
    if log.time_s is None or log.latency_s is None:
        return None
    think = log.time_s[turns.row] - log.time_s[turns.before] - log.latency_s[turns.before]
    return think[~np.isnan(think)]


def carries_by_length(log: Log, before: I8, row: I8) -> B1:
    """Whether the inputs of the rows `row` could hold the input and the answer, without its reasoning, of `before`; bool[p]."""
    return np.asarray(log.input_tokens[row] >= log.history(before))


def shared_runs(blocks: Blocks, one: I8, other: I8) -> I8:
    """Leading blocks that the requests `one` and `other` (int64[p] of rows) have in common; int64[p]."""
    size = np.minimum(np.diff(blocks.offsets)[one], np.diff(blocks.offsets)[other])
    begin = np.cumsum(size) - size
    inside = np.arange(int(size.sum())) - np.repeat(begin, size)
    left = blocks.ids[np.repeat(blocks.offsets[one], size) + inside]
    right = blocks.ids[np.repeat(blocks.offsets[other], size) + inside]
    # The run ends at the first difference, or at the shorter one's end.
    run = size.copy()
    differ = np.flatnonzero(left != right)
    np.minimum.at(run, np.repeat(np.arange(len(size)), size)[differ], inside[differ])
    return run


def session_shares(turns: Turns, carries: B1) -> tuple[int, int]:
    """Sessions of two turns or more all of whose later turns carry, and sessions of two turns or more."""
    missing = np.bincount(turns.owner, weights=~carries, minlength=len(turns.sizes))
    several = turns.sizes >= 2
    return int((missing[several] == 0).sum()), int(several.sum())
