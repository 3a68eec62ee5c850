"""Readers of suites for logs."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import servegen_fw_pools
from servegen_fw_pools.logs.readers import make_bailian, make_burstgpt, make_csv, make_jsonl, make_parquet
from servegen_fw_pools.options import Bailian, Burstgpt, Csv, Jsonl, LogFile, Parquet

from servegen_fw.plugin import InputError

ROWS = [
    {"at": "2024-05-10T12:00:00Z", "who": "u2", "p": 100, "g": 20, "th": 5, "chat": "x", "n": 0, "took": 2.0},
    {"at": "2024-05-10T12:00:01Z", "who": "u1", "p": 50, "g": 10, "th": 0, "chat": "", "n": 0, "took": 1.0},
    {"at": "2024-05-10T12:00:30Z", "who": "u2", "p": 130, "g": 9, "th": 9, "chat": "x", "n": 1, "took": 1.0},
]
NAMES = {
    "timestamp": "at",
    "time_unit": "iso",
    "client": "who",
    "input": "p",
    "output": "g",
    "reason": "th",
    "session": "chat",
    "turn": "n",
    "latency": "took",
}


def csv_text(delimiter: str = ",") -> str:
    """The rows as CSV."""
    lines = [list(ROWS[0]), *[[str(cell) for cell in row.values()] for row in ROWS]]
    return "\n".join(delimiter.join(line) for line in lines) + "\n"


def test_csv_and_jsonl_give_the_same_workload(tmp_path: Path) -> None:
    """The same rows in three notations have one digest, and every named column arrives."""
    (tmp_path / "a.csv").write_text(csv_text())
    (tmp_path / "a.tsv").write_text(csv_text("\t"))
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS))
    workloads = [
        make_csv(Csv(path=str(tmp_path / "a.csv"), **NAMES)).read(),
        make_csv(Csv(path=str(tmp_path / "a.tsv"), delimiter="\t", **NAMES)).read(),
        make_jsonl(Jsonl(path=str(tmp_path / "a.jsonl"), **NAMES)).read(),
    ]
    assert len({w.digest for w in workloads}) == 1
    w = workloads[0]
    assert w.clients.names == ("u1", "u2")
    assert w.client.tolist() == [1, 1, 0]
    np.testing.assert_array_equal(w.due_s, [0, np.nan, 1])
    assert w.think_s.tolist() == [0, 28, 0]
    # The first prompt and its answer, less 5 tokens of reasoning.
    assert w.context_tokens.tolist() == [0, 115, 0]
    assert w.reason_tokens.tolist() == [5, 9, 0]


def test_the_default_names_need_no_options(tmp_path: Path) -> None:
    """A log with timestamp, input_tokens and output_tokens in seconds is read by path alone."""
    (tmp_path / "a.csv").write_text("timestamp,input_tokens,output_tokens,more\n5,10,3,x\n2,20,4,y\n")
    w = make_csv(Csv(path=str(tmp_path / "a.csv"))).read()
    assert w.due_s.tolist() == [0, 3]
    assert w.input_tokens.tolist() == [20, 10]
    assert w.clients.names == ("all",)


def test_numbers_serve_as_ids(tmp_path: Path) -> None:
    """Client ids that are numbers in JSON sort as numbers, and null stands for no session."""
    lines = [
        {"timestamp": 0, "input_tokens": 1, "output_tokens": 1, "c": 10, "s": None},
        {"timestamp": 1, "input_tokens": 1, "output_tokens": 1, "c": 9, "s": None},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    w = make_jsonl(Jsonl(path=str(tmp_path / "a.jsonl"), client="c", session="s")).read()
    assert w.clients.names == ("9", "10")
    assert w.turn.tolist() == [0, 0]


def test_bad_cells_of_all_columns_are_told_together(tmp_path: Path) -> None:
    """A bad time, prompt and latency of one log are three problems at once."""
    text = csv_text().replace("12:00:01Z", "noon").replace(",130,", ",many,").replace(",2.0", ",-2")
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        make_csv(Csv(path=str(tmp_path / "a.csv"), **NAMES)).read()
    assert sorted(p.place.line for p in caught.value.problems if p.place) == [2, 3, 4]


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    """Both readers name the file."""
    with pytest.raises(InputError, match=r"x\.csv"):
        make_csv(Csv(path=str(tmp_path / "x.csv"))).read()
    with pytest.raises(InputError, match=r"x\.jsonl"):
        make_jsonl(Jsonl(path=str(tmp_path / "x.jsonl"))).read()


def test_parquet_gives_the_same_workload_as_csv(tmp_path: Path) -> None:
    """The same rows in Parquet, times as timestamps, have the digest of the CSV."""
    table = pa.Table.from_pylist(ROWS)
    at = table.column("at").cast(pa.timestamp("ms", "UTC"))
    pq.write_table(table.set_column(0, "at", at), tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text(csv_text())
    parquet = make_parquet(Parquet(path=str(tmp_path / "a.parquet"), **NAMES)).read()
    assert parquet.digest == make_csv(Csv(path=str(tmp_path / "a.csv"), **NAMES)).read().digest


def test_burstgpt_is_replayed(tmp_path: Path) -> None:
    """Requests come at their seconds; the failures' answers of 0 tokens are raised to 1 and told."""
    head = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    (tmp_path / "b.csv").write_text(
        head + "5,ChatGPT,472,18,490,Conversation log\n45,GPT-4,10,0,10,API log\n"
    )
    w = make_burstgpt(Burstgpt(path=str(tmp_path / "b.csv"))).read()
    assert w.due_s.tolist() == [0, 40]
    assert w.output_tokens.tolist() == [18, 1]
    assert w.notes == ("1 x output of 0 tokens, raised to 1",)


