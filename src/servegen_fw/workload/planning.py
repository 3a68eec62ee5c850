"""From a composed workload to the plan of one run: how the load is offered, and the messages to send."""

from __future__ import annotations

import math
from typing import Literal

from servegen_fw.data.payload import Payloads
from servegen_fw.data.plan import Plan
from servegen_fw.data.workload import Workload
from servegen_fw.hooks.entries import Choice
from servegen_fw.hooks.registry import Registry
from servegen_fw.suite.model import Load
from servegen_fw.workload.guard import Guard, told
from servegen_fw.workload.streams import Streams

DEFAULT_PROMPTS = "random-words"


def plan_of(load: Load, workload: Workload, payloads: Payloads | None) -> Plan:
    """Return the plan of offering `workload` as `load` says.

    An open load lasts as long as the workload if the load gives no duration (a workload file); a closed one without
    a duration ends with its last request.
    """
    mode: Literal["open", "closed"] = load.kind
    fallback = workload.duration_s if mode == "open" else math.inf
    return Plan(
        workload=workload,
        payloads=payloads,
        mode=mode,
        duration_s=fallback if load.duration_s is None else load.duration_s,
        concurrency=load.concurrency or 0,
        warmup_s=load.warmup_s,
        drain_s=load.drain_s,
        timeout_s=load.timeout_s,
        sessions=load.sessions,
        history=load.history,
    )


def render(prompts: Choice | None, workload: Workload, streams: Streams, registry: Registry) -> Payloads:
    """Render the messages of a workload, with `random-words` if the suite chooses nothing.

    Raises
    ------
        PluginError: the prompts' plugin is broken.
    """
    if prompts is None:
        entry, owner = registry.find("prompt", DEFAULT_PROMPTS)
        prompts = Choice(entry, entry.config(), owner)
    guard = Guard.of(prompts, "prompts", "workload.prompts")
    payloads = guard.call(guard.having(guard.made(prompts), "render").render, workload, streams)
    if not isinstance(payloads, Payloads):
        raise guard.broken(f"returned {told(payloads)} where Payloads are due")
    return payloads
