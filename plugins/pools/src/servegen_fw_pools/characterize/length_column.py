"""One column of lengths: mean, quantiles, families, and how its mean moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from servegen_fw_pools.characterize.cells import Cells, cells_of
from servegen_fw_pools.characterize.goodness import Distance, assess
from servegen_fw_pools.characterize.length_families import Fit, fit_all, intervals
from servegen_fw_pools.characterize.sample import quantile_of, share_number
from servegen_fw_pools.characterize.section import Number
from servegen_fw_pools.characterize.shifts import Shift, Windows, shift_of
from servegen_fw_pools.characterize.words import short, table, told, told_share

if TYPE_CHECKING:
    from servegen_fw_pools.characterize.sample import Sample

QUANTILES = (0.1, 0.5, 0.9, 0.99, 0.999)
REJECTED = 0.01
_NAMES = {
    "exponential": "exponential",
    "lognormal": "log-normal",
    "pareto": "Pareto",
    "pareto-lognormal": "log-normal body with Pareto tail",
}


@attrs.frozen(eq=False)
class Judged:
    """A fitted family with its distance and its parameters' intervals."""

    fit: Fit
    distance: Distance
    parameters: dict[str, Number]


@attrs.frozen(eq=False)
class Column:
    """What is known of one column of lengths.

    Attributes
    ----------
        name: "input", "output", "reason", "answer" ...
        mean: over all requests, zeros included.
        sample: all of it.
        zeros: share of requests of length 0, which no family describes.
        judged: families over the lengths above 0, the best by AIC first; empty where fewer than two cells hold any.
        cells: of the lengths above 0; None if there are none.
        windows: means over time; None without times.
        shift: how far they move; None where that cannot be told.
        unit: of the values.
    """

    name: str
    mean: Number
    sample: Sample
    zeros: Number
    judged: tuple[Judged, ...]
    cells: Cells | None
    windows: Windows | None
    shift: Shift | None
    unit: str = "tokens"

    @property
    def best(self) -> Judged | None:
        """The family of the smallest AIC."""
        return self.judged[0] if self.judged else None

    @property
    def agrees(self) -> bool:
        """Whether the best family agrees with the sample within its sampling error at 1 %."""
        return bool(self.judged) and self.judged[0].distance.p > REJECTED


def column_of(
    name: str, sample: Sample, mean: Number, windows: Windows | None = None, unit: str = "tokens"
) -> Column:
    """Describe one column; `sample` is not empty."""
    zeros = share_number(float(sample.share_of(0.0) * sample.n), sample.n)
    positive = sample.above(0.0)
    cells = cells_of(positive) if len(positive.value) else None
    judged = (
        tuple(Judged(fit, assess(fit, cells), intervals(fit, cells, unit)) for fit in fit_all(cells))
        if cells
        else ()
    )
    shift = shift_of(windows) if windows is not None else None
    return Column(name, mean, sample, zeros, judged, cells, windows, shift, unit)


def figures_of(column: Column) -> dict[str, Any]:
    """Figures for programs."""
    found: dict[str, Any] = {
        "mean": column.mean,
        "quantiles": {_quantile_name(p): quantile_of(column.sample, p, column.unit) for p in QUANTILES},
        "min": float(column.sample.value[0]),
        "max": float(column.sample.value[-1]),
        "cv": Number(column.sample.variance**0.5 / column.mean.value, "", column.sample.n)
        if column.mean.value > 0
        else None,
        "zero_share": column.zeros,
        "families": [
            {
                "family": each.fit.family,
                "aic": each.fit.aic,
                "ks": Number(each.distance.ks, "", round(each.fit.n)),
                "p": each.distance.p,
                "p_method": each.distance.method,
                "p_replicates": each.distance.replicates,
                "parameters": each.parameters,
            }
            for each in column.judged
        ],
        "best_family": column.judged[0].fit.family if column.judged else "",
        "best_family_agrees": column.agrees,
    }
    if column.windows is not None:
        found["over_time"] = {
            "window_s": column.windows.step_s,
            "requests": [float(x) for x in column.windows.count],
            "mean": [float(x) for x in column.windows.mean],
        }
    if column.shift is not None:
        found["shift"] = {
            "max_over_min": column.shift.ratio,
            "by_chance_p95": column.shift.by_chance,
            "windows": column.shift.windows,
            "windows_left_out": column.shift.left_out,
        }
    return {key: value for key, value in found.items() if value is not None}


