"""Length data: every window and field, damage named by file, line and column."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from servegen_fw_pools.published.dataset import read_dataset

from servegen_fw.plugin import InputError, Problem

GOOD = {"0": {"text_tokens": "{3: 0.5, 4: 0.5}", "output_tokens": "{0: 1.0}"}, "21600": {"text_tokens": "{}"}}


def read(path: Path, text: str) -> tuple[dict, list[Problem]]:
    """Write and read a dataset."""
    path.write_text(text)
    problems: list[Problem] = []
    return read_dataset(path, problems), problems


def test_windows_and_fields_are_read(tmp_path: Path) -> None:
    """The text of a prompt is called input_tokens, unused windows are empty, an output of 0 tokens is allowed."""
    found, problems = read(tmp_path / "d.json", json.dumps(GOOD))
    assert not problems
    assert set(found) == {(0.0, "input_tokens"), (0.0, "output_tokens"), (21600.0, "input_tokens")}
    assert len(found[21600.0, "input_tokens"][0]) == 0
    assert found[0.0, "input_tokens"][0].tolist() == [3, 4]
    assert found[0.0, "output_tokens"][0].tolist() == [0]


def test_a_damaged_table_is_placed_in_the_file(tmp_path: Path) -> None:
    """The bad character inside a table is found again in the file, by line and column."""
    text = json.dumps(GOOD, indent=2).replace("4: 0.5", "4; 0.5")
    _, (problem,) = read(tmp_path / "d.json", text)
    assert problem.place is not None
    line = text.split("\n")[problem.place.line - 1]
    assert line[problem.place.column - 1] == ";"
    assert "text_tokens of window 0" in problem.what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "no JSON object"),
        ('{"0": 3}', "window '0' holds no JSON object"),
        ('{"noon": {"output_tokens": "{1: 1.0}"}}', "'noon' is not a time"),
        ('{"0": {"output_tokens": {"1": 1.0}}}', "a string that holds a mapping"),
        ('{"0": {"reason_ratio": "{1.5: 1.0}"}}', "ratio is above 1"),
    ],
)
def test_other_damage_is_told(tmp_path: Path, text: str, what: str) -> None:
    """What is not the published layout is a problem with the file's name, not a crash."""
    _, problems = read(tmp_path / "d.json", text)
    assert any(what in str(problem) for problem in problems)
    assert "d.json" in str(problems[0])


def test_all_damaged_tables_are_told_at_once(tmp_path: Path) -> None:
    """Three bad tables of one file are three problems."""
    bad = {"0": {"a": "{1: 2}", "b": "x", "c": "{1: 1.0}"}, "600": {"a": "{1, 1}"}}
    _, problems = read(tmp_path / "d.json", json.dumps(bad))
    assert len(problems) == 3


def test_any_damaged_byte_gives_data_or_a_problem(tmp_path: Path) -> None:
    """A byte replaced at every place by a quote, a brace and a non-UTF-8 byte raises nothing but InputError."""
    path = tmp_path / "d.json"
    whole = json.dumps(GOOD, indent=1).encode()
    refused = 0
    for at in range(len(whole)):
        for other in (b'"', b"}", b"\xff"):
            path.write_bytes(whole[:at] + other + whole[at + 1 :])
            problems: list[Problem] = []
            with contextlib.suppress(InputError):
                read_dataset(path, problems)
                refused += bool(problems)
    assert refused > len(whole)
