"""The Mooncake traces, and shared prefixes of logs with hashes of blocks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from servegen_fw_pools.logs.prefixes import shared_runs
from servegen_fw_pools.logs.readers import make_mooncake as make
from servegen_fw_pools.options import Mooncake

from servegen_fw.plugin import InputError


def reused(blocks: list[list[int]], prefix: np.ndarray, run: np.ndarray) -> tuple[int, int]:
    """Blocks that an endless cache would reuse: by the ids themselves, and by prefix id and length alone."""
    seen: set[tuple[int, ...]] = set()
    longest: dict[int, int] = {}
    true = told = 0
    for ids, path, length in zip(blocks, prefix.tolist(), run.tolist(), strict=True):
        leads = [tuple(ids[: i + 1]) for i in range(len(ids))]
        true += sum(lead in seen for lead in leads)
        seen.update(leads)
        if path >= 0:
            told += min(longest.get(path, 0), length)
            longest[path] = max(longest.get(path, 0), length)
    return true, told


def test_a_run_is_the_longest_that_another_request_has_too() -> None:
    """A conversation of three turns beside a lone request: every turn's run is what a neighbour shares."""
    blocks = [[0, 1, 2], [9, 8], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5], [0, 7]]
    prefix, run = shared_runs(blocks)
    assert run.tolist() == [3, 0, 5, 5, 1]
    assert prefix[1] == -1
    assert prefix[0] == prefix[2] == prefix[3] >= 0


def test_equal_ids_after_different_leads_are_not_shared() -> None:
    """A block counts only with all blocks before it: 5 after 1 is not 5 after 2."""
    _, run = shared_runs([[1, 5, 6], [2, 5, 6]])
    assert run.tolist() == [0, 0]


def test_requests_of_one_path_share_exactly_what_the_trace_says() -> None:
    """In random trees no prefix id ever claims more sharing than the blocks have, and chains lose nothing."""
    rng = np.random.default_rng(2)
    for _ in range(50):
        blocks = [rng.integers(0, 3, rng.integers(0, 6)).tolist() for _ in range(30)]
        prefix, run = shared_runs(blocks)
        for i in range(30):
            for j in range(i):
                if prefix[i] == prefix[j] >= 0:
                    common = next(
                        (d for d, (a, b) in enumerate(zip(blocks[i], blocks[j], strict=False)) if a != b),
                        min(len(blocks[i]), len(blocks[j])),
                    )
                    assert min(run[i], run[j]) <= common
    chain = [list(range(k)) for k in range(1, 20)]
    true, told = reused(chain, *shared_runs(chain))
    assert true == told


def test_a_fork_follows_the_busier_branch() -> None:
    """Two of three requests go on with block 1: theirs is the stem's path, the third keeps only the stem."""
    prefix, run = shared_runs([[0, 2], [0, 1, 3], [0, 1, 4]])
    assert run.tolist() == [1, 2, 2]
    assert prefix[0] == prefix[1] == prefix[2]
    prefix, run = shared_runs([[0, 2, 6], [0, 2, 7], [0, 1, 3], [0, 1, 4], [0, 1, 5]])
    assert run.tolist() == [2, 2, 2, 2, 2]
    assert prefix[0] == prefix[1] != prefix[2] == prefix[3] == prefix[4]


def test_a_small_trace_is_read(tmp_path: Path) -> None:
    """Milliseconds from the first request; prefix tokens are whole blocks, at most the prompt."""
    path = tmp_path / "m.jsonl"
    rows = [
        {"timestamp": 3000, "input_length": 700, "output_length": 5, "hash_ids": [0, 1]},
        {"timestamp": 4500, "input_length": 1500, "output_length": 6, "hash_ids": [0, 1, 2]},
        {"timestamp": 5000, "input_length": 10, "output_length": 7, "hash_ids": [9]},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    w = make(Mooncake(path=str(path))).read()
    assert w.due_s.tolist() == [0, 1.5, 2]
    assert w.prefix_tokens.tolist() == [700, 1024, 0]
    assert w.prefix[0] == w.prefix[1] >= 0
    assert w.prefix[2] == -1
    assert make(Mooncake(path=str(path), block_tokens=16)).read().prefix_tokens.tolist() == [32, 32, 0]


@pytest.mark.parametrize("ids", ["1", [1.5], None, [True], [[1]]])
def test_bad_hash_ids_are_placed(tmp_path: Path, ids: object) -> None:
    """What is no list of whole numbers is named by line."""
    path = tmp_path / "m.jsonl"
    row = {"timestamp": 0, "input_length": 1, "output_length": 1, "hash_ids": ids}
    path.write_text("\n" + json.dumps(row))
    with pytest.raises(InputError, match="hash_ids is no list") as caught:
        make(Mooncake(path=str(path))).read()
    place = caught.value.problems[0].place
    assert place is not None
    assert place.line == 2


def test_the_real_trace_keeps_its_reuse(real: Callable[[str], Path]) -> None:
    """12,031 requests; prefix ids tell over 95 % of the block reuse that an endless cache would see, and never more."""
    path = real("mooncake/conversation_trace.jsonl")
    w = make(Mooncake(path=str(path))).read()
    assert len(w) == 12_031
    assert (w.prefix_tokens <= w.input_tokens).all()
    blocks = [json.loads(line)["hash_ids"] for line in path.read_text().splitlines()]
    true, told = reused(blocks, *shared_runs(blocks))
    assert 0.95 * true < told <= true


def test_paths_are_numbered_the_same_every_time(real: Callable[[str], Path]) -> None:
    """Two readings of one trace have one digest."""
    reader = make(Mooncake(path=str(real("mooncake/conversation_trace.jsonl"))))
    assert reader.read().digest == reader.read().digest


def test_an_empty_list_of_ids_shares_nothing() -> None:
    """Requests without blocks, and one that repeats another whole, are handled."""
    prefix, run = shared_runs([[], [1, 2], [1, 2], []])
    assert run.tolist() == [0, 2, 2, 0]
    assert prefix.tolist()[0] == prefix.tolist()[3] == -1
    assert prefix[1] == prefix[2]
