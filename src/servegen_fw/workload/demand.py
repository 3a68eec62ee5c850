"""What a case asks of each group: how long, and how many requests per second."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from servegen_fw.data.pool import ClientPool
from servegen_fw.data.workload import Workload
from servegen_fw.errors import InputError, Problem
from servegen_fw.suite.model import Load
from servegen_fw.workload.curve import Curve
from servegen_fw.workload.part import Part


@attrs.frozen(eq=False)
class Demand:
    """What is asked of one group.

    Attributes
    ----------
        rate: requests per second over the time of the case; None: as recorded.
        duration_s: length of the case.
        recorded: the recording's mean requests per second, over the case, or for a closed load over all that is left
            of it; 0 without a recording.
        open: whether requests leave on schedule. A closed load has no steady state at its start and no last moment.
    """

    rate: Curve | None
    duration_s: float
    recorded: float = 0.0
    open: bool = True


def recorded_rate(
    source: ClientPool | Workload, start_s: float, length_s: float, *, sessions: bool = False
) -> float:
    """Mean requests per second of a recording in [start_s, start_s + length_s), on its own clock.

    Those of a pool's sessions count where their session begins; with `sessions` only sessions are counted.
    """
    if isinstance(source, Workload):
        inside = (source.planned_s >= start_s) & (source.planned_s < start_s + length_s)
        return float(np.count_nonzero(inside) / length_s)
    edges = source.start_s + source.window_s * np.arange(source.count.shape[1] + 1)
    per_s = Curve.steps(edges, (source.count if sessions else source.requests).sum(axis=0) / source.window_s)
    return per_s.mean(start_s, start_s + length_s)


def demands(parts: Sequence[Part], load: Load, duration_s: float) -> list[Demand]:
    """What the load asks of each group over `duration_s` seconds.

    With a rate every group gets its share of it. Without one recordings run as recorded: several of them only if
    all shares are equal, since a share of nothing stated means nothing. A closed load needs only proportions: where
    shares matter and no rate is given, the rate is the largest that every recording holds.

    The recorded mean rate, against which a rate is scaled, is that of the case's own time, so a longer case may
    scale differently. For a closed load it is that of all that is left of the recording, so that asking for more
    requests only appends.

    Raises
    ------
        InputError: the load leaves open how fast a group should be, or a recording is too short.
    """
    opened = load.kind == "open"
    total = sum(part.group.share for part in parts)
    shares = [part.group.share / total for part in parts]
    recorded = [_recorded(part, duration_s, opened) for part in parts]
    rate = _total_rate(parts, shares, load, duration_s)
    if rate is None and not opened and not (len(parts) == 1 and parts[0].source is not None):
        held = [
            r / share
            for r, share, part in zip(recorded, shares, parts, strict=True)
            if part.source is not None
        ]
        rate = Curve.constant(min(held, default=1.0))
    if rate is None:
        _must_run_as_recorded(parts)
        return [Demand(None, duration_s, r, opened) for r in recorded]
    return [
        Demand(rate.scaled(share), duration_s, r, opened) for share, r in zip(shares, recorded, strict=True)
    ]


def _total_rate(
    parts: Sequence[Part], shares: Sequence[float], load: Load, duration_s: float
) -> Curve | None:
    """Requests per second of the whole load. Sessions per second are these over the turns of an average session."""
    if load.session_rate is not None:
        per_request = sum(
            share / _mean_turns(part, duration_s, load.kind == "open")
            for share, part in zip(shares, parts, strict=True)
        )
        return Curve.constant(load.session_rate / per_request)
    return None if load.rate is None else Curve.through(load.rate)


def _mean_turns(part: Part, duration_s: float, opened: bool) -> float:
    """Requests per session of a group over the case."""
    if not (part.counts_sessions and part.conversation is None) or part.source is None:
        return part.mean_turns
    length_s = duration_s if opened else part.end_s - part.start_s
    begun = recorded_rate(part.source, part.start_s, length_s, sessions=True)
    return recorded_rate(part.source, part.start_s, length_s) / begun if begun > 0 else part.mean_turns


def _recorded(part: Part, duration_s: float, opened: bool) -> float:
    if part.source is None:
        return 0.0
    left = part.end_s - part.start_s
    if not opened:
        return _requests_per_s(part, part.source, left)
    if duration_s > left + 1e-6:
        raise InputError(
            Problem(
                f"the case takes {duration_s:g} s from {part.start_s:g} s on, but the recording ends at {part.end_s:g} s",
                who=part.who,
                cure=f"shorten the case to {left:g} s, or begin at {max(part.begin_s, part.end_s - duration_s):g} s or earlier",
            )
        )
    return _requests_per_s(part, part.source, duration_s)


def _requests_per_s(part: Part, source: ClientPool | Workload, length_s: float) -> float:
    """Recorded rate from where the case begins, with the turns of the suite's conversation where it replaces the pool's."""
    if part.counts_sessions and part.conversation is not None:
        return recorded_rate(source, part.start_s, length_s, sessions=True) * part.mean_turns
    return recorded_rate(source, part.start_s, length_s)


def _must_run_as_recorded(parts: Sequence[Part]) -> None:
    problems = [
        Problem(
            "a synthetic group has no rate of its own",
            who=part.who,
            cure='give the case a rate: load = { rate = "4/s", ... }',
        )
        for part in parts
        if part.source is None
    ]
    if not problems and len({part.group.share for part in parts}) > 1:
        problems = [
            Problem(
                "the groups have different shares, but the case gives no rate to share",
                who="workload.group",
                cure="give the case a rate, or leave `share` out to run every recording as recorded",
            )
        ]
    if problems:
        raise InputError(*problems)
