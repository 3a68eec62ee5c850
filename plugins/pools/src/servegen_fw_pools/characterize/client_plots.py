"""Pictures of clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servegen_fw_pools.characterize.section import Plot
from servegen_fw_pools.characterize.words import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servegen_fw_pools.characterize.population import Population

_SHOWN = 5
_TALL = (7.2, 4.2)


def plots(figures: Mapping[str, Any], people: Population) -> tuple[Plot, ...]:
    """Shares, rates of the largest clients over time, and who explains what."""
    drawn = []
    if len(people.names) > 1:
        drawn.append(
            Plot(
                "clients-shares",
                "Left: cumulated share of requests by rank of client. Right: Lorenz curve, the dashed line for equal clients",
                lambda figure: _shares(figure, figures["lorenz"]),
            )
        )
    if people.whole > 1:
        drawn.append(
            Plot(
                "clients-rates",
                f"Requests per second of the {min(_SHOWN, people.large)} largest clients, in windows of "
                f"{short(people.window_s)} s; below, the CV of their gaps (windows of at least 30 gaps)",
                lambda figure: _rates(figure, people),
            )
        )
    explained = {name: figures[name] for name in ("shifts", "bursts") if name in figures}
    if explained and len(people.names) > 1:
        drawn.append(
            Plot(
                "clients-variance",
                "Clients that explain most of the total's variance, beside their share of requests",
                lambda figure: _variance(figure, explained),
            )
        )
    return tuple(drawn)


def _shares(figure: Any, lorenz: Mapping[str, Any]) -> None:
    clients, requests = np.array(lorenz["clients"]), np.array(lorenz["requests"])
    left, right = figure.subplots(1, 2)
    number = round(1 / (clients[-1] - clients[-2]))
    left.plot((1 - clients[::-1]) * number, 1 - requests[::-1])
    left.axhline(0.9, color="0.6", lw=0.8, ls=":")
    left.set(xlabel="largest clients", ylabel="share of requests", ylim=(0, 1.02))
    left.set_xscale("symlog", linthresh=1)
    left.set_xlim(left=0)
    right.plot(clients, requests)
    right.plot([0, 1], [0, 1], color="0.6", lw=0.8, ls="--")
    right.set(xlabel="share of clients, smallest first", xlim=(0, 1), ylim=(0, 1.02))


def _rates(figure: Any, people: Population) -> None:
    figure.set_size_inches(*_TALL)
    upper, lower = figure.subplots(2, 1, sharex=True)
    edges = np.arange(people.whole + 1) * people.window_s / 3600
    hour = (edges[:-1] + edges[1:]) / 2
    for k in range(min(_SHOWN, people.large)):
        rate = people.count[k, : people.whole] / people.window_s
        upper.stairs(rate, edges, baseline=None, lw=1.1, color=f"C{k}", label=str(people.names[k])[:18])
        used = people.gaps[k, : people.whole] >= 30
        lower.plot(hour[used], people.cv[k, : people.whole][used], ".", color=f"C{k}")
    upper.set(ylabel="requests/s")
    upper.set_ylim(bottom=0)
    upper.legend(loc="upper left", bbox_to_anchor=(1, 1))
    lower.axhline(1, color="0.6", lw=0.8)
    lower.set(ylabel="CV of gaps", xlabel="hours since the start")
    lower.set_ylim(bottom=0)


def _variance(figure: Any, explained: Mapping[str, Any]) -> None:
    axes = figure.subplots(1, len(explained), squeeze=False)[0]
    for one, (what, found) in zip(axes, explained.items(), strict=True):
        leaders = found["leaders"]
        place = np.arange(len(leaders))
        one.barh(place - 0.2, [k["share"].value for k in leaders], 0.4, label=f"of {what}")
        one.barh(place + 0.2, [k["requests_share"] for k in leaders], 0.4, color="0.7", label="of requests")
        one.set_yticks(place, [str(k["client"])[:18] for k in leaders])
        one.invert_yaxis()
        one.axvline(0, color="0.3", lw=0.8)
        one.set(xlabel="share")
        one.legend(loc="lower right")
