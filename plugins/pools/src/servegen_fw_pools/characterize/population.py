"""Clients of a log or a pool in one shape: requests by client and stretch of time, and the windows of the largest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import attrs
import numpy as np

from servegen_fw_pools.characterize import jackknife
from servegen_fw_pools.characterize.gap_families import FAMILIES
from servegen_fw_pools.characterize.windows import gap_windows

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw.plugin import ClientPool
    from servegen_fw_pools.logs.log import Log

    F8 = npt.NDArray[np.float64]
    I2 = npt.NDArray[np.int16]
    I4 = npt.NDArray[np.int32]
    I8 = npt.NDArray[np.int64]

MOST_LARGE: Final = 200
LEAST_LARGE: Final = 20
MOST_CELLS: Final = 200_000


@attrs.frozen(eq=False)
class Population:
    """Clients in the order of their requests, the largest first.

    L of them are *large*: up to 200, and fewer in long logs so that the windows of all stay below 200,000, but never fewer
    than 20. All others together are the last row of the window columns, if there are any.

    Attributes
    ----------
        names: C clients, the largest first.
        rank: int32[clients of the source]; place of each client in `names`, C for one without requests.
        requests: float64[C, K]; by stretch of time (K = 1: too short for intervals).
        window_s: length of a window.
        whole: how many windows are whole; the last one of a log may end early.
        large: L.
        count: float64[L or L + 1, W]; requests.
        gaps: int64, as `count`; gaps within windows.
        cv: float64, as `count`; 0 where not known.
        family: int16, as `count`; index into `families`, -1 where not known.
        families: names of gap families.
    """

    names: Sequence[str]
    rank: I4
    requests: F8
    window_s: float
    whole: int
    large: int
    count: F8
    gaps: I8
    cv: F8
    family: I2
    families: tuple[str, ...] = FAMILIES

    @property
    def blocks(self) -> int:
        """Stretches of time."""
        return int(self.requests.shape[1])


def of_log(log: Log, time_s: F8, client: I4, names: Sequence[str], window_s: float) -> Population:
    """Clients of a log; `client` is int32[n], below len(`names`), of requests at `time_s` (float64[n])."""
    windows = max(1, int(np.ceil(log.duration_s / window_s)))
    whole = max(1, int(log.duration_s / window_s))
    blocks = jackknife.blocks_of(whole) or 1
    edges = log.duration_s * np.arange(1, blocks) / blocks
    total = np.zeros((len(names), blocks))
    for k, part in enumerate(np.split(client, np.searchsorted(time_s, edges))):
        total[:, k] = np.bincount(part, minlength=len(names))
    order, rank = _ranked(total.sum(1))
    large = _large(len(order), windows)
    owner = np.minimum(rank, large)[client]
    rows = min(len(order), large + 1)
    found = gap_windows(time_s, owner, rows, window_s, windows)
    return Population(
        names=[names[k] for k in order],
        rank=rank,
        requests=total[order],
        window_s=window_s,
        whole=whole,
        large=large,
        count=found.count,
        gaps=found.gaps,
        cv=found.cv,
        family=found.family,
    )


def of_pool(pool: ClientPool) -> Population:
    """Clients of a pool; all its clients are large."""
    count = np.asarray(pool.count, np.float64)
    windows = count.shape[1]
    order, rank = _ranked(count.sum(1))
    count = count[order]
    blocks = jackknife.blocks_of(windows) or 1
    first = np.searchsorted(jackknife.block_index(windows, blocks), np.arange(blocks))
    return Population(
        names=[pool.clients[k] for k in order],
        rank=rank,
        requests=np.add.reduceat(count, first, axis=1),
        window_s=pool.window_s,
        whole=windows,
        large=len(order),
        count=count,
        gaps=np.maximum(np.rint(count) - 1, 0).astype(np.int64),
        cv=np.asarray(pool.cv, np.float64)[order],
        family=pool.family[order],
        families=pool.families,
    )


def _ranked(requests: F8) -> tuple[I8, I4]:
    """Clients with requests, the largest first (equal ones by their place), and the rank of every client."""
    order = np.argsort(-requests, kind="stable")[: int((requests > 0).sum())]
    rank = np.full(len(requests), len(order), np.int32)
    rank[order] = np.arange(len(order))
    return order, rank


def _large(clients: int, windows: int) -> int:
    return min(clients, max(LEAST_LARGE, min(MOST_LARGE, MOST_CELLS // windows)))
