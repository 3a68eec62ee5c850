"""Findings on reasoning workloads (FACTS of the paper's section 5), on deepseek-r1."""

from __future__ import annotations

from tables import Row, compared
from workloads import METHODS, TITLES, Data, figures_of_data, figures_of_method

NAME, FOLDER = "reasoning", "reason/deepseek-r1"

ROWS = (
    Row("output mean", "lengths.output.mean", "longer than language"),
    Row("output p99", "lengths.output.quantiles.p99", "more variable"),
    Row("output: CV", "lengths.output.cv"),
    Row("mean reasoning over mean answer", "reasoning.ratio_of_means", "about 4"),
    Row("mean share of reasoning", "reasoning.share.mean", share=True),
    Row("share is bimodal (dip test and BIC)", "reasoning.share.bimodal", "bimodal"),
    Row("its modes", "reasoning.share.modes"),
    Row("valley between them", "reasoning.share.valley"),
    Row("largest hourly mean share over smallest", "reasoning.share.shift.max_over_min", "stable"),
    Row("rank correlation of reasoning and answer", "reasoning.rank_correlation.overall", "positive"),
    Row("the same within clients", "reasoning.rank_correlation.within_clients"),
    Row("rank correlation of input and output within clients", "lengths.rank_correlation.within_clients"),
    Row("IAT CV, 5-minute windows: median", "arrivals.cv.median", "near Poisson"),
    Row("p90", "arrivals.cv.p90"),
    Row("index of dispersion of counts in 60 s", "arrivals.dispersion[scale_s=60].index"),
    Row("share of the top 10 clients", "clients.top_shares.10", "50 %", share=True),
    Row("clients for 90 % of the requests", "clients.for_90_percent"),
)


def tables(data: Data) -> dict[str, list[str]]:
    """Return the tables by name."""
    folder = data.clients(FOLDER)
    columns = {"released data": figures_of_data(folder)}
    columns |= {TITLES[method]: figures_of_method(NAME, folder, method) for method in METHODS}
    return {"reasoning": compared(ROWS, columns)}
