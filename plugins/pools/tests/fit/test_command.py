"""``servegen-fw fit`` as a user types it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from servegen_fw_pools.logs.log import Log

from servegen_fw.plugin import open_pool

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def access(tmp_path: Path, make_log: Callable[..., Log]) -> Path:
    """A CSV access log of four clients, one of them small, over two hours."""
    log = make_log([900, 500, 300, 20])
    assert log.time_s is not None
    assert log.client is not None
    path = tmp_path / "access.csv"
    rows = zip(log.time_s, log.client, log.input_tokens, log.output_tokens, strict=True)
    path.write_text(
        "timestamp,user,input_tokens,output_tokens\n"
        + "".join(f"{1_700_000_000 + t:.6f},{log.clients[c]},{i},{o}\n" for t, c, i, o in rows)
    )
    return path


def test_a_log_becomes_a_pool(command: Command, access: Path, tmp_path: Path) -> None:
    """Clients, rate, error of the tables and the notes are told; the pool is written, without an id in it."""
    out = tmp_path / "mine.pool"
    status, told, _ = command("fit", access, "--column", "client=user", "--out", out)
    assert status == 0
    assert "3 clients" in told
    assert "input_tokens: tables" in told
    assert "2 clients stand in 1 classes, as 1 of them have fewer than 100 requests" in told
    pool = open_pool(out)
    assert pool.name == "access"
    assert pool.clients == ("c-0001", "c-0002", "class-01")
    assert pool.count.sum() == 1720
    assert pool.meta["history"] == [{"command": "fit", "from": ["access.csv"]}]
    assert b"secret" not in out.read_bytes()


def test_options_of_a_fit(command: Command, access: Path, tmp_path: Path) -> None:
    """Window, floor, ids and name are what was asked for, and stand in the history."""
    out = tmp_path / "mine.pool"
    options = (
        "--window",
        "5min",
        "--table-window",
        "1h",
        "--min-requests",
        "10",
        "--keep-ids",
        "--name",
        "chat",
    )
    assert command("fit", access, "--column", "client=user", *options, "--out", out)[0] == 0
    pool = open_pool(out)
    assert pool.name == "chat"
    assert pool.clients == tuple(f"secret-user-{k}" for k in range(4))
    assert pool.window_s == pytest.approx(300, rel=0.01)
    assert pool.table.shape[2] == 2
    assert pool.meta["history"][0]["min_requests"] == 10
    assert pool.meta["fit"]["ids"] == "kept"


@pytest.mark.parametrize("part", ["0.5", "every-other"])
def test_a_part_is_held_out(command: Command, access: Path, tmp_path: Path, part: str) -> None:
    """The comparison with NAIVE is printed, stored, and shown again; the pool itself holds all of the log."""
    out = tmp_path / "mine.pool"
    status, told, _ = command("fit", access, "--column", "client=user", "--hold-out", part, "--out", out)
    assert status == 0
    assert "NAIVE" in told
    assert "dispersion at 60 s" in told
    pool = open_pool(out)
    assert pool.count.sum() == 1720
    assert set(pool.meta["held_out"]["measures"]["gap CV"]) == {"held_out", "fitted", "naive"}
    assert "dispersion at 60 s" in command("pool", "show", out)[1]


def test_published_data_become_a_pool(
    command: Command, tmp_path: Path, write_client: Callable[..., None]
) -> None:
    """A folder of client data in, a compact pool and its errors out; an excerpt of days."""
    tables: list[Mapping[str, Any]] = [{"input_tokens": {5: 1.0}, "output_tokens": {7: 1.0}}] * 144
    write_client(tmp_path / "d", "0", [12] * 288, tables)
    status, told, _ = command("fit", tmp_path / "d", "--out", tmp_path / "f.pool", "--name", "mine")
    assert status == 0
    assert "ks_max" in told
    pool = open_pool(tmp_path / "f.pool")
    assert pool.name == "mine"
    assert pool.meta["fit"]["error"]["input_tokens"]["ks_max"] == 0
    assert command("fit", tmp_path / "d", "--first-day", "1", "--out", tmp_path / "f.pool")[0] == 0
    assert open_pool(tmp_path / "f.pool").meta["excerpt"] == "days 2 to 2 of 2"


def test_a_fit_does_not_depend_on_the_order_of_the_folder(
    tmp_path: Path, write_client: Callable[..., None]
) -> None:
    """The same files written in another order, fitted by another process, give the same bytes."""
    for folder, order in (("a", (0, 1, 2, 3)), ("b", (3, 1, 0, 2))):
        for n in order:
            tables = [{"input_tokens": {n + 5: 0.5, 90: 0.5}, "output_tokens": {7: 1.0}}] * 72
            write_client(tmp_path / folder / "p", str(n), [12 + n] * 144, tables)
        command = [sys.executable, "-m", "servegen_fw", "fit", str(tmp_path / folder / "p")]
        done = subprocess.run(
            [*command, "--out", f"{folder}.pool"], cwd=tmp_path, check=True, capture_output=True
        )
        assert not done.stderr
    assert (tmp_path / "a.pool").read_bytes() == (tmp_path / "b.pool").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("no/such.csv",), "no/such.csv"),
        (("LOG", "--min-requests", "5000"), "floor of 5,000 requests a client is larger than the whole log"),
        (("LOG", "--hold-out", "0"), "is no share to hold out"),
        (("LOG", "--hold-out", "1"), "is no share to hold out"),
        (("LOG", "--hold-out", "half"), "is no share to hold out"),
        (("LOG", "--hold-out", "0.01"), "to hold out"),
        (("LOG", "--window", "0s"), "is no length of a window"),
        (("LOG", "--window", "soon"), "is no length of time"),
        (("LOG", "--min-requests", "0"), "--min-requests"),
        (("LOG", "--days", "2"), "--days is for published client data"),
        (("deepseek-r1",), "is a fitted pool already"),
        (("deepseek-r1", "--hold-out", "0.5"), "--hold-out is for a log"),
        (("LOG", "--column", "client=nobody"), "nobody"),
        ((), "Missing argument 'LOG...'"),
    ],
)
def test_bad_input_ends_with_status_2(
    command: Command, access: Path, arguments: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clear message, no file, no traceback."""
    monkeypatch.chdir(access.parent)
    words = [str(access) if word == "LOG" else word for word in arguments]
    status, _, err = command("fit", *words, "--out", "x.pool")
    assert status == 2
    assert told in err
    assert not Path("x.pool").exists()


def test_a_fit_of_a_real_trace(command: Command, real: Callable[[str], Path], tmp_path: Path) -> None:
    """The Azure trace: 19,366 requests of one client at 5.53/s, on its own clock."""
    trace = real("azure/AzureLLMInferenceTrace_conv.csv")
    assert command("fit", trace, "--out", tmp_path / "a.pool")[0] == 0
    pool = open_pool(tmp_path / "a.pool")
    assert pool.count.sum() == 19_366
    assert pool.rate == pytest.approx(5.53, abs=0.01)
    assert pool.start_s == pytest.approx(18 * 3600 + 15 * 60 + 46, abs=1.0)
    assert np.isfinite(pool.cv).all()
