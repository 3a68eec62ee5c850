"""Findings on language workloads (FACTS of the paper's section 3), on m-small and on the Azure trace."""

from __future__ import annotations

from tables import Row, compared
from workloads import METHODS, TITLES, Data, figures_of_data, figures_of_method

NAME, FOLDER, DAY = "language", "language/m-small", 1

ARRIVALS = (
    Row("IAT CV, 5-minute windows: p10", "arrivals.cv.p10", "bursty: above 1"),
    Row("median", "arrivals.cv.median"),
    Row("p90", "arrivals.cv.p90"),
    Row("index of dispersion of counts in 1 s", "arrivals.dispersion[scale_s=1].index"),
    Row("in 60 s", "arrivals.dispersion[scale_s=60].index"),
    Row("in 600 s", "arrivals.dispersion[scale_s=600].index"),
    Row(
        "exponential gaps have the smallest KS",
        "arrivals.families.smallest_ks.exponential",
        "m-small: not inferior",
        share=True,
    ),
    Row("gamma gaps", "arrivals.families.smallest_ks.gamma", "M-large: best", share=True),
    Row("Weibull gaps", "arrivals.families.smallest_ks.weibull", "M-mid: best", share=True),
    Row(
        "peak hour over trough hour",
        "arrivals.rate_over_time.peak_to_trough",
        "afternoon peak, deep trough at night",
    ),
)
LENGTHS = (
    Row("input p50", "lengths.input.quantiles.p50"),
    Row("input p99", "lengths.input.quantiles.p99"),
    Row("input: family by AIC", "lengths.input.best_family", "Pareto tail, log-normal body"),
    Row("input: largest hourly mean over smallest", "lengths.input.shift.max_over_min", "up to 1.63"),
    Row("output p50", "lengths.output.quantiles.p50"),
    Row("output p99", "lengths.output.quantiles.p99"),
    Row("output: CV (exponential: 1)", "lengths.output.cv", "near exponential"),
    Row("output: family by AIC", "lengths.output.best_family", "exponential"),
    Row("output: largest hourly mean over smallest", "lengths.output.shift.max_over_min", "up to 1.46"),
    Row("rank correlation of input and output", "lengths.rank_correlation.overall", "weak"),
    Row("the same within clients", "lengths.rank_correlation.within_clients"),
)
CLIENTS = (
    Row("clients", "clients.clients", "2,412"),
    Row("clients for 90 % of the requests", "clients.for_90_percent", "29"),
    Row("share of the top client", "clients.top_shares.1", share=True),
    Row("of the top 10", "clients.top_shares.10", share=True),
    Row("of the top 29", "clients.top_shares.29", "90 %", share=True),
    Row(
        "rate shifts that the top 10 explain",
        "clients.shifts.share_of_top.10",
        "a few top clients",
        share=True,
    ),
    Row("bursts that the top 10 explain", "clients.bursts.share_of_top.10", "a few top clients", share=True),
    Row("variation of the total rate between windows", "clients.total_rate_variation"),
    Row("of one client's CV between windows, beyond chance", "clients.stability.cv.real", "each is stable"),
    Row(
        "of one client's mean input, beyond chance",
        "clients.stability.mean_input_tokens.real",
        "each is stable",
    ),
)


def tables(data: Data) -> dict[str, list[str]]:
    """Return the tables by name."""
    folder = data.clients(FOLDER)
    columns = {"released data": figures_of_data(folder, DAY)}
    columns |= {TITLES[method]: figures_of_method(NAME, folder, method) for method in METHODS}
    azure = {"Azure, recorded": figures_of_data(data.azure)}
    return {
        "language-arrivals": compared(ARRIVALS, columns | azure),
        "language-lengths": compared(LENGTHS, columns | azure),
        "language-clients": compared(CLIENTS, columns),
    }
