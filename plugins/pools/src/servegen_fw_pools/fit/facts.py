"""What a fit says of itself: how each part was measured, from how much, and what was odd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np

from servegen_fw_pools.characterize.words import rounded
from servegen_fw_pools.fit.compact import NOISE_SHARE, TOLERANCE
from servegen_fw_pools.fit.gaps import LEAST_GAPS
from servegen_fw_pools.fit.resolution import step_of
from servegen_fw_pools.fit.tables import LEAST_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from servegen_fw_pools.fit.chains import Chains
    from servegen_fw_pools.fit.classes import Roster
    from servegen_fw_pools.fit.ranks import Dependence
    from servegen_fw_pools.fit.tables import Fitted
    from servegen_fw_pools.logs.log import Log

LOG_FIT_VERSION: Final = 1
"""Raised whenever the same log would give another fit."""


_COARSE = 0.1


@attrs.frozen(eq=False)
class Measured:
    """All that a fit found; `covered_s` is the length of the log, `window_s` and `windows` those of the rates, `prefix` by request."""

    log: Log
    chains: Chains
    roster: Roster
    fitted: Fitted
    pairs: Mapping[tuple[str, str], Dependence]
    covered_s: float
    window_s: float
    windows: int
    prefix: npt.NDArray[np.int32] | None = None


def facts_of(found: Measured, *, asked_s: float, min_requests: int, keep_ids: bool) -> dict[str, Any]:
    """Meta of the pool: no id and no text of the log is in it but the log's name.

    Parameters
    ----------
        found: what was measured.
        asked_s: length of a window that was asked for.
        min_requests: the floor.
        keep_ids: whether ids are kept.
    """
    notes = []
    if found.log.client is None:
        notes.append("the log tells no clients: all its requests are one client")
    if found.window_s != asked_s:
        notes.append(
            f"windows of {found.window_s:.6g} s instead of {asked_s:.6g} s, {found.windows} of which cover the log"
        )
    if found.log.duration_s == 0:
        notes.append(
            f"all its requests come at one time, so that the log tells no rate; they are taken as those of one window of "
            f"{found.window_s:.6g} s"
        )
    step_s = step_of(found.log.time_s) if found.log.time_s is not None else 0.0
    if step_s * len(found.log) > _COARSE * found.covered_s:
        notes.append(
            f"times are told to {step_s:.4g} s; requests that share one are spread over it, so that nothing is known of "
            "shorter gaps"
        )
    if found.roster.held:
        pooled = sum(held["clients"] for held in found.roster.held.values())
        notes.append(
            f"{pooled:,} clients stand in {len(found.roster.held)} classes, as {found.roster.small:,} of them have fewer than "
            f"{min_requests:,} requests"
        )
    facts: dict[str, Any] = {
        "version": LOG_FIT_VERSION,
        "method": f"gaps of stretches of {LEAST_GAPS} by moments; quantile knots of stretches of {LEAST_SAMPLES} values",
        "tolerance": TOLERANCE,
        "noise_share": NOISE_SHARE,
        "min_requests": min_requests,
        "ids": "kept" if keep_ids else "replaced",
        "classes": found.roster.held,
        "covered_s": found.covered_s,
        "error": found.fitted.error,
        "rank": {
            f"{one}, {other}": {
                "pooled": rounded(pair.pooled),
                "between_clients": rounded(pair.between),
                "requests": pair.n,
            }
            for (one, other), pair in found.pairs.items()
        },
    }
    if found.chains.sessions:
        later = len(found.chains.later)
        carrying = int(np.count_nonzero(found.chains.carried))
        facts["sessions"] = {
            "sessions": len(found.chains.turns),
            "of_several_turns": int(np.count_nonzero(found.chains.turns > 1)),
            "later_turns": later,
            "later_turns_that_carry": carrying,
            "carrying_share": rounded(found.chains.carrying),
            "left_out_of_new_tokens": later - carrying if found.chains.carries_context else 0,
            "think_times_with_latency": found.chains.waits,
            "think_times_below_0": found.chains.early,
        }
        if found.chains.waits:
            notes.append(
                f"{found.chains.waits:,} think times hold the parent's latency, which the log does not tell"
            )
        if found.chains.carries_context and later > carrying:
            notes.append(
                f"{later - carrying:,} later turns do not repeat their session and tell no new tokens"
            )
    if "prefix_tokens" in found.fitted.fields and found.prefix is not None and found.log.blocks is not None:
        ids = found.log.blocks.ids
        shared = found.prefix.sum() / max(found.log.input_tokens[found.prefix > 0].sum(), 1)
        seen = 1.0 - len(np.unique(ids)) / max(len(ids), 1)
        facts["prefix"] = {"share_of_input": rounded(shared), "blocks_seen_before": rounded(seen)}
        notes.append(
            f"prefixes are what a client's sessions begin with, {100 * shared:.3g} % of their first prompts; "
            f"{100 * seen:.3g} % of the log's blocks were there before"
            + (
                ""
                if found.chains.sessions
                else ", and what conversations repeat is not told, as the log names none"
            )
        )
    return {
        "source": f"log {found.log.name}",
        "requests": len(found.log),
        "clients_of_the_log": len(found.log.clients) if found.log.client is not None else None,
        "excerpt": "all of the recording",
        "notices": {notice.code: notice.count for notice in found.log.notices},
        "notes": notes,
        "fit": facts,
    }
