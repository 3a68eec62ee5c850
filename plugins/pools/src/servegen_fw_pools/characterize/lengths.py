"""Section "lengths": distributions of input and output, their families, shifts over time, and how they hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servegen_fw_pools.characterize import pictures
from servegen_fw_pools.characterize.length_column import (
    Column,
    column_of,
    family_lines,
    figures_of,
    quantile_table,
    shift_line,
)
from servegen_fw_pools.characterize.rank_correlation import rank_correlation, within_clients
from servegen_fw_pools.characterize.sample import mean_of, of_column, of_pool, sample_mean
from servegen_fw_pools.characterize.section import Section
from servegen_fw_pools.characterize.shifts import step_of, windows_of, windows_of_pool
from servegen_fw_pools.characterize.words import told
from servegen_fw_pools.logs.log import Log

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw.plugin import ClientPool
    from servegen_fw_pools.characterize.section import Number

    F8 = npt.NDArray[np.float64]

_TITLES = {
    "input": "input length",
    "output": "output length",
    "reason": "reasoning length",
    "answer": "answer length",
}


def section_of(source: Log | ClientPool) -> Section:
    """Lengths of a log, or of a pool's tables weighted by its requests."""
    if isinstance(source, Log):
        if not len(source):
            return _section([], {}, [], ["The log holds no request."])
        return _of_log(source)
    return _of_pool(source)


def log_columns(log: Log) -> dict[str, npt.NDArray[np.int32]]:
    """Columns of lengths that a log tells: input, output, and reason and answer where reasoning is told."""
    columns = {"input": log.input_tokens, "output": log.output_tokens}
    if log.reason_tokens is not None:
        columns |= {"reason": log.reason_tokens, "answer": log.output_tokens - log.reason_tokens}
    return columns


def _of_log(log: Log) -> Section:
    step_s, columns = step_of(log.duration_s), []
    cannot = [] if log.time_s is not None else ["Shifts of lengths over time: the log has no times."]
    for name, values in log_columns(log).items():
        windows = windows_of(log.time_s, values, step_s) if log.time_s is not None else None
        columns.append(column_of(name, of_column(values), mean_of(values, "tokens"), windows))
    figures: dict[str, Any] = {}
    lines: list[str] = []
    overall = rank_correlation(log.input_tokens, log.output_tokens)
    if overall is None:
        cannot.append(
            "The rank correlation of input and output: it needs four requests and lengths that vary."
        )
    else:
        figures["rank_correlation"] = {"overall": overall}
        lines.append(f"Input and output: Spearman's rank correlation is {told(overall)} over all requests.")
        _add_within(log, overall, figures["rank_correlation"], lines, cannot)
    return _section(columns, figures, lines, cannot)


def _add_within(
    log: Log, overall: Number, figures: dict[str, Any], lines: list[str], cannot: list[str]
) -> None:
    if log.client is None:
        cannot.append("The rank correlation within clients: the log tells no clients.")
        return
    pooled, rho, _ = within_clients(log.input_tokens, log.output_tokens, log.client, len(log.clients))
    known = rho[~np.isnan(rho)]
    if pooled is None:
        cannot.append("The rank correlation within clients: no client has 20 requests of lengths that vary.")
        return
    figures |= {"within_clients": pooled, "clients_used": len(known)}
    figures["clients_p10"], figures["clients_p90"] = (float(x) for x in np.quantile(known, (0.1, 0.9)))
    lines.append(
        f"Within clients it is {told(pooled)} (mean over {len(known)} clients of 20 requests or more, by requests; clients' "
        f"own from {figures['clients_p10']:.2f} to {figures['clients_p90']:.2f}, p10 to p90)."
    )
    inside = pooled.low is not None and pooled.high is not None and pooled.low <= overall.value <= pooled.high
    if not inside:
        lines[-1] += (
            f" The difference of {overall.value - pooled.value:+.2f} comes from which clients ask long and get long answers, "
            "not from single requests."
        )


def _of_pool(pool: ClientPool) -> Section:
    cannot = []
    columns = []
    for name in ("input", "output"):
        field = f"{name}_tokens"
        sample = of_pool(pool, field) if field in pool.fields else None
        if sample is None or not sample.n:
            cannot.append(f"The {_TITLES[name]}: the pool has no {field}.")
            continue
        columns.append(column_of(name, sample, sample_mean(sample, "tokens"), windows_of_pool(pool, field)))
    figures: dict[str, Any] = {}
    lines = ["The distributions are the clients' tables, weighted by their requests."]
    if pool.carries_context:
        lines.append("Inputs are a turn's new tokens; its context comes on top.")
    pair = next(
        (i for i, pair in enumerate(pool.pairs) if set(pair) == {"input_tokens", "output_tokens"}), None
    )
    if pair is None:
        cannot.append(
            "The rank correlation of input and output: the pool holds a table for each field on its own. A log would tell "
            "it, and a pool fitted from one."
        )
    else:
        weight = pool.count.sum(1)
        rho = float(np.dot(pool.rank[pair], weight) / weight.sum())
        figures["rank_correlation"] = {"within_clients_stored": rho}
        lines.append(
            f"Input and output: the pool's rank correlation within clients is {rho:.2f}, by requests."
        )
    return _section(columns, figures, lines, cannot)


def _section(columns: list[Column], figures: dict[str, Any], lines: list[str], cannot: list[str]) -> Section:
    text: list[str] = []
    plots = []
    if columns:
        text += ["Tokens per request, 95 % intervals in brackets:", *quantile_table(columns)]
        figures = {column.name: figures_of(column) for column in columns} | figures
    for column in columns:
        text += family_lines(column)
        if column.cells is not None and column.judged:
            plots.append(pictures.ccdf(f"lengths-{column.name}", column, _TITLES[column.name]))
    shifts = [line for line in map(shift_line, columns) if line]
    timed = [
        column for column in columns if column.windows is not None and (column.windows.count >= 2).sum() > 1
    ]
    if timed:
        title = "mean length by window of time, with 95 % intervals"
        plots.append(pictures.means("lengths-over-time", timed, title, "mean (tokens)"))
    text += ["", *shifts, "", *lines]
    return Section("lengths", "Lengths", figures, tuple(text) if columns else (), tuple(plots), tuple(cannot))
