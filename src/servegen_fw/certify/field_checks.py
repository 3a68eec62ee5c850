"""Fields held against their law: each column's distribution, and how the columns go together."""

from __future__ import annotations

import itertools
import math

import attrs
import numpy as np
from numpy.random import Generator

from servegen_fw.certify.columns import Column, Owners, uniforms
from servegen_fw.certify.fields import Requests, items_of, modelled_items, reason_law
from servegen_fw.certify.finding import NAN, Finding, missing
from servegen_fw.certify.laws import Kolmogorov, Simulated, distance_to_uniform
from servegen_fw.certify.seen import Seen
from servegen_fw.data.arrays import F8, AnyArray
from servegen_fw.workload.items import ModelItems
from servegen_fw.workload.streams import Streams

ROWS = 20_000
"""Rows whose distribution is looked at: with as many a KS distance of 0.02 is far outside."""

AGAIN_ROWS = 5_000
"""Rows that are drawn again, for Wasserstein distances and rank correlations."""

AGAIN = 80
"""How often they are drawn again."""

REFERENCE = 4_096
"""Draws that stand for a model without a quantile function, for each client."""


def findings(
    found: Requests, seen: Seen, streams: Streams, own: Streams, effort: float = 1.0
) -> list[Finding]:
    """All checks of a group's fields; `streams` are the simulation's, `own` those the workload was made with.

    `effort` times the usual number of rows are looked at.
    """
    name = found.model.name
    if not len(found.rows):
        return [missing("KS distance", name, "the group sends nothing in this case")]
    columns, note = _comparable(found, seen)
    out = []
    for column in (*columns.values(), *found.items):
        rng = streams.at("certificate", "uniforms", name, column.name)
        out.append(distance_finding(column, name, rng, note, effort))
    for source in modelled_items(found):
        out += _modelled(source, found, seen, streams, own)
    out += _again(found, columns, streams, effort)
    return [*out, *(_item_distance(column, name, streams, effort) for column in found.items)]


def _comparable(found: Requests, seen: Seen) -> tuple[dict[str, Column], str]:
    """Columns whose rows are there whatever their values: where history ends sessions, those of first turns only."""
    cut = found.fields.max_input and found.model.has_sessions
    if not cut:
        return dict(found.columns), ""
    first = np.flatnonzero(seen.workload.turn[found.rows] == 0)
    return {name: column.at(first) for name, column in found.columns.items()}, "first turns"


def distance_finding(column: Column, group: str, rng: Generator, note: str, effort: float = 1.0) -> Finding:
    """Kolmogorov distance of a column's uniform numbers; `note` says which rows it holds."""
    subject = f"{group}: {column.name}"
    if not len(column):
        return missing("KS distance", subject, "there are no values")
    u, looked = uniforms(column.some(round(effort * ROWS), rng), rng)
    left = looked.left
    some = f", of {len(column):,}" if len(looked) < len(column) else ""
    sent = distance_to_uniform(u[left]) if left.any() else NAN
    distance = distance_to_uniform(u)
    return Finding(
        "KS distance",
        subject,
        Kolmogorov(len(u)),
        f"to the law given client and window; sqrt(ln(2 / a) / (2 n)), n = {len(u):,}{some}",
        0.0,
        distance,
        sent,
        "1",
        len(u),
        note,
        sent_law=None if left.all() or not left.any() else Kolmogorov(int(left.sum())),
        measure=distance,
    )


# --- models without a quantile function ---


