"""Findings on multimodal workloads (FACTS of the paper's section 4), on mm-image."""

from __future__ import annotations

from tables import Row, compared
from workloads import METHODS, TITLES, Data, figures_of_data, figures_of_method

NAME, FOLDER = "multimodal", "multimodal/mm-image"

ROWS = (
    Row("images in a request", "modality.image.items_per_request"),
    Row("requests with more than one", "modality.image.requests_with_several", "about 20 %", share=True),
    Row("tokens of an image: p50", "modality.image.tokens_per_item.p50"),
    Row("p90", "modality.image.tokens_per_item.p90"),
    Row("effective number of sizes, all clients", "modality.image.effective_sizes", "irregular, clustered"),
    Row("of the middle client", "modality.image.clients.effective_sizes.p50", "standard sizes of its own"),
    Row("images' share of input tokens", "modality.input_share.image.share", share=True),
    Row("smallest in an hour", "modality.input_share.image.smallest", "shifts over time", share=True),
    Row("largest in an hour", "modality.input_share.image.largest", share=True),
    Row("clients for 90 % of the requests", "clients.for_90_percent"),
    Row("IAT CV, 5-minute windows: median", "arrivals.cv.median"),
    Row("index of dispersion of counts in 60 s", "arrivals.dispersion[scale_s=60].index"),
    Row("rank correlation of text input and output", "lengths.rank_correlation.overall"),
    Row("the same within clients", "lengths.rank_correlation.within_clients"),
)


def tables(data: Data) -> dict[str, list[str]]:
    """Return the tables by name."""
    folder = data.clients(FOLDER)
    columns = {"released data": figures_of_data(folder)}
    columns |= {TITLES[method]: figures_of_method(NAME, folder, method) for method in METHODS}
    for figures in columns.values():
        share = figures["modality"]["input_share"]["image"]
        share["smallest"], share["largest"] = min(share["over_time"]), max(share["over_time"])
    return {"multimodal": compared(ROWS, columns)}
