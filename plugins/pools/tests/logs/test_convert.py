"""Workloads as logs and back, and our own results as logs."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servegen_fw_pools.logs.columns import Columns
from servegen_fw_pools.logs.convert import log_of, replay
from servegen_fw_pools.logs.log import Log
from servegen_fw_pools.logs.read import read_log
from servegen_fw_pools.logs.source import read_source

import servegen_fw
from servegen_fw.plugin import InputError, Result
from servegen_fw.results.export import write_workload

SUITE = """
servegen = 1
name = "talks"
seed = 3

[target.sim]
backend = "sim"

[[workload.group]]
name = "talks"
arrival = "poisson"
input = { kind = "uniform", low = 10, high = 60 }
output = { kind = "uniform", low = 5, high = 20 }
reasoning = { kind = "ratio", values = [0.5] }
session = { kind = "geometric", turns = 3, think = { kind = "exponential", mean = 2 } }

[[case]]
name = "calm"
load = { kind = "open", rate = "4/s", duration = "20s" }
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A finished run of conversations against the simulated engine."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "talks.toml").write_text(SUITE)
    suite = servegen_fw.Suite.load(folder / "talks.toml")
    return servegen_fw.run(suite, out=folder / "result", show=False)


def test_a_workload_file_is_a_log(result: Result, tmp_path: Path) -> None:
    """A file of `generate` is found by its content; every request is there, at its planned time, with its columns."""
    workload = result.run().workload
    write_workload(workload, tmp_path / "w.parquet")
    log = read_log([tmp_path / "w.parquet"])
    assert log.name == "w"
    assert len(log) == len(workload)
    assert log.time_s is not None
    assert log.session is not None
    assert log.turn is not None
    np.testing.assert_allclose(log.time_s, np.sort(workload.planned_s) - workload.planned_s.min(), atol=1e-9)
    assert log.input_tokens.sum() == workload.input_tokens.sum()
    assert len(np.unique(log.session)) == int((workload.parent < 0).sum())
    order = np.argsort(workload.planned_s, kind="stable")
    np.testing.assert_array_equal(log.turn, workload.turn[order])
    np.testing.assert_array_equal(log.reason_tokens, workload.reason_tokens[order])
    assert log.clients == workload.clients.names


def test_a_result_is_the_log_of_what_was_sent(result: Result) -> None:
    """A result folder with one cell, the cell's folder and its records are one log: sent times, tokens and latencies."""
    folder = result.folder.path
    records = result.run().records
    cell = next((folder / "cells").iterdir())
    logs = [read_log([path]) for path in (folder, cell, cell / "records.parquet")]
    for log in logs:
        assert log.time_s is not None
        assert log.latency_s is not None
        sent = np.sort(records.start_ns[records.start_ns >= 0])
        np.testing.assert_allclose(log.time_s, (sent - sent[0]) / 1e9, atol=1e-9)
        assert log.output_tokens.sum() == records.output_tokens[records.start_ns >= 0].sum()
        assert (log.latency_s > 0).all()
        assert log.session is not None
    assert isinstance(read_source([cell]), Log)
    by_name = {log.name for log in logs}
    assert by_name == {folder.name, cell.name}


def test_a_result_with_several_cells_asks_for_one(tmp_path: Path) -> None:
    """Two cases are two logs; the message names their folders."""
    second = '\n[[case]]\nname = "busy"\nload = { kind = "open", rate = "8/s", duration = "5s" }\n'
    (tmp_path / "talks.toml").write_text(SUITE + second)
    suite = servegen_fw.Suite.load(tmp_path / "talks.toml")
    servegen_fw.run(suite, out=tmp_path / "result", show=False)
    with pytest.raises(InputError, match="2 cells") as caught:
        read_log([tmp_path / "result"])
    assert "calm.sim.0" in str(caught.value)
    assert len(read_log([tmp_path / "result" / "cells" / "busy.sim.0"])) > 10


def test_misuse_of_results_is_told(result: Result, tmp_path: Path) -> None:
    """Several results, named columns, and a folder that is no cell are input errors."""
    folder = result.folder.path
    with pytest.raises(InputError, match="one at a time"):
        read_log([folder, next((folder / "cells").iterdir())])
    with pytest.raises(InputError, match="no columns to name"):
        read_log([folder], columns=Columns(client="x"))
    with pytest.raises(InputError):
        read_log([tmp_path], format="servegen")


def test_requests_that_were_not_sent_or_failed_are_told(result: Result) -> None:
    """A request that never started is left out, one that failed is kept; both are counted."""
    from servegen_fw_pools.logs.results import log_of_run

    run = result.run()
    start = run.records.start_ns.copy()
    status = run.records.status.copy()
    start[2], status[2], status[5] = -1, 5, 2
    log = log_of_run(attrs.evolve(run, records=attrs.evolve(run.records, start_ns=start, status=status)), "x")
    assert len(log) == len(run.workload) - 1
    assert [(one.code, one.count) for one in log.notices if one.code != "workload-note"] == [
        ("not-sent", 1),
        ("failed", 1),
    ]


_ROW = st.tuples(
    st.integers(0, 50),
    st.sampled_from("abc"),
    st.sampled_from(["", "s", "t"]),
    st.integers(1, 300),
    st.integers(1, 50),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_ROW, min_size=1, max_size=30))
def test_a_workload_goes_through_a_log_and_back(tmp_path: Path, rows: list[tuple[object, ...]]) -> None:
    """Workload -> log -> workload has the same digest: due times, think times, turns, lengths, context and clients."""
    # Between sessions that begin at the very same moment the order is the log's, so times are made distinct.
    lines = [
        f"{at}.{k:03d},{who},{chat},{given_},{made}" for k, (at, who, chat, given_, made) in enumerate(rows)
    ]
    path = tmp_path / "a.csv"
    path.write_text("timestamp,client,session,input_tokens,output_tokens\n" + "\n".join(lines))
    first = replay(read_log([path]), "a")
    again = replay(log_of(first, "a"), "a")
    assert again.digest == first.digest
    assert again.clients.names == first.clients.names


def test_items_go_along(tmp_path: Path) -> None:
    """Images of a log are in its workload, and in the log made of that, request by request."""
    path = tmp_path / "a.csv"
    path.write_text(
        "timestamp,input_tokens,output_tokens,image_count,image_tokens\n5,1,1,1,700\n0,2,1,0,0\n3,3,1,2,500\n"
    )
    log = read_log([path])
    again = log_of(replay(log, "a"), "a")
    for one in (log, again):
        assert one.items is not None
        assert one.items.modalities == ("image",)
        assert one.items.count.tolist() == [0, 2, 1]
        assert one.items.tokens.tolist() == [250, 250, 700]


def test_notes_of_a_workload_are_notices(result: Result) -> None:
    """What composition had to decide is told in the log."""
    noted = attrs.evolve(result.run().workload, notes=("3 x raised",))
    assert [(one.code, one.what) for one in log_of(noted, "x").notices] == [("workload-note", "3 x raised")]
