"""What the reuse of prefixes says, in figures and lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servegen_fw_pools.characterize import pictures
from servegen_fw_pools.characterize.prefixes import Reuse, heads_of, hit_tokens, known_to, reuse_of
from servegen_fw_pools.characterize.sample import BATCHES, of_column, quantile_of, share_number
from servegen_fw_pools.characterize.section import Number
from servegen_fw_pools.characterize.words import many, percent, short, table, told, told_share

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.characterize.draft import Draft
    from servegen_fw_pools.logs.log import Log

    F8 = npt.NDArray[np.float64]

_AGES_S = (1.0, 10.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0)


def add_prefixes(log: Log, draft: Draft) -> None:
    """Add what the hashes of a log's prompts say to its section on conversations."""
    reuse = reuse_of(log)
    if reuse is None or log.blocks is None or not reuse.tokens.sum():
        draft.cannot.append("Reuse of prefixes: the log has no hashes of prompt blocks.")
        return
    total = float(reuse.tokens.sum())
    served = hit_tokens(log, reuse)
    per_request = np.bincount(reuse.owner, weights=reuse.tokens, minlength=len(log)).astype(np.float64)
    share = share_by_batches(served, per_request)
    half = len(log) // 2
    warm = share_by_batches(served[half:], per_request[half:])
    anywhere = float(reuse.tokens[reuse.seen].sum() / total)
    blocks = Number(float(reuse.hit.mean()), "", len(reuse.hit))
    length = of_column(np.rint(served).astype(np.int64))
    figures = draft.figures["prefixes"] = {
        "block_tokens": log.blocks.tokens,
        "blocks": len(reuse.owner),
        "distinct_blocks": reuse.distinct,
        "token_share": share,
        "block_share": blocks,
        "token_share_second_half": warm,
        "seen_anywhere_token_share": anywhere,
        "tokens_reused_per_request": {
            f"p{100 * p:g}": quantile_of(length, p, "tokens") for p in (0.1, 0.5, 0.9, 0.99)
        },
        "requests_with_reuse": share_number(float((served > 0).sum()), len(log)),
    }
    draft.lines += [
        "",
        (
            f"**prefixes**: of {short(total)} input tokens in blocks of {log.blocks.tokens}, {told_share(share)} were there before, "
            f"as the head of an earlier prompt ({told_share(warm)} in the second half of the log, when the cache is warm; "
            f"{percent(blocks.value)} of the blocks). This is what a cache that forgets nothing would serve. A request reuses "
            f"{told(quantile_of(length, 0.5, 'tokens'))} in the middle."
        ),
    ]
    if anywhere > share.value + 1e-9:
        draft.lines.append(
            f"{percent(anywhere)} of the tokens were seen in an earlier block, wherever it stood; the difference cannot be "
            "served, since something before it in the prompt is new."
        )
    _add_groups(log, reuse, figures, draft)
    _add_ages(log, reuse, figures, draft)
    _add_heads(log, figures, draft)


def share_by_batches(part: F8, whole: F8) -> Number:
    """Ratio of two sums over requests, its interval from 32 batches of consecutive ones by the delta method."""
    from scipy.special import stdtrit

    n, total = len(part), float(whole.sum())
    ratio = float(part.sum()) / total if total > 0 else 0.0
    if n < 2 * BATCHES or total <= 0:
        return Number(ratio, "", n)
    first = np.arange(BATCHES) * n // BATCHES
    rest = np.add.reduceat(part, first) - ratio * np.add.reduceat(whole, first)
    half = float(stdtrit(BATCHES - 1, 0.975)) * float(rest.std(ddof=1)) * BATCHES**0.5 / total
    return Number(ratio, "", n, max(0.0, ratio - half), min(1.0, ratio + half), "batch means")


def _add_groups(log: Log, reuse: Reuse, figures: dict[str, Any], draft: Draft) -> None:
    hits = float(reuse.tokens[reuse.hit].sum())
    for name, group in (("session", log.session), ("client", log.client)):
        if group is None or not hits:
            if group is None:
                draft.cannot.append(f"Reuse within and across {name}s: the log tells no {name}s.")
            continue
        known = known_to(log, reuse, group) & reuse.hit
        within = float(reuse.tokens[known].sum() / hits)
        figures[f"reuse_within_{name}"] = within
        draft.lines.append(
            f"{percent(within)} of the reused tokens were sent before by the same {name}, {percent(1 - within)} only by others."
        )


def _add_ages(log: Log, reuse: Reuse, figures: dict[str, Any], draft: Draft) -> None:
    if log.time_s is None:
        draft.cannot.append("How long ago reused blocks were last used: the log has no times.")
        return
    rows = np.flatnonzero(reuse.hit)
    if not len(rows):
        return
    age = log.time_s[reuse.owner[rows]] - log.time_s[reuse.last[rows]]
    order = np.argsort(age, kind="stable")
    age, level = age[order], np.cumsum(reuse.tokens[rows][order])
    if level[-1] <= 0:
        return
    at = np.minimum(
        np.searchsorted(level, np.array((0.1, 0.5, 0.9, 0.99)) * level[-1] * (1 - 1e-12)), len(age) - 1
    )
    quantiles = dict(zip(("p10", "p50", "p90", "p99"), (float(x) for x in age[at]), strict=True))
    total = float(reuse.tokens.sum())
    limits = [limit for limit in _AGES_S if limit < log.duration_s]
    held = [_upto(age, level, limit) / total for limit in limits]
    figures["age_of_reuse_s"] = quantiles
    figures["token_share_by_lifetime"] = [
        {"lifetime_s": limit, "share": share} for limit, share in zip(limits, held, strict=True)
    ]
    draft.lines.append(
        f"A reused token was last used {short(quantiles['p50'])} s before in the middle, p90 {short(quantiles['p90'])} s. A "
        "cache that keeps a block for so long after its last use would serve:"
    )
    draft.lines += table(
        ["kept for", *(f"{short(limit)} s" for limit in limits), "ever"],
        [["share of input tokens", *map(percent, held), percent(float(level[-1] / total))]],
    )
    shown = np.unique(np.linspace(0, len(age) - 1, 400).astype(np.int64))
    curve = ("share", np.maximum(age[shown], 1e-3).tolist(), (level[shown] / total).tolist())
    title = "share of input tokens that a cache would serve, by how long it keeps a block after its last use"
    draft.plots.append(
        pictures.curves(
            "prefixes-age", title, [curve], xlabel="kept for (s)", ylabel="share of input tokens", log="x"
        )
    )


def _upto(age: F8, level: F8, limit: float) -> float:
    place = int(np.searchsorted(age, limit, side="right"))
    return float(level[place - 1]) if place else 0.0


def _add_heads(log: Log, figures: dict[str, Any], draft: Draft) -> None:
    assert log.blocks is not None  # noqa: S101 - the caller looked
    heads = heads_of(log)
    size = log.blocks.tokens
    figures["heads"] = [
        {
            "requests": head.requests,
            "shared_blocks": head.blocks,
            "shared_tokens": head.blocks * size,
            "sharing": head.sharing,
        }
        for head in heads
    ]
    if not heads:
        draft.lines.append("No two prompts begin alike.")
        return
    first = heads[0]
    draft.lines.append(
        f"The most frequent first block begins {percent(first.requests / len(log))} of the prompts "
        f"({many(first.requests, 'request')}); nine in ten of them share {many(first.blocks, 'block')} "
        f"({short(first.blocks * size)} tokens), which is what a common system prompt looks like."
    )
