"""Pictures of arrivals, drawn from the figures of their section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servegen_fw_pools.characterize.gap_families import FAMILIES, levels
from servegen_fw_pools.characterize.section import Plot
from servegen_fw_pools.characterize.words import short

if TYPE_CHECKING:
    from collections.abc import Mapping

_TALL = (7.2, 4.2)
_MARKS = {"exponential": "C0", "gamma": "C1", "weibull": "C2"}
# Laws that agree lie on each other; dashes let the one below be seen.
_DASHES = {"exponential": "-", "gamma": "--", "weibull": ":"}


def plots(found: Mapping[str, Any]) -> tuple[Plot, ...]:
    """Pictures of whatever the figures hold."""
    window = short(found["windows"]["window"].value)
    drawn = []
    if len(found["windows"]["start_s"]) > 1:
        title = f"Requests per second over time, in windows of {window} s"
        if "cv" in found["windows"]:
            title += "; below, the CV of the gaps in each, coloured by the law with the smallest KS distance"
        drawn.append(Plot("arrivals-rate", title, lambda figure: _rate(figure, found["windows"])))
    if "example" in found.get("families", {}):
        title = "Share of gaps longer than x in one window, and the three laws with its mean and CV (both axes logarithmic)"
        drawn.append(Plot("arrivals-gaps", title, lambda figure: _gaps(figure, found["families"]["example"])))
    if len(found["dispersion"]) > 1:
        title = "Index of dispersion of counts over time scales, with 95 % intervals; 1 is Poisson, the band its 95 %"
        drawn.append(
            Plot("arrivals-dispersion", title, lambda figure: _dispersion(figure, found["dispersion"]))
        )
    if found["autocorrelation"]:
        title = "Autocorrelation of gaps and of counts by lag; the band holds 95 % of uncorrelated ones"
        drawn.append(Plot("arrivals-memory", title, lambda figure: _memory(figure, found["autocorrelation"])))
    if "hour_of_day" in found:
        title = "Requests per second by hour of the day, in UTC"
        drawn.append(Plot("arrivals-day", title, lambda figure: _day(figure, found["hour_of_day"])))
    return tuple(drawn)


def _rate(figure: Any, columns: Mapping[str, Any]) -> None:
    hour = np.array(columns["start_s"]) / 3600
    cv = np.array(columns.get("cv", []))
    if len(cv):
        figure.set_size_inches(*_TALL)
    axes = figure.subplots(2 if len(cv) else 1, 1, sharex=True, squeeze=False)[:, 0]
    edges = np.append(hour, hour[-1] + columns["window"].value / 3600)
    axes[0].stairs(columns["rate_per_s"], edges, baseline=None)
    axes[0].set_ylim(0, 1.08 * max(columns["rate_per_s"]))
    axes[0].set_ylabel("requests/s")
    if len(cv):
        family, width = np.array(columns["family"]), columns["window"].value / 3600
        for name, colour in _MARKS.items():
            mine = family == name
            axes[1].plot(hour[mine] + width / 2, cv[mine], ".", color=colour, label=name)
        axes[1].axhline(1, color="0.6", lw=0.8)
        axes[1].set_ylabel("CV of gaps")
        axes[1].set_ylim(0, 1.08 * max(1.0, cv.max()))
        axes[1].legend(ncols=3, loc="lower right")
    axes[-1].set_xlabel("hours since the first request" if len(cv) else "hours since the first window")


def _gaps(figure: Any, example: Mapping[str, Any]) -> None:
    gap = np.array(example["gap_s"])
    mean, cv = example["mean_gap"].value, example["cv"].value
    above = 1 - np.arange(len(gap)) / len(gap)
    axes = figure.subplots()
    shown = gap > 0
    axes.plot(gap[shown], above[shown], ".", color="0.35", label=f"{len(gap)} gaps")
    grid = np.geomspace(gap[shown].min(), gap.max(), 200)
    for name in FAMILIES:
        left = 1 - levels(name, grid, np.full(200, mean), np.full(200, cv))
        seen = left > 0.2 / len(gap)
        axes.plot(
            grid[seen],
            left[seen],
            _DASHES[name],
            color=_MARKS[name],
            label=f"{name} (KS {short(example['ks'][name].value, 2)})",
        )
    axes.set(xscale="log", yscale="log", xlabel="gap in s", ylabel="share longer")
    axes.set_xlim(left=max(gap[shown].min(), mean / 300))
    axes.legend(loc="lower left")


def _dispersion(figure: Any, found: list[dict[str, Any]]) -> None:
    scale = np.array([one["scale_s"] for one in found])
    value = np.array([one["index"].value for one in found])
    axes = figure.subplots()
    axes.fill_between(
        scale,
        [one["poisson_low"] for one in found],
        [one["poisson_high"] for one in found],
        color="0.85",
        label="Poisson",
    )
    axes.plot(scale, value, "o-")
    for one in found:
        index = one["index"]
        if index.low is not None and index.low > 0:
            axes.plot([one["scale_s"]] * 2, [index.low, index.high], color="C0", lw=1)
    axes.set(xscale="log", yscale="log", xlabel="time scale in s", ylabel="Var(N) / E(N)")
    axes.legend(loc="upper left")


def _memory(figure: Any, found: Mapping[str, Any]) -> None:
    axes = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    for one, (what, columns) in zip(axes, found.items(), strict=True):
        one.axhspan(-columns["band"], columns["band"], color="0.88")
        one.vlines(columns["lag"], 0, columns["value"], color="C0")
        unit = f"bins of {short(columns['bin'].value)} s" if "bin" in columns else "requests"
        one.set(title=what, xlabel=f"lag in {unit}")
        one.xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_ylabel("correlation")


def _day(figure: Any, found: Mapping[str, Any]) -> None:
    axes = figure.subplots()
    axes.bar(np.arange(24), found["rate_per_s"])
    axes.set(xlabel="hour of the day (UTC)", ylabel="requests/s")
