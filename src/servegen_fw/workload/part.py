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
        mean_turns: requests per session.
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
            return tuple(f"pool {self.source.name}: {note}" for note in self.source.meta.get("notes", ()))
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
        if group.scale == "clients":
            found.append(
                Problem(
                    "copies of recorded requests would all come at the same moments",
                    who=part.who,
                    cure='choose scale = "thin" (fewer requests) or scale = "rate" (the recording faster or slower)',
                )
            )
    if part.source is not None and not part.begin_s <= part.start_s < part.end_s:
        found.append(
            Problem(
                f"`from` is {part.start_s:g} s, but the recording covers {part.begin_s:g} s to {part.end_s:g} s",
                who=part.who,
                cure=f"choose a `from` in that range, at least {part.begin_s:g} s and below {part.end_s:g} s",
            )
        )
    return found
