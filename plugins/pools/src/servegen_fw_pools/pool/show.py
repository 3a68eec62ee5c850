"""What is in a pool: as figures for programs, and as lines for readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from servegen_fw_pools.fit.held_out import told
from servegen_fw_pools.pool.parts import members_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw.plugin import ClientPool

    F8 = npt.NDArray[np.float64]

TOP: Final = (1, 10, 29)
"""Numbers of top clients whose share is told; 29 is the paper's (90 % of M-large's requests)."""

_POINTS = 256


def figures(pool: ClientPool) -> dict[str, Any]:
    """Everything `lines` tells, JSON-able; rates in requests per second, later turns of sessions included."""
    total = np.asarray(pool.requests.sum(0))
    by_client = np.sort(pool.requests.sum(1))[::-1]
    share = np.cumsum(by_client) / max(by_client.sum(), 1e-300)
    active = pool.count >= 2
    cv, weight = pool.cv[active], pool.count[active]
    families = {
        name: _short(pool.count[pool.family == number].sum() / max(pool.count.sum(), 1e-300))
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
            "mean": _short(pool.rate),
            "sessions": _short(pool.count.sum() / pool.duration_s) if pool.has_sessions else None,
            "lowest_window": _short(total.min() / pool.window_s),
            "highest_window": _short(total.max() / pool.window_s),
        },
        "skew": {
            **{f"top_{k}_share": _short(share[min(k, len(share)) - 1]) for k in TOP if k <= len(share)},
            "clients_for_90_percent": int(np.searchsorted(share, 0.9) + 1),
        },
        "cv": {f"p{p}": _short(_quantile(cv, weight, p / 100)) for p in (10, 50, 90)} if len(cv) else {},
        "families": families,
        "carries_context": pool.carries_context,
        "fields": {field: _field(pool, number) for number, field in enumerate(pool.fields)},
        "rank": {
            ", ".join(pair): {
                "mean": _short((row * pool.requests.sum(1)).sum() / max(pool.requests.sum(), 1e-300)),
                "lowest": _short(row.min()),
                "highest": _short(row.max()),
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
    requests = pool.table_requests
    for c in order:
        cv = (pool.cv[c] * pool.count[c]).sum() / max(pool.count[c].sum(), 1e-300)
        means = [_mean(pool, requests, int(c), field) for field in ("input_tokens", "output_tokens")]
        cells = "".join(f" {mean:8.0f}" if mean is not None else f" {'-':>8}" for mean in means)
        rate = total[c] / pool.duration_s
        part = 100 * total[c] / max(total.sum(), 1e-300)
        said.append(f"  {pool.clients[c]:{width}} {rate:12.4g} {part:6.1f} % {cv:8.3g}{cells}")
    return said


def _mean(pool: ClientPool, requests: F8, client: int, field: str) -> float | None:
    """Mean of a field over a client's requests; None if it has none."""
    if field not in pool.fields:
        return None
    value, weight = _drawn(pool, pool.fields.index(field), requests, [client])
    return float((value * weight).sum() / weight.sum()) if weight.sum() > 0 else None


def _field(pool: ClientPool, field: int) -> dict[str, float]:
    """Mean and percentiles over all requests, from 256 quantiles of each table."""
    value, weight = _drawn(pool, field, pool.table_requests, range(len(pool.clients)))
    if not weight.sum() > 0:
        return {}
    found = {"mean": _short((value * weight).sum() / weight.sum())}
    found |= {f"p{p}": _short(_quantile(value, weight, p / 100)) for p in (50, 90, 99)}
    found["tables"] = len(np.unique(pool.table[field][pool.table[field] >= 0]))
    return found


def _drawn(pool: ClientPool, field: int, requests: F8, clients: Any) -> tuple[F8, F8]:
    rows = np.asarray(clients)
    used = np.argwhere((pool.table[field][rows] >= 0) & (requests[rows] > 0))
    if not len(used):
        return np.zeros(0), np.zeros(0)
    table, weight = pool.table[field][rows][tuple(used.T)], requests[rows][tuple(used.T)]
    known, at = np.unique(table, return_inverse=True)
    held = np.bincount(at, weight)
    u = (np.arange(_POINTS) + 0.5) / _POINTS
    value = pool.tables.ppf(np.repeat(known, _POINTS), np.tile(u, len(known)))
    whole = pool.fields[field] not in ("reason_ratio", "think_s")
    return np.rint(value) if whole else value, np.repeat(held / _POINTS, _POINTS)


def _quantile(value: F8, weight: F8, p: float) -> float:
    order = np.argsort(value, kind="stable")
    total = np.cumsum(weight[order])
    return float(value[order][min(np.searchsorted(total, p * total[-1]), len(value) - 1)])


def _short(number: float) -> float:
    return float(f"{float(number):.4g}")


def _time(seconds: float) -> str:
    for unit, size in (("d", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds:.4g} s"


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
