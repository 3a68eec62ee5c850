"""What was done to a pool, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from servegen_fw.plugin import ClientPool


def with_step(pool: ClientPool, command: str, options: Mapping[str, Any]) -> ClientPool:
    """Add a step to ``meta["history"]``: the command and its options, JSON-able."""
    step = {"command": command, **options}
    return attrs.evolve(pool, meta={**pool.meta, "history": [*pool.meta.get("history", []), step]})


def changed(pool: ClientPool, command: str, options: Mapping[str, Any]) -> ClientPool:
    """Add a step that changed what the pool holds: counts are told anew, and what was measured of the old pool goes."""
    meta = {key: value for key, value in pool.meta.items() if key not in ("held_out", "requests", "sessions")}
    meta["requests"] = float(pool.requests.sum())
    if pool.has_sessions:
        meta["sessions"] = float(pool.count.sum())
    return with_step(attrs.evolve(pool, meta=meta), command, options)