def _modelled(
    source: ModelItems, found: Requests, seen: Seen, streams: Streams, own: Streams
) -> list[Finding]:
    """Distances of a modality's counts and tokens to samples of the client's own model."""
    group, modality = found.model.name, source.modality
    count, tokens = items_of(seen, found.rows, modality)
    left = seen.left[found.rows]
    place = seen.places(found.model, found.rows)
    owner = np.repeat(place, count)
    rng = streams.at("certificate", "items", group, modality)
    names = found.model.population.names if found.model.population else ()
    u = {"count": np.full(len(count), np.nan), "tokens": np.full(len(tokens), np.nan)}
    for client in np.unique(place[place >= 0]).tolist():
        model = source.model.for_client(own.at(group, names[client], f"{modality}_client"))
        reference = np.asarray(model.items(REFERENCE, rng), float)
        encoded = np.asarray(model.encode(REFERENCE, rng).get("tokens", np.zeros(REFERENCE)), float)
        for key, values, whose, drawn in (
            ("count", count.astype(float), place, reference),
            ("tokens", tokens, owner, encoded),
        ):
            mine = whose == client
            u[key][mine] = _place(values[mine], np.sort(drawn), rng)
    out = []
    for key, sent in (("count", left), ("tokens", np.repeat(left, count))):
        subject, known = f"{group}: {modality}_{key}", ~np.isnan(u[key])
        n = int(known.sum())
        if not n:
            out.append(missing("KS distance", subject, "there are no items of known clients"))
            continue
        least = 1.0 / (1.0 / n + 1.0 / REFERENCE)
        both = known & sent
        distance = distance_to_uniform(u[key][known])
        out.append(
            Finding(
                "KS distance",
                subject,
                Kolmogorov(least),
                f"to {REFERENCE:,} draws of the client's model; n = {n:,} and {REFERENCE:,} count as {least:,.0f}",
                0.0,
                distance,
                distance_to_uniform(u[key][both]) if both.any() else NAN,
                "1",
                n,
                measure=distance,
            )
        )
    return out


def _place(values: F8, reference: F8, rng: Generator) -> F8:
    """Randomised place of each value among ascending reference draws, float64[n] in [0, 1]."""
    low = np.searchsorted(reference, values, side="left") / len(reference)
    high = np.searchsorted(reference, values, side="right") / len(reference)
    return np.asarray(low + rng.random(len(values)) * (high - low))


# --- drawn again ---


@attrs.frozen(eq=False)
class _Again:
    """Columns of some rows, the workload's and drawn again; float64[n] and float64[R, n] by purpose."""

    value: dict[str, F8]
    drawn: dict[str, F8]
    left: AnyArray


def _again(found: Requests, columns: dict[str, Column], streams: Streams, effort: float) -> list[Finding]:
    group = found.model.name
    rng = streams.at("certificate", "again", group, "fields")
    n = len(next(iter(columns.values())))
    if n < 10:
        return [missing("rank correlation", group, "needs 10 requests")]
    rows = np.sort(rng.choice(n, min(n, round(effort * AGAIN_ROWS)), replace=False))
    again = _redrawn(found, {name: column.at(rows) for name, column in columns.items()}, rng)
    out = [_wasserstein(name, again, group) for name in again.value if columns[name].unit == "tokens"]
    out += [
        _rank(first, second, again, group) for first, second in itertools.combinations(sorted(again.value), 2)
    ]
    if "reason_tokens" in again.value:
        out.append(_share(again, group))
    return out


def _redrawn(found: Requests, columns: dict[str, Column], rng: Generator) -> _Again:
    some = next(iter(columns.values()))
    owners: Owners = some.owners
    drawn: dict[str, list[F8]] = {name: [] for name in columns}
    coupling = found.fields.coupling
    for _ in range(AGAIN):
        client = owners.drawn(rng)
        plain: dict[str, F8] = {}

        def independent(name: str, plain: dict[str, F8] = plain) -> F8:
            if name not in plain:
                plain[name] = rng.random(len(some))
            return plain[name]

        everyone = np.arange(len(some))
        for name, column in columns.items():
            u = independent(name) if coupling is None else coupling.column(name, independent, client)
            quantile = column.quantile
            if name == "reason_tokens":
                quantile = reason_law(found.fields, owners, drawn["output_tokens"][-1])
            drawn[name].append(quantile(everyone, u, client))
    return _Again(
        {name: column.value for name, column in columns.items()},
        {name: np.stack(values) for name, values in drawn.items()},
        some.left,
    )


