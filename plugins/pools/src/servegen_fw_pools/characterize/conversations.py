"""Section "conversations": turns, times between them, growth of their context, and reuse of prefixes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from servegen_fw_pools.characterize import pictures
from servegen_fw_pools.characterize.draft import Draft
from servegen_fw_pools.characterize.length_column import Column, column_of, family_lines, figures_of
from servegen_fw_pools.characterize.prefix_report import add_prefixes
from servegen_fw_pools.characterize.sample import (
    Sample,
    mean_of,
    of_column,
    of_pool,
    quantile_of,
    sample_mean,
    share_number,
)
from servegen_fw_pools.characterize.section import Plot, Section
from servegen_fw_pools.characterize.turns import (
    Turns,
    carries_by_length,
    gaps_s,
    session_shares,
    shared_runs,
    think_s,
    turns_of,
)
from servegen_fw_pools.characterize.words import many, percent, short, told, told_share
from servegen_fw_pools.logs.log import Log

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw.plugin import ClientPool
    from servegen_fw_pools.characterize.section import Number

    F8 = npt.NDArray[np.float64]

_QUANTILES = (0.5, 0.9, 0.99)
_GROWTH = 12
_GROWTH_LEAST = 20
_STRANGERS = 100_000


def section_of(source: Log | ClientPool) -> Section:
    """Conversations of a log, or of a pool's tables weighted by the sessions begun."""
    draft = Draft()
    if not isinstance(source, Log):
        _of_pool(source, draft)
        return draft.section("conversations", "Conversations")
    turns = turns_of(source)
    if turns is None:
        draft.cannot.append(
            "Turns, times between them and growth: the log tells no conversations (a session id)."
        )
    else:
        _sessions(source, turns, draft)
        _times(source, turns, draft)
        _growth(source, turns, draft)
    add_prefixes(source, draft)
    return draft.section("conversations", "Conversations")


def _sessions(log: Log, turns: Turns, draft: Draft) -> None:
    sizes = turns.sizes
    several = sizes[sizes >= 2]
    sample = of_column(sizes)
    in_several = share_number(float(several.sum()), len(log))
    draft.figures |= {
        "sessions": len(sizes),
        "sessions_of_several_turns": len(several),
        "sessions_begun_before": turns.began_before,
        "requests_in_sessions_of_several_turns": in_several,
        "turns": _turn_figures(sample, mean_of(sizes[np.argsort(turns.first, kind="stable")], "")),
    }
    draft.lines.append(
        f"{many(len(sizes), 'session')}, {told(draft.figures['turns']['mean'])} turns each (p50 {short(sample.quantile(0.5))}, "
        f"p90 {short(sample.quantile(0.9))}, most {short(float(sample.value[-1]))}); {len(several):,} have more than one turn and "
        f"hold {told_share(in_several)} of the requests"
    )
    if len(several):
        own = mean_of(several, "")
        draft.figures["turns"]["mean_of_several"] = own
        draft.lines[-1] += f", {told(own)} turns each"
    draft.lines[-1] += ". Sessions that reach over an end of the log count with what the log holds of them"
    draft.lines[-1] += f"; {turns.began_before:,} began before it." if turns.began_before else "."
    draft.plots.append(_turns_plot(sample))


def _turn_figures(sample: Sample, mean: Number) -> dict[str, Any]:
    level = sample.weight / sample.weight.sum()
    return {
        "mean": mean,
        **{f"p{100 * p:g}": quantile_of(sample, p, "") for p in _QUANTILES},
        "max": float(sample.value[-1]),
        "distribution": [
            {"turns": float(value), "share": float(share)}
            for value, share in zip(sample.value[:100], level[:100], strict=True)
        ],
    }


def _turns_plot(sample: Sample) -> Plot:
    above = 1 - np.concatenate(([0.0], np.cumsum(sample.weight)[:-1])) / sample.weight.sum()
    title = "share of sessions with at least so many turns, log axes"
    line = ("sessions", sample.value.tolist(), above.tolist())
    return pictures.curves(
        "conversations-turns", title, [line], xlabel="turns", ylabel="share of sessions", log="xy"
    )


def _times(log: Log, turns: Turns, draft: Draft) -> None:
    gaps = gaps_s(log, turns)
    if gaps is None or not len(gaps):
        why = "the log has no times" if gaps is None else "no session has two turns"
        draft.cannot.append(f"Times between turns: {why}.")
        return
    _add_times("inter_turn", "inter-turn time", "from arrival to arrival", gaps, draft)
    think = think_s(log, turns)
    if think is None or not len(think):
        draft.cannot.append(
            "Think times, from the end of an answer to the next turn: the log tells no latencies."
        )
        return
    early = share_number(float((think < 0).sum()), len(think))
    if (think >= 0).any():
        _add_times(
            "think", "think time", "from the end of an answer to the next turn", think[think >= 0], draft
        )
    draft.figures.setdefault("think", {})["before_the_end"] = early
    if early.value > 0:
        draft.lines.append(
            f"{told_share(early)} of the turns came before the answer to the one before had ended."
        )


def _add_times(key: str, name: str, what: str, values: F8, draft: Draft) -> None:
    column = times_column(name, values)
    draft.figures[key] = figures_of(column)
    p50, p90, p99 = (told(quantile_of(column.sample, p, "s")) for p in _QUANTILES)
    text = f"**{name}** ({what}): {told(column.mean)}, p50 {p50}, p90 {p90}, p99 {p99}."
    draft.lines += ["", text, *family_lines(column)]
    if column.cells is not None and column.judged:
        draft.plots.append(pictures.ccdf(f"conversations-{key.replace('_', '-')}", column, name))


