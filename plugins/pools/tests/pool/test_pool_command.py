"""``servegen-fw pool`` as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from servegen_fw.plugin import ClientPool, open_pool, save_pool

Command = Callable[..., tuple[int, str, str]]


def test_list_shows_shipped_pools_and_files(command: Command, small: ClientPool, tmp_path: Path) -> None:
    """Names, clients and rates; as JSON, too."""
    save_pool(small, tmp_path / "mine.pool")
    status, out, _ = command("pool", "list", tmp_path / "mine.pool")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["deepseek-r1", "m-small", "mm-image"]
    assert "mine.pool" in out
    status, out, _ = command("pool", "list", "--json")
    assert [one["clients"] for one in json.loads(out)] == [73, 43, 35]


def test_show_tells_what_is_in_a_pool(command: Command) -> None:
    """Rate, skew, gaps, lengths, the busiest clients and the source of a shipped pool; figures as JSON."""
    status, out, _ = command("pool", "show", "deepseek-r1", "--top", "2")
    assert status == 0
    for told in (
        "73 clients",
        "16.01 requests/s",
        "top 1 28.6 %",
        "25 clients for 90 %",
        "gap CV",
        "reason_ratio",
        "arXiv",
    ):
        assert told in out
    status, out, _ = command("pool", "show", "deepseek-r1", "--json")
    found = json.loads(out)
    assert found["skew"]["clients_for_90_percent"] == 25
    assert found["fields"]["output_tokens"]["mean"] == pytest.approx(1526, rel=0.01)


def test_show_tells_of_sessions_and_of_a_whole_file(
    command: Command, chat: ClientPool, tmp_path: Path
) -> None:
    """Requests and sessions per second, whether turns repeat, dependence, and what was done to the pool."""
    save_pool(chat, tmp_path / "chat.pool")
    command("pool", "scale", tmp_path / "chat.pool", "--factor", "2", "--out", tmp_path / "two.pool")
    status, out, _ = command("pool", "show", tmp_path / "two.pool")
    assert status == 0
    assert "sessions/s" in out
    assert "turns repeat the earlier ones" in out
    assert "rank correlation of input_tokens, output_tokens" in out
    assert "history   pool scale: from" in out


def test_filter_keeps_an_hour_of_the_busiest(command: Command, tmp_path: Path) -> None:
    """Six windows of five clients; the history says how."""
    out_file = tmp_path / "f.pool"
    status, out, _ = command(
        "pool", "filter", "mm-image", "--from", "6h", "--to", "7h", "--top", "5", "--out", out_file
    )
    assert status == 0
    assert "5 clients" in out
    pool = open_pool(out_file)
    assert pool.count.shape == (5, 6)
    assert pool.start_s == 6 * 3600
    assert pool.meta["history"] == [
        {"command": "pool filter", "from": "mm-image", "from_s": 21600.0, "to_s": 25200.0, "top": 5}
    ]
    assert pool.meta["requests"] == pool.count.sum()


def test_scale_to_a_rate_and_by_a_factor(command: Command, tmp_path: Path) -> None:
    """Both give the rate asked for; both together, or neither, is bad input."""
    out = tmp_path / "s.pool"
    assert command("pool", "scale", "mm-image", "--rate", "300/min", "--out", out)[0] == 0
    assert open_pool(out).rate == pytest.approx(5.0)
    assert command("pool", "scale", out, "--factor", "0.5", "--out", out, "--name", "half")[0] == 0
    assert open_pool(out).rate == pytest.approx(2.5)
    assert open_pool(out).name == "half"
    assert len(open_pool(out).meta["history"]) == 2
    for wrong in ((), ("--factor", "2", "--rate", "5/s")):
        status, _, err = command("pool", "scale", "mm-image", *wrong, "--out", out)
        assert status == 2
        assert "give either --factor or --rate" in err


def test_sample_and_merge(command: Command, tmp_path: Path) -> None:
    """500 clients like those of one pool, put together with another pool."""
    out, both = tmp_path / "s.pool", tmp_path / "both.pool"
    status, told, _ = command(
        "pool", "sample", "deepseek-r1", "--clients", "500", "--rate", "20/s", "--out", out
    )
    assert status == 0
    assert "500 clients, 20 requests/s" in told
    assert command("pool", "merge", out, "mm-image", "--out", both)[0] == 0
    pool = open_pool(both)
    assert len(pool.clients) == 535
    assert pool.meta["merged"][0]["meta"]["history"][0]["clients"] == 500


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "deepseek-r2"), "did you mean 'deepseek-r1'?"),
        (("show", "no/such.pool"), "no such file, and no shipped pool is called"),
        (("filter", "mm-image", "--client", "99", "--out", "x"), "has no client '99'"),
        (("filter", "mm-image", "--out", "x"), "nothing to filter by"),
        (("filter", "mm-image", "--from", "30h", "--out", "x"), "no part of the recording"),
        (("filter", "mm-image", "--from", "noon", "--out", "x"), "is no length of time"),
        (("filter", "mm-image", "--min-requests", "99999999", "--out", "x"), "no client is left"),
        (("merge", "mm-image", "--out", "x"), "needs two pools"),
        (("scale", "mm-image", "--rate", "0/s", "--out", "x"), "is no rate"),
        (("scale", "mm-image", "--factor", "-1", "--out", "x"), "--factor"),
        (("sample", "mm-image", "--clients", "0", "--out", "x"), "--clients"),
        (("sample", "mm-image", "--clients", "3", "--out", "no/such/folder/x"), "cannot write the pool"),
        (("show",), "Missing argument 'POOL'"),
    ],
)
def test_bad_input_ends_with_status_2(
    command: Command, arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One clear message, no file, no traceback."""
    monkeypatch.chdir(tmp_path)
    status, _, err = command("pool", *arguments)
    assert status == 2
    assert told in err
    assert not list(tmp_path.iterdir())


def test_a_damaged_pool_is_refused(command: Command, tmp_path: Path) -> None:
    """A file that is none, by its name."""
    (tmp_path / "x.pool").write_text("hello")
    status, _, err = command("pool", "show", tmp_path / "x.pool")
    assert status == 2
    assert "is not a pool file" in err