def quantile_table(columns: list[Column]) -> tuple[str, ...]:
    """Mean and quantiles of several columns."""
    head = ["", "n", "mean", *(f"p{100 * p:g}" for p in QUANTILES), "max"]
    rows = [
        [
            column.name,
            f"{column.sample.n:,}",
            told(attrs.evolve(column.mean, unit="")),
            *(told(quantile_of(column.sample, p, "")) for p in QUANTILES),
            short(float(column.sample.value[-1])),
        ]
        for column in columns
    ]
    return table(head, rows)


def family_lines(column: Column) -> list[str]:
    """What the fits say, for readers."""
    lines = []
    what = "times" if column.unit == "s" else "requests"
    if column.zeros.value > 0:
        lines.append(
            f"{told_share(column.zeros)} of the {what} have {column.name} 0, which no family describes."
        )
    best = column.best
    if best is None:
        only = short(float(column.sample.value[-1]))
        lines.append(f"All {column.name} lengths above 0 are {only} {column.unit}; there is no law to fit.")
        return lines
    name = _NAMES[best.fit.family]
    if column.agrees:
        lines.append(
            f"**{column.name}**: {name} by AIC, and within sampling error (KS {short(best.distance.ks)}, "
            f"p = {best.distance.p:.2g})."
        )
    else:
        lines.append(
            f"**{column.name}**: {name} is the closest of the four by AIC, but none of them is the law: it is off by "
            f"{100 * best.distance.ks:.2g} % of the {what} where it is worst (KS {short(best.distance.ks)}, "
            f"{_p_text(best.distance)})."
        )
    if best.fit.mean() is None:
        lines.append(
            f"Its tail is so heavy (alpha {best.fit.parameters['alpha']:.2g}) that the law has no mean: what is drawn from it "
            "needs a largest length."
        )
    rows = []
    for each in column.judged:
        parameters = ", ".join(
            f"{key.replace('_', ' ')} {told(attrs.evolve(number, unit=''))}"
            for key, number in each.parameters.items()
        )
        more = each.fit.aic - best.fit.aic
        rows.append(
            [
                _NAMES[each.fit.family],
                f"{'+' if more > 0 else ''}{short(more)}",
                short(each.distance.ks),
                _p_text(each.distance),
                parameters,
            ]
        )
    return [*lines, *table(["family", "AIC", "KS", "p", "parameters (95 %)"], rows)]


def shift_line(column: Column) -> str | None:
    """How far the mean moves, for readers."""
    if column.shift is None or column.windows is None:
        return None
    shift, step = column.shift, duration_words(column.windows.step_s)
    verdict = "more than chance alone" if shift.ratio.value > shift.by_chance else "no more than chance alone"
    left = f"; {shift.left_out} windows of fewer than 100 requests are left out" if shift.left_out else ""
    return (
        f"**{column.name}**: its mean per {step} moves by a factor of {told(attrs.evolve(shift.ratio, unit=''))} from the "
        f"smallest to the largest of {shift.windows} windows, {verdict} (up to {shift.by_chance:.3g} in 95 of 100){left}."
    )


def duration_words(seconds: float) -> str:
    """A length of time in the largest unit that divides it."""
    for size, name in ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= size and seconds % size == 0:
            return name if seconds == size else f"{seconds / size:g} {name}s"
    return f"{seconds:g} s"


def _p_text(distance: Distance) -> str:
    if distance.method == "bootstrap":
        return f"p = {distance.p:.2g}"
    return f"p < {max(distance.p, 1e-9):.0e}" if distance.p > 1e-9 else "p < 1e-9"


def _quantile_name(p: float) -> str:
    return f"p{100 * p:g}".replace(".", "_")


def mean_over_time(column: Column) -> tuple[list[float], list[float], list[float]]:
    """Middle of each window in hours, its mean, and 95 % half width, for windows that hold enough."""
    if column.windows is None:
        return [], [], []
    kept = np.flatnonzero(column.windows.count >= 2)
    hours = (kept + 0.5) * column.windows.step_s / 3600
    return hours.tolist(), column.windows.mean[kept].tolist(), (1.96 * column.windows.error[kept]).tolist()
