"""Reader of the Mooncake traces (Apache-2.0): one JSON object a line, with ids of the prompt's token blocks.

Equal leading ids mean equal leading tokens. A request's prefix is the longest leading run of blocks that at least one
other request of the trace has too, earlier or later; the last block may be partly filled.

A workload's column holds one prefix id a row, while runs of blocks form a tree. The tree is cut into *heavy paths*
(Sleator and Tarjan 1983): from each block on, the path follows the continuation that most requests take. A request's
prefix id is the number of the path on which its run ends. Two requests of one path share exactly what they share in
the trace; what two requests of different paths have in common above the fork is not told. Turns of a conversation,
which is where reuse comes from, lie on one path.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from servegen_fw.plugin import Workload
from servegen_fw_pools.logs.notation import read_jsonl
from servegen_fw_pools.options import Mooncake
from servegen_fw_pools.logs.replay import Log, replay
from servegen_fw_pools.logs.text import MAX_PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    I8 = npt.NDArray[np.int64]


@attrs.frozen
class MooncakeReader:
    """Reads one trace."""

    config: Mooncake

    def read(self) -> Workload:
        """Return the requests of one client, "all", with their shared prefixes.

        Raises
        ------
            InputError: the file is missing or damaged; up to 20 bad cells at once.
        """
        path = Path(self.config.path).expanduser()
        rows = read_jsonl(path, ("timestamp", "input_length", "output_length", "hash_ids"))
        inputs = rows.tokens("input_length")
        blocks = rows.cells["hash_ids"]
        for row in [row for row, ids in enumerate(blocks) if not _are_ids(ids)][: MAX_PROBLEMS + 1]:
            rows.complain(row, "hash_ids", "hash_ids is no list of whole numbers", "mend the row")
        time_s, outputs = rows.times_s("timestamp", "ms"), rows.tokens("output_length")
        rows.stop()
        prefix, run = shared_runs(blocks)
        log = Log(
            time_s=time_s,
            input_tokens=inputs,
            output_tokens=outputs,
            prefix=prefix,
            prefix_tokens=np.minimum(run * self.config.block_tokens, inputs),
        )
        return replay(log, path.stem)


def make(config: Mooncake) -> MooncakeReader:
    """Make the reader ``mooncake``."""
    return MooncakeReader(config)


def _are_ids(found: Any) -> bool:
    return isinstance(found, list) and all(type(block) is int for block in found)


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
