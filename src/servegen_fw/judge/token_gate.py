"""The gate of tokens: whether servers generated what was asked for, and who counted."""

from __future__ import annotations

import numpy as np

from servegen_fw.data.report import Gate
from servegen_fw.data.run import Run
from servegen_fw.suite.display import format_quantity

SHORT_LIMIT = 0.01
"""Share of outputs shorter than asked for above which the work done is not the work planned."""

MISMATCH_LIMIT = 0.01
"""Share of outputs whose count by the server and count by the chunks differ above which neither is trusted blindly."""


def tokens(run: Run) -> Gate:
    """Compare wanted, reported and counted output tokens of the requests that succeeded; a warning at most."""
    rows = run.ok
    if not len(rows):
        return Gate("tokens", "unknown", "tokens", "no request succeeded")
    records = run.records
    wanted = np.maximum(run.workload.output_tokens[rows], 1)
    made = records.output_tokens[rows]
    reported, counted = records.output_reported[rows], records.output_counted[rows]
    short = float(np.mean(made < wanted))
    both = (reported >= 0) & (counted >= 0)
    differ = float(np.mean(reported[both] != counted[both])) if both.any() else 0.0
    guessed = float(np.mean((reported < 0) & (counted < 0)))
    source = (
        f"counted by the server for {format_quantity(float(np.mean(reported >= 0)), 'ratio')} of the outputs"
    )
    if guessed > SHORT_LIMIT:
        message = f"{format_quantity(guessed, 'ratio')} of the outputs have no token count; their chunks were taken for tokens"
        cure = "let the server report usage, or ask for token ids; TPOT and throughput are rough"
        return Gate("tokens", "warn", "tokens-guessed", message, cure, guessed, SHORT_LIMIT, "ratio")
    if differ > MISMATCH_LIMIT:
        message = f"server and client disagree on the tokens of {format_quantity(differ, 'ratio')} of the outputs; the server's count is used"
        cure = "check how the server counts (special tokens, reasoning); a chunk may hold several tokens"
        return Gate("tokens", "warn", "tokens-mismatch", message, cure, differ, MISMATCH_LIMIT, "ratio")
    if short > SHORT_LIMIT:
        done = float(made.sum()) / float(wanted.sum())
        message = f"{format_quantity(short, 'ratio')} of the outputs are shorter than asked for; {format_quantity(done, 'ratio')} of the tokens were made"
        cure = (
            "make the server go on to the wanted length (ignore_eos), or state that outputs end by themselves"
        )
        return Gate("tokens", "warn", "outputs-short", message, cure, short, SHORT_LIMIT, "ratio")
    return Gate("tokens", "ok", "tokens", source, "", short, SHORT_LIMIT, "ratio")
