"""What became of each recording, in one sentence a group: its own rate, the rate asked for, and how one became the other."""

from __future__ import annotations

from servegen_fw.data.pool import ClientPool
from servegen_fw.workload.demand import Demand
from servegen_fw.workload.part import Part

FAR = 0.1
"""Relative departure from the rate asked for from which on it is told."""

_DAY_S = 86_400.0


def scale_note(part: Part, demand: Demand, *, alone: bool, taken: int, requests: int) -> str:
    """Say how a recorded group comes to its requests; empty for a synthetic one.

    Parameters
    ----------
        part: the group.
        demand: what was asked of it.
        alone: whether it is the only group, so that its recording's name will do.
        taken: clients composed, copies included.
        requests: number composed.
    """
    if part.source is None:
        return ""
    subject, begin = _subject(part, alone=alone), _moment(part)
    if demand.open:
        head = f"{subject}: {demand.recorded:.4g} req/s{_sessions(part)} recorded from {begin}"
    else:
        head = f"{subject}: the requests recorded from {begin}, in their order"
    process = part.group.counts == "process"
    if demand.rate is None:
        end = "at the recorded rate" if process else "as recorded"
        return f"{head}{', sent ' + end if demand.open else ''}{_settings(process=process)}"
    asked = demand.rate.mean(0.0, demand.duration_s)
    if not demand.open:
        rate = f"{asked / demand.recorded:.3g} of the recorded rate"
    else:
        rate = f"{asked:.4g} req/s" + ("" if demand.rate.level is not None else " on average")
    far = ""
    if part.group.scale == "thin":
        done = f"thinned to {rate}"
    elif part.group.scale == "rate":
        pooled = isinstance(part.source, ClientPool) and part.group.method != "naive"
        whose = "every client" if pooled else "the recording"
        done = f"{whose} {'sped up' if asked > demand.recorded else 'slowed down'} to {rate}"
    else:
        done, far = f"{_clients(part, taken)} for {rate}", _departure(asked, demand, requests)
    return f"{head}, {done}{_settings(process=process, scale=part.group.scale)}{far}"


def _sessions(part: Part) -> str:
    """What a pool's conversations are like."""
    if not part.counts_sessions or part.conversation is not None:
        return ""
    return f" in sessions of {part.mean_turns:.3g} turns"


def _settings(*, process: bool, scale: str = "") -> str:
    """The keys that say the same in a suite."""
    keys = ['counts = "process"'] * process + [f'scale = "{scale}"'] * bool(scale)
    return f" ({', '.join(keys)})" if keys else ""


def _clients(part: Part, taken: int) -> str:
    """How many clients were taken of how many."""
    recorded = 0 if part.source is None else len(part.source.clients)
    return f"{taken:,} {'copies ' if taken > recorded else ''}of its {recorded:,} clients"


def _departure(asked: float, demand: Demand, requests: int) -> str:
    """Whole clients come or stay away, so what they send together may be far from what was asked for."""
    made = requests / demand.duration_s
    if not demand.open or abs(made - asked) <= FAR * asked:
        return ""
    return f"; they send {made:.4g} req/s, {abs(made / asked - 1):.0%} {'more' if made > asked else 'less'} than asked"


def _subject(part: Part, *, alone: bool) -> str:
    """Name of the recording, and of the group where it has one of its own or is not the only one."""
    pool = part.source.name if isinstance(part.source, ClientPool) else "recording"
    if pool == part.name or (alone and not part.group.name):
        return pool
    return f"{part.name} ({pool})"


def _moment(part: Part) -> str:
    """Where on its own clock the recording is entered: a time of day for a pool, seconds for recorded requests."""
    if not isinstance(part.source, ClientPool):
        return f"{part.start_s:g} s"
    day, second = divmod(round(part.start_s), int(_DAY_S))
    clock = f"{second // 3600:02}:{second // 60 % 60:02}" + (f":{second % 60:02}" if second % 60 else "")
    return clock + (f" of day {day + 1}" if day else "")
