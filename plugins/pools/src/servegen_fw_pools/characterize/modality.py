"""Section "modality": images, audio and video per request, their standard sizes, and their share of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servegen_fw_pools.characterize import pictures
from servegen_fw_pools.characterize.length_column import duration_words
from servegen_fw_pools.characterize.modal_items import (
    Concentration,
    Load,
    Modal,
    load_of_log,
    load_of_pool,
    modals_of_log,
    modals_of_pool,
    standard_sizes,
)
from servegen_fw_pools.characterize.sample import quantile_of, share_number
from servegen_fw_pools.characterize.section import Plot, Section
from servegen_fw_pools.characterize.words import many, percent, short, table, told, told_share
from servegen_fw_pools.logs.log import Log
from servegen_fw_pools.quantiles import quantiles

if TYPE_CHECKING:
    from servegen_fw.plugin import ClientPool

_SHOWN = 8


def section_of(source: Log | ClientPool) -> Section:
    """Modality of a log, or of a pool's tables weighted by its requests."""
    if isinstance(source, Log):
        modals, load, clients_told = modals_of_log(source), load_of_log(source), source.client is not None
        why = (
            "the log's requests carry no images, audio or video"
            if source.items
            else "the log tells no images, audio or video of its requests"
        )
    else:
        modals, load, clients_told = modals_of_pool(source), load_of_pool(source), True
        why = "the pool has no image_count, audio_count or video_count with their tokens"
    if not modals:
        return Section("modality", "Modality", cannot=(f"{why[0].upper()}{why[1:]}.",))
    figures: dict[str, Any] = {}
    lines: list[str] = []
    plots: list[Plot] = []
    cannot = [] if clients_told else ["How few sizes a client's items have: the log tells no clients."]
    for modal in modals:
        figures[modal.name] = _figures(modal)
        lines += _lines(modal, figures[modal.name])
        plots.append(_sizes_plot(modal))
    if load is None:
        cannot.append("The share of the input over time: the source has no times or no input lengths.")
    else:
        _add_load(load, [modal.name for modal in modals], figures, lines, plots)
    return Section("modality", "Modality", figures, tuple(lines), tuple(plots), tuple(cannot))


def _figures(modal: Modal) -> dict[str, Any]:
    n = modal.counts.n
    some = float(modal.counts.weight[modal.counts.value >= 1].sum())
    several = float(modal.counts.weight[modal.counts.value >= 2].sum())
    found: dict[str, Any] = {
        "items_per_request": modal.mean,
        "requests_with_any": share_number(some, n),
        "requests_with_several": share_number(several, n),
        "most_items": float(modal.counts.value[-1]),
        "tokens_per_item": {
            "mean": modal.size_mean,
            **{f"p{100 * p:g}": quantile_of(modal.sizes, p, "tokens") for p in (0.1, 0.5, 0.9, 0.99)},
        },
        "standard_sizes": [{"tokens": size, "share": share} for size, share in standard_sizes(modal.sizes)],
        "effective_sizes": float(modal.sizes.weight.sum() ** 2 / (modal.sizes.weight**2).sum()),
    }
    if modal.clients is not None and len(modal.clients.items):
        found["clients"] = _concentration(modal.clients)
    return found


def _concentration(clients: Concentration) -> dict[str, Any]:
    """Middle client and range, clients weighted by their items."""

    def told(values: Any) -> dict[str, float]:
        found = quantiles(values, clients.items, 0.1, 0.5, 0.9)
        return dict(zip(("p10", "p50", "p90"), found, strict=True))

    return {
        "clients": len(clients.items),
        "largest_size_share": told(clients.largest),
        "effective_sizes": told(clients.sizes),
    }


def _lines(modal: Modal, found: dict[str, Any]) -> list[str]:
    name = modal.name
    size = found["tokens_per_item"]
    lines = [
        (
            f"**{name}**: {told(modal.mean)} per request; {told_share(found['requests_with_any'])} of the requests carry any, "
            f"{told_share(found['requests_with_several'])} more than one, at most {short(found['most_items'])}. One has "
            f"{told(size['mean'])}, p50 {told(size['p50'])}, p99 {told(size['p99'])}."
        )
    ]
    standard = found["standard_sizes"]
    if standard:
        rows = [(short(each["tokens"], 6), percent(each["share"])) for each in standard[:_SHOWN]]
        total = sum(each["share"] for each in standard)
        lines.append(
            f"{many(len(standard), 'standard size')} hold {percent(total)} of the items; the most frequent:"
        )
        lines += table(["tokens", f"share of {name} items"], rows)
    if "clients" in found:
        own = found["clients"]
        lines.append(
            f"Within a client sizes are few: the middle client (by items, of {own['clients']} with 100 or more) has "
            f"{percent(own['largest_size_share']['p50'])} of its items at one size, and an effective number of sizes of "
            f"{short(own['effective_sizes']['p50'])}, where all clients together have {short(found['effective_sizes'])}."
            if own["effective_sizes"]["p50"] < found["effective_sizes"]
            else f"The middle client (by items, of {own['clients']} with 100 or more) has an effective number of sizes of "
            f"{short(own['effective_sizes']['p50'])}, all clients together {short(found['effective_sizes'])}."
        )
    return lines


def _add_load(
    load: Load, names: list[str], figures: dict[str, Any], lines: list[str], plots: list[Plot]
) -> None:
    total = load.text + sum((load.modal[name] for name in names), np.zeros(len(load.text)))
    kept = total > 0
    hours = ((np.flatnonzero(kept) + 0.5) * load.step_s / 3600).tolist()
    drawn, parts = [], []
    shares: dict[str, Any] = {"window_s": load.step_s, "input_tokens": [float(x) for x in total]}
    for name in names:
        share = load.modal[name][kept] / total[kept]
        overall = float(load.modal[name].sum() / total.sum()) if total.sum() > 0 else 0.0
        shares[name] = {"share": overall, "over_time": _spread(load.modal[name], total)}
        drawn.append((name, hours, share.tolist()))
        text = f"{name} tokens are {percent(overall)} of the input"
        if len(share) > 1:
            text += f", between {percent(float(share.min()))} and {percent(float(share.max()))} "
            text += f"per {duration_words(load.step_s)}"
        parts.append(text)
    figures["input_share"] = shares
    lines += ["", "; ".join(parts).capitalize() + "."]
    if len(hours) > 1:
        title = "share of the input tokens that is of each modality, by window of time"
        plots.append(
            pictures.curves(
                "modality-over-time",
                title,
                drawn,
                xlabel="time from the start (hours)",
                ylabel="share of the input",
            )
        )


def _spread(part: Any, total: Any) -> list[float]:
    """Share per window; 0 where the window has no input."""
    return [float(x) for x in part / np.where(total > 0, total, 1.0)]


def _sizes_plot(modal: Modal) -> Plot:
    share = modal.sizes.weight / modal.sizes.weight.sum()
    marked = [size for size, _ in standard_sizes(modal.sizes)[:_SHOWN]]
    title = f"tokens per {modal.name}: share of the items that have each size; frequent ones are named"
    return pictures.spikes(
        f"modality-{modal.name}-sizes",
        title,
        modal.sizes.value,
        share,
        marked=marked,
        xlabel=f"tokens per {modal.name}",
    )
