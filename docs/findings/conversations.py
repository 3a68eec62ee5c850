"""Findings on conversations (FACTS of the paper's section 5), by a model, and on the Mooncake trace."""

from __future__ import annotations

from tables import Row, compared
from workloads import SUITES, Data, figures_of_data, figures_of_suite

TURNS = (
    Row("turns in a conversation: mean", "conversations.turns.mean", "3.5; later release 3.54"),
    Row("p50", "conversations.turns.p50", "2 (later release)"),
    Row("p90", "conversations.turns.p90", "7 (later release)"),
    Row("largest", "conversations.turns.max", "45 (later release)"),
    Row(
        "inter-turn time: p50", "conversations.inter_turn.quantiles.p50", "around 100 s; later release 308 s"
    ),
    Row("p90", "conversations.inter_turn.quantiles.p90", "long tail; later release 3,222 s"),
    Row("input grows from turn to turn by", "conversations.growth.tokens_per_turn"),
)
PREFIXES = (
    Row(
        "input tokens that an earlier prompt began with",
        "conversations.prefixes.token_share",
        "not characterised",
        share=True,
    ),
    Row(
        "the same in the second half, with a warm cache",
        "conversations.prefixes.token_share_second_half",
        share=True,
    ),
    Row("tokens reused by a request: p50", "conversations.prefixes.tokens_reused_per_request.p50"),
    Row("p90", "conversations.prefixes.tokens_reused_per_request.p90"),
    Row("time since they were last used, s: p50", "conversations.prefixes.age_of_reuse_s.p50"),
    Row("p90", "conversations.prefixes.age_of_reuse_s.p90"),
)


def tables(data: Data) -> dict[str, list[str]]:
    """Return the tables by name."""
    return {
        "conversations": compared(TURNS, {"generated": figures_of_suite(SUITES / "conversations.toml")}),
        "prefixes": compared(PREFIXES, {"Mooncake, recorded": figures_of_data(data.mooncake)}),
    }
