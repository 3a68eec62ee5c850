"""Clients and windows without length tables: borrowed, dropped or refused, and always told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from servegen_fw.plugin import ClientPool, InputError, Problem, Tables

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.published.dataset import Masses


@attrs.frozen(eq=False)
class Tableau:
    """Tables of all fields, clients and table windows while they are being put together.

    Attributes
    ----------
        fields: F names.
        table: int32[F, C, V]; index into `parts`, -1 for none.
        window_s: length of a table window.
        parts: (values, cdf) of each table.
    """

    fields: tuple[str, ...]
    table: npt.NDArray[np.int32]
    window_s: float
    parts: tuple[Masses, ...]

    def tables(self) -> Tables:
        """All parts as step tables."""
        return Tables.of(self.parts)


@attrs.frozen
class Mended:
    """What was done about missing tables.

    Attributes
    ----------
        facts: for a pool's meta: rule, clients, their share of the requests, windows filled from a neighbour.
        notes: the same in sentences, if anything was done.
    """

    facts: dict[str, Any]
    notes: list[str]


def mend(
    grid: ClientPool, tableau: Tableau, missing: Literal["borrow", "drop", "error"], who: str
) -> tuple[ClientPool, Tableau, Mended]:
    """Give every active window of every client a table for every field.

    A client that has some tables of a field takes, where one is lacking, that of its nearest window (the earlier of
    two equally near). A client without any table of some field is missing: "borrow" gives it for that field the pooled distribution of the clients that have
    tables, weighted by their requests, window by window; "drop" leaves the client out; "error" stops.

    Raises
    ------
        InputError: `missing` is "error" and clients lack data, or nobody has any.
    """
    windows = _requests(grid, tableau)
    active = grid.count.sum(1) > 0
    lacking = np.asarray((tableau.table < 0).all(2) & active)
    bare = np.asarray(lacking.any(0))
    share = float(grid.count[bare].sum() / max(1.0, grid.count.sum()))
    names = [grid.clients[row] for row in np.flatnonzero(bare)]
    if active.any() and (not tableau.fields or lacking[:, active].all(1).any()):
        cure = "fetch the chunk-N-dataset.json files as well"
        raise InputError(Problem("no client has length data", who=who, cure=cure))
    if names and missing == "error":
        cure = 'fetch their files, or choose missing = "borrow" or "drop"'
        what = f"{len(names)} clients with {share:.0%} of the requests lack length data: {', '.join(names)}"
        raise InputError(Problem(what, who=who, cure=cure))
    filled = _fill(tableau, windows)
    facts: dict[str, Any] = {
        "missing": {"rule": missing, "clients": names, "share_of_requests": round(share, 6)}
    }
    notes = []
    if names and missing == "drop":
        grid, tableau = _without(grid, tableau, bare)
        notes.append(
            f"dropped {len(names)} clients without length data, {share:.1%} of requests: {', '.join(names)}"
        )
    elif names:
        tableau = _borrow(tableau, windows, lacking)
        notes.append(
            f"{len(names)} clients, {share:.1%} of requests, lack length data and borrow the pooled "
            f"distribution of the others: {', '.join(names)}"
        )
    if filled:
        facts["filled_windows"] = filled
        notes.append(f"{filled} active client windows without a table take their client's nearest one")
    return grid, tableau, Mended(facts, notes)


def _requests(grid: ClientPool, tableau: Tableau) -> npt.NDArray[np.float64]:
    """Requests per table window, float64[C, V]."""
    each = max(1, round(tableau.window_s / grid.window_s))
    windows = tableau.table.shape[2]
    padded = np.zeros((len(grid.clients), windows * each))
    padded[:, : grid.count.shape[1]] = grid.count[:, : windows * each]
    return np.asarray(padded.reshape(len(grid.clients), windows, each).sum(2))


def _fill(tableau: Tableau, requests: npt.NDArray[np.float64]) -> int:
    """Fill gaps of clients that have tables, in place; returns how many (client, window) pairs were filled."""
    filled = set()
    for table in tableau.table:
        own = table >= 0
        for row, window in np.argwhere(~own & (requests > 0) & own.any(1, keepdims=True)):
            known = np.flatnonzero(own[row])
            table[row, window] = table[row, known[np.argmin(np.abs(known - window))]]
            filled.add((int(row), int(window)))
    return len(filled)


def _without(grid: ClientPool, tableau: Tableau, bare: npt.NDArray[np.bool_]) -> tuple[ClientPool, Tableau]:
    kept = ~bare
    clients = tuple(name for name, keep in zip(grid.clients, kept, strict=True) if keep)
    grid = attrs.evolve(
        grid, clients=clients, count=grid.count[kept], cv=grid.cv[kept], family=grid.family[kept]
    )
    return grid, attrs.evolve(tableau, table=tableau.table[:, kept])


def _borrow(tableau: Tableau, requests: npt.NDArray[np.float64], lacking: npt.NDArray[np.bool_]) -> Tableau:
    """Pooled tables for the (field, client) pairs `lacking`, bool[F, C]; all windows together where one has no data."""
    table, parts = tableau.table.copy(), list(tableau.parts)
    for field, bare in enumerate(lacking):
        own = tableau.table[field]
        weight = np.where(own >= 0, requests, 0.0)
        overall = -1
        for window in np.flatnonzero(requests[bare].sum(0) > 0):
            here = np.flatnonzero(weight[:, window] > 0)
            if len(here):
                table[field, bare, window] = len(parts)
                parts.append(pooled([parts[k] for k in own[here, window]], weight[here, window]))
                continue
            if overall < 0:
                overall = len(parts)
                parts.append(pooled([parts[k] for k in own[weight > 0]], weight[weight > 0]))
            table[field, bare, window] = overall
    return attrs.evolve(tableau, table=table, parts=tuple(parts))


def pooled(parts: list[Masses], weight: npt.NDArray[np.float64]) -> Masses:
    """Mixture of step distributions with the weights `weight` (float64[n], positive)."""
    values = np.concatenate([values for values, _ in parts])
    mass = np.concatenate([w * np.diff(cdf, prepend=0.0) for (_, cdf), w in zip(parts, weight, strict=True)])
    distinct, place = np.unique(values, return_inverse=True)
    cdf = np.cumsum(np.bincount(place, mass))
    return distinct, cdf / cdf[-1]
