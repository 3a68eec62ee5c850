"""What the measurement ran on: software versions and the kind of machine, without names of hosts, users or paths."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from servegen_fw.hooks.registry import Registry

LIBRARIES = ("attrs", "cattrs", "httptools", "numpy", "pluggy", "pyarrow", "uvloop")


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What may make another workload of the same suite: numpy's minor version and plugins, as one phrase; "" if nothing."""
    old, new = (str(facts.get("libraries", {}).get("numpy", "")) for facts in (before, now))
    parts = []
    if old.split(".")[:2] != new.split(".")[:2]:
        parts.append(f"numpy was {old or 'unknown'} and is {new}")
    old_plugins, new_plugins = (facts.get("plugins", {}) for facts in (before, now))
    parts += [
        f"{name} was {version} and is {new_plugins.get(name, 'not installed')}"
        for name, version in old_plugins.items()
        if new_plugins.get(name) != version
    ]
    return ", ".join(parts)


def fingerprint(registry: Registry, targets: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the facts that two runs must share to be comparable, plugins' own facts (`servegen_environment`) included.

    A plugin whose hook raises is listed with its error; it never stops a run.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": cores,
        "memory_bytes": _memory_bytes(),
        "libraries": {name: version for name in LIBRARIES if (version := _version(name))},
        "plugins": {plugin.distribution: plugin.version for plugin in registry.plugins},
        "failed_plugins": [failed.distribution for failed in registry.failed],
    }
    for target in targets:
        facts |= _asked(registry, target)
    return facts


def _asked(registry: Registry, target: str) -> Mapping[str, Any]:
    try:
        answers = registry.hook.servegen_environment(target=target)
    except Exception as error:  # noqa: BLE001  # a plugin may raise anything, and its facts are not worth a run
        return {f"environment of {target}": f"failed: {type(error).__name__}: {error}"}
    merged: dict[str, str] = {}
    for answer in answers:
        merged |= dict(answer)
    return {f"environment of {target}": merged} if merged else {}
