"""Small clients pooled into classes of similar ones, so that no entry of a pool stands for a few requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import numpy as np

from servegen_fw.plugin import InputError, Problem

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.logs.log import Log

    F8 = npt.NDArray[np.float64]
    I4 = npt.NDArray[np.int32]
    I8 = npt.NDArray[np.int64]

MIN_REQUESTS: Final = 100
"""Default floor: requests that every client of a pool stands for."""

MOST_CLASSES: Final = 32
LEAST_MEMBERS: Final = 5


@attrs.frozen(eq=False)
class Roster:
    """Clients of a pool made from the clients of a log.

    Attributes
    ----------
        names: of the pool's clients: by volume those that stand for themselves, then the classes.
        owner: int32[n]; pool client of each request.
        held: for each class its number of clients and of requests; by name.
        small: clients of the log below the floor.
    """

    names: tuple[str, ...]
    owner: I4
    held: dict[str, dict[str, int]]
    small: int


def roster_of(log: Log, floor: int, *, keep_ids: bool = False) -> Roster:
    """Decide who stands for himself and who belongs to which class.

    Clients with fewer than `floor` requests are split into classes by rate, mean input and mean output (logarithms):
    the class with the widest spread is cut in two at the middle of its requests along that direction, as a k-d tree
    is (Bentley 1975), as long as both halves hold `floor` requests and `LEAST_MEMBERS` clients and there are fewer
    than `MOST_CLASSES`. If all small clients together stay below the floor, the smallest other client joins them.

    Raises
    ------
        InputError: the whole log holds fewer requests than `floor`.
    """
    n = len(log)
    if n < floor:
        what = f"the floor of {floor:,} requests a client is larger than the whole log ({n:,})"
        raise InputError(Problem(what, who="--min-requests", cure=f"give at most {n}"))
    client = np.zeros(n, np.int64) if log.client is None else log.client.astype(np.int64)
    ids = log.clients if log.client is not None else ("all",)
    requests = np.bincount(client, minlength=len(ids))
    order = np.argsort(-requests, kind="stable")
    order = order[requests[order] > 0]
    own, small = order[requests[order] >= floor], order[requests[order] < floor]
    below = len(small)
    if below and requests[small].sum() < floor:
        own, small = own[:-1], np.append(own[-1:], small)
    groups = _split(small, requests, _features(log, client, requests), floor)
    number = np.full(len(ids), -1, np.int64)
    number[own] = np.arange(len(own))
    for place, members in enumerate(groups):
        number[members] = len(own) + place
    digits = max(4, len(str(len(own))))
    named = [ids[c] if keep_ids or log.client is None else f"c-{k + 1:0{digits}d}" for k, c in enumerate(own)]
    classes = [f"class-{k + 1:02d}" for k in range(len(groups))]
    held = {
        name: {"clients": len(members), "requests": int(requests[members].sum())}
        for name, members in zip(classes, groups, strict=True)
    }
    return Roster((*named, *classes), number[client].astype(np.int32), held, below)


def _features(log: Log, client: I8, requests: I8) -> F8:
    """Log of requests, mean input and mean output of each client, float64[C, 3]."""
    known = np.maximum(requests, 1)
    means = [
        np.bincount(client, tokens, len(requests)) / known for tokens in (log.input_tokens, log.output_tokens)
    ]
    return np.log1p(np.stack([requests.astype(np.float64), *means], axis=1))


def _split(small: I8, requests: I8, features: F8, floor: int) -> list[I8]:
    """Classes of the small clients, the busiest first."""
    done: list[I8] = []
    open_ = [small] if len(small) else []
    while open_:
        widest = max(range(len(open_)), key=lambda k: float(np.ptp(features[open_[k]], axis=0).max()))
        members = open_.pop(widest)
        halves = (
            _halves(members, requests, features, floor) if len(open_) + len(done) + 1 < MOST_CLASSES else None
        )
        if halves is None:
            done.append(members)
        else:
            open_ += halves
    return sorted(done, key=lambda members: (-int(requests[members].sum()), int(members.min())))


def _halves(members: I8, requests: I8, features: F8, floor: int) -> list[I8] | None:
    """Two halves of a class along the first direction, widest spread first, that leaves both large enough."""
    for axis in np.argsort(-np.ptp(features[members], axis=0), kind="stable"):
        value = features[members, axis]
        along = members[np.lexsort((members, value))]
        total = np.cumsum(requests[along])
        cut = int(np.searchsorted(total, total[-1] / 2)) + 1
        halves = [along[:cut], along[cut:]]
        if np.ptp(value) > 0 and all(
            len(half) >= LEAST_MEMBERS and requests[half].sum() >= floor for half in halves
        ):
            return halves
    return None
