"""Items of one modality in columns, from a log or a pool: how many, how large, whose, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from servegen_fw_pools.characterize.sample import (
    Sample,
    is_whole,
    mean_of,
    of_column,
    of_pool,
    sample_mean,
    table_means,
)
from servegen_fw_pools.characterize.section import Number
from servegen_fw_pools.characterize.shifts import step_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw.plugin import ClientPool
    from servegen_fw_pools.logs.log import Log

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

CLIENT_LEAST = 100
STANDARD_SHARE = 0.01
STANDARD_FACTOR = 5.0
_NEAR = 0.05


@attrs.frozen(eq=False)
class Concentration:
    """How few sizes each client's items have.

    Attributes
    ----------
        items: float64[clients]; of clients with 100 items or more.
        largest: float64[clients]; share of the client's most frequent size.
        sizes: float64[clients]; effective number of sizes, 1 / sum of squared shares.
    """

    items: F8
    largest: F8
    sizes: F8


@attrs.frozen(eq=False)
class Modal:
    """One modality.

    Attributes
    ----------
        name: "image", "audio", "video".
        counts: items per request, requests without any included.
        mean: items per request.
        sizes: tokens per item.
        size_mean: mean tokens of an item.
        clients: None where clients are not told.
    """

    name: str
    counts: Sample
    mean: Number
    sizes: Sample
    size_mean: Number
    clients: Concentration | None


@attrs.frozen(eq=False)
class Load:
    """Tokens over time.

    Attributes
    ----------
        step_s: length of a window.
        text: float64[w]; text tokens of the inputs in each window.
        modal: by modality; float64[w].
    """

    step_s: float
    text: F8
    modal: dict[str, F8]


def modals_of_log(log: Log) -> list[Modal]:
    """Modalities that occur in a log."""
    items = log.items
    if items is None:
        return []
    found, owner = [], np.repeat(np.arange(len(log), dtype=np.int64), items.count)
    for k, name in enumerate(items.modalities):
        rows = np.flatnonzero(items.modality == k)
        if not len(rows):
            continue
        count, tokens = np.bincount(owner[rows], minlength=len(log)), items.tokens[rows]
        clients = None
        if log.client is not None:
            clients = _concentration(log.client[owner[rows]].astype(np.int64), tokens, len(log.clients))
        sizes = of_column(tokens)
        found.append(
            Modal(name, of_column(count), mean_of(count, ""), sizes, mean_of(tokens, "tokens"), clients)
        )
    return found


def load_of_log(log: Log) -> Load | None:
    """Tokens over time; None without times or items."""
    if log.items is None or log.time_s is None:
        return None
    step_s = step_of(log.duration_s)
    windows = int(log.duration_s // step_s) + 1
    place = (log.time_s // step_s).astype(np.int64)
    owner = np.repeat(place, log.items.count)
    modal = {
        name: _total(owner[log.items.modality == k], log.items.tokens[log.items.modality == k], windows)
        for k, name in enumerate(log.items.modalities)
    }
    return Load(step_s, _total(place, log.input_tokens, windows), modal)


def modals_of_pool(pool: ClientPool) -> list[Modal]:
    """Modalities of a pool whose requests carry any."""
    found, requests = [], pool.table_requests
    for name in pool.modalities:
        counts = of_pool(pool, f"{name}_count")
        items = requests * table_means(pool, f"{name}_count")
        sizes = of_pool(pool, f"{name}_tokens", items)
        if not sizes.n:
            continue
        found.append(
            Modal(
                name,
                counts,
                sample_mean(counts, ""),
                sizes,
                sample_mean(sizes, "tokens"),
                _pool_concentration(pool, f"{name}_tokens", items),
            )
        )
    return found


def load_of_pool(pool: ClientPool) -> Load | None:
    """Tokens expected over time by a pool's rates and the means of its tables."""
    if "input_tokens" not in pool.fields:
        return None
    step_s = max(step_of(pool.duration_s), pool.window_s)
    start = np.arange(pool.count.shape[1]) * pool.window_s
    place = (start // step_s).astype(np.int64)

    def tokens(mean: F8) -> F8:
        weighted = (pool.requests * mean[:, pool.table_window]).sum(0)
        return np.bincount(place, weights=weighted).astype(np.float64)

    modal = {
        name: tokens(table_means(pool, f"{name}_count") * table_means(pool, f"{name}_tokens"))
        for name in pool.modalities
    }
    return Load(step_s, tokens(table_means(pool, "input_tokens")), modal)


def standard_sizes(sizes: Sample) -> list[tuple[float, float]]:
    """Standard sizes, the most frequent first, each with its share of the items.

    A size is standard if at least 1 % of the items have exactly it, and five times as many as have an average whole
    number of tokens within 5 % of it (2 tokens at least), itself left out.
    """
    if not len(sizes.value):
        return []
    share = sizes.weight / sizes.weight.sum()
    level = np.concatenate(([0.0], np.cumsum(share)))
    reach = np.maximum(np.floor(sizes.value * _NEAR), 2.0)
    low = level[np.searchsorted(sizes.value, sizes.value - reach)]
    high = level[np.searchsorted(sizes.value, sizes.value + reach, side="right")]
    others = (reach + np.minimum(reach, np.maximum(sizes.value, 1.0))).clip(1.0)
    around = (high - low - share) / others
    chosen = np.flatnonzero((share >= STANDARD_SHARE) & (share >= STANDARD_FACTOR * around))
    chosen = chosen[np.argsort(-share[chosen], kind="stable")]
    return [(float(sizes.value[i]), float(share[i])) for i in chosen]


def _concentration(client: I8, tokens: npt.NDArray[np.int32], clients: int) -> Concentration:
    width = int(tokens.max(initial=0)) + 1
    key, count = np.unique(client * width + tokens, return_counts=True)
    return _concentrate(key // width, count.astype(np.float64), clients)


def _pool_concentration(pool: ClientPool, field: str, items: F8) -> Concentration:
    owner, weight = [], []
    for client in range(len(pool.clients)):
        only = np.where(np.arange(len(pool.clients))[:, None] == client, items, 0.0)
        sample = of_pool(pool, field, only)
        owner.append(np.full(len(sample.value), client))
        weight.append(sample.weight)
    assert is_whole(field)  # noqa: S101 - tokens are
    return _concentrate(np.concatenate(owner).astype(np.int64), np.concatenate(weight), len(pool.clients))


def _concentrate(client: I8, count: F8, clients: int) -> Concentration:
    """`client` ascends, with one row per client and size."""
    items = np.bincount(client, weights=count, minlength=clients).astype(np.float64)
    square = np.bincount(client, weights=count**2, minlength=clients).astype(np.float64)
    largest = np.zeros(clients)
    np.maximum.at(largest, client, count)
    kept = items >= CLIENT_LEAST
    return Concentration(items[kept], largest[kept] / items[kept], items[kept] ** 2 / square[kept])


def _total(place: I8, tokens: npt.NDArray[np.int32], windows: int) -> F8:
    return np.bincount(place, weights=tokens, minlength=windows).astype(np.float64)
