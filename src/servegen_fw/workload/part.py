"""A group made ready: its source read, its models built, its place in the recording settled."""

from __future__ import annotations

import attrs
import numpy as np

from servegen_fw.data.pool import ClientPool
from servegen_fw.data.workload import Workload
from servegen_fw.errors import InputError, Problem
from servegen_fw.suite.model import Group
from servegen_fw.workload.products import CheckedConversation, read


@attrs.frozen(eq=False)
class Part:
    """One group of the workload, read once and composed as often as need be.

    Attributes
    ----------
        group: as the suite states it.
        name: its own, or group-1, group-2 ...
        source: recorded clients or requests; None for a synthetic group.
        start_s: where on the recording's clock the case begins.
        conversation: turns of its sessions; None where requests stand alone.
        mean_turns: requests per session, over the whole of a recording.
    """

    group: Group
    name: str
    source: ClientPool | Workload | None
    start_s: float = 0.0
    conversation: CheckedConversation | None = None
    mean_turns: float = 1.0

    @property
    def who(self) -> str:
        """How messages refer to the group."""
        return who(self.name)

    @property
    def counts_sessions(self) -> bool:
        """Whether the source counts sessions begun, and not requests."""
        return isinstance(self.source, ClientPool) and self.source.has_sessions

    @property
    def begin_s(self) -> float:
        """Where the recording begins, on its own clock."""
        return self.source.start_s if isinstance(self.source, ClientPool) else 0.0

    @property
    def end_s(self) -> float:
        """Where the recording ends, on its own clock; inf for a synthetic group."""
        if self.source is None:
            return float("inf")
        return self.begin_s + self.source.duration_s

    @property
    def notes(self) -> tuple[str, ...]:
        """What its source tells of itself: what was borrowed, dropped, cut or odd."""
        if isinstance(self.source, ClientPool):
            told = [f"pool {self.source.name}: {note}" for note in self.source.meta.get("notes", ())]
            if self.counts_sessions and self.conversation is not None:
                told.append(
                    f"{self.who}: turns and think times are those of `session`, in place of those recorded in "
                    f"pool {self.source.name}; sessions begin as recorded"
                )
            return tuple(told)
        return () if self.source is None else tuple(f"recording: {note}" for note in self.source.notes)


def who(name: str) -> str:
    """How messages refer to a group."""
    return f'workload.group "{name}"'


def ready(group: Group, number: int) -> Part:
    """Read a group's source and build its conversation; `number` counts groups from 0.

    Raises
    ------
        PluginError: the reader or the conversation is broken.
        InputError: the source cannot be read, the group's options contradict each other, or `from` lies outside.
    """
    name = group.name or f"group-{number + 1}"
    source = None if group.source is None else read(group.source, f"{who(name)}.source")
    conversation = (
        None if group.session is None else CheckedConversation.of(group.session, f"{who(name)}.session")
    )
    mean_turns = 1.0 if conversation is None else conversation.mean_turns
    if isinstance(source, Workload):
        heads = int(np.count_nonzero(source.parent < 0))
        mean_turns = len(source) / heads if heads else 1.0
    elif source is not None and source.has_sessions and conversation is None:
        begun = float(source.count.sum())
        mean_turns = float(source.requests.sum()) / begun if begun else 1.0
    # A pool may be an excerpt that begins in mid-day; `from` left at 0 means its beginning.
    begin_s = source.start_s if isinstance(source, ClientPool) else 0.0
    part = Part(group, name, source, group.start_s or begin_s, conversation, mean_turns)
    problems = _contradictions(part)
    if problems:
        raise InputError(*problems)
    return part


def _contradictions(part: Part) -> list[Problem]:
    group, found = part.group, []
    if part.source is None:
        found += [
            Problem(
                f"a group without a source needs `{option}`",
                who=part.who,
                cure=f"give {option} = {{ kind = ... }}, or a source",
            )
            for option in ("arrival", "input", "output")
            if getattr(group, option) is None
        ]
    elif group.arrival is not None or group.modulation is not None:
        found.append(
            Problem(
                "`arrival` and `modulation` belong to synthetic groups; this one has a source, which says when requests come",
                who=part.who,
                cure="leave them out, or leave out the source",
            )
        )
    if part.source is not None and not group.prefix_tokens and not _has_prefix_lengths(part.source):
        found += [
            Problem(
                f"`{option}` needs a length, and this source records no lengths of prefixes",
                who=f"{part.who}.{option}",
                cure='give prefix_tokens = "500 tokens"',
            )
            for option, default in (("prefixes", 0), ("prefix_skew", 0.0), ("prefix_share", 1.0))
            if getattr(group, option) != default
        ]
    if isinstance(part.source, Workload):
        if group.session is not None:
            found.append(
                Problem("recorded requests keep their own sessions", who=part.who, cure="leave out `session`")
            )
        if group.counts == "process":
            found.append(
                Problem(
                    "recorded requests are no process",
                    who=part.who,
                    cure='leave out `counts`; "process" needs a client pool',
                )
            )
        if group.method == "reference":
            found.append(
                Problem(
                    "the reference tool knows clients only, no recorded requests",
                    who=f"{part.who}.method",
                    cure='leave out `method`, choose method = "naive", or fit a client pool',
                )
            )
        if group.dependence:
            found.append(
                Problem(
                    "recorded requests have the dependence that was recorded",
                    who=f"{part.who}.dependence",
                    cure="leave out `dependence`, or fit a client pool",
                )
            )
        if group.scale == "clients" and len(part.source.clients) < 2:
            found.append(
                Problem(
                    "the recording has one client only, or does not say who sent what, so it has no clients to choose from",
                    who=part.who,
                    cure='choose scale = "thin" (fewer requests) or scale = "rate" (the recording faster or slower)',
                )
            )
    if isinstance(part.source, ClientPool):
        found += _half_sessions(part, part.source)
    if part.source is not None and not part.begin_s <= part.start_s < part.end_s:
        found.append(
            Problem(
                f"`from` is {part.start_s:g} s, but the recording covers {part.begin_s:g} s to {part.end_s:g} s",
                who=part.who,
                cure=f"choose a `from` in that range, at least {part.begin_s:g} s and below {part.end_s:g} s",
            )
        )
    return found


def _has_prefix_lengths(source: ClientPool | Workload) -> bool:
    """Whether lengths of prefixes are drawn from it. Recorded requests keep the prefixes that they have."""
    return isinstance(source, ClientPool) and "prefix_tokens" in source.fields


def _half_sessions(part: Part, pool: ClientPool) -> list[Problem]:
    """What a pool that says something of sessions lacks."""
    held = [
        field
        for field in ("turns", "think_s")
        if field in pool.fields and np.any(pool.table[pool.fields.index(field)] >= 0)
    ]
    if len(held) == 2 or not {"turns", "think_s"} & set(pool.fields):
        return []
    lacking = " and ".join(f'"{field}"' for field in ("turns", "think_s") if field not in held)
    return [
        Problem(
            f"the pool {pool.name!r} speaks of sessions, but has no values of {lacking}",
            who=part.who,
            cure='fit it again, or leave the fields "turns" and "think_s" out of it',
        )
    ]
