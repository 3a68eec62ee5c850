"""Clients of a recording taken, or taken again: copies are turned in time, so that they do not come at the same moments."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from servegen_fw.data.arrays import I8, Bool
from servegen_fw.data.workload import Workload
from servegen_fw.workload.identity import moved
from servegen_fw.workload.scale import copies_of
from servegen_fw.workload.streams import Streams


def resampled_clients(
    source: Workload, names: Sequence[str], copies: float, group: str, streams: Streams
) -> tuple[Workload, list[str]]:
    """A recording with `copies` of each client in expectation, and the names of those taken.

    The first copy of a client is the client as recorded. Each further one is turned by a time of its own, uniform
    over the recording: what passes the recording's end comes at its beginning. A session that is cut by it becomes
    two, the later turns those of a session that was running before. A copy therefore has all requests of its client,
    its bursts and pauses, but neither its moments nor the recording's time of day. Prefixes that only this client
    had are the copy's own; those that several clients share are shared by copies, too.

    Parameters
    ----------
        source: rows in the order of client, session and turn; `source.client` counts `names`.
        names: all clients.
        copies: expected number of each.
        group: name of the group, part of every stream's label.
        streams: randomness.
    """
    members = copies_of(names, range(len(names)), copies, group, streams)
    of = np.array([index for index, _ in members], np.int64)
    bounds = np.searchsorted(source.client, np.arange(len(names) + 1))
    size = np.diff(bounds)[of]
    member = np.repeat(np.arange(len(members)), size)
    take = np.arange(len(member)) + np.repeat(bounds[of] - np.cumsum(size) + size, size)
    copied = np.array([name != names[index] for index, name in members], bool)
    offset_s = np.zeros(len(members))
    for number in np.flatnonzero(copied).tolist():
        rng = streams.at(group, members[number][1], "turned")
        offset_s[number] = rng.random() * source.duration_s
    planned_s = source.planned_s[take] + offset_s[member]
    laps = np.where(copied[member], np.floor(planned_s / source.duration_s), 0.0).astype(np.int64)
    planned_s = planned_s - laps * source.duration_s
    session = _apart(source.session[take], laps)
    order = np.lexsort((source.turn[take], session, member))
    take, member, session, planned_s = take[order], member[order], session[order], planned_s[order]
    n = len(take)
    head = np.ones(n, bool)
    head[1:] = (member[1:] != member[:-1]) | (session[1:] != session[:-1])
    prefix, alone = source.prefix[take], _held_by_one(source)[take]
    for number in np.flatnonzero(copied).tolist():
        low, high = np.searchsorted(member, [number, number + 1])
        own = low + np.flatnonzero(alone[low:high])
        prefix[own] = moved(prefix[own], f"{group}/{members[number][1]}")
    made = attrs.evolve(
        source,
        **{name: getattr(source, name)[take] for name in _AS_THEY_WERE},
        due_s=np.where(head, planned_s, np.nan),
        client=member.astype(np.int32),
        session=session,
        parent=np.where(head, -1, np.arange(-1, n - 1)),
        think_s=np.where(head, 0.0, source.think_s[take]),
        prefix=prefix,
        items=source.items.select(take),
        extra={name: column[take] for name, column in source.extra.items()},
    )
    return made, [name for _, name in members]


_AS_THEY_WERE = (
    "turn",
    "input_tokens",
    "context_tokens",
    "output_tokens",
    "reason_tokens",
    "prefix_tokens",
)


def _apart(session: I8, laps: I8) -> I8:
    """Ordinals of sessions, below all recorded ones and below 0 for the part of one that passed the end `laps` times."""
    if not len(session):
        return session
    low, high = int(session.min()), int(session.max())
    return np.where(laps > 0, min(low, 0) - 1 - (session - low) - (laps - 1) * (high - low + 1), session)


def _held_by_one(source: Workload) -> Bool:
    """Whether each row has a prefix that no other client has, bool[n]."""
    held = np.unique(np.stack((source.prefix, source.client.astype(np.int64))), axis=1)[0]
    ids, holders = np.unique(held, return_counts=True)
    return np.isin(source.prefix, ids[(holders == 1) & (ids >= 0)])
