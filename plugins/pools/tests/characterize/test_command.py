"""``servegen-fw characterize`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from servegen_fw.cli.main import main


def run(*arguments: str) -> int:
    """Run the command line in this process and return its exit status."""
    with pytest.raises(SystemExit) as stop:
        main(["characterize", *arguments])
    return int(stop.value.code or 0)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A CSV log of 400 requests of two users."""
    rng = np.random.default_rng(0)
    rows = [
        f"{t:.3f},{rng.integers(1, 900)},{rng.integers(1, 300)},u{rng.integers(0, 2)}"
        for t in np.sort(rng.random(400) * 1800)
    ]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["timestamp,input_tokens,output_tokens,user", *rows]) + "\n")
    return path


def test_a_log_becomes_a_folder(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON, page and plots are written, the summary is printed with where they lie, and the status is 0."""
    out = tmp_path / "out"
    assert run(str(log), "--column", "client=user", "--out", str(out)) == 0
    told = capsys.readouterr().out
    assert "400 requests" in told
    assert "share of the 10 largest" not in told
    assert str(out / "characterization.md") in told
    data = json.loads((out / "characterization.json").read_text())
    assert data["clients"]["clients"] == 2
    assert sorted(path.suffix for path in (out / "plots").iterdir()) == [".svg"] * len(
        list((out / "plots").iterdir())
    )
    assert "plots/arrivals-rate.svg" in (out / "characterization.md").read_text()


def test_json_is_what_the_file_holds(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints the file's own data and nothing else; `--window` sets the windows; `--no-plots` draws none."""
    out = tmp_path / "out"
    assert run(str(log), "--out", str(out), "--json", "--window", "1min", "--no-plots") == 0
    data = json.loads(capsys.readouterr().out)
    assert data == json.loads((out / "characterization.json").read_text())
    assert data["window_s"] == 60
    assert not (out / "plots").exists()
    assert "matplotlib" not in (out / "characterization.md").read_text()


def test_a_shipped_pool_is_described_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The name of a shipped pool is a source like a log, and PNG plots are drawn on request."""
    assert run("mm-image", "--out", str(tmp_path), "--png") == 0
    assert "mm-image" in capsys.readouterr().out
    assert list((tmp_path / "plots").glob("clients-*.png"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("absent.csv", "--out", "x"), "absent.csv"),
        (("LOG", "--out", "x", "--window", "0"), "--window"),
        (("LOG",), "--out"),
        (("LOG", "--out", "LOG"), "LOG"),
        (("LOG", "--out", "x", "--column", "client=nobody"), "nobody"),
        (("LOG", "--out", "x", "--window", "0.001"), "200,000 windows"),
        (("LOG", "--out", "x", "--window", "nan"), "--window"),
        (("LOG", "--out", "x", "--window", "1e400"), "--window"),
        (("mm-image", "--out", "x", "--window", "60"), "a pool has windows of its own, of 600 s"),
        (("mm-image", "--out", "x", "--column", "client=user"), "--column and --time-unit are for logs"),
    ],
)
def test_bad_input_ends_with_2(
    arguments: tuple[str, ...],
    told: str,
    log: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Absent files, wrong options, columns and folders end in one message and status 2, without a traceback."""
    monkeypatch.chdir(tmp_path)
    assert run(*(str(log) if one == "LOG" else one for one in arguments)) == 2
    found = capsys.readouterr().err
    assert told.replace("LOG", str(log)) in found
    assert "Traceback" not in found
    assert not (tmp_path / "x" / "characterization.json").exists()


def test_a_log_without_times_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first line of the terminal and of the page tell no duration that nobody knows."""
    chats = [
        {"id": "a", "conversations": [{"from": "human", "value": "hello"}, {"from": "gpt", "value": "hi"}]}
    ]
    path = tmp_path / "chats.json"
    path.write_text(json.dumps(chats))
    assert run(str(path), "--out", str(tmp_path / "out"), "--no-plots") == 0
    assert "log of 1 request without times" in capsys.readouterr().out
    assert "A log of 1 request without times." in (tmp_path / "out" / "characterization.md").read_text()
