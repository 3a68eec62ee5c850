"""How the mean lengths of large clients vary from window to window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servegen_fw_pools.characterize import stability
from servegen_fw_pools.quantiles import moments

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from servegen_fw.plugin import ClientPool
    from servegen_fw_pools.characterize.population import Population
    from servegen_fw_pools.characterize.stability import Variation

    F8 = npt.NDArray[np.float64]
    I4 = npt.NDArray[np.int32]


def window_means(
    people: Population, time_s: F8, owner: I4, lengths: Mapping[str, I4]
) -> dict[str, Variation]:
    """Variation of each column's mean for the large clients, over the whole windows.

    `owner` is int32[n], the row of each request; `lengths` are int32[n] columns by name.
    """
    mine = (owner < people.large) & (time_s < people.whole * people.window_s)
    window = np.minimum((time_s[mine] / people.window_s).astype(np.int64), people.whole - 1)
    cell = owner[mine] * np.int64(people.whole) + window
    shape = (people.large, people.whole)
    size = people.large * people.whole
    count = np.bincount(cell, minlength=size).reshape(shape).astype(np.float64)
    found = {}
    for name, column in lengths.items():
        value = column[mine].astype(np.float64)
        total = np.bincount(cell, value, size).reshape(shape)
        value *= value
        found[f"mean_{name}"] = stability.of_means(
            count, total, np.bincount(cell, value, size).reshape(shape)
        )
    return found


def pool_means(pool: ClientPool, people: Population) -> dict[str, Variation]:
    """Variation of the mean of each field of tokens over a pool's table windows, which last `table_window_s`."""
    order = np.argsort(people.rank, kind="stable")[: len(people.names)]
    requests = pool.table_requests[order]
    mean, square = moments(pool.tables)
    found = {}
    for f, field in enumerate(pool.fields):
        if field not in {"input_tokens", "text_tokens", "output_tokens"}:
            continue
        table = pool.table[f][order]
        count = np.where(table >= 0, requests, 0.0)
        found[f"mean_{field}"] = stability.of_means(count, count * mean[table], count * square[table])
    return found
