"""A workload in numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from servegen_fw.workload.summary import Tokens, summarise


@pytest.fixture(scope="module")
def workload(kit: Any) -> Any:
    """Return two groups, one with sessions, images and reasoning."""
    chat = kit.synthetic(
        name="chat",
        clients=4,
        skew=1.0,
        session=kit.Made(kit.Geometric(3.0, 50.0)),
        modality=(kit.Made(kit.Pictures()),),
        reasoning=kit.Made(kit.Half()),
    )
    return kit.compose(chat, kit.synthetic(name="api", clients=2), rate=6.0, duration_s=500)


def test_totals_are_those_of_the_columns(workload: Any) -> None:
    """Requests, sessions, tokens and items are counted over all rows."""
    s, w = summarise(workload), workload
    assert (s.requests, s.digest, s.duration_s) == (len(w), w.digest, 500.0)
    assert s.sessions == np.count_nonzero(w.parent < 0)
    assert s.later_turns == len(w) - s.sessions
    assert s.running == np.count_nonzero((w.parent < 0) & (w.turn > 0)) > 0
    assert s.rate == pytest.approx(np.count_nonzero(w.planned_s < 500) / 500)
    assert (s.input.total, s.output.total) == (w.input_tokens.sum(), w.output_tokens.sum())
    assert (s.reason_tokens, s.context_tokens) == (w.reason_tokens.sum(), w.context_tokens.sum())
    assert s.items == {"image": len(w.items)}
    assert s.item_tokens == {"image": w.items.tokens.sum()}


def test_groups_and_clients_add_up(workload: Any) -> None:
    """Groups hold all requests and tokens, and so do clients, the busiest first."""
    s = summarise(workload)
    assert [(group.name, group.clients) for group in s.groups] == [("chat", 4), ("api", 2)]
    for part in (s.groups, s.clients):
        assert sum(share.requests for share in part) == s.requests
        assert sum(share.output_tokens for share in part) == s.output.total
        assert sum(share.input_tokens for share in part) == s.input.total + sum(s.item_tokens.values())
    assert [client.requests for client in s.clients] == sorted((c.requests for c in s.clients), reverse=True)


def test_it_can_be_written_as_json(workload: Any) -> None:
    """All values are plain; what does not exist is null, also for a workload without requests."""
    for w in (workload, workload.select(np.empty(0, np.int64))):
        again = json.loads(json.dumps(summarise(w).to_json(), allow_nan=False))
        assert again["digest"] == w.digest
        assert again["requests"] == len(w)
    assert again["input"]["mean"] is None


def test_the_text_names_what_matters(workload: Any) -> None:
    """People see requests, rate, clients, digest, tokens, sessions, items, groups and the busiest clients."""
    text = summarise(workload).text()
    for part in (
        f"{len(workload):,} requests", "req/s", "6 clients", workload.digest[:8], "reasoning", "carried from earlier turns",
        "begun before the start", "image", "chat", "api", "busiest", "chat-1", "api-1",
    ):  # fmt: skip
        assert part in text, part


def test_notes_are_shown(kit: Any) -> None:
    """What composition had to decide is told."""
    pool = kit.pool([[100]], masses=({10.0: 1.0}, {0.0: 1.0}))
    assert (
        "note      100 x output length" in summarise(kit.compose(kit.recorded(pool), duration_s=600)).text()
    )


def test_token_statistics() -> None:
    """Total, mean, quantiles and maximum of a column."""
    tokens = Tokens.of(np.arange(1, 101, dtype=np.int32))
    assert (tokens.total, tokens.mean, tokens.p50, tokens.largest) == (5050, 50.5, 50.5, 100)
    assert tokens.p99 == pytest.approx(99.01)


def test_totals_do_not_overflow() -> None:
    """Sums go beyond 32 bits."""
    assert Tokens.of(np.full(10, 2**31 - 1, np.int32)).total == 10 * (2**31 - 1)
