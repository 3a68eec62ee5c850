"""The table of clients in characterization.json: what a pool can be fitted from without the log.

``clients.table`` is a mapping of

- ``window_s``, ``windows``: the grid of the rows' columns; its first window begins with the log. The last one may end early.
- ``families``: names that the rows' ``family`` indexes; -1: fewer than 9 gaps, or gaps that do not vary.
- ``levels``: L cumulated shares, the first 0 and the last 1.
- ``rows``: one mapping a client, the largest first. If there are more than it lists, the last row is all others together.

A row has ``name``; ``clients``, how many it stands for (1, or of the last row more); ``requests``; the columns ``count``,
``cv`` and ``family`` with one entry a window (``cv`` 0 where fewer than 2 gaps); and under ``lengths``, for each column
of tokens that the log tells (``input_tokens``, ``output_tokens``, ``reason_tokens``), the L order statistics at ``levels``:
the smallest lengths that at least that share of the requests do not exceed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from servegen_fw_pools.characterize.population import Population

    F8 = npt.NDArray[np.float64]
    I4 = npt.NDArray[np.int32]
    I8 = npt.NDArray[np.int64]

OTHERS: Final = "others"
LEVELS: Final = (
    *(0.0, 0.001, 0.005, 0.01, 0.02, 0.05),
    *(round(0.05 * k, 2) for k in range(2, 19)),
    *(0.92, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 0.9999, 1.0),
)
"""Cumulated shares of the length knots, closer towards the ends."""

_DIGITS = 6


def table(people: Population, owner: I4 | None, lengths: Mapping[str, I4]) -> dict[str, Any]:
    """Make the table.

    Parameters
    ----------
        people: the clients.
        owner: int32[n]; row of each request; None for a pool, whose lengths are in its file.
        lengths: int32[n] columns by name.
    """
    rows, windows = people.count.shape
    knots = (
        {name: _knots(column, owner, rows) for name, column in lengths.items()} if owner is not None else {}
    )
    listed = []
    for k in range(rows):
        rest = k == people.large
        requests = float(people.count[k].sum())
        row: dict[str, Any] = {
            "name": OTHERS if rest else people.names[k],
            "clients": len(people.names) - people.large if rest else 1,
            "requests": round(requests),
            "count": _numbers(people.count[k]),
            "cv": [float(f"{value:.{_DIGITS}g}") for value in people.cv[k].tolist()],
            "family": people.family[k].tolist(),
        }
        row["lengths"] = {name: column[k] for name, column in knots.items()}
        listed.append(row)
    return {
        "window_s": people.window_s,
        "windows": windows,
        "families": list(people.families),
        "levels": list(LEVELS),
        "rows": listed,
    }


def _numbers(column: F8) -> list[float]:
    """Whole numbers as such, which halves the file."""
    return [int(value) if value == int(value) else value for value in column.tolist()]


def _knots(column: I4, owner: I4, rows: int) -> list[list[int]]:
    """Order statistics of each row's lengths at `LEVELS`."""
    # One sort of pairs packed into 64 bits orders every row's lengths at once.
    packed = np.sort(owner.astype(np.int64) << 32 | column.astype(np.int64))
    first = np.searchsorted(packed, np.arange(rows, dtype=np.int64) << 32)
    size = np.diff(np.append(first, len(packed)))
    rank = np.ceil(np.array(LEVELS) * size[:, None] * (1 - 1e-12)).astype(np.int64) - 1
    at = first[:, None] + np.clip(rank, 0, np.maximum(size - 1, 0)[:, None])
    return [row.tolist() if n else [] for row, n in zip(packed[at] & 0xFFFFFFFF, size.tolist(), strict=True)]
