"""A pool from a characterization.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from servegen_fw_pools.fit.from_log import fit_log
from servegen_fw_pools.fit.from_summary import is_summary, summary_pool
from servegen_fw_pools.logs.log import Log

from servegen_fw.plugin import InputError, open_pool

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def page(tmp_path: Path, make_log: Callable[..., Log], command: Command) -> Path:
    """Folder of the characterization of a log of four clients."""
    log = make_log([3000, 1500, 700, 12])
    assert log.time_s is not None
    assert log.client is not None
    rows = zip(log.time_s, log.client, log.input_tokens, log.output_tokens, strict=True)
    (tmp_path / "access.csv").write_text(
        "timestamp,client,input_tokens,output_tokens\n"
        + "".join(f"{1_700_000_000 + t:.6f},{log.clients[c]},{i},{o}\n" for t, c, i, o in rows)
    )
    status, _, err = command(
        "characterize", tmp_path / "access.csv", "--out", tmp_path / "page", "--no-plots", "--window", "600"
    )
    assert status == 0, err
    return tmp_path / "page"


def test_its_pool_is_close_to_the_logs(page: Path, make_log: Callable[..., Log]) -> None:
    """Counts of the windows are those of the log; medians of lengths are within the order statistics told."""
    pool = summary_pool(page, min_requests=1)
    log = make_log([3000, 1500, 700, 12])
    direct = fit_log(log, min_requests=1)
    assert pool.clients == direct.clients
    assert pool.count.sum() == direct.count.sum() == len(log)
    np.testing.assert_array_equal(pool.count.sum(1), direct.count.sum(1))
    assert np.array_equal(pool.count > 0, pool.family >= 0)
    assert np.array_equal(pool.count > 0, pool.cv > 0)
    busy = pool.count > 100
    assert np.abs(np.log(pool.cv[busy])).max() < 0.5
    for f, column in enumerate((log.input_tokens, log.output_tokens)):
        for c in range(3):
            for p in (0.1, 0.5, 0.9, 0.99):
                told = np.rint(pool.tables.ppf(pool.table[f, c, 0], np.array([p])))[0]
                assert told == pytest.approx(np.quantile(column[log.client == c], p), rel=0.03, abs=1), (
                    f,
                    c,
                    p,
                )


def test_the_command_takes_the_folder_and_the_file(page: Path, command: Command, tmp_path: Path) -> None:
    """Ids are replaced unless kept; what the source cannot tell is noted, options of logs are refused."""
    out = tmp_path / "x.pool"
    assert is_summary(page)
    assert command("fit", page, "--out", out)[0] == 0
    assert open_pool(out).clients == ("c-0001", "c-0002", "class-01")
    assert open_pool(out).meta["fit"]["classes"] == {"class-01": {"clients": 2, "requests": 712}}
    assert b"secret" not in out.read_bytes()
    assert "made from a characterization" in open_pool(out).meta["notes"][0]
    assert command("fit", page / "characterization.json", "--keep-ids", "--out", out)[0] == 0
    assert open_pool(out).clients[0] == "secret-user-0"
    status, _, err = command("fit", page, "--hold-out", "0.5", "--out", out)
    assert status == 2
    assert "--hold-out is for a log" in err


def test_small_clients_become_a_class(page: Path, make_log: Callable[..., Log]) -> None:
    """A class has its members' counts and mean squared CVs, and the mixture of their lengths; the clock is the log's."""
    pool, single = summary_pool(page, min_requests=710), summary_pool(page, min_requests=1)
    assert pool.clients == ("c-0001", "c-0002", "class-01")
    assert "2 clients stand in a class, as 2 of them have fewer than 710 requests" in pool.meta["notes"]
    np.testing.assert_array_equal(pool.count[2], single.count[2:].sum(0))
    square = (single.count * single.cv**2)[2:].sum(0) / pool.count[2]
    np.testing.assert_allclose(pool.cv[2], np.sqrt(np.where(pool.count[2] > 0, square, 0.0)))
    log = make_log([3000, 1500, 700, 12])
    assert log.client is not None
    members = log.input_tokens[log.client >= 2]
    levels = np.array([0.1, 0.5, 0.9])
    told = pool.tables.ppf(pool.table[0, 2, 0], levels)
    np.testing.assert_allclose(told, np.quantile(members, levels), rtol=0.1)
    assert pool.start_s == pytest.approx(1_700_000_000 % 86_400, abs=30)
    with pytest.raises(InputError, match="floor of 9,999 requests a client is larger than the whole log"):
        summary_pool(page, min_requests=9999)


def test_damage_is_told(page: Path, command: Command, tmp_path: Path) -> None:
    """A file that is none, one without the table, and one whose table is not whole."""
    file = page / "characterization.json"
    whole = json.loads(file.read_text())
    for broken in ("{", "[]", json.dumps({**whole, "clients": {}})):
        file.write_text(broken)
        assert command("fit", page, "--out", tmp_path / "x.pool")[0] == 2
    for change in (
        {"count": [1]},
        {"requests": "many"},
        {"lengths": {"input_tokens": [3, 2], "output_tokens": [1]}},
    ):
        rows = [{**row, **change} for row in whole["clients"]["table"]["rows"]]
        table = {**whole["clients"]["table"], "rows": rows}
        file.write_text(json.dumps({**whole, "clients": {**whole["clients"], "table": table}}))
        with pytest.raises(InputError, match="characterization.json"):
            summary_pool(page)