def test_bailian_is_replayed_with_turns_and_prefixes(tmp_path: Path) -> None:
    """A chat and its follow-up are turns of one session that share whole blocks of 16 tokens."""
    rows = [
        {"chat_id": 1, "parent_chat_id": -1, "timestamp": 1, "input_length": 40, "output_length": 8, "type": "text", "turn": 1, "hash_ids": [5, 6, 7]},
        {"chat_id": 2, "parent_chat_id": -1, "timestamp": 2, "input_length": 9, "output_length": 8, "type": "text", "turn": 1, "hash_ids": [4]},
        {"chat_id": 3, "parent_chat_id": 1, "timestamp": 31, "input_length": 60, "output_length": 8, "type": "text", "turn": 2, "hash_ids": [5, 6, 8, 9]},
    ]  # fmt: skip
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, rows)))
    w = make_bailian(Bailian(path=str(tmp_path / "b.jsonl"))).read()
    assert w.parent.tolist() == [-1, 0, -1]
    assert w.think_s.tolist() == [0, 30, 0]
    assert w.prefix_tokens.tolist() == [32, 32, 0]
    assert w.prefix[0] == w.prefix[1] >= 0
    assert make_bailian(Bailian(path=str(tmp_path / "b.jsonl"), block_tokens=8)).read().prefix_tokens[0] == 16


def test_damaged_rows_can_be_skipped_by_every_reader(tmp_path: Path) -> None:
    """With on_bad_rows = "skip" a reader replays the rest, and its notes say what was left out."""
    (tmp_path / "a.csv").write_text("timestamp,input_tokens,output_tokens\n0,1,1\n1,x,1\n2,1,-1\n3,1,1\n")
    w = make_csv(Csv(path=str(tmp_path / "a.csv"), on_bad_rows="skip")).read()
    assert len(w) == 2
    assert w.notes == (
        "1 rows that could not be read were skipped",
        "1 rows with a negative count of tokens were skipped",
    )
    for entry in servegen_fw_pools.servegen_readers():
        if issubclass(entry.config, LogFile):
            assert attrs.fields_dict(entry.config)["on_bad_rows"].default == "stop"
