"""The section on arrivals: rate over time, burstiness by window and by scale, the law of gaps, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servegen_fw.plugin import ClientPool
from servegen_fw_pools.characterize import arrival_plots, jackknife
from servegen_fw_pools.characterize.arrival_figures import figures
from servegen_fw_pools.characterize.counts import LEAST_BINS, MOST_BINS, SCALES_S, autocorrelation, dispersion
from servegen_fw_pools.characterize.gap_families import FAMILIES
from servegen_fw_pools.characterize.section import Number, Section
from servegen_fw_pools.characterize.words import many, percent, short, table, told, told_share
from servegen_fw_pools.quantiles import quantiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servegen_fw_pools.logs.log import Log

KEY, TITLE = "arrivals", "Arrivals"
WINDOW_S = 300.0


def section_of(source: Log | ClientPool, window_s: float = WINDOW_S) -> Section:
    """Describe when requests come.

    Parameters
    ----------
        source: a log, or a pool, which knows its windows and no single request.
        window_s: length of a window of a log; a pool brings its own.
    """
    if isinstance(source, ClientPool):
        return _of_pool(source)
    if source.time_s is None:
        return Section(KEY, TITLE, cannot=("Anything about arrivals: the log has no times.",))
    if len(source) < 2 or source.time_s[-1] <= 0:
        what = "the log has fewer than two requests" if len(source) < 2 else "all requests have one time"
        return Section(KEY, TITLE, cannot=(f"Rates and gaps: {what}; they need two at different times.",))
    found = figures(np.asarray(source.time_s, np.float64), source.start, window_s)
    return Section(
        KEY, TITLE, found, _lines(found), arrival_plots.plots(found), tuple(_cannot(found, source.start))
    )


def _lines(found: Mapping[str, Any]) -> tuple[str, ...]:
    cv, window = found["cv"], found["windows"]["window"]
    lines = [
        f"{found['requests']:,} requests in {short(found['duration'].value, 4)} s, {told(found['rate'])} on average.",
    ]
    shape = found["rate_over_time"]
    if shape:
        ratio = shape.get("peak_to_trough")
        lines += [
            f"Over spans of {short(shape['span'].value)} s the rate reaches {told(shape['peak'])} and falls to "
            f"{told(shape['trough'])}" + (f", a ratio of {short(ratio.value)}." if ratio else ".")
        ]
    lines += ["", f"Coefficient of variation (CV) of the gaps: {told(cv['whole_log'])} over the whole log"]
    if "median" in cv:
        lines[-1] += (
            f"; in windows of {short(window.value)} s {told(cv['median'])} in the middle one, {short(cv['p10'].value)} and "
            f"{short(cv['p90'].value)} at the 10th and 90th percentile of {many(cv['windows'], 'window')}."
        )
    else:
        lines[-1] += "."
    if found["coarse_clock"]:
        lines.append(
            f"Beware: the log's clock ticks every {short(found['clock'].value)} s, and {percent(found['ties'].value)} of the "
            "requests share their time with the one before. The CV, and the dispersion below ten ticks, are the clock's."
        )
    if found["dispersion"]:
        lines += _dispersion_lines(found["dispersion"])
    if "families" in found:
        lines += _law_lines(found["families"])
    memory = found["autocorrelation"]
    for what, name in (("gaps", "successive gaps"), ("counts", "counts of successive 10 s")):
        if what in memory:
            lines.append(
                f"Correlation of {name}: {short(memory[what]['value'][0])} at lag 1 "
                f"(uncorrelated ones stay within ±{short(memory[what]['band'])})."
            )
    return tuple(lines)


def _dispersion_lines(found: list[dict[str, Any]]) -> tuple[str, ...]:
    rows = [
        (
            f"{short(one['scale_s'])} s",
            told(one["index"]),
            f"{short(one['poisson_low'])}..{short(one['poisson_high'])}",
            f"{one['index'].n:,}",
        )
        for one in found
    ]
    return table(("time scale", "index of dispersion (95 %)", "Poisson", "bins"), rows)


def _law_lines(found: Mapping[str, Any]) -> tuple[str, ...]:
    rows = [
        (
            name,
            told_share(found["smallest_ks"][name]),
            short(found["median_ks"][name].value),
            told_share(found["not_refused"][name]),
            told_share(found["smallest_aic"][name]),
            short(found["aic_above_best"][name].value),
        )
        for name in FAMILIES
    ]
    header = (
        "law of gaps",
        "smallest KS",
        "median KS",
        "not refused at 5 %",
        "smallest AIC",
        "mean AIC above best",
    )
    sizes = [found[key][FAMILIES[0]].n for key in ("smallest_ks", "not_refused", "smallest_aic")]
    return (
        *table(header, rows),
        (
            f"Shares of windows: {sizes[0]:,} by KS, {sizes[1]:,} tested, {sizes[2]:,} by AIC; tests and AIC with up to "
            f"{found['gaps_at_most']} gaps of a window. A law that holds is refused in 5 % of the windows."
        ),
        "",
    )


def _cannot(found: Mapping[str, Any], start: str) -> list[str]:
    lines = []
    scales = [scale for scale in SCALES_S if scale not in {one["scale_s"] for one in found["dispersion"]}]
    if scales:
        names = ", ".join(f"{short(scale)} s" for scale in scales)
        lines.append(
            f"Index of dispersion at {names}: it needs {LEAST_BINS} to {MOST_BINS:,} such bins; the log lasts "
            f"{short(found['duration'].value)} s."
        )
    if found["coarse_clock"]:
        lines.append(
            f"The law of the gaps: {percent(found['ties'].value)} of them are 0 and the shortest other one is "
            f"{short(found['clock'].value)} s, so the log's clock is too coarse; CV and dispersion at scales near it are "
            "the clock's as well. Times of milliseconds or finer would tell."
        )
    elif "families" not in found:
        lines.append("The law of the gaps: no window has 30 gaps that differ; longer windows (--window) may.")
    if "hour_of_day" not in found:
        why = "the log names no instant" if not start else "the log is shorter than a day"
        lines.append(f"The shape of a day: {why}.")
    return lines


def _of_pool(pool: ClientPool) -> Section:
    total = np.asarray(pool.count.sum(0), np.float64)
    windows = len(total)
    blocks = jackknife.blocks_of(windows)
    index = jackknife.block_index(windows, blocks)
    rate = None
    if blocks:
        parts = [
            jackknife.without(np.bincount(index, weights, blocks)) for weights in (total, np.ones(windows))
        ]
        rate = parts[0] / (parts[1] * pool.window_s)
    found: dict[str, Any] = {
        "requests": float(total.sum()),
        "counted": "sessions" if "turns" in pool.fields else "requests",
        "duration": Number(pool.duration_s, "s", windows),
        "rate": jackknife.number(pool.rate, rate, "1/s", round(float(total.sum())), least=0.0),
        "windows": {
            "window": Number(pool.window_s, "s"),
            "start_s": (np.arange(windows) * pool.window_s).tolist(),
            "count": total.tolist(),
            "rate_per_s": (total / pool.window_s).tolist(),
        },
        "cv_of_clients": _client_cv(pool),
        "dispersion": [],
        "autocorrelation": {},
    }
    if windows >= LEAST_BINS and total.any():
        # Without single requests no scale below a window, and nothing to compare with a Poisson process's noise.
        found["dispersion"] = [{"scale_s": pool.window_s, "index": dispersion(total)}]
        lags = min(60, windows // 5)
        found["autocorrelation"]["counts"] = {
            "n": windows,
            "bin": Number(pool.window_s, "s"),
            "lag": list(range(1, lags + 1)),
            "value": autocorrelation(total, lags).tolist(),
            "band": 1.96 / windows**0.5,
        }
    return Section(KEY, TITLE, found, _pool_lines(found), arrival_plots.plots(found), _POOL_CANNOT)


_POOL_CANNOT = (
    (
        "Gaps of the whole workload, their CV, law and correlation: client data has counts, CV and gap family of each "
        "client and window, and no single request. A log of requests would tell."
    ),
    "Dispersion below the length of a window, for the same reason.",
)


def _client_cv(pool: ClientPool) -> dict[str, Any]:
    """Quantiles of the recorded CV over client windows, weighted by requests, and the share of each family."""
    active = (pool.count > 0) & (pool.family >= 0)
    weight, cv, family = pool.count[active], pool.cv[active], pool.family[active]
    if not len(cv):
        return {}
    found: dict[str, Any] = {
        name: Number(value, "", len(cv))
        for name, value in zip(("p10", "median", "p90"), quantiles(cv, weight, 0.1, 0.5, 0.9), strict=True)
    }
    shares = np.bincount(family, minlength=len(pool.families)) / len(family)
    found["families"] = {
        name: Number(float(shares[k]), "", len(family)) for k, name in enumerate(pool.families)
    }
    return found


def _pool_lines(found: Mapping[str, Any]) -> tuple[str, ...]:
    lines = [
        (
            f"{found['requests']:,.0f} {found['counted']} recorded in {short(found['duration'].value)} s, {told(found['rate'])} "
            "on average."
        )
    ]
    cv = found["cv_of_clients"]
    if cv:
        families = ", ".join(f"{name} in {percent(share.value)}" for name, share in cv["families"].items())
        lines += [
            "",
            (
                f"Recorded CV of a client's gaps in a window: {short(cv['median'].value)} at the middle request, "
                f"{short(cv['p10'].value)} and {short(cv['p90'].value)} at the 10th and 90th percentile (weighted by "
                f"requests, {cv['median'].n:,} client windows); recorded gap family: {families} of them."
            ),
        ]
    for one in found["dispersion"]:
        lines += [
            "",
            f"Index of dispersion of counts in windows of {short(one['scale_s'])} s: {told(one['index'])}.",
        ]
    return tuple(lines)
