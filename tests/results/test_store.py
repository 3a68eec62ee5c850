"""The result folder is readable at every moment and refuses what it cannot read."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import numpy as np
import pytest

from servegen_fw.data.records import Chunks, Harness, Records
from servegen_fw.data.report import Report
from servegen_fw.errors import InputError
from servegen_fw.results.codec import report_to_json
from servegen_fw.results.store import CellKey, ResultFolder
from servegen_fw.testing import make_workload

KEY = CellKey("steady", "sim", 0)


def test_default_folders_never_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs in one second get folders of their own under results, named by suite and time."""
    monkeypatch.chdir(tmp_path)
    one = ResultFolder.create(None, "suite", "2026-11-22T08:15:00+00:00")
    two = ResultFolder.create(None, "suite", "2026-11-22T08:15:00+00:00")
    assert str(one.path) == "results/suite-2026-11-22T08-15-00"
    assert one.path != two.path


def test_used_or_impossible_folder_is_refused(tmp_path: Path) -> None:
    """A folder with anything in it, or one that cannot be made, is an input error and stays untouched."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        ResultFolder.create(tmp_path, "suite", "now")
    with pytest.raises(InputError, match="cannot make"):
        ResultFolder.create(tmp_path / "file" / "below", "suite", "now")
    assert (tmp_path / "file").read_text() == "mine"


def test_report_is_stored_with_state_and_format(tmp_path: Path, report: Report) -> None:
    """result.json states format, state and verdict beside the report and reads back."""
    folder = ResultFolder.create(tmp_path / "r", "suite", "now")
    folder.write_report(report, "running")
    data = json.loads((folder.path / "result.json").read_text())
    assert (data["servegen_result"], data["state"], data["verdict"]) == (1, "running", "FAIL")
    back, state = folder.read_report()
    assert state == "running"
    assert report_to_json(back) == report_to_json(report)
    assert not list(folder.path.glob(".*"))


def test_records_replace_the_journal(tmp_path: Path) -> None:
    """Complete records with chunk times take the journal's place; a cell without them reads as None."""
    folder = ResultFolder.create(tmp_path / "r", "suite", "now")
    assert folder.read_records(KEY) is None
    folder.journal(KEY).write_bytes(b"journal")
    chunks = Chunks(np.array([1, 2]), np.array([0]), np.array([0]), np.array([2]))
    records = Records.empty(3, Harness("virtual", 1.0))
    folder.write_records(KEY, attrs.evolve(records, chunks=chunks))
    assert not folder.journal(KEY).exists()
    back = folder.read_records(KEY)
    assert back is not None
    assert len(back) == 3
    assert back.chunks is not None
    assert back.chunks.t_ns.tolist() == [1, 2]


def test_workload_is_stored_by_case_and_repeat(tmp_path: Path) -> None:
    """What a case was sent is found by case and repeat, with its digest."""
    folder = ResultFolder.create(tmp_path / "r", "suite", "now")
    made = make_workload([0.0, 1.0])
    folder.write_workload("steady", 2, made)
    assert folder.read_workload("steady", 2).digest == made.digest
    with pytest.raises(InputError, match="no such file"):
        folder.read_workload("steady", 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "result.json is missing"),
        (b"", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[]", "not of servegen-fw"),
        (b'{"servegen_result": 99}', "newer than this servegen-fw knows"),
        (b'{"servegen_result": 1}', "is damaged"),
        (b'{"servegen_result": 1, "state": "complete", "report": {"cells": 7}}', "is damaged"),
    ],
)
def test_unreadable_result_is_one_clear_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    """A folder without a result, a newer or a damaged one is an input error that names the folder."""
    if content is not None:
        (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        ResultFolder(tmp_path).read_report()
    assert str(tmp_path) in str(error.value)