def times_column(name: str, values: F8) -> Column:
    """Describe times in seconds (float64[k], from 0); whole seconds are cells of a second, like tokens."""
    sample = of_column(values)
    whole = bool(np.array_equal(sample.value, np.rint(sample.value)))
    return column_of(name, attrs.evolve(sample, whole=whole), mean_of(values, "s"), unit="s")


def _growth(log: Log, turns: Turns, draft: Draft) -> None:
    if not len(turns.row):
        return
    grown = log.input_tokens[turns.row].astype(np.int64) - log.input_tokens[turns.before]
    by_turn = []
    for place in range(_GROWTH):
        rows = turns.first[turns.sizes > 0] if place == 0 else turns.row[turns.place == place]
        if len(rows) < _GROWTH_LEAST:
            break
        by_turn.append(mean_of(log.input_tokens[rows], "tokens"))
    fits = carries_by_length(log, turns.before, turns.row)
    drawn = np.random.default_rng(0x43).integers(0, len(turns.row), (2, _STRANGERS))
    chance = float(carries_by_length(log, turns.before[drawn[0]], turns.row[drawn[1]]).mean())
    carrying, several = session_shares(turns, fits)
    draft.figures["growth"] = {
        "tokens_per_turn": mean_of(grown, "tokens"),
        "input_by_turn": by_turn,
        "turns_that_could_carry": share_number(float(fits.sum()), len(fits)),
        "by_chance": chance,
        "sessions_that_could_carry": share_number(carrying, several),
    }
    found = draft.figures["growth"]
    text = (
        f"From turn to turn the input grows by {told(found['tokens_per_turn'])} on average. "
        f"{told_share(found['turns_that_could_carry'])} of the later turns are long enough to hold the earlier prompt and its "
        f"answer ({percent(chance)} are with a turn of any session instead); in "
        f"{told_share(found['sessions_that_could_carry'])} of the sessions all are."
    )
    draft.lines += ["", text]
    if len(by_turn) > 1:
        title = "mean input by turn of the session, the first is turn 1"
        line = ("input", [float(k + 1) for k in range(len(by_turn))], [each.value for each in by_turn])
        draft.plots.append(
            pictures.curves(
                "conversations-growth", title, [line], xlabel="turn", ylabel="mean input (tokens)"
            )
        )
    if log.blocks is not None:
        _carried_blocks(log, turns, draft)


def _carried_blocks(log: Log, turns: Turns, draft: Draft) -> None:
    """Whether turns carry the earlier text, from the hashes: all full blocks of the earlier prompt lead the later one."""
    assert log.blocks is not None  # noqa: S101 - the caller looked
    run = shared_runs(log.blocks, turns.before, turns.row)
    full = np.minimum(
        log.input_tokens[turns.before] // log.blocks.tokens, np.diff(log.blocks.offsets)[turns.before]
    )
    told_by = full > 0
    if not told_by.any():
        draft.cannot.append("Carried text by hashes: no earlier turn fills a block.")
        return
    carries = (run >= full) | ~told_by
    carrying, several = session_shares(turns, carries)
    draft.figures["growth"] |= {
        "turns_that_carry": share_number(float((run >= full)[told_by].sum()), int(told_by.sum())),
        "sessions_that_carry": share_number(carrying, several),
    }
    draft.lines.append(
        f"By the hashes, {told_share(draft.figures['growth']['turns_that_carry'])} of the later turns begin with all full blocks "
        f"of the earlier prompt."
    )


def _of_pool(pool: ClientPool, draft: Draft) -> None:
    if not pool.has_sessions:
        draft.cannot.append("Turns, times between them and growth: the pool has no conversations.")
    else:
        begun = pool.table_requests / pool.mean_turns
        sample = of_pool(pool, "turns", begun)
        if sample.n:
            mean = sample_mean(sample, "")
            draft.figures |= {
                "sessions": sample.n,
                "turns": _turn_figures(sample, mean),
                "carries_context": pool.carries_context,
            }
            held = "repeat the earlier ones" if pool.carries_context else "do not repeat the earlier ones"
            draft.lines.append(
                f"{many(sample.n, 'session')}, {told(mean)} turns each (p50 {short(sample.quantile(0.5))}, "
                f"p90 {short(sample.quantile(0.9))}, most {short(float(sample.value[-1]))}). Turns {held}."
            )
            draft.plots.append(_turns_plot(sample))
    if "think_s" in pool.fields:
        think = of_pool(pool, "think_s")
        if think.n:
            column = column_of("think time", think, sample_mean(think, "s"), unit="s")
            draft.figures["think"] = figures_of(column)
            draft.lines += ["", *family_lines(column)]
            if column.cells is not None and column.judged:
                draft.plots.append(pictures.ccdf("conversations-think", column, "think time"))
    if "prefix_tokens" not in pool.fields:
        draft.cannot.append("Reuse of prefixes: the pool has no prefix_tokens.")
        return
    prefix = of_pool(pool, "prefix_tokens")
    if prefix.n:
        draft.figures["prefixes"] = {"prefix_tokens": sample_mean(prefix, "tokens")}
        draft.lines.append(
            f"A request begins with {told(sample_mean(prefix, 'tokens'))} of its client's own prefix on average."
        )
