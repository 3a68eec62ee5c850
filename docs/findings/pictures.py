"""Pictures of the findings: what each method makes of the released clients, beside the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from fidelity import POPULATIONS, certified
from servegen_fw_pools.characterize.plots import draw
from servegen_fw_pools.characterize.section import Plot
from workloads import METHODS, TITLES, Data, figures_of_data, figures_of_method, planned, suite_of

from servegen_fw.data.workload import Workload

FOLDER = Path(__file__).parent
WINDOW_S, SHOWN_S = 600.0, 20
LARGEST = 700


def write(data: Data) -> list[Path]:
    """Write all pictures and return their files."""
    name, folder, _ = POPULATIONS["deepseek-r1"]
    path = data.clients(folder)
    days = {method: planned(suite_of(name, path, method, rate="recorded")).workload for method in METHODS}
    return draw(
        [
            _starts(days),
            _burstiness(name, path),
            _together(days),
            _shifts(data),
        ],
        FOLDER,
    )


def _starts(days: dict[str, Workload]) -> Plot:
    def plot(figure: Any) -> None:
        axes = figure.subplots()
        for method, workload in days.items():
            since = (workload.due_s % WINDOW_S).astype(int)
            load = np.bincount(since, minlength=int(WINDOW_S)) / (len(since) / WINDOW_S)
            axes.step(np.arange(SHOWN_S), load[:SHOWN_S], where="post", label=TITLES[method])
        axes.axhline(1.0, color="0.5", linewidth=0.8)
        axes.set_xlabel("time since a ten-minute window began (s)")
        axes.set_ylabel("load over mean load")
        axes.legend()

    return Plot("window-start", "Load in the first seconds of windows", plot)


def _burstiness(name: str, path: Path) -> Plot:
    methods = ("clients", "reference")
    certificates = {method: certified(name, path, method, None) for method in methods}

    def plot(figure: Any) -> None:
        for axes, method in zip(figure.subplots(1, 2, sharex=True, sharey=True), methods, strict=True):
            clients = certificates[method].clients
            seen = ~np.isnan(clients.target_cv)
            order = np.flatnonzero(seen)[np.argsort(clients.target_cv[seen], kind="stable")]
            rank = np.arange(len(order))
            axes.fill_between(
                rank, clients.low_cv[order], clients.high_cv[order], color="0.8", label="99 % of the law"
            )
            inside = (clients.generated_cv >= clients.low_cv) & (clients.generated_cv <= clients.high_cv)
            for mask, colour, label in ((inside, "#0072B2", "inside"), (~inside, "#D55E00", "outside")):
                rows = mask[order]
                axes.plot(rank[rows], clients.generated_cv[order][rows], ".", color=colour, label=label)
            axes.set_yscale("log")
            axes.set_title(TITLES[method])
            axes.set_xlabel("clients, by the CV of the law")
        figure.axes[0].set_ylabel("CV of inter-arrival times")
        figure.axes[0].legend()

    return Plot(
        "burstiness", "CV of each client's inter-arrival times, generated, and the law's 99 % band", plot
    )


def _together(days: dict[str, Workload]) -> Plot:
    methods = ("clients", "reference")

    def plot(figure: Any) -> None:
        for axes, method in zip(figure.subplots(1, 2, sharex=True, sharey=True), methods, strict=True):
            workload = days[method]
            largest = int(np.bincount(workload.client).argmax())
            rows = np.flatnonzero(workload.client == largest)
            rows = rows[:: max(1, len(rows) // LARGEST)]
            axes.loglog(workload.input_tokens[rows], workload.output_tokens[rows], ".", markersize=1.5)
            axes.set_title(f"{TITLES[method]}, client {workload.clients.names[largest]}")
            axes.set_xlabel("input (tokens)")
        figure.axes[0].set_ylabel("output (tokens)")

    return Plot("together", "Input and output of the busiest client's requests", plot)


def _shifts(data: Data) -> Plot:
    folder = data.clients("language/m-small")
    sources = {"released data": figures_of_data(folder, 1)}
    sources |= {TITLES[method]: figures_of_method("language", folder, method) for method in METHODS}

    def plot(figure: Any) -> None:
        left, right = figure.subplots(1, 2)
        for label, figures in sources.items():
            windows = figures["arrivals"]["windows"]
            hours = np.asarray(windows["start_s"]) / 3600
            rate = np.asarray(windows["rate_per_s"])
            left.plot(hours, rate / rate.mean(), label=label)
            course = figures["lengths"]["input"]["over_time"]
            mean = np.asarray(course["mean"], float)
            step = course["window_s"] / 3600
            edges = np.append(np.arange(len(mean)) * step, len(mean) * step)
            right.stairs(mean, edges, label=label, baseline=None)
        left.set_ylabel("rate over mean rate")
        right.set_ylabel("mean input (tokens)")
        for axes in (left, right):
            axes.set_xlabel("hour of the day")
        left.legend()

    return Plot("shifts", "Rate and mean input of a day of m-small", plot)
