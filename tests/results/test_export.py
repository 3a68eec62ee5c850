"""Workload files: all of it in Parquet, plain rows for others, Mooncake's shared blocks."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import attrs
import numpy as np
import pytest

from servegen_fw.data.workload import Workload
from servegen_fw.errors import InputError, Problem
from servegen_fw.results.export import write_slices, write_workload
from servegen_fw.results.store import read_workload
from servegen_fw.testing import make_workload


def workload() -> Workload:
    """Make two clients with sessions of three turns."""
    return make_workload(
        [0.25, 0.5],
        turns=3,
        client=[0, 1],
        clients=("alice", "bob"),
        input_tokens=700,
        output_tokens=400,
        reason_tokens=100,
    )


def test_parquet_replays(tmp_path: Path) -> None:
    """A Parquet file gives back a workload with the same digest."""
    write_workload(workload(), tmp_path / "w.parquet")
    assert read_workload(tmp_path / "w.parquet").digest == workload().digest


def test_slices_replay(tmp_path: Path) -> None:
    """Slices written one after the other are read as the whole workload: digest, parents, items, names and notes."""
    whole = attrs.evolve(workload(), notes=("told at the end",))
    slices = [whole.select(np.arange(3)), whole.select(np.arange(3, 6)), whole.select(np.empty(0, np.int64))]
    early = (attrs.evolve(part, notes=()) for part in slices[:-1])
    n, digest = write_slices(itertools.chain(early, slices[-1:]), tmp_path / "w.parquet")
    assert (n, digest) == (6, whole.digest)
    back = read_workload(tmp_path / "w.parquet")
    assert back.digest == whole.digest
    assert back.parent.tolist() == whole.parent.tolist() == [-1, 0, 1, -1, 3, 4]
    assert (back.notes, back.clients.names, back.duration_s) == (
        whole.notes,
        whole.clients.names,
        whole.duration_s,
    )


def test_slices_of_nothing_replay(tmp_path: Path) -> None:
    """A workload without requests is a file too."""
    write_slices([workload().select(np.empty(0, np.int64))], tmp_path / "w.parquet")
    assert len(read_workload(tmp_path / "w.parquet")) == 0


def test_a_failure_between_slices_leaves_the_old_file(tmp_path: Path) -> None:
    """Composing that fails half-way leaves no new file and no scratch file, and keeps the old one."""
    path = tmp_path / "w.parquet"
    write_workload(workload(), path)
    before = path.read_bytes()

    def broken() -> Iterator[Workload]:
        yield workload()
        raise InputError(Problem("nothing left"))

    with pytest.raises(InputError, match="nothing left"):
        write_slices(broken(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match="cannot be written"):
        write_slices([workload()], tmp_path / "no" / "w.parquet")


@pytest.mark.parametrize("name", ["w.csv", "w.jsonl"])
def test_plain_rows_hold_names_and_planned_times(tmp_path: Path, name: str) -> None:
    """CSV and JSONL hold one row a request with client names, tokens and planned times."""
    path = tmp_path / name
    write_workload(workload(), path)
    text = path.read_text()
    rows = (
        list(csv.DictReader(text.splitlines()))
        if name.endswith("csv")
        else [json.loads(line) for line in text.splitlines()]
    )
    assert [row["client"] for row in rows] == ["alice"] * 3 + ["bob"] * 3
    assert [float(row["due_s"]) for row in rows] == [0.25, 1.25, 2.25, 0.5, 1.5, 2.5]
    assert [int(row["input_tokens"]) for row in rows[:3]] == [700, 1700, 2700]


def test_mooncake_shares_exactly_the_blocks_that_are_equal(tmp_path: Path) -> None:
    """Later turns begin with the ids of every whole block they repeat, and no two sessions share any."""
    path = tmp_path / "w.mooncake.jsonl"
    write_workload(workload(), path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["timestamp"] for row in rows] == sorted(row["timestamp"] for row in rows)
    assert [len(row["hash_ids"]) for row in rows] == [-(-row["input_length"] // 512) for row in rows]
    alice, bob = rows[0::2], rows[1::2]
    # 700 tokens: one whole block is kept; of the 1,700 of turn two, three whole blocks.
    assert alice[0]["hash_ids"][:1] == alice[1]["hash_ids"][:1]
    assert alice[0]["hash_ids"][1] != alice[1]["hash_ids"][1]
    assert alice[1]["hash_ids"][:3] == alice[2]["hash_ids"][:3]
    assert alice[1]["hash_ids"][3] != alice[2]["hash_ids"][3]
    ids = [{block for row in side for block in row["hash_ids"]} for side in (alice, bob)]
    assert not ids[0] & ids[1]


def test_mooncake_shares_prefixes_between_sessions(tmp_path: Path) -> None:
    """Requests with one prefix share its whole blocks and nothing else."""
    made = attrs.evolve(
        make_workload([0.0, 1.0], input_tokens=2000),
        prefix=np.array([4, 4]),
        prefix_tokens=np.array([1100, 1100], np.int32),
    )
    write_workload(made, tmp_path / "w.mooncake.jsonl")
    one, two = (
        json.loads(line)["hash_ids"] for line in (tmp_path / "w.mooncake.jsonl").read_text().splitlines()
    )
    assert one[:2] == two[:2]
    assert not set(one[2:]) & set(two[2:])


def test_unknown_suffix_and_missing_folder_are_told(tmp_path: Path) -> None:
    """A suffix without a format and a folder that does not exist are input errors that say what to do."""
    with pytest.raises(InputError, match="give --format"):
        write_workload(workload(), tmp_path / "w.xlsx")
    with pytest.raises(InputError, match="cannot be written"):
        write_workload(workload(), tmp_path / "no" / "w.csv")
    write_workload(workload(), tmp_path / "w.xlsx", "csv")
    assert list(tmp_path.glob(".*")) == []
    assert (tmp_path / "w.xlsx").exists()


def test_damaged_files_are_told_with_their_name(tmp_path: Path) -> None:
    """A missing, foreign or truncated Parquet file is one input error that names the file."""
    with pytest.raises(InputError, match="none.parquet: no such file"):
        read_workload(tmp_path / "none.parquet")
    path = tmp_path / "w.parquet"
    write_workload(workload(), path)
    whole = path.read_bytes()
    for length in (0, 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="w.parquet"):
            read_workload(path)
