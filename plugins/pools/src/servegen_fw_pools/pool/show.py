"""What is in a pool: as figures for programs, and as lines for readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from servegen_fw_pools.characterize.sample import is_whole
from servegen_fw_pools.characterize.words import rounded
from servegen_fw_pools.fit.held_out import told
from servegen_fw_pools.pool.parts import members_of
from servegen_fw_pools.quantiles import moments, quantiles, slices

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw.plugin import ClientPool

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

TOP: Final = (1, 10, 29)
"""Numbers of top clients whose share is told; 29 is the paper's (90 % of M-large's requests)."""

_POINTS = 256


def figures(pool: ClientPool) -> dict[str, Any]:
    """Everything `lines` tells, JSON-able; rates in requests per second, later turns of sessions included."""
    total = np.asarray(pool.requests.sum(0))
    by_client = np.sort(pool.requests.sum(1))[::-1]
    share = np.cumsum(by_client) / max(by_client.sum(), 1e-300)
    active = pool.count >= 2
    spread = quantiles(pool.cv[active], pool.count[active], 0.1, 0.5, 0.9) if active.any() else []
    mean, _ = moments(pool.tables)
    families = {
        name: rounded(pool.count[pool.family == number].sum() / max(pool.count.sum(), 1e-300))
        for number, name in enumerate(pool.families)
    }
    return {
        "name": pool.name,
        "clients": len(pool.clients),
        "stands_for_clients": int(members_of(pool).sum()),
        "start_s": pool.start_s,
        "duration_s": pool.duration_s,
        "window_s": pool.window_s,
        "table_window_s": pool.table_window_s,
        "rate": {
            "mean": rounded(pool.rate),
            "sessions": rounded(pool.count.sum() / pool.duration_s) if pool.has_sessions else None,
            "lowest_window": rounded(total.min() / pool.window_s),
            "highest_window": rounded(total.max() / pool.window_s),
        },
        "skew": {
            **{f"top_{k}_share": rounded(share[min(k, len(share)) - 1]) for k in TOP if k <= len(share)},
            "clients_for_90_percent": int(np.searchsorted(share, 0.9) + 1),
        },
        "cv": dict(zip(("p10", "p50", "p90"), map(rounded, spread), strict=True)) if spread else {},
        "families": families,
        "carries_context": pool.carries_context,
        "fields": {field: _field(pool, number, mean) for number, field in enumerate(pool.fields)},
        "rank": {
            ", ".join(pair): {
                "mean": rounded((row * pool.requests.sum(1)).sum() / max(pool.requests.sum(), 1e-300)),
                "lowest": rounded(row.min()),
                "highest": rounded(row.max()),
            }
            for pair, row in zip(pool.pairs, pool.rank, strict=True)
        },
        "meta": dict(pool.meta),
    }


def lines(pool: ClientPool, top: int) -> list[str]:
    """What a reader wants to know, with the `top` busiest clients."""
    found = figures(pool)
    rate, skew = found["rate"], found["skew"]
    begun = f"; {rate['sessions']:g} sessions/s" if rate["sessions"] is not None else ""
    said = [
        f"{found['name']}: {found['clients']:,} clients"
        + (f" for {found['stands_for_clients']:,}" if found["stands_for_clients"] != found["clients"] else "")
        + f", {_time(found['duration_s'])} from {_clock(found['start_s'])}, windows of {_time(found['window_s'])}",
        f"  rate      {rate['mean']:g} requests/s ({rate['lowest_window']:g} to {rate['highest_window']:g} by window){begun}",
        "  skew      "
        + ", ".join(f"top {k} {100 * skew[f'top_{k}_share']:.1f} %" for k in TOP if f"top_{k}_share" in skew)
        + f"; {skew['clients_for_90_percent']} clients for 90 %",
    ]
    if found["cv"]:
        cv = found["cv"]
        families = ", ".join(f"{name} {100 * part:.0f} %" for name, part in found["families"].items())
        said.append(
            f"  gap CV    p10 {cv['p10']:g}, p50 {cv['p50']:g}, p90 {cv['p90']:g} by requests; {families}"
        )
    for field, one in found["fields"].items():
        if one:
            numbers = ", ".join(f"{name} {one[name]:g}" for name in ("mean", "p50", "p90", "p99"))
            said.append(f"  {field:13} {numbers} ({one['tables']:,} tables)")
    for pair, one in found["rank"].items():
        said.append(
            f"  rank correlation of {pair}: {one['mean']:g} ({one['lowest']:g} to {one['highest']:g})"
        )
    if pool.has_sessions:
        said.append(f"  turns {'repeat' if pool.carries_context else 'do not repeat'} the earlier ones")
    said += _busiest(pool, top)
    meta = pool.meta
    said += [f"  {key:9} {meta[key]}" for key in ("source", "licence", "excerpt") if meta.get(key)]
    said += [f"  note      {note}" for note in meta.get("notes", [])]
    for step in meta.get("history", []):
        options = ", ".join(f"{key} {value}" for key, value in step.items() if key != "command")
        said.append(f"  history   {step['command']}{': ' if options else ''}{options}")
    if "held_out" in meta:
        said += [f"  {line}" for line in told(meta["held_out"]).splitlines()]
    return said


def _busiest(pool: ClientPool, top: int) -> list[str]:
    total = pool.requests.sum(1)
    order = np.argsort(-total, kind="stable")[: max(0, top)]
    if not len(order):
        return []
    width = max(6, *(len(pool.clients[c]) for c in order))
    said = [f"  {'client':{width}} {'requests/s':>12} {'share':>8} {'gap CV':>8} {'input':>8} {'output':>8}"]
    means = {field: _means(pool, field, order) for field in ("input_tokens", "output_tokens")}
    for row, c in enumerate(order):
        cv = (pool.cv[c] * pool.count[c]).sum() / max(pool.count[c].sum(), 1e-300)
        cells = "".join(
            f" {'-':>8}" if np.isnan(mean[row]) else f" {mean[row]:8.0f}" for mean in means.values()
        )
        rate = total[c] / pool.duration_s
        part = 100 * total[c] / max(total.sum(), 1e-300)
        said.append(f"  {pool.clients[c]:{width}} {rate:12.4g} {part:6.1f} % {cv:8.3g}{cells}")
    return said


def _means(pool: ClientPool, field: str, clients: I8) -> F8:
    """Mean of a field over the requests of each client, float64[n]; NaN for one that has none."""
    if field not in pool.fields:
        return np.full(len(clients), np.nan)
    table = pool.table[pool.fields.index(field)][clients]
    weight = np.where(table >= 0, pool.table_requests[clients], 0.0)
    total = weight.sum(1)
    mean, _ = moments(pool.tables)
    sums = (weight * mean[table]).sum(1)
    return np.where(total > 0, sums / np.where(total > 0, total, 1.0), np.nan)


def _field(pool: ClientPool, field: int, mean: F8) -> dict[str, float]:
    """Mean over all requests, and percentiles from 256 slices of each table."""
    requests, table = pool.table_requests, pool.table[field]
    used = (table >= 0) & (requests > 0)
    if not used.any():
        return {}
    found = {"mean": rounded(np.average(mean[table[used]], weights=requests[used]))}
    value, weight = slices(pool.tables, table[used], requests[used], _POINTS)
    value = np.rint(value) if is_whole(pool.fields[field]) else value
    shares = (0.5, 0.9, 0.99)
    for p, quantile in zip(shares, quantiles(value, weight, *shares), strict=True):
        found[f"p{100 * p:.0f}"] = rounded(quantile)
    found["tables"] = len(np.unique(table[table >= 0]))
    return found


def _time(seconds: float) -> str:
    for unit, size in (("d", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.4g} s"


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
