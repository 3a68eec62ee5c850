"""Reuse of prompt prefixes from the hashes of their blocks: what a cache that forgets nothing would have held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.logs.log import Blocks, Log

    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]
    B1 = npt.NDArray[np.bool_]

HEADS = 5
_KEPT = 0.9


@attrs.frozen(eq=False)
class Reuse:
    """Blocks of a log's prompts, m in all, and where each was seen before.

    Attributes
    ----------
        tokens: float64[m]; tokens behind each block; the last one of a prompt holds the rest of its input.
        owner: int64[m]; row of the request.
        hit: bool[m]; whether the block and all before it in the prompt occurred in earlier requests: what an infinite
            cache of prefixes serves.
        seen: bool[m]; whether the block itself occurred in an earlier request, wherever.
        last: int64[m]; row of the latest earlier request that has the block, -1 if none.
        distinct: number of different blocks.
    """

    tokens: F8
    owner: I8
    hit: B1
    seen: B1
    last: I8
    distinct: int


@attrs.frozen
class Head:
    """Leading blocks that many requests share.

    Attributes
    ----------
        requests: that begin with its first block.
        blocks: how many blocks nine in ten of those have in common.
        sharing: requests that have all of these blocks.
    """

    requests: int
    blocks: int
    sharing: int


def reuse_of(log: Log) -> Reuse | None:
    """Reuse of the blocks of a log; None where it has none."""
    blocks = log.blocks
    if blocks is None or not len(blocks.ids):
        return None
    size = np.diff(blocks.offsets)
    owner = np.repeat(np.arange(len(log), dtype=np.int64), size)
    order = np.argsort(blocks.ids, kind="stable")
    ids, rows = blocks.ids[order], owner[order]
    new_id = np.concatenate(([True], ids[1:] != ids[:-1]))
    # A block that stands twice in one prompt was not in the cache before that prompt.
    new_pair = new_id | np.concatenate(([True], rows[1:] != rows[:-1]))
    pairs = np.flatnonzero(new_pair)
    earlier = np.where(new_id[pairs], -1, np.concatenate(([-1], rows[pairs[:-1]])))
    last = np.empty(len(order), np.int64)
    last[order] = earlier[np.cumsum(new_pair) - 1]
    seen = last >= 0
    return Reuse(
        _block_tokens(log, blocks), owner, _leading(blocks, owner, seen), seen, last, int(new_id.sum())
    )


def hit_tokens(log: Log, reuse: Reuse) -> F8:
    """Tokens of each request's prompt that the infinite cache serves, float64[n]."""
    return np.bincount(reuse.owner, weights=reuse.tokens * reuse.hit, minlength=len(log)).astype(np.float64)


def known_to(log: Log, reuse: Reuse, group: npt.NDArray[np.integer]) -> B1:
    """Whether an earlier request of the same group (int[n]; below 0: of none) has each block; bool[m]."""
    assert log.blocks is not None  # noqa: S101 - there is reuse
    mine = group[reuse.owner]
    order = np.lexsort((mine, log.blocks.ids))
    ids, groups, rows = log.blocks.ids[order], mine[order], reuse.owner[order]
    new = np.concatenate(([True], (ids[1:] != ids[:-1]) | (groups[1:] != groups[:-1])))
    first = rows[np.flatnonzero(new)][np.cumsum(new) - 1]
    found = np.empty(len(order), np.bool_)
    found[order] = (first < rows) & (groups >= 0)
    return found


def heads_of(log: Log) -> list[Head]:
    """The heads of the most frequent first blocks that at least two requests share, the most frequent first."""
    blocks = log.blocks
    assert blocks is not None  # noqa: S101 - callers look
    size = np.diff(blocks.offsets)
    rows = np.flatnonzero(size > 0)
    ids, count = np.unique(blocks.ids[blocks.offsets[rows]], return_counts=True)
    heads = []
    for at in np.argsort(-count, kind="stable")[:HEADS]:
        if count[at] < 2:
            break
        sharing = rows[blocks.ids[blocks.offsets[rows]] == ids[at]]
        depth, least = 1, _KEPT * len(sharing)
        while True:
            longer = sharing[size[sharing] > depth]
            if len(longer) < max(least, 2):
                break
            value, times = np.unique(blocks.ids[blocks.offsets[longer] + depth], return_counts=True)
            most = int(np.argmax(times))
            if times[most] < max(least, 2):
                break
            sharing = longer[blocks.ids[blocks.offsets[longer] + depth] == value[most]]
            depth += 1
        heads.append(Head(int(count[at]), depth, len(sharing)))
    return heads


def _block_tokens(log: Log, blocks: Blocks) -> F8:
    tokens = np.full(len(blocks.ids), float(blocks.tokens))
    size = np.diff(blocks.offsets)
    some = np.flatnonzero(size > 0)
    rest = log.input_tokens[some] - (size[some] - 1) * blocks.tokens
    tokens[blocks.offsets[some + 1] - 1] = np.clip(rest, 0, blocks.tokens)
    return tokens


def _leading(blocks: Blocks, owner: I8, seen: B1) -> B1:
    """Whether a block and all before it in its prompt are seen."""
    missed = np.cumsum(~seen)
    begin = blocks.offsets[:-1][owner]
    before = np.where(begin > 0, missed[np.maximum(begin - 1, 0)], 0)
    return np.asarray(missed == before)
