"""The figures that a reader looks for first, one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from servegen_fw_pools.characterize.section import Number
from servegen_fw_pools.characterize.words import told, told_share

if TYPE_CHECKING:
    from servegen_fw_pools.characterize.characterization import Characterization

_ROWS: Final = (
    ("rate", ("arrivals", "rate")),
    ("peak to trough of the rate", ("arrivals", "rate_over_time", "peak_to_trough")),
    ("CV of gaps, middle window", ("arrivals", "cv", "median")),
    ("CV of a client's gaps, middle request", ("arrivals", "cv_of_clients", "median")),
    ("input, mean", ("lengths", "input", "mean")),
    ("input, p99", ("lengths", "input", "quantiles", "p99")),
    ("output, mean", ("lengths", "output", "mean")),
    ("output, p99", ("lengths", "output", "quantiles", "p99")),
    ("input-output rank correlation", ("lengths", "rank_correlation", "overall")),
    ("reasoning, mean tokens", ("reasoning", "reason_mean")),
    ("reasoning share of the output, mean", ("reasoning", "share", "mean")),
    ("turns of a conversation, mean", ("conversations", "turns", "mean")),
    ("clients that send 90 %", ("clients", "for_90_percent")),
    ("Zipf exponent of the clients", ("clients", "zipf", "exponent")),
)
_TICKS = 10
_SHARES: Final = (
    ("share of the 10 largest clients", ("clients", "top_shares", "10")),
    ("input tokens that were there before", ("conversations", "prefixes", "token_share")),
)


def summary(found: Characterization) -> list[tuple[str, str, int]]:
    """Return name, value with its interval, and sample size of whatever the sections hold."""
    rows = []
    coarse = bool(found.figure("arrivals", "coarse_clock"))
    for name, path in _ROWS:
        number = found.figure(*path)
        # What a log's clock makes of CV and dispersion is no headline.
        if isinstance(number, Number) and not (coarse and name.startswith("CV of gaps")):
            rows.append((name, told(number), number.n))
        if name.startswith("CV of gaps"):
            rows += _dispersion(found)
    for name, path in _SHARES:
        number = found.figure(*path)
        if isinstance(number, Number):
            rows.append((name, told_share(number), number.n))
    return rows


def _dispersion(found: Characterization) -> list[tuple[str, str, int]]:
    listed = found.figure("arrivals", "dispersion") or []
    coarse = found.figure("arrivals", "coarse_clock")
    least = _TICKS * found.figure("arrivals", "clock").value if coarse else 0.0
    return [
        (f"index of dispersion, {one['scale_s']:g} s", told(one["index"]), one["index"].n)
        for one in listed
        if one["scale_s"] >= least
    ]
