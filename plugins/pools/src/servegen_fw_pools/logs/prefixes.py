"""Shared prefixes of a log that tells hashes of the prompts' token blocks.

Equal leading ids mean equal leading tokens. A request's prefix is the longest leading run of blocks that at least one
other request of the log has too, earlier or later; the last block may be partly filled.

A workload's column holds one prefix id a row, while runs of blocks form a tree. The tree is cut into *heavy paths*
(Sleator and Tarjan 1983): from each block on, the path follows the continuation that most requests take. A request's
prefix id is the number of the path on which its run ends. Two requests of one path share exactly what they share in
the log; what two requests of different paths have in common above the fork is not told. Turns of a conversation,
which is where reuse comes from, lie on one path.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from servegen_fw_pools.logs.log import Blocks

    I8 = npt.NDArray[np.int64]


def prefixes(blocks: Blocks, input_tokens: npt.NDArray[np.int32]) -> tuple[I8, I8]:
    """Prefix id (-1 for none) and prefix tokens (at most the prompt's) of each request, int64[n] each."""
    ids, offsets = blocks.ids.tolist(), blocks.offsets.tolist()
    prefix, run = shared_runs([ids[begin:end] for begin, end in itertools.pairwise(offsets)])
    return prefix, np.minimum(run * blocks.tokens, input_tokens)


def shared_runs(blocks: Sequence[Sequence[int]]) -> tuple[I8, I8]:
    """Longest leading runs of blocks that another request shares.

    Parameters
    ----------
        blocks: n lists of block ids.

    Returns
    -------
        prefix: int64[n]; number of the heavy path on which the run ends, -1 for no run.
        run: int64[n]; blocks in the run.
    """
    after: dict[tuple[int, int], int] = {}
    parent, passes = [-1], [len(blocks)]
    walks: list[list[int]] = []
    for ids in blocks:
        node = 0
        walk: list[int] = []
        for block in ids:
            node = after.setdefault((node, block), len(parent))
            if node == len(parent):
                parent.append(walk[-1] if walk else 0)
                passes.append(0)
            passes[node] += 1
            walk.append(node)
        walks.append(walk)
    path = _heavy_paths(parent, passes)
    run = [next((depth for depth, node in enumerate(walk) if passes[node] < 2), len(walk)) for walk in walks]
    ends = [path[walk[length - 1]] if length else -1 for walk, length in zip(walks, run, strict=True)]
    return np.array(ends, np.int64), np.array(run, np.int64)


def _heavy_paths(parent: list[int], passes: list[int]) -> list[int]:
    """Number of the path of each node: its parent's if it is the parent's busiest child (the first of equals)."""
    heavy: dict[int, int] = {}
    for node in range(1, len(parent)):
        best = heavy.get(parent[node])
        if best is None or passes[node] > passes[best]:
            heavy[parent[node]] = node
    path = [0]
    for node in range(1, len(parent)):
        path.append(path[parent[node]] if heavy[parent[node]] == node else node)
    return path
