"""The hooks. Each is called once at start without arguments and returns frozen declarations; two are asked per suite or run.

Nothing depends on the order of plugins, no hook stops at a first result, and none runs between clock start and drain.
The functions here state signatures; they are never called themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

from servegen_fw.hooks import entries as e

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROJECT = "servegen_fw"
"""Name of the pluggy project and of the entry-point group."""

HOOK_API = (1, 0)
"""Version of these specs. A plugin may state ``servegen_hook_api = (major, minor)``; the major must agree."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def servegen_arrivals() -> Sequence[e.ArrivalEntry]:
    """Offer arrival processes."""
    raise NotImplementedError


@hookspec
def servegen_modulations() -> Sequence[e.ModulationEntry]:
    """Offer rate modulations."""
    raise NotImplementedError


@hookspec
def servegen_lengths() -> Sequence[e.LengthEntry]:
    """Offer distributions of token counts and times."""
    raise NotImplementedError


@hookspec
def servegen_modalities() -> Sequence[e.ModalityEntry]:
    """Offer modalities."""
    raise NotImplementedError


@hookspec
def servegen_reasoning() -> Sequence[e.ReasoningEntry]:
    """Offer splits of outputs into reasoning and answer."""
    raise NotImplementedError


@hookspec
def servegen_conversations() -> Sequence[e.ConversationEntry]:
    """Offer conversations."""
    raise NotImplementedError


@hookspec
def servegen_prompts() -> Sequence[e.PromptEntry]:
    """Offer prompt makers."""
    raise NotImplementedError


@hookspec
def servegen_backends() -> Sequence[e.BackendEntry]:
    """Offer kinds of servers."""
    raise NotImplementedError


@hookspec
def servegen_engines() -> Sequence[e.EngineEntry]:
    """Offer load drivers."""
    raise NotImplementedError


@hookspec
def servegen_observers() -> Sequence[e.ObserverEntry]:
    """Offer observers."""
    raise NotImplementedError


@hookspec
def servegen_metrics() -> Sequence[e.MetricEntry]:
    """Offer metrics."""
    raise NotImplementedError


@hookspec
def servegen_reporters() -> Sequence[e.ReporterEntry]:
    """Offer report formats."""
    raise NotImplementedError


@hookspec
def servegen_readers() -> Sequence[e.ReaderEntry]:
    """Offer readers of client pools and recorded workloads."""
    raise NotImplementedError


@hookspec
def servegen_commands() -> Sequence[e.CommandEntry]:
    """Offer subcommands of ``servegen-fw``."""
    raise NotImplementedError


@hookspec
def servegen_check(suite: Any) -> Sequence[tuple[str, str, str]]:
    """Report problems of a loaded suite beyond types: (key path, what is wrong, what to do). Asked once per suite."""
    raise NotImplementedError


@hookspec
def servegen_environment(target: str) -> Mapping[str, str]:
    """Report facts for the fingerprint of a run against `target`. Asked once per run, before the clock starts."""
    raise NotImplementedError
