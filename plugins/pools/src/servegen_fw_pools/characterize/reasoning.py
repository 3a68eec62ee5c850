"""Section "reasoning": lengths of reasoning and answer, how they hang together, and whether the share has two modes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from servegen_fw_pools.characterize import pictures
from servegen_fw_pools.characterize.dip import Dip, dip_test
from servegen_fw_pools.characterize.length_column import REJECTED, duration_words
from servegen_fw_pools.characterize.rank_correlation import rank_correlation, within_clients
from servegen_fw_pools.characterize.reason_shares import Shares, shares_of_log, shares_of_pool
from servegen_fw_pools.characterize.section import Number, Plot, Section
from servegen_fw_pools.characterize.share_mixture import Peaks, ShareMixture, fit_shares, peaks_of
from servegen_fw_pools.characterize.words import percent, short, told, told_share
from servegen_fw_pools.logs.log import Log

if TYPE_CHECKING:
    from servegen_fw.plugin import ClientPool

LEAST = 30
"""Requests with reasoning that it takes to judge the shape of its share."""

_TITLE = "Reasoning"


@attrs.frozen(eq=False)
class Shape:
    """Whether the share has one mode or two.

    Attributes
    ----------
        one: one normal law cut to [0, 1].
        two: two of them.
        dip: test against every unimodal law.
        peaks: of the smoothed density.
    """

    one: ShareMixture
    two: ShareMixture
    dip: Dip
    peaks: Peaks

    @property
    def bimodal(self) -> bool:
        """Unimodality is rejected at 1 %, BIC prefers two components, and the smoothed density shows two modes."""
        return self.dip.p < REJECTED and self.two.bic < self.one.bic and len(self.peaks.modes) == 2


def section_of(source: Log | ClientPool) -> Section:
    """Reasoning of a log, or of a pool's tables weighted by its requests."""
    if isinstance(source, Log):
        if source.reason_tokens is None:
            return _none("the log tells no reasoning tokens; it would need a column of them")
        shares = shares_of_log(source)
    else:
        if "reason_ratio" not in source.fields:
            return _none("the pool has no reason_ratio")
        shares = shares_of_pool(source)
    if shares is None:
        return _none("no request has any reasoning in its output")
    figures, lines, cannot = _lengths(source, shares)
    plots = []
    if shares.count.sum() >= LEAST and np.count_nonzero(shares.count) > 1:
        shape = shape_of(shares)
        figures["share"] |= _shape_figures(shape)
        lines += ["", *_shape_lines(shape)]
        plots.append(_picture(shares, shape))
    else:
        cannot.append(
            f"Whether the share of reasoning has two modes: it takes {LEAST} requests with reasoning."
        )
    moved = shares.windows
    if moved is not None and (moved.count >= 2).sum() > 1:
        plots.append(_over_time(shares))
        lines += ["", *_time_lines(shares, figures)]
    else:
        cannot.append("How the share of reasoning moves: there are not two windows of time with requests.")
    return Section("reasoning", _TITLE, figures, tuple(lines), tuple(plots), tuple(cannot))


def shape_of(shares: Shares) -> Shape:
    """Fit one and two components, test the dip, find the modes."""
    return Shape(
        fit_shares(shares.edges, shares.count, 1),
        fit_shares(shares.edges, shares.count, 2),
        dip_test(shares.edges, shares.count),
        peaks_of(shares.edges, shares.count),
    )


def _none(why: str) -> Section:
    return Section("reasoning", _TITLE, cannot=(f"{why[0].upper()}{why[1:]}.",))


def _lengths(source: Log | ClientPool, shares: Shares) -> tuple[dict[str, Any], list[str], list[str]]:
    figures: dict[str, Any] = {
        "reason_mean": shares.reason,
        "answer_mean": shares.answer,
        "none_share": shares.none,
        "share": {"mean": shares.mean},
    }
    lines = [f"Reasoning has {told(shares.reason)} on average, answers {told(shares.answer)}"]
    if shares.answer.value > 0:
        figures["ratio_of_means"] = shares.ratio
        lines[0] += f": a ratio of {told(shares.ratio)}" if shares.ratio is not None else ""
    lines[0] += f". The mean share of the output that is reasoning is {told(shares.mean)}."
    if not isinstance(source, Log):
        odds = shares.mean.value / max(1 - shares.mean.value, 1e-9)
        lines.append(
            "These means take share and output length as independent within a client's window, which is all that a pool "
            f"tells; the mean share alone would make the ratio {short(odds)}."
        )
    if shares.none.value > 0:
        lines.append(
            f"{told_share(shares.none)} of the requests have output but no reasoning; the rest of the section is"
        )
        lines[-1] += " about the others."
    figures = {key: value for key, value in figures.items() if value is not None}
    if not isinstance(source, Log):
        why = "the pool holds the share's table and the output's on their own"
        return figures, lines, [f"The rank correlation of reasoning and answer lengths: {why}."]
    assert source.reason_tokens is not None  # noqa: S101 - the caller looked
    reason, answer = source.reason_tokens, source.output_tokens - source.reason_tokens
    overall = rank_correlation(reason, answer)
    if overall is None:
        return (
            figures,
            lines,
            ["The rank correlation of reasoning and answer lengths: one of them does not vary."],
        )
    figures["rank_correlation"] = {"overall": overall}
    lines.append(
        f"Spearman's rank correlation of reasoning and answer lengths is {told(overall)} over all requests"
    )
    if source.client is not None:
        pooled, _, _ = within_clients(reason, answer, source.client, len(source.clients))
        if pooled is not None:
            figures["rank_correlation"]["within_clients"] = pooled
            lines[-1] += f", and {told(pooled)} within clients"
    lines[-1] += "."
    return figures, lines, []


