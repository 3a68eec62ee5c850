"""What a workload holds, in numbers: for ``servegen-fw plan`` and for reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from servegen_fw.data.arrays import I8, AnyArray
from servegen_fw.data.workload import Workload

SHOWN_CLIENTS = 10


@attrs.frozen
class Tokens:
    """A token count over requests.

    Attributes
    ----------
        total: sum.
        mean: per request, NaN without requests.
        p50: median.
        p99: 99th percentile.
        largest: maximum, 0 without requests.
    """

    total: int
    mean: float
    p50: float
    p99: float
    largest: int

    @classmethod
    def of(cls, tokens: AnyArray) -> Tokens:
        """Count a column, int[n]."""
        if not len(tokens):
            return cls(0, float("nan"), float("nan"), float("nan"), 0)
        p50, p99 = np.quantile(tokens, (0.5, 0.99))
        return cls(
            int(tokens.sum(dtype=np.int64)), float(tokens.mean()), float(p50), float(p99), int(tokens.max())
        )


@attrs.frozen
class Share:
    """What one group or one client sends.

    Attributes
    ----------
        name: of the group or client.
        group: of the client; the name again for a group.
        clients: clients that send at least one request.
        requests: number of requests.
        input_tokens: prompt tokens, items included.
        output_tokens: tokens to generate.
    """

    name: str
    group: str
    clients: int
    requests: int
    input_tokens: int
    output_tokens: int


@attrs.frozen
class Summary:
    """A workload in numbers.

    Attributes
    ----------
        digest: of the workload.
        duration_s: length of the planned window.
        requests: number of requests.
        sessions: number of sessions.
        running: sessions begun before time 0.
        later_turns: requests that wait for an earlier one.
        rate: requests per second planned inside the window, every turn at the time it would have if servers answered at once.
        input: prompt tokens without items.
        context_tokens: total that repeats earlier turns.
        output: tokens to generate.
        reason_tokens: total of reasoning within the output.
        items: number of items by modality.
        item_tokens: prompt tokens of items by modality.
        groups: per group.
        clients: per client that sends anything, most requests first.
        notes: what composition had to decide.
    """

    digest: str
    duration_s: float
    requests: int
    sessions: int
    running: int
    later_turns: int
    rate: float
    input: Tokens
    context_tokens: int
    output: Tokens
    reason_tokens: int
    items: Mapping[str, int]
    item_tokens: Mapping[str, int]
    groups: tuple[Share, ...]
    clients: tuple[Share, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values; numbers that do not exist are None."""

        def plain(_owner: object, _field: object, value: Any) -> Any:
            return None if isinstance(value, float) and not np.isfinite(value) else value

        return attrs.asdict(self, value_serializer=plain)

    def headline(self) -> str:
        """Return the workload in one line."""
        clients = sum(group.clients for group in self.groups)
        head = f"{self.requests:,} requests in {self.duration_s:,.6g} s: {self.rate:,.4g} req/s"
        return f"{head}, {clients:,} clients · workload {self.digest[:8]}"

    def text(self) -> str:
        """Return lines for people."""
        lines = [f"  {self.headline()}"]
        if self.later_turns or self.running:
            lines.append(
                f"  sessions  {self.sessions:,}, {self.running:,} of them begun before the start; "
                f"{self.later_turns:,} requests wait for an earlier turn"
            )
        lines.append(_tokens("input", self.input, self.context_tokens, "carried from earlier turns"))
        lines.append(_tokens("output", self.output, self.reason_tokens, "reasoning"))
        lines += [
            f"  {name:<8}  {count:,} items, {self.item_tokens[name]:,} tokens"
            for name, count in self.items.items()
        ]
        lines += [
            f"  group     {_share(group, self.requests)}" for group in self.groups if len(self.groups) > 1
        ]
        top = self.clients[:SHOWN_CLIENTS]
        if len(self.clients) > 1:
            part = sum(client.requests for client in top) / max(1, self.requests)
            lines.append(f"  clients   the {len(top)} busiest send {part:.0%} of the requests")
            lines += [f"            {_share(client, self.requests)}" for client in top]
        lines += [f"  note      {note}" for note in self.notes]
        return "\n".join(lines)


def _tokens(name: str, tokens: Tokens, part: int, of_which: str) -> str:
    if not tokens.largest:
        return f"  {name:<8}  no tokens"
    more = f"; {part / tokens.total:.0%} {of_which}" if part else ""
    return (
        f"  {name:<8}  {tokens.total:,} tokens: mean {tokens.mean:,.5g}, p50 {tokens.p50:,.5g}, "
        f"p99 {tokens.p99:,.5g}, max {tokens.largest:,}{more}"
    )


def _share(share: Share, requests: int) -> str:
    return (
        f"{share.name:<16} {share.requests:>10,} requests {share.requests / max(1, requests):>6.1%}  "
        f"{share.input_tokens:>14,} in  {share.output_tokens:>14,} out"
    )


def summarise(workload: Workload) -> Summary:
    """Count a workload."""
    w = workload
    inside = w.planned_s < w.duration_s
    head = w.parent < 0
    names = w.items.modalities
    of_item = w.items.modality
    sums = _Sums.of(workload)
    order = np.lexsort((np.arange(len(w.clients)), -sums.requests))
    return Summary(
        digest=w.digest,
        duration_s=w.duration_s,
        requests=len(w),
        sessions=int(head.sum()),
        running=int((head & (w.turn > 0)).sum()),
        later_turns=int((~head).sum()),
        rate=float(inside.sum() / w.duration_s),
        input=Tokens.of(w.input_tokens),
        context_tokens=int(w.context_tokens.sum(dtype=np.int64)),
        output=Tokens.of(w.output_tokens),
        reason_tokens=int(w.reason_tokens.sum(dtype=np.int64)),
        items={name: int((of_item == number).sum()) for number, name in enumerate(names)},
        item_tokens={
            name: int(w.items.tokens[of_item == number].sum(dtype=np.int64))
            for number, name in enumerate(names)
        },
        groups=tuple(sums.group(number, name) for number, name in enumerate(w.clients.groups)),
        clients=tuple(sums.client(int(client)) for client in order if sums.requests[client]),
        notes=w.notes,
    )


@attrs.frozen(eq=False)
class _Sums:
    """Totals per client, int64[clients] each."""

    workload: Workload
    requests: I8
    input_tokens: I8
    output_tokens: I8

    @classmethod
    def of(cls, workload: Workload) -> _Sums:
        def total(weights: AnyArray | None) -> I8:
            summed = np.bincount(workload.client, weights, len(workload.clients))
            return np.asarray(summed, np.int64)

        return cls(workload, total(None), total(workload.prompt_tokens), total(workload.output_tokens))

    def client(self, index: int) -> Share:
        clients = self.workload.clients
        return Share(
            name=clients.names[index],
            group=clients.groups[clients.group[index]],
            clients=1,
            requests=int(self.requests[index]),
            input_tokens=int(self.input_tokens[index]),
            output_tokens=int(self.output_tokens[index]),
        )

    def group(self, number: int, name: str) -> Share:
        own = self.workload.clients.group == number
        return Share(
            name=name,
            group=name,
            clients=int(np.count_nonzero(self.requests[own])),
            requests=int(self.requests[own].sum()),
            input_tokens=int(self.input_tokens[own].sum()),
            output_tokens=int(self.output_tokens[own].sum()),
        )
