"""Ctrl-C ends a run early and keeps what was measured."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from servegen_fw.drive import live

SCRIPT = """
import asyncio, json, sys
sys.path.insert(0, {here!r})
from conftest import Lab
from servegen_fw.drive import live
from servegen_fw.drive.teller import Silent

if {stubborn!r}:
    live.CLOSING_S = 1000.0

class Tell(Silent):
    def update(self, **state):
        if state["in_flight"]:
            print("running", flush=True)

async def behave(request, sink):
    if request.row % 2:
        await Lab.good(request, sink)
        return
    try:
        await Lab.hang(request, sink)
    finally:
        if {stubborn!r}:
            print("closing", flush=True)
            await asyncio.sleep(1000)

run = Lab.run(Lab.plan([(0.01 * i, []) for i in range(100000)]), behave, progress=Tell(), loop={loop!r})
# Not on standard output, where the teller's thread may still write.
open(sys.argv[1], "w").write(json.dumps({{
    "names": run.names()[:10000],
    "codes": sorted(set(run.codes())),
    "interrupted": run.records.harness.interrupted,
    "sent": len(run.backend.requests),
    "stopped": run.backend.stopped,
    "pending": run.names().count("pending"),
    "handler": str(__import__("signal").getsignal(__import__("signal").SIGINT)),
}}))
"""


def interrupted(folder: Path, loop: str, signals: list[int], *, stubborn: bool = False) -> dict[str, Any]:
    """Run a hopeless load in a process of its own, send it signals, and return what it reports."""
    script = SCRIPT.format(here=str(Path(__file__).parent), loop=loop, stubborn=stubborn)
    report = folder / "report.json"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(report)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "running\n"
            for number in signals:
                os.kill(process.pid, number)
                while stubborn and process.stdout.readline() == "running\n":
                    pass
            process.stdout.read()
        finally:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
    found: dict[str, Any] = json.loads(report.read_text())
    return found


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_the_run_and_keeps_the_records(tmp_path: Path, loop: str, number: int) -> None:
    """Nothing more is sent, what is in flight is cancelled, ended rows stand, the backend is closed, Ctrl-C works as before."""
    found = interrupted(tmp_path, loop, [number])
    sent = found["sent"]
    names = found["names"]
    assert names[1] == "ok"
    assert names[0] == "cancelled"
    assert set(names[: min(sent, len(names))]) == {"ok", "cancelled"}
    # One more may have been on its way to the backend.
    assert 100000 - sent - live.BATCH <= found["pending"] <= 100000 - sent
    assert found["codes"] == ["", "interrupted"]
    assert found["interrupted"].startswith(signal.Signals(number).name)
    assert found["stopped"] == 1
    assert "default_int_handler" in found["handler"]


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_second_ctrl_c_does_not_wait(tmp_path: Path, loop: str) -> None:
    """With a backend that will not let go, the second Ctrl-C returns the records at once."""
    found = interrupted(tmp_path, loop, [signal.SIGINT, signal.SIGINT], stubborn=True)
    assert found["interrupted"].startswith("SIGINT")
    assert set(found["names"][: found["sent"]]) == {"ok", "cancelled"}
