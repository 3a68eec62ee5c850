"""Pictures of lengths, shares and times: what they draw is given, so that drawing imports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servegen_fw_pools.characterize.length_column import mean_over_time
from servegen_fw_pools.characterize.section import Plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from servegen_fw_pools.characterize.length_column import Column

    F8 = npt.NDArray[np.float64]

_STYLES = ("-", "--", ":", "-.")
_PLAIN = 20
"""Below this ratio of largest to smallest, a logarithmic axis has plain numbers at all its ticks."""


def ccdf(name: str, column: Column, quantity: str) -> Plot:
    """Complementary distribution of a column on log axes with the fitted families."""
    cells = column.cells
    assert cells is not None  # noqa: S101 - callers draw what was fitted

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        x = cells.edges[1:-1]
        above = 1 - np.cumsum(cells.weight)[:-1] / cells.n
        seen = above > 0.5 / cells.n
        axes.step(x[seen], above[seen], where="post", color="black", linewidth=1.8, label="recorded")
        for each, style in zip(column.judged, _STYLES, strict=False):
            law = each.fit.sf(x)
            shown = law > 0.3 / cells.n
            axes.plot(x[shown], law[shown], style, linewidth=1.1, label=each.fit.family)
        axes.set(xscale="log", yscale="log", xlabel=f"{quantity} ({column.unit})", ylabel="share above")
        axes.set_ylim(bottom=0.3 / cells.n, top=1.5)
        axes.legend(frameon=False)

    title = f"{quantity}: share above a length, log axes, with the fitted families"
    return Plot(name, title, draw)


def means(name: str, columns: Sequence[Column], title: str, ylabel: str) -> Plot:
    """Means of columns over time with 95 % intervals."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for column in columns:
            hours, mean, half = mean_over_time(column)
            axes.errorbar(hours, mean, yerr=half, marker="o", markersize=3, linewidth=1, label=column.name)
        axes.set(xlabel="time from the start (hours)", ylabel=ylabel)
        # Room above for the legend, so that it hides no interval.
        axes.set_ylim(0, 1.15 * axes.get_ylim()[1])
        axes.legend(frameon=False, ncols=len(columns), loc="upper right")

    return Plot(name, title, draw)


def histogram(
    name: str, title: str, edges: F8, count: F8, *, xlabel: str, lines: Sequence[tuple[str, F8, F8]] = ()
) -> Plot:
    """Density of binned values with curves over it, each a name with x and y."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.stairs(
            count / count.sum() / np.diff(edges), edges, fill=True, color="lightgrey", label="recorded"
        )
        for label, x, y in lines:
            axes.plot(x, y, linewidth=1.2, label=label)
        axes.set(xlabel=xlabel, ylabel="density")
        axes.legend(frameon=False)

    return Plot(name, title, draw)


def spikes(name: str, title: str, value: F8, share: F8, *, marked: Sequence[float], xlabel: str) -> Plot:
    """Shares of single values, with some of them named."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        axes.vlines(value, 0, share, linewidth=0.8, color="grey")
        # The most frequent first; a name that would lie on another is left to the table.
        reach = 0.05 * max(float(value.max() - value.min()), 1.0)
        named: list[float] = []
        for each in sorted(marked, key=lambda one: -float(share[int(np.searchsorted(value, one))])):
            if all(abs(each - other) > reach for other in named):
                named.append(each)
                height = float(share[int(np.searchsorted(value, each))])
                axes.annotate(f"{each:g}", (each, height), ha="center", va="bottom", fontsize=8)
        axes.set(xlabel=xlabel, ylabel="share")
        axes.set_ylim(bottom=0)

    return Plot(name, title, draw)


def curves(
    name: str,
    title: str,
    lines: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str,
    log: str = "",
) -> Plot:
    """Lines over each other; `log` names the logarithmic axes, "x", "y" or "xy"."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for label, x, y in lines:
            axes.plot(x, y, marker="o" if len(x) < 40 else "", markersize=3, linewidth=1.2, label=label)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        places = [float(at) for _, x, _ in lines for at in x]
        if all(at.is_integer() for at in places):
            axes.xaxis.get_major_locator().set_params(integer=True)
        if "x" in log:
            axes.set_xscale("log")
            if max(places, default=1.0) < _PLAIN * min(places, default=0.0):
                axes.xaxis.set_major_formatter("{x:g}")
                axes.xaxis.set_minor_formatter("{x:g}")
        if "y" in log:
            axes.set_yscale("log")
        if len(lines) > 1:
            axes.legend(frameon=False)

    return Plot(name, title, draw)
