"""New clients like those of a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import numpy as np

from servegen_fw.plugin import ClientPool, InputError, Problem
from servegen_fw_pools.fit.gaps import resized_cv
from servegen_fw_pools.pool.parts import clients_of, members_of

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

NEAR: Final = 0.05
"""A new client takes its shape from one within this share of the population, by rank of rate."""

_POINTS = 64


def sampled(pool: ClientPool, clients: int, seed: int, rate: float | None = None) -> ClientPool:
    """`clients` new clients, drawn from the population of `pool`.

    **Rates.** Let r_1 <= ... <= r_M be the rates of the clients the pool stands for (a class of k counts as k of
    equal rate). The quantile function of rates is their logarithm interpolated linearly between the points
    ((i - 1/2) / M, log r_i) and half a step beyond the last ones, each piece ((i - 1) / M, i / M) scaled such that its mean is r_i: so the expected Lorenz
    curve goes through every point of the recorded one, and the top p % of the clients send what the recorded top p %
    do, however many clients there are. Client j of N takes the quantile at (j + U) / N, U uniform (stratified
    sampling). Last, all are scaled to the total: N / M of the pool's rate, or `rate`.

    **Shapes.** A new client has the rate curve, gap law, lengths and dependence of a recorded one, picked uniformly
    among those within `NEAR` of its rank, so that what goes with size stays with it. CVs are those of the new number
    of gaps, see `scaled`. What a class tells is that of its merged stream, which is less bursty than each member's.

    Parameters
    ----------
        pool: the population.
        clients: N, how many.
        seed: of the draw.
        rate: total requests per second, later turns included; None for N / M of the pool's.

    Raises
    ------
        InputError: the pool is silent, or `clients` is no number of clients.
    """
    if clients < 1:
        raise InputError(
            Problem(f"{clients} is no number of clients", who="--clients", cure="give at least 1")
        )
    per_s, owner = member_rates(pool)
    if not len(per_s):
        raise InputError(Problem("sends nothing, so there is nothing to sample", who=pool.name))
    rng = np.random.default_rng([seed, 0x5E7])
    total = len(per_s)
    level = (np.arange(clients) + rng.random(clients)) / clients
    drawn = _quantile(per_s, level)
    wanted = pool.rate * clients / total if rate is None else rate
    drawn *= wanted / drawn.sum()
    reach = max(1, int(np.ceil(NEAR * total)))
    rank = np.minimum((level * total).astype(np.int64), total - 1)
    low, high = np.maximum(rank - reach, 0), np.minimum(rank + reach, total - 1)
    pick = low + (rng.random(clients) * (high - low + 1)).astype(np.int64)
    order = np.argsort(-drawn, kind="stable")
    like, drawn = owner[pick][order], drawn[order]
    new = clients_of(pool, like)
    count = new.count * (drawn * pool.duration_s / new.requests.sum(1))[:, None]
    digits = max(4, len(str(clients)))
    meta = {
        name: value
        for name, value in pool.meta.items()
        if name not in ("requests", "held_out", "silent_clients")
    }
    meta["sampled"] = {
        "clients": clients,
        "of": total,
        "seed": seed,
        "like": [pool.clients[row] for row in like],
    }
    return attrs.evolve(
        new,
        name=f"{pool.name}-{clients}",
        clients=tuple(f"s-{k + 1:0{digits}d}" for k in range(clients)),
        count=count,
        cv=resized_cv(new.cv, new.count, count),
        meta=meta,
    )


def member_rates(pool: ClientPool) -> tuple[F8, I8]:
    """Requests per second of each client that the pool stands for, ascending (float64[M]), and its place in the pool."""
    members = members_of(pool)
    per_s = pool.requests.sum(1) / pool.duration_s / members
    owner = np.repeat(np.arange(len(members)), members)
    owner = owner[per_s[owner] > 0]
    order = np.argsort(per_s[owner], kind="stable")
    return per_s[owner][order], owner[order]


def _quantile(per_s: F8, level: F8) -> F8:
    """Quantile function of rates, see `sampled`."""
    total = len(per_s)
    known, rates = (np.arange(total) + 0.5) / total, np.log(per_s)
    if total > 1:
        ends = rates[[0, -1]] - 0.5 * (rates[[1, -1]] - rates[[0, -2]]) * [1, -1]
        known, rates = np.concatenate(([0.0], known, [1.0])), np.concatenate((ends[:1], rates, ends[1:]))
    inside = (np.arange(total * _POINTS) + 0.5) / (total * _POINTS)
    mean = np.exp(np.interp(inside, known, rates)).reshape(total, _POINTS).mean(1)
    piece = np.minimum((level * total).astype(np.int64), total - 1)
    return np.asarray(np.exp(np.interp(level, known, rates)) * (per_s / mean)[piece])
