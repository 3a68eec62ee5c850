"""Leading tokens of prompts that are those of their client's own prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.logs.log import Blocks

    I4 = npt.NDArray[np.int32]
    I8 = npt.NDArray[np.int64]


def own_prefix(blocks: Blocks, rows: I8, owner: I4, input_tokens: I4) -> I4:
    """Tokens that each prompt shares with its client's own prefix, int32[n].

    A client's prefix is the path through its prompts' blocks that takes, block by block, the continuation of most of
    its requests, as long as two of them take it. So any two requests of a client share the shorter of their two
    prefixes, as they do in a pool.

    Parameters
    ----------
        rows: requests to look at: first turns, as later ones repeat their session. The others get 0.
        owner: int32[n]; client of each request.
    """
    tokens = np.zeros(len(owner), np.int64)
    depth = 0
    alive = rows
    while len(alive):
        alive = alive[blocks.offsets[alive] + depth < blocks.offsets[alive + 1]]
        if not len(alive):
            break
        block = blocks.ids[blocks.offsets[alive] + depth]
        who = owner[alive]
        order = np.lexsort((block, who))
        begin = np.flatnonzero(
            (np.diff(who[order], prepend=-1) != 0) | (np.diff(block[order], prepend=block[order[:1]]) != 0)
        )
        size = np.diff(np.append(begin, len(order)))
        runs = who[order[begin]]
        # The last entry of each client, in the order of sizes, is its busiest run; the first of equals.
        ranked = np.lexsort((-np.arange(len(runs)), size, runs))
        busiest = ranked[np.flatnonzero(np.diff(runs[ranked], append=-1) != 0)]
        busiest = busiest[size[busiest] >= 2]
        taken = np.zeros(len(runs), np.bool_)
        taken[busiest] = True
        alive = np.sort(alive[order[np.repeat(taken, size)]])
        depth += 1
        tokens[alive] += blocks.tokens
    return np.minimum(tokens, input_tokens).astype(np.int32)