def _shape_figures(shape: Shape) -> dict[str, Any]:
    two, peaks = shape.two, shape.peaks
    found: dict[str, Any] = {
        "bimodal": shape.bimodal,
        "dip": Number(shape.dip.value, "", shape.dip.n),
        "dip_p": shape.dip.p,
        "bic_one": shape.one.bic,
        "bic_two": two.bic,
        "components": [
            {"weight": float(w), "mean": float(m), "spread": float(s)}
            for w, m, s in zip(two.weight, two.mean, two.spread, strict=True)
        ],
        "modes": list(peaks.modes),
    }
    if peaks.valley is not None and peaks.depth is not None:
        found |= {"valley": peaks.valley, "valley_over_lower_mode": peaks.depth}
    return found


def _shape_lines(shape: Shape) -> list[str]:
    two, peaks, dip = shape.two, shape.peaks, shape.dip
    p = "p <= 0.002" if dip.p <= 0.002 else f"p = {dip.p:.2g}"
    head = "The share has two modes" if shape.bimodal else "The share is not shown to have two modes"
    lines = [f"**{head}**: Hartigan's dip is {short(dip.value)} ({p} against one mode)"]
    lines[0] += (
        f", and BIC is {short(abs(two.bic - shape.one.bic))} {'lower' if two.bic < shape.one.bic else 'higher'}"
    )
    lines[0] += " for two normal laws cut to [0, 1] than for one."
    if peaks.valley is not None and peaks.depth is not None:
        low, high = peaks.modes
        lines.append(
            f"The smoothed density peaks at {low:.2f} and {high:.2f}; in the valley at {peaks.valley:.2f} it is "
            f"{percent(peaks.depth)} of the lower peak."
        )
    parts = " and ".join(
        f"{percent(float(w))} around {m:.2f} (spread {s:.2f})"
        for w, m, s in zip(two.weight, two.mean, two.spread, strict=True)
    )
    return [*lines, f"As a mixture: {parts}."]


def _time_lines(shares: Shares, figures: dict[str, Any]) -> list[str]:
    windows, shift = shares.windows, shares.shift
    assert windows is not None  # noqa: S101 - the caller looked
    kept = windows.count >= 2
    mean = windows.mean[kept]
    figures["share"]["over_time"] = {
        "window_s": windows.step_s,
        "requests": [float(x) for x in windows.count],
        "mean": [float(x) for x in windows.mean],
    }
    line = f"Per {duration_words(windows.step_s)} the mean share stays between {mean.min():.2f} and {mean.max():.2f}"
    if shift is not None:
        figures["share"]["shift"] = {"max_over_min": shift.ratio, "by_chance_p95": shift.by_chance}
        line += (
            f", a factor of {told(shift.ratio)}; chance alone gives up to {shift.by_chance:.3g} in 95 of 100"
        )
    return [line + "."]


def _picture(shares: Shares, shape: Shape) -> Plot:
    grid = np.linspace(0, 1, 501)
    two = shape.two
    lines = [("two components", grid, two.density(grid))]
    for k in range(2):
        one = ShareMixture(two.weight[[k]] / two.weight[k], two.mean[[k]], two.spread[[k]], 0.0, two.n)
        lines.append((f"component at {two.mean[k]:.2f}", grid, two.weight[k] * one.density(grid)))
    title = "share of the output that is reasoning: recorded density and the fitted mixture of two components"
    return pictures.histogram(
        "reasoning-share",
        title,
        shares.edges,
        shares.count,
        xlabel="reasoning share of the output",
        lines=lines,
    )


def _over_time(shares: Shares) -> Plot:
    windows = shares.windows
    assert windows is not None  # noqa: S101 - the caller looked
    kept = np.flatnonzero(windows.count >= 2)
    hours = ((kept + 0.5) * windows.step_s / 3600).tolist()
    title = "mean share of the output that is reasoning, by window of time"
    line = ("share", hours, windows.mean[kept].tolist())
    return pictures.curves(
        "reasoning-over-time", title, [line], xlabel="time from the start (hours)", ylabel="mean share"
    )