def _wasserstein(name: str, again: _Again, group: str) -> Finding:
    """Wasserstein-1 distance to the pooled target, mean |difference of quantiles|, against that of redrawn columns."""
    simulated, own = again.drawn[name], again.value[name]
    pooled = np.sort(simulated, axis=None)

    def distance(values: F8) -> float:
        ends = np.linspace(0, len(pooled), len(values) + 1).astype(int)
        means = np.repeat(np.sort(values), np.diff(ends))
        return float(np.abs(means - pooled).mean())

    law = Simulated(np.array([distance(values) for values in simulated]), "upper", log=True)
    found = distance(own)
    return Finding(
        "Wasserstein distance",
        f"{group}: {name}",
        law,
        f"to the pooled target; {len(own):,} rows, drawn {AGAIN} times again",
        float(np.median(law.replicates)),
        found,
        distance(own[again.left]) if again.left.any() else NAN,
        "tokens",
        len(own),
        measure=found / max(float(pooled.mean()), 1e-9),
    )


def _item_distance(column: Column, group: str, streams: Streams, effort: float) -> Finding:
    """Wasserstein distance of a column of one value an item."""
    if len(column) < 10:
        return missing("Wasserstein distance", f"{group}: {column.name}", "needs 10 items")
    rng = streams.at("certificate", "again", group, column.name)
    some = column.some(round(effort * AGAIN_ROWS), rng)
    everyone = np.arange(len(some))
    drawn = [some.quantile(everyone, rng.random(len(some)), some.owners.drawn(rng)) for _ in range(AGAIN)]
    return _wasserstein(
        column.name, _Again({column.name: some.value}, {column.name: np.stack(drawn)}, some.left), group
    )


def _rank(first: str, second: str, again: _Again, group: str) -> Finding:
    subject = f"{group}: {first}, {second}"
    if np.ptp(again.value[first]) == 0 or np.ptp(again.value[second]) == 0:
        return missing("rank correlation", subject, "one of the two is constant")
    simulated = np.array(
        [spearman(a, b) for a, b in zip(again.drawn[first], again.drawn[second], strict=True)]
    )
    simulated = simulated[np.isfinite(simulated)]
    if len(simulated) < AGAIN // 2:
        return missing("rank correlation", subject, "one of the two is constant under the law")
    target, found = float(simulated.mean()), spearman(again.value[first], again.value[second])
    error = float(simulated.std(ddof=1))
    left = again.left
    sent = spearman(again.value[first][left], again.value[second][left]) if left.sum() > 9 else NAN
    return Finding(
        "rank correlation",
        subject,
        Simulated(simulated),
        f"Spearman; standard error {error:.2g} in {AGAIN} columns drawn again",
        target,
        found,
        sent,
        "1",
        len(again.value[first]),
        measure=found - target,
    )


def _share(again: _Again, group: str) -> Finding:
    def share(reason: F8, output: F8) -> float:
        return float(reason.sum() / max(output.sum(), 1.0))

    pairs = zip(again.drawn["reason_tokens"], again.drawn["output_tokens"], strict=True)
    simulated = np.array([share(reason, output) for reason, output in pairs])
    reason, output, left = again.value["reason_tokens"], again.value["output_tokens"], again.left
    found, target = share(reason, output), float(simulated.mean())
    return Finding(
        "reasoning share",
        f"{group}: output",
        Simulated(simulated),
        f"of output tokens, in {AGAIN} columns drawn again",
        target,
        found,
        share(reason[left], output[left]) if left.any() else NAN,
        "1",
        len(output),
        measure=found - target,
    )


def spearman(a: F8, b: F8) -> float:
    """Spearman's rank correlation of two columns, ties sharing their mean rank; NaN where one is constant."""
    first, second = _ranks(a), _ranks(b)
    spread = first.std() * second.std()
    if len(a) < 2 or spread == 0:
        return math.nan
    return float(((first - first.mean()) * (second - second.mean())).mean() / spread)


def _ranks(values: F8) -> F8:
    _, where, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2.0)[where])
