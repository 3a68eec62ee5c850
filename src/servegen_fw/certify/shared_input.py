"""Input that repeats what a server has seen: history of earlier turns and shared prefixes, row by row."""

from __future__ import annotations

import numpy as np

from servegen_fw.certify.finding import NAN, Finding
from servegen_fw.certify.laws import Exactly
from servegen_fw.certify.model import GroupModel
from servegen_fw.certify.seen import Seen
from servegen_fw.data.arrays import I8, AnyArray
from servegen_fw.workload.fields import Fields


def shared_input(model: GroupModel, fields: Fields, seen: Seen, number: int) -> list[Finding]:
    """Realised prefix sharing: input tokens that repeat earlier turns or a shared prefix, exactly as the rules say."""
    workload, rows, group, carries = seen.workload, seen.rows(number), model.name, model.carries_context
    told = workload.input_tokens + workload.output_tokens - workload.reason_tokens
    parent = workload.parent[rows]
    context = workload.context_tokens[rows]
    # A session begun before the case has a history that the workload does not hold.
    known = (parent >= 0) | (workload.turn[rows] == 0)
    due = np.where(parent >= 0, told[parent] if carries else 0, 0)
    due = np.where(known, due, context)
    prefix, asked = workload.prefix_tokens[rows], workload.prefix_tokens[rows]
    if fields.prefixes is None:
        asked = np.zeros_like(prefix)
    elif fields.prefixes.recorded is None:
        first = (parent < 0) & known if carries else np.ones(len(rows), np.bool_)
        fresh = workload.input_tokens[rows] - context
        own = np.where(workload.prefix[rows] >= 0, np.minimum(fields.prefixes.tokens, fresh - 1), 0)
        asked = np.where(first, own, np.where(parent >= 0, workload.prefix_tokens[parent], prefix))
    wrong = int(np.count_nonzero((due != context) | (asked != prefix)))
    if not (due.any() or asked.any() or wrong):
        return []
    total = max(1, int(workload.input_tokens[rows].sum(dtype=np.int64)))
    left = seen.left[rows]

    def share(context: AnyArray, prefix: AnyArray, part: I8) -> float:
        return float(np.maximum(context, prefix)[part].sum(dtype=np.int64) / total)

    everyone = np.arange(len(rows))
    sent = np.flatnonzero(left)
    target = share(due, asked, everyone)
    return [
        Finding(
            "shared input tokens",
            group,
            Exactly(target - 1e-12, target + 1e-12),
            "history and shared prefixes, row by row as the rules say, over all input tokens",
            target,
            share(context, prefix, everyone),
            share(context, prefix, sent) if len(sent) else NAN,
            "ratio",
            len(rows),
            f"{wrong:,} rows depart from the rules" if wrong else "",
            measure=float(wrong),
            judged="generated",
        ),
        Finding(
            "rows that repeat as they should",
            group,
            Exactly(0, 0),
            "history is what earlier turns said, a prefix is as long as asked",
            0,
            wrong,
            NAN,
            "requests",
            len(rows),
            measure=float(wrong),
        ),
    ]
