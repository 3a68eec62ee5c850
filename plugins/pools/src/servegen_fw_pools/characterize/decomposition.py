"""Which clients make the whole workload shift and burst: its variance divided among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from servegen_fw_pools.characterize import jackknife

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.characterize.section import Number

    F8 = npt.NDArray[np.float64]
    I4 = npt.NDArray[np.int32]
    I8 = npt.NDArray[np.int64]


@attrs.frozen(eq=False)
class Parts:
    """A variance divided among clients; the parts sum to the whole.

    Attributes
    ----------
        scale_s: length of the bins whose counts vary.
        whole: float64[K]; the variance's sum of squares in each of K stretches of time.
        part: float64[C, K]; what each client adds to it; below 0 where a client moves against the others.
        method: "counts", or "recorded CVs" where they stand in for single requests.
    """

    scale_s: float
    whole: F8
    part: F8
    method: str = "counts"

    @property
    def shares(self) -> F8:
        """Part of each client in the whole; float64[C], summing to 1; zeros where there is nothing to divide."""
        total = float(self.whole.sum())
        return self.part.sum(1) / total if total > 0 else np.zeros(len(self.part))

    def share(self, clients: npt.NDArray[np.int64]) -> Number:
        """Share of some clients together, with its interval."""
        total = float(self.whole.sum())
        mine = self.part[clients].sum(0)
        left_out = None
        if len(self.whole) > 1:
            with np.errstate(divide="ignore", invalid="ignore"):
                left_out = jackknife.without(mine) / jackknife.without(self.whole)
        return jackknife.number(float(mine.sum() / total), left_out)

    @property
    def excess(self) -> Number:
        """Whole sum of squares per stretch, with its interval: whether it is above 0 beyond chance."""
        blocks = len(self.whole)
        left_out = jackknife.without(self.whole) / (blocks - 1) if blocks > 1 else None
        return jackknife.number(float(self.whole.mean()), left_out)


def shifts(count: F8, blocks: int, window_s: float) -> Parts:
    """Divide the variance of the total's counts per window: Cov(client, total), which sums to Var(total).

    Parameters
    ----------
        count: float64[C, W]; requests of each client in each whole window.
        blocks: stretches of time for intervals, at least 1.
        window_s: length of a window.
    """
    total = count.sum(0)
    index = jackknife.block_index(len(total), blocks)
    first = np.searchsorted(index, np.arange(blocks))
    centred = total - total.mean()
    part = np.add.reduceat((count - count.mean(1, keepdims=True)) * centred, first, axis=1)
    return Parts(window_s, np.add.reduceat(centred * centred, first), part)


@attrs.frozen(eq=False)
class Sent:
    """Requests and who sent them.

    Attributes
    ----------
        time_s: float64[n], ascending, from 0.
        client: int32[n], below `clients`.
        clients: how many clients there are.
    """

    time_s: F8
    client: I4
    clients: int


def shifts_of(sent: Sent, window_s: float, windows: int, blocks: int) -> Parts:
    """As `shifts`, from requests; its memory is that of clients times blocks."""
    placed = _placed(sent, window_s, windows, blocks)
    deviation = placed.total - placed.total.mean()
    _, part = _divided(placed, deviation)
    # Clients' counts are measured from their own means, so that a stretch of time holds what it adds to the covariance.
    mean = np.bincount(placed.cell // blocks, minlength=sent.clients) / windows
    index = jackknife.block_index(windows, blocks)
    part -= mean[:, None] * np.bincount(index, deviation, blocks)
    return Parts(window_s, np.bincount(index, deviation * deviation, blocks).astype(np.float64), part)


def bursts_of(sent: Sent, bin_s: float, bins: int, windows: int, blocks: int) -> Parts:
    """Divide what varies faster than windows do, beyond what independent Poisson clients would show.

    Counts in `bins` bins of `bin_s` a window are measured from the window's own mean, so that slow shifts do not enter. Of
    a client with n requests, Poisson arrivals of constant rate within windows add n (bins - 1) / bins to the sum of
    squares; the excess above that is divided. A client's part is the covariance of its counts with the total's.
    """
    placed = _placed(sent, bin_s, bins * windows, blocks)
    by_window = placed.total.reshape(windows, bins)
    whole, part = _divided(placed, (by_window - by_window.mean(1, keepdims=True)).ravel())
    cells = sent.clients * blocks
    poisson = np.bincount(placed.cell, minlength=cells).reshape(part.shape) * ((bins - 1) / bins)
    return Parts(bin_s, whole - poisson.sum(0), part - poisson)


def bursts_of_windows(count: F8, cv: F8, blocks: int, window_s: float) -> Parts:
    """Divide the excess variance that recorded CVs imply: a renewal process of n requests with CV c has variance n c^2.

    For pools, which know no single request (Cox, Renewal Theory, section 4.2: asymptotic, so for bins of many gaps);
    clients are independent within windows. `count` and `cv` are float64[C, W].
    """
    first = np.searchsorted(jackknife.block_index(count.shape[1], blocks), np.arange(blocks))
    part = np.add.reduceat(count * np.where(cv > 0, cv * cv - 1.0, 0.0), first, axis=1)
    return Parts(window_s, part.sum(0), part, "recorded CVs")


def leaders(parts: Parts, names: Any, requests: F8, most: int = 10) -> list[dict[str, Any]]:
    """The clients with the largest parts: "client", "share", "requests_share"; shares with intervals."""
    shares = parts.shares
    order = np.argsort(-shares, kind="stable")[:most]
    total = requests.sum()
    return [
        {
            "client": names[int(k)],
            "share": parts.share(np.array([k])),
            "requests_share": float(requests[k] / total),
        }
        for k in order
    ]


@attrs.frozen(eq=False)
class _Placed:
    """Requests in bins: counts of all, and the bin and the cell (client, stretch of time) of each request within them."""

    blocks: int
    clients: int
    total: F8
    bin_of: I8
    cell: I8


def _placed(sent: Sent, bin_s: float, bins: int, blocks: int) -> _Placed:
    inside = int(np.searchsorted(sent.time_s, bins * bin_s))
    bin_of = np.minimum((sent.time_s[:inside] / bin_s).astype(np.int64), bins - 1)
    total = np.bincount(bin_of, minlength=bins).astype(np.float64)
    cell = sent.client[:inside] * np.int64(blocks) + bin_of * blocks // bins
    return _Placed(blocks, sent.clients, total, bin_of, cell)


def _divided(placed: _Placed, deviation: F8) -> tuple[F8, F8]:
    """Sum of squares by stretch, and the part of each client; `deviation` is the total's in each bin."""
    # Each request adds its bin's deviation to its client: the sum over a client's requests is that of its counts.
    size = placed.clients * placed.blocks
    part = np.bincount(placed.cell, deviation[placed.bin_of], size)
    index = jackknife.block_index(len(placed.total), placed.blocks)
    whole = np.bincount(index, placed.total * deviation, placed.blocks)
    return whole.astype(np.float64), part.reshape(placed.clients, placed.blocks).astype(np.float64)
