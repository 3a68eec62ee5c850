"""What the figures of clients say, for a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servegen_fw_pools.characterize.words import many, percent, short, table, told, told_share

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUANTITIES = {
    "rate": "requests per window",
    "cv": "CV of gaps",
    "mean_input_tokens": "mean input tokens",
    "mean_text_tokens": "mean text tokens",
    "mean_output_tokens": "mean output tokens",
    "mean_reason_tokens": "mean reasoning tokens",
}
_WHAT = {
    "shifts": "Shifts: each client's share of the variance of the total's counts in windows of {scale} s",
    "bursts": "Bursts: each client's share of the variance beyond Poisson within windows, by {method} in {scale} s",
}


def lines_of(figures: Mapping[str, Any]) -> tuple[str, ...]:
    """Markdown lines of the section."""
    tops = [
        f"the largest {'one' if k == '1' else k} {told_share(share)}"
        for k, share in figures["top_shares"].items()
    ]
    lines = [f"{many(figures['clients'], 'client')}."]
    if tops:
        lines[0] += f" Of the requests, {', '.join(tops)}; {told(figures['for_90_percent'])} send 90 %."
        lines.append(
            f"Gini coefficient {told(figures['gini'])}; Zipf exponent {told(figures['zipf']['exponent'])}, from whose law the "
            f"cumulated shares are up to {percent(figures['zipf']['distance'].value)} away."
        )
    lines += _stability_lines(figures)
    for name, what in _WHAT.items():
        if name in figures:
            lines += _explained_lines(figures[name], what)
    return tuple(lines)


def _stability_lines(figures: Mapping[str, Any]) -> list[str]:
    found = figures.get("stability")
    if not found:
        return []
    rows = [
        (
            _QUANTITIES.get(name, name),
            percent(one["seen"].value),
            percent(one["noise"].value),
            percent(one["real"].value),
            f"{one['clients']:,} ({percent(one['requests_share'])} of requests)",
        )
        for name, one in found.items()
    ]
    lines = [
        "",
        "How much a client varies between windows (relative standard deviation, median client by requests, of each column its own):",
    ]
    lines += table(("quantity", "seen", "by sampling alone", "real", "clients"), rows)
    if "total_rate_variation" in figures:
        total = percent(figures["total_rate_variation"].value)
        lines.append(f"The total's requests per window vary by {total} beyond Poisson.")
    return lines


def _explained_lines(found: Mapping[str, Any], what: str) -> list[str]:
    rows = [
        (f"`{one['client']}`", told_share(one["share"]), percent(one["requests_share"]))
        for one in found["leaders"]
    ]
    lines = [
        "",
        what.format(scale=short(found["scale_s"]), method=found["method"])
        + " (all clients sum to 100 %; a negative one evens out):",
    ]
    lines += table(("client", "share of variance", "share of requests"), rows)
    if found["share_of_top"]:
        of = [f"{k}: {told_share(share)}" for k, share in found["share_of_top"].items()]
        lines.append(f"Together, the largest clients by requests explain: {', '.join(of)}.")
    return lines
