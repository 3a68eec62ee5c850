"""Which segment holds how many tokens of what: shared prefix, own text, answer. The same for every prompt maker."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from servegen_fw_prompts.counter import combined, name_keys

if TYPE_CHECKING:
    from servegen_fw.plugin import Streams, Workload

Bool: TypeAlias = npt.NDArray[np.bool_]
I8: TypeAlias = npt.NDArray[np.int64]
U8: TypeAlias = npt.NDArray[np.uint64]

USER, ANSWER, PREFIX = 0, 1, 2


@attrs.frozen(eq=False)
class Segments:
    """One kind of segment (user turns or answers), one per workload row.

    Attributes
    ----------
        tokens: int64[n]; of the segment, shared prefix included.
        prefix_tokens: int64[n]; the leading tokens that come from the shared prefix.
        prefix_key: uint64[n]; equal for rows that share a prefix.
        key: uint64[n]; of the row's own text.
        continues: bool[n]; whether another segment of the same prompt comes before.
    """

    tokens: I8
    prefix_tokens: I8
    prefix_key: U8
    key: U8
    continues: Bool

    def __len__(self) -> int:
        return len(self.tokens)


def lay_out(workload: Workload, streams: Streams, distinct: int = 0) -> tuple[Segments, Segments]:
    """Return the user segments and the answer segments of a workload.

    A row's keys hang on the name of its client, its session and its turn, never on its position, so that other
    clients or fewer sessions leave its text as it is. A prefix hangs on its id alone, whoever uses it, so that its text
    stays when a longer case has other clients use it too.

    Parameters
    ----------
        workload: what is asked for.
        streams: randomness; one stream, "prompts", is used.
        distinct: number of different user texts; 0 for one per row.
    """
    root = int(streams.at("prompts").integers(0, 2**64, dtype=np.uint64))
    clients = name_keys(workload.clients.names, root)
    rows = combined(combined(clients[workload.client], workload.session), workload.turn)
    roots = np.full(1, root, np.uint64)
    user_key = combined(rows, np.full(1, USER))
    if distinct:
        user_key = combined(roots, user_key % np.uint64(distinct))

    has_parent = workload.parent >= 0
    carries = has_parent & (workload.context_tokens > 0)
    new = workload.input_tokens.astype(np.int64) - np.where(has_parent, workload.context_tokens, 0)
    new = np.maximum(new, 0)
    leads = (workload.prefix >= 0) & ~carries
    prefix_tokens = np.where(leads, np.clip(workload.prefix_tokens, 0, new), 0).astype(np.int64)
    prefix_key = combined(combined(roots, np.full(1, PREFIX)), workload.prefix)
    user = Segments(new, prefix_tokens, prefix_key, user_key, carries)

    answered = workload.output_tokens.astype(np.int64) - workload.reason_tokens
    answer = Segments(
        np.where(workload.child >= 0, np.maximum(answered, 0), 0),
        np.zeros(len(workload), np.int64),
        prefix_key,
        combined(rows, np.full(1, ANSWER)),
        np.ones(len(workload), np.bool_),
    )
    return user, answer
